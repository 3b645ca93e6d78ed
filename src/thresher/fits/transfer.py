"""The same laws at other pool sizes, of other pools, or for another exposure: what a fit says of data it was not measured on."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from thresher.arguments import argument
from thresher.errors import InputError
from thresher.fits.fit import Fit
from thresher.laws.kernels import EXPOSURES, find_kernel
from thresher.pools import Pool
from thresher.units import check_samples


def resized(fit: Fit, sizes: Mapping[str, float]) -> Fit:
    """A fit whose pools hold other numbers of unique samples of the same quality.

    Half-lives grow with (new size / fitted size)^kappa, draw by draw.

    Args:
        fit: What was fitted.
        sizes: Unique samples by pool; pools that are not named keep theirs.

    Raises:
        InputError: A size that no pool can have.
    """
    for name, size in sizes.items():
        check_samples(size, f"unique_samples of {name}")
    pools = tuple(
        replace(pool, unique_samples=sizes.get(pool.name, pool.unique_samples)) for pool in fit.pools
    )
    return replace(fit, pools=pools, parts=tuple(resized(part, sizes) for part in fit.parts))


def of_pools(fit: Fit, pools: Sequence[Pool], like: Sequence[int]) -> Fit:
    """The laws of some fitted pools, for other pools that are taken to be like them.

    Args:
        fit: What was fitted.
        pools: The other pools.
        like: For each, the index of the fitted pool that it is like.
    """
    index = np.asarray(like, dtype=int)
    laws = tuple(law.of_pools(index) for law in fit.laws)
    shares = tuple(fit.reach.largest_shares[i] for i in like)
    information = tuple(tuple(fit.reach.joint_information[i][j] for j in like) for i in like)
    reach = replace(fit.reach, largest_shares=shares, joint_information=information)
    return replace(fit, pools=tuple(pools), laws=laws, reach=reach, reports=())


def run_exposures(fit: Fit) -> set[str]:
    """How the runs of a fit drew samples, where they say so."""
    return {row.exposure for row in fit.rows if row.exposure in EXPOSURES}


def for_exposure(fit: Fit, exposure: str | None) -> tuple[Fit, tuple[str, ...]]:
    """A fit for training that draws samples as `exposure` says, and warnings where runs and plan differ.

    Kernels with a form for the other exposure use it; the rest stay as they are.

    Raises:
        InputError: No such exposure.
    """
    if exposure is None:
        return fit, ()
    if exposure not in EXPOSURES:
        raise InputError(f"{argument('exposure')} is {exposure!r}; it is {' or '.join(EXPOSURES)}.")
    planned = replace(fit, exposure=exposure)
    found = run_exposures(fit)
    if found == {exposure}:
        return planned, ()
    names = dict.fromkeys(law.kernel for part in fit.parts or (fit,) for law in part.laws)
    kernels = [find_kernel(name) for name in names]
    without = [one.name for one in kernels if one.decays and one.for_exposure(exposure).exposure != exposure]
    runs = " and ".join(sorted(found)) if found else "an unknown exposure"
    how = (
        f"{', '.join(without)} has no form for {exposure} and stays as it is."
        if without
        else f"every kernel uses its own form for {exposure}."
    )
    return planned, (f"The runs were trained with {runs}, the plan is for {exposure}: {how}",)
