"""Buckets like the pools of the T-MARS ranking."""

from functools import cache

from thresher.examples import load_example
from thresher.fits.fit import Fit
from thresher.fits.fit_law import fit_law
from thresher.pilots.worlds import borrowed_world
from thresher.pools import Pool


@cache
def prior() -> Fit:
    return fit_law(load_example("datacomp_medium_tmars"))


def buckets(size: float, count: int = 3) -> tuple[Pool, ...]:
    return tuple(Pool(f"b{i}", size, rank=i + 1) for i in range(count))


def world_of(size: float, count: int = 3) -> Fit:
    return borrowed_world(prior(), buckets(size, count))
