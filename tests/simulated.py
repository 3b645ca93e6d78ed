"""Runs simulated from a known law."""

import numpy as np

from thresher.laws import Law
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
