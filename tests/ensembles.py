"""Ensembles small enough for tests, and joint runs made by one of their members."""

from dataclasses import replace
from functools import cache

import numpy as np

from simulated import N, law_of, simulated_runs
from thresher.fits.ensemble import fit_ensemble
from thresher.fits.predict import member_errors
from thresher.pools import union
from thresher.runs import Measurement, RunTable

NOISE = 0.003
SETS = (("a", "b"), ("a", "c"), ("b", "c"), ("a", "b", "c"))


EPOCHS = (1, 2, 4, 8, 14)
"""Budgets of the runs: as few as allow every kind of hold-out, since each is a refit of thirty laws."""


def at_epochs(table, epochs=EPOCHS):
    """The rows of a table that end after one of these numbers of epochs."""
    return RunTable(
        tuple(row for row in table.rows if round(row.samples_seen / row.unique_samples, 6) in epochs),
        table.name,
    )


@cache
def runs():
    return at_epochs(simulated_runs(noise=NOISE))


def short_runs(epochs, pools=("a", "b", "c")):
    """Noisy runs of the same laws that end early."""
    rng = np.random.default_rng(3)
    return RunTable(
        tuple(
            Measurement(
                pool,
                N,
                e * N,
                "x_error",
                float(law_of(pool).error(e * N, N)) + NOISE * float(rng.normal()),
                rank=rank,
            )
            for rank, pool in enumerate(pools, start=1)
            for e in epochs
        ),
        "short",
    )


@cache
def ensemble():
    return fit_ensemble(runs(), replicates=12)


def with_rows(table, *rows):
    return RunTable((*table.rows, *rows), table.name)


def joint_row(pools, samples_seen, error, like=None):
    like = like or runs().rows[0]
    sizes = {row.pool: row.unique_samples for row in runs().rows}
    total = sum(sizes.get(pool, like.unique_samples) for pool in pools)
    return Measurement("+".join(pools), total, samples_seen, like.metric, error)


def heaviest(fit, mixing, kappa=1.0):
    """The heaviest member of a mixing rule and kappa."""
    mine = [member for member in fit.members if (member.mixing, member.kappa) == (mixing, kappa)]
    return max(mine, key=lambda member: member.weight)


def joint_rows_of(fit, member, epochs=(2.0, 6.0)):
    """Noise-free joint runs as one member predicts them."""
    known = {pool.name: pool for pool in fit.pools}
    rows = []
    for names in SETS:
        mixture = union([known[name] for name in names])
        for e in epochs:
            n = e * mixture.unique_samples
            error = member_errors(fit, member, member.best, [mixture], np.array([n]))[0, 0, 0]
            rows.append(joint_row(names, n, float(error)))
    return rows


def with_noise(fit, noise_sd):
    return replace(fit, noise_sd=noise_sd)


def share_of(fit, **parts):
    """Weight of the members whose kernel, mixing or kappa is the given one."""
    return sum(
        m.weight for m in fit.members if all(getattr(m, name) == value for name, value in parts.items())
    )
