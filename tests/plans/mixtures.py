"""Small fits with known laws, for tests of mixtures."""

import numpy as np

from thresher.fits.fit import Fit, Member, Parameters
from thresher.pools import Pool
from thresher.runs import Measurement


def made_fit(pools, members, *, noise_sd=0.003):
    """A fit with the given laws.

    Args:
        pools: Unique samples of each pool, best first.
        members: (kernel, mixing, kappa, weight, b, q, tau) of each member, the last three a number for each pool.
        noise_sd: Spread of one run.
    """
    names = [f"p{i}" for i in range(len(pools))]
    made = tuple(
        Pool(name, float(size), rank=i + 1) for i, (name, size) in enumerate(zip(names, pools, strict=True))
    )
    rows = tuple(
        Measurement(
            pool=pool.name,
            unique_samples=pool.unique_samples,
            samples_seen=n,
            metric="imagenet_error",
            error=0.5,
        )
        for pool in made
        for n in (16e6, 128e6)
    )
    return Fit(
        metric="imagenet_error",
        unit="fraction",
        chance=0.999,
        noise_sd=noise_sd,
        pools=made,
        members=tuple(
            Member(kernel, mixing, kappa, weight, _parameters(b, q, tau))
            for kernel, mixing, kappa, weight, b, q, tau in members
        ),
        reports=(),
        rmse=0.0,
        rows=rows,
        widest_mixture=len(made),
    )


def _parameters(b, q, tau):
    return Parameters(
        np.array([0.9]),
        np.array([1e5]),
        np.array([0.1]),
        np.array([b], float),
        np.array([q], float),
        np.array([tau], float),
    )


def random_fit(rng, pools, kernel, mixing, kappa):
    """One law with random parameters; `sample_worth` shares b."""
    b = -rng.uniform(0.1, 0.3, pools)
    q = np.ones(pools)
    if mixing == "sample_worth":
        b[:] = b[0]
        q = rng.uniform(0.2, 1.0, pools)
        q[0] = 1.0
    member = (kernel, mixing, kappa, 1.0, b, q, 10 ** rng.uniform(-0.3, 1.3, pools))
    return made_fit(10 ** rng.uniform(6.3, 7.6, pools), [member])
