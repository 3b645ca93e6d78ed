"""The same laws at other pool sizes or another exposure: what a fit says of data it was not measured on."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from thresher.errors import InputError
from thresher.fits.fit import Fit, Member
from thresher.laws.kernels import EXPOSURES, KERNELS
from thresher.units import check_samples


def resized(fit: Fit, sizes: Mapping[str, float]) -> Fit:
    """A fit whose pools hold other numbers of unique samples of the same quality.

    Half-lives grow with (new size / fitted size)^kappa, member by member.

    Args:
        fit: What was fitted.
        sizes: Unique samples by pool; pools that are not named keep theirs.

    Raises:
        InputError: A size that no pool can have.
    """
    for name, size in sizes.items():
        check_samples(size, f"unique_samples of {name}")
    factors = np.array(
        [sizes.get(pool.name, pool.unique_samples) / pool.unique_samples for pool in fit.pools]
    )
    members = tuple(_grown(member, factors) for member in fit.members)
    pools = tuple(
        replace(pool, unique_samples=sizes.get(pool.name, pool.unique_samples)) for pool in fit.pools
    )
    return replace(fit, pools=pools, members=members)


def _grown(member: Member, factors: np.ndarray) -> Member:
    parameters = replace(member.parameters, half_life=member.parameters.half_life * factors**member.kappa)
    return replace(member, parameters=parameters)


def run_exposures(fit: Fit) -> set[str]:
    """How the runs of a fit drew samples, where they say so."""
    return {row.exposure for row in fit.rows if row.exposure in EXPOSURES}


def for_exposure(fit: Fit, exposure: str | None) -> tuple[Fit, tuple[str, ...]]:
    """A fit for training that draws samples as `exposure` says, and warnings where runs and plan differ.

    Members with a counterpart for the other exposure convert; the rest stay as they are.

    Raises:
        InputError: No such exposure.
    """
    if exposure is None:
        return fit, ()
    if exposure not in EXPOSURES:
        raise InputError(f"--exposure is {exposure!r}; it is {' or '.join(EXPOSURES)}.")
    found = run_exposures(fit)
    if found == {exposure}:
        return fit, ()
    members = tuple(
        replace(member, kernel=KERNELS[member.kernel].for_exposure(exposure).name) for member in fit.members
    )
    converted = sum(
        new.weight
        for new, old in zip(members, fit.members, strict=True)
        if KERNELS[new.kernel].exposure == exposure
        and (new.kernel != old.kernel or KERNELS[old.kernel].converts_to is not None)
    )
    runs = " and ".join(sorted(found)) if found else "an unknown exposure"
    message = (
        f"The runs were trained with {runs}, the plan is for {exposure}: members with {converted:.2f} of the weight have a law "
        f"for {exposure} and use it, the others keep theirs."
    )
    return replace(fit, members=members), (message,)
