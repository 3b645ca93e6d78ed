"""Runs simulated from known laws: of one pool each, and of the default law for any mixtures."""

import numpy as np

from thresher.laws import Law, OneLaw, Settings
from thresher.runs import Measurement, RunTable

EPOCHS = (1, 2, 3, 4, 6, 8, 10, 14)
N = 12.8e6
UTILITY, FLOOR, AMPLITUDE, ONSET = -0.2, 0.1, 0.899, 5e5
HALF_LIVES = {"a": 9.0, "b": 4.0, "c": 2.0}
WORTHS = {"a": 1.0, "b": 0.6, "c": 0.35}


def law_of(pool, kernel="utility"):
    return Law(
        kernel=kernel, amplitude=AMPLITUDE, onset=ONSET, utility=UTILITY, half_life=HALF_LIVES[pool], floor=FLOOR,
        worth=WORTHS[pool],
    )  # fmt: skip


def simulated_runs(noise=0.0, seed=0, kernel="utility", pools=("a", "b", "c"), metric="x_error"):
    rng = np.random.default_rng(seed)
    rows = [
        Measurement(
            pool,
            N,
            e * N,
            metric,
            float(law_of(pool, kernel).error(e * N, N)) + noise * float(rng.normal()),
            rank=rank,
        )
        for rank, pool in enumerate(pools, start=1)
        for e in EPOCHS
    ]
    return RunTable(tuple(rows), "simulated")


def true_law(pools=3, *, unit="fraction", kernel="muennighoff", rng=None, **parts):
    """A default law to simulate from: plain numbers, or parts drawn as its priors hold likely."""
    fraction = unit == "fraction"
    usual = {
        "level": -0.9 if fraction else 0.2,
        "floor": 0.3 if fraction else 1.8,
        "exponent": 0.25 if fraction else 0.35,
        "kappa": 1.0 if fraction else 0.1,
        "power": 1.0,
        "bend": 3.0,
        "worth": np.geomspace(1.6, 1.0 / 1.6, pools),
        "half_life": np.geomspace(12.0, 5.0, pools),
    }
    if rng is not None:
        usual |= {
            "level": usual["level"] + 0.1 * rng.normal(),
            "exponent": usual["exponent"] * np.exp(0.3 * rng.normal()),
            "kappa": max(usual["kappa"] + (0.3 if fraction else 0.1) * rng.normal(), 0.0),
            "power": float(np.clip(1.0 + 0.4 * rng.normal(), 0.2, 3.0)),
            "worth": np.sort(np.exp(0.5 * rng.normal(size=pools)))[::-1],
            "half_life": np.exp(np.log(8.0) + 0.6 * rng.normal(size=pools)),
        }
    values = {**usual, **parts}
    return OneLaw(
        kernel=kernel,
        chance=0.999 if fraction else None,
        largest_run=values.pop("largest_run", 14 * N),
        typical_size=values.pop("typical_size", N),
        **{
            name: np.atleast_1d(values[name]).astype(float)
            for name in ("level", "floor", "exponent", "kappa", "power", "bend")
        },
        worth=np.atleast_2d(values["worth"]).astype(float),
        half_life=np.atleast_2d(values["half_life"]).astype(float),
    )


def settings(weights, sizes, samples_seen, *, resampled=False):
    """Mixtures (rows of weights) of pools of these sizes, each at its samples seen."""
    weights = np.atleast_2d(np.asarray(weights, dtype=float))
    seen = np.broadcast_to(np.asarray(samples_seen, dtype=float), len(weights)).copy()
    return Settings(
        weights,
        np.broadcast_to(np.asarray(sizes, dtype=float), weights.shape).copy(),
        seen,
        np.broadcast_to(np.asarray(resampled), len(weights)).copy(),
    )


def measured(law, runs, *, noise=0.0, seed=0, ranked=True, listed=False, seed_name=None, **columns):
    """A run table of what a law says of some runs, each with its own normal error of ln y.

    Args:
        law: Of pools p0, p1, ..
        runs: Settings to run.
        noise: Sd of ln y.
        seed: Of the noise.
        ranked: Whether pools have ranks, best first.
        listed: Whether joint rows list the sizes of their pools.
        seed_name: Seed of the runs; those of several seeds are repeats.
        columns: Further columns of every row.
    """
    rng = np.random.default_rng(seed)
    errors = law.errors(runs)[0] * np.exp(noise * rng.normal(size=len(runs)))
    if law.chance is not None:
        errors = np.minimum(errors, 1.0)
    metric = "x_error" if law.chance is not None else "x_loss"
    rows = []
    for i, error in enumerate(errors):
        used = np.flatnonzero(runs.used[i])
        sizes = runs.unique_samples[i, used]
        joint = len(used) > 1
        rows.append(
            Measurement(
                "+".join(f"p{pool}" for pool in used),
                float(sizes.sum()),
                float(runs.samples_seen[i]),
                metric,
                float(error),
                run=f"r{i}" if seed_name is None else f"r{i}s{seed_name}",
                seed=None if seed_name is None else str(seed_name),
                rank=int(used[0]) + 1 if ranked and not joint else None,
                exposure="resampled" if runs.resampled[i] else "epochs",
                weights=tuple(map(float, runs.weights[i, used])) if joint else None,
                pool_sizes=tuple(map(float, sizes)) if joint and listed else None,
                **columns,
            )
        )
    return RunTable(tuple(rows), "simulated")


def singles(pools, epochs, sizes=N):
    """Every pool alone, for each number of epochs."""
    sizes = np.broadcast_to(np.asarray(sizes, dtype=float), pools)
    weights = np.repeat(np.eye(pools), len(epochs), axis=0)
    seen = [e * size for size in sizes for e in epochs]
    return settings(weights, sizes, seen)


def together(*parts):
    """Several settings as one."""
    return Settings(
        np.concatenate([part.weights for part in parts]),
        np.concatenate([part.unique_samples for part in parts]),
        np.concatenate([part.samples_seen for part in parts]),
        np.concatenate([part.resampled for part in parts]),
    )
