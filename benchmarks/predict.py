"""A million predictions: 1,000 mixtures of four pools at 1,000 budgets, and a forecast of a million draws.

python benchmarks/predict.py
"""

import math
import time

import numpy as np

from thresher import Mixture, fit_law, load_example
from thresher.fits.forecast import forecast, settings_of
from thresher.laws.one_law import OneLaw
from thresher.runs import RunTable

MIXTURES = BUDGETS = 1000
PEER_PREDICTIONS = 2000
LIMIT_SECONDS = 3.0
BLOCK = 10
"""Mixtures at a time: arrays of 10,000 predictions stay in the processor's cache."""
CANDIDATES, FRONTIER = 5, 250


def loop_prediction(law: OneLaw, mixture: Mixture, n: float, place: dict[str, int]) -> float:
    """One prediction under one law of the kernel `utility`, as one would write it: a loop over pools and epochs."""
    r, b, h, d = (float(getattr(law, name)[0]) for name in ("power", "exponent", "bend", "floor"))
    total = 0.0
    for pool, w in zip(mixture.pools, mixture.weights, strict=True):
        i, spacing = place[pool.name], pool.unique_samples / w
        tau = float(law.half_life[0, i]) * (spacing / law.typical_size) ** float(law.kappa[0])
        log_n = math.log(min(n, spacing))
        for j in range(2, math.ceil(n / spacing) + 1):
            log_n += math.log(min(j * spacing, n) / ((j - 1) * spacing)) * 2.0 ** (-(j - 1) / tau)
        total += w * (float(law.worth[0, i]) * math.exp(log_n) / law.largest_run) ** r
    assert law.chance is not None
    a = math.log(law.chance - d)
    bend = math.log1p(math.exp(h * (b * math.log(total) / r - float(law.level[0]) + a) / b))
    return d + math.exp(a - b / h * bend)


def main() -> None:
    """Print both times, their ratio, and the largest difference between the answers."""
    runs = load_example("datacomp_medium_tmars")
    ranked = RunTable(tuple(row for row in runs.rows if row.rank is not None), runs.name)
    fit = fit_law(ranked, kernel="utility")
    law = fit.laws[0].take(slice(0, 1))
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.ones(4), MIXTURES)
    mixtures = [Mixture(fit.pools, tuple(float(w) for w in row / row.sum())) for row in shares]
    budgets = np.geomspace(16e6, 1.28e9, BUDGETS)

    start = time.process_time()
    blocks = [mixtures[at : at + BLOCK] for at in range(0, MIXTURES, BLOCK)]
    errors = np.concatenate([law.errors(settings_of(fit, block, budgets))[0] for block in blocks])
    errors = errors.reshape(MIXTURES, BUDGETS)
    ours = time.process_time() - start

    picked = rng.integers(0, (MIXTURES, BUDGETS), (PEER_PREDICTIONS, 2))
    place = {pool.name: i for i, pool in enumerate(fit.pools)}
    start = time.process_time()
    looped = [loop_prediction(law, mixtures[m], float(budgets[k]), place) for m, k in picked]
    peer = (time.process_time() - start) * errors.size / PEER_PREDICTIONS
    difference = max(abs(errors[m, k] - y) for (m, k), y in zip(picked, looped, strict=True))

    print(
        f"{errors.size:,} predictions ({MIXTURES:,} mixtures of 4 pools x {BUDGETS:,} budgets), CPU seconds"
    )
    print(f"  loops over pools and epochs ({PEER_PREDICTIONS:,} timed, scaled up)   {peer:6.1f}")
    print(f"  thresher (limit {LIMIT_SECONDS:g})                                  {ours:6.2f}")
    print(f"  ratio {peer / ours:.0f}; largest difference {difference:.0e}")

    start = time.process_time()
    found = forecast(fit, mixtures[:CANDIDATES], np.geomspace(16e6, 1.28e9, FRONTIER))
    found.interval()
    print(
        f"A forecast with intervals: {CANDIDATES} mixtures at {FRONTIER} budgets, {found.errors.size:,} errors "
        f"of {len(found.weights):,} draws: {time.process_time() - start:.2f}"
    )


if __name__ == "__main__":
    main()
