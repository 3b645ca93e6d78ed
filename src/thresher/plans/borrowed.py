"""Plans for users with no pilot yet: published curves, scaled to the size of their pool."""

from collections.abc import Mapping
from types import MappingProxyType

from thresher.arguments import argument
from thresher.errors import InputError
from thresher.examples.published import load_example
from thresher.fits.fit import Fit
from thresher.fits.fit_law import fit_law
from thresher.fits.transfer import resized
from thresher.runs import RunTable
from thresher.units import check_samples

PRIORS: Mapping[str, float] = MappingProxyType(
    {"datacomp_medium_tmars": 128e6, "datacomp_medium_clip": 128e6}
)
"""Published sets of ranked buckets, and the rows of the metadata table that they were cut from."""


def borrow(name: str, pool_size: float) -> Fit:
    """A fit of published runs, its buckets scaled to shares of a pool of another size.

    Args:
        name: A set in `PRIORS`.
        pool_size: Rows of the user's metadata table; each bucket keeps its share of it.

    Raises:
        InputError: No such prior, or a size that no table has.
    """
    if name not in PRIORS:
        raise InputError(f"There is no prior {name!r}. Priors are: {', '.join(PRIORS)}.")
    check_samples(pool_size, argument("pool_size"))
    published = load_example(name)
    ranked = RunTable(tuple(row for row in published.rows if row.rank is not None), published.name)
    fit = fit_law(ranked)
    share = pool_size / PRIORS[name]
    return resized(fit, {pool.name: pool.unique_samples * share for pool in fit.pools})
