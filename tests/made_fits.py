"""Fits with known laws, made without fitting, and runs that such laws predict."""

from functools import cache

import numpy as np

from thresher.examples import load_example
from thresher.fits.fit import Fit, LawKind, Reach
from thresher.fits.fit_law import fit_law
from thresher.laws.one_law import OneLaw
from thresher.laws.settings import Settings
from thresher.pools import Pool
from thresher.runs import Measurement, RunTable

LARGEST_RUN = 128e6
SIZE = 12.8e6
CHANCE = 0.999
KERNELS = ("muennighoff", "utility_smooth", "utility", "saturating", "resampled")


def one_law(worth, half_life, *, kernel="utility_smooth", chance=CHANCE, **parts):
    """A law with these worths and half-lives, a row for each draw; other parts are a number or one for each draw."""
    worth, half_life = (np.atleast_2d(np.asarray(value, dtype=float)) for value in (worth, half_life))
    draws = max(len(worth), len(half_life))
    usual = {"level": -1.0, "floor": 0.3, "exponent": 0.3, "kappa": 0.0, "power": 1.0, "bend": 3.0}
    scalars = {
        name: np.broadcast_to(np.asarray(parts.pop(name, value), dtype=float), (draws,)).copy()
        for name, value in usual.items()
    }
    return OneLaw(
        kernel=kernel,
        chance=chance,
        largest_run=parts.pop("largest_run", LARGEST_RUN),
        typical_size=parts.pop("typical_size", SIZE),
        worth=np.broadcast_to(worth, (draws, worth.shape[1])).copy(),
        half_life=np.broadcast_to(half_life, (draws, half_life.shape[1])).copy(),
        **scalars,
        **parts,
    )


def made_fit(sizes, *laws, ranked=True, noise_sd=0.003, misfit=0.01, seed_sd=0.0, rows=None, **fields):
    """A fit of pools p0, p1, .. that holds the given laws, in equal parts; its rows are two runs of each pool alone.

    Args:
        sizes: Unique samples of each pool, best first.
        laws: Stacks of draws.
        ranked: Whether the pools have a rank, or a number for each pool, None for one without.
        noise_sd: Spread of one run.
        misfit: Sd of ln y by which the law is wrong.
        seed_sd: Spread of ln y between seeds.
        rows: Other rows; joint ones among them make a fit that knows of unions.
        fields: Other fields of the fit.
    """
    if isinstance(ranked, bool):
        ranked = range(1, len(sizes) + 1) if ranked else [None] * len(sizes)
    pools = tuple(
        Pool(f"p{i}", float(size), rank) for i, (size, rank) in enumerate(zip(sizes, ranked, strict=True))
    )
    unit = "fraction" if laws[0].chance is not None else "loss"
    metric = "imagenet_error" if unit == "fraction" else "val_loss"
    if rows is None:
        rows = tuple(
            Measurement(pool.name, pool.unique_samples, n, metric, 0.5, rank=pool.rank)
            for pool in pools
            for n in (LARGEST_RUN / 8, LARGEST_RUN)
        )
    joint = any(row.is_joint for row in rows)
    return Fit(
        law=LawKind.DEFAULT,
        metric=metric,
        unit=unit,
        chance=laws[0].chance,
        noise_sd=noise_sd,
        pools=pools,
        laws=tuple(laws),
        weights=(1.0 / len(laws),) * len(laws),
        misfit=misfit,
        seed_sd=seed_sd,
        rmse=0.0,
        rows=tuple(rows),
        reach=Reach(
            largest_run=LARGEST_RUN,
            most_epochs=10.0,
            sizes=tuple(float(size) for size in sizes),
            widest_mixture=len(sizes) if joint else 1,
            largest_shares=(1.0,) * len(sizes),
            joint_information=((0.0,) * len(sizes),) * len(sizes),
        ),
        **fields,
    )


def random_law(rng, pools, kernel="utility_smooth", *, draws=1, **parts):
    """A law with worths that fall from 1, and half-lives of half an epoch to twenty."""
    worth = np.sort(rng.uniform(0.15, 1.0, (draws, pools)), axis=1)[:, ::-1]
    scalars = {
        "exponent": rng.uniform(0.15, 0.5, draws),
        "floor": rng.uniform(0.2, 0.4, draws),
        "level": rng.uniform(-1.3, -0.8, draws),
        "power": rng.uniform(0.3, 1.0, draws),
    }
    return one_law(worth, 10 ** rng.uniform(-0.3, 1.3, (draws, pools)), kernel=kernel, **{**scalars, **parts})


def random_fit(seed, pools, kernel="utility_smooth", *, draws=1, **parts):
    """A fit with one such law, pools of 2M to 40M samples, and the exposure of its kernel."""
    rng = np.random.default_rng(seed)
    sizes = 10 ** rng.uniform(6.3, 7.6, pools)
    law = random_law(rng, pools, kernel, draws=draws, **parts)
    return made_fit(sizes, law, exposure="resampled" if kernel == "resampled" else "epochs")


def errors_of(law, weights, sizes, samples_seen, *, resampled=False):
    """Errors of mixtures (rows of weights) at one budget under the first draw, straight from the law."""
    weights = np.atleast_2d(np.asarray(weights, dtype=float))
    count = len(weights)
    settings = Settings(
        weights,
        np.broadcast_to(np.asarray(sizes, dtype=float), weights.shape),
        np.full(count, float(samples_seen)),
        np.full(count, resampled),
    )
    return law.take(slice(0, 1)).errors(settings)[0]


def runs_of(law, sizes, epochs=(1, 2, 4, 7, 10), *, noise=0.0, seed=0, joint=(), ranked=True, **columns):
    """Runs that a law predicts: each pool alone, then unions given as tuples of their indices.

    Args:
        law: Whose first draw is the truth.
        sizes: Unique samples of each pool.
        epochs: Passes over a pool, or over a union, at which errors are measured.
        noise: Sd of ln y of one run.
        seed: Of the noise.
        joint: Unions to measure as well.
        ranked: Whether the pools have ranks.
        columns: Other columns of every row.
    """
    rng = np.random.default_rng(seed)
    sizes = np.asarray(sizes, dtype=float)
    resampled = columns.get("exposure") == "resampled"
    metric = "x_loss" if law.chance is None else "x_error"
    rows = []
    for union in [*((i,) for i in range(len(sizes))), *joint]:
        weights = np.zeros(len(sizes))
        weights[list(union)] = sizes[list(union)] / sizes[list(union)].sum()
        for e in epochs:
            n = e * sizes[list(union)].sum()
            error = errors_of(law, weights, sizes, n, resampled=resampled)[0] * np.exp(noise * rng.normal())
            rank = union[0] + 1 if ranked and len(union) == 1 else None
            name = "+".join(f"p{i}" for i in union)
            rows.append(
                Measurement(name, sizes[list(union)].sum(), n, metric, float(error), rank=rank, **columns)
            )
    return RunTable(tuple(rows), "made")


@cache
def ranked_example(name="datacomp_medium_tmars"):
    """The ranked pools of a shipped example."""
    table = load_example(name)
    return RunTable(tuple(row for row in table.rows if row.rank is not None), table.name)


@cache
def example_fit(name="datacomp_medium_tmars", **options):
    """The default fit of the ranked pools of a shipped example."""
    return fit_law(ranked_example(name), **options)


TRUTH = one_law([1.0, 0.6, 0.35], [9.0, 4.0, 2.0], kappa=1.0, level=-1.5)
"""The law behind `known_runs`."""
KNOWN_NOISE = 0.006


@cache
def known_runs(joint=(), noise=KNOWN_NOISE, seed=0):
    """Runs of three ranked pools of one size, and of unions of them."""
    return runs_of(TRUTH, [SIZE] * 3, noise=noise, seed=seed, joint=joint)


@cache
def known_fit(joint=(), **options):
    """The default fit of those runs."""
    return fit_law(known_runs(joint), **options)
