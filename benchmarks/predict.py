"""A million predictions: 1,000 mixtures of four pools at 1,000 budgets.

python benchmarks/predict.py
"""

import math
import time

import numpy as np

from thresher import Mixture, fit_law, load_example
from thresher.fits.predict import expected_errors
from thresher.runs import RunTable

MIXTURES = BUDGETS = 1000
PEER_PREDICTIONS = 2000


def loop_prediction(fit, mixture: Mixture, n: float) -> float:
    """One prediction as one would write it: a loop over pools, and over epochs inside it."""
    law = fit.members[0].best
    position = {pool.name: i for i, pool in enumerate(fit.pools)}
    total = 0.0
    for pool, w in zip(mixture.pools, mixture.weights, strict=True):
        i = position[pool.name]
        size, tau = pool.unique_samples / w, float(law.half_life[0, i]) / w
        log_n_eff = math.log(min(n, size))
        for j in range(2, math.ceil(n / size) + 1):
            log_n_eff += math.log(min(j * size, n) / ((j - 1) * size)) * 2.0 ** (-(j - 1) / tau)
        total += w * float(law.worth[0, i]) * math.exp(log_n_eff)
    error = float(law.amplitude[0]) * (total / float(law.onset[0])) ** float(law.utility[0, 0])
    return min(error + float(law.floor[0]), fit.chance)


def main() -> None:
    """Print both times, their ratio, and the largest difference between the answers."""
    runs = load_example("datacomp_medium_tmars")
    ranked = RunTable(tuple(row for row in runs.rows if row.rank is not None), runs.name)
    fit = fit_law(ranked, kernel="utility", mixing="sample_worth", replicates=0)
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.ones(4), MIXTURES)
    mixtures = [Mixture(fit.pools, tuple(float(w) for w in row / row.sum())) for row in shares]
    budgets = np.geomspace(16e6, 1.28e9, BUDGETS)

    start = time.process_time()
    errors = expected_errors(fit, mixtures, budgets)
    ours = time.process_time() - start

    picked = rng.integers(0, (MIXTURES, BUDGETS), (PEER_PREDICTIONS, 2))
    start = time.process_time()
    looped = [loop_prediction(fit, mixtures[m], float(budgets[k])) for m, k in picked]
    peer = (time.process_time() - start) * errors.size / PEER_PREDICTIONS
    difference = max(abs(errors[m, k] - y) for (m, k), y in zip(picked, looped, strict=True))

    print(
        f"{errors.size:,} predictions ({MIXTURES:,} mixtures of 4 pools x {BUDGETS:,} budgets), limit 3 s of CPU"
    )
    print(f"  loops over pools and epochs ({PEER_PREDICTIONS:,} timed, scaled up)  {peer:7.1f} s")
    print(f"  thresher                                            {ours:7.2f} s")
    print(f"  ratio {peer / ours:.0f}x; largest difference {difference:.0e}")


if __name__ == "__main__":
    main()
