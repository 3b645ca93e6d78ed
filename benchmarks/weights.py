"""The best mixture weights: time, and nothing better found by brute force.

python benchmarks/weights.py
"""

import time

import numpy as np

from thresher import fit_law, load_example
from thresher.laws.one_law import OneLaw
from thresher.plans.candidates import candidates
from thresher.plans.frontier import trace_frontier
from thresher.plans.weights import Objective, free_objective, minimise
from thresher.runs import RunTable

KERNELS = ("muennighoff", "utility_smooth", "saturating", "resampled")
POWERS = (0.2, 0.6, 1.0)
CASES = [(kernel, power) for kernel in KERNELS for power in POWERS]
BUDGET = 640e6
DRAWS = 100_000
FEWER_DRAWS = 10_000
CONCENTRATION = 0.05
REPEATS = 3
BLOCK = 2_000


def random_pools(kernel: str, power: float, pools: int) -> Objective:
    """Unequal pools under one law: 3M to 100M unique samples, half-lives of 0.3 to 30 epochs, worths of 0.1 to 1."""
    rng = np.random.default_rng(pools)
    law = OneLaw(
        kernel=kernel,
        chance=0.999,
        largest_run=128e6,
        typical_size=12.8e6,
        level=np.array([np.log(0.5)]),
        floor=np.array([0.2]),
        exponent=np.array([0.25]),
        kappa=np.zeros(1),
        power=np.array([power]),
        bend=np.array([3.0]),
        worth=10 ** rng.uniform(-1.0, 0.0, (1, pools)),
        half_life=10 ** rng.uniform(-0.5, 1.5, (1, pools)),
    )
    return Objective(
        samples_seen=BUDGET,
        sizes=10 ** rng.uniform(6.5, 8.0, pools),
        laws=(law,),
        shares=(1.0,),
        metric_of=(0,),
        resampled=kernel == "resampled",
    )


def values(objective: Objective, weights: np.ndarray) -> np.ndarray:
    """Errors of many weights, block by block."""
    blocks = range(0, len(weights), BLOCK)
    return np.concatenate([objective.value(weights[start : start + BLOCK]) for start in blocks])


def simplex_grid() -> np.ndarray:
    """Weights of four pools in steps of 0.01."""
    steps = np.arange(101)
    i, j, k = np.meshgrid(steps, steps, steps, indexing="ij")
    inside = i + j + k <= 100
    found = np.stack([i[inside], j[inside], k[inside]], axis=1)
    return np.column_stack([found, 100 - found.sum(axis=1)]) / 100.0


def polished(objective: Objective, w: np.ndarray) -> float:
    """Error after moving weight between all pairs of pools in ever smaller steps, until none helps."""
    step, least = 0.01, float(objective.value(w[None])[0])
    directions = np.array([np.eye(4)[i] - np.eye(4)[j] for i in range(4) for j in range(4) if i != j])
    while step > 1e-9:
        near = w + step * directions
        near = near[near.min(axis=1) >= 0]
        found = objective.value(near)
        best = int(np.argmin(found))
        if found[best] < least - 1e-16:
            w, least = near[best], float(found[best])
        else:
            step *= 0.5
    return least


def best_on_grid(objective: Objective, grid: np.ndarray) -> float:
    """Least error of a grid, polished."""
    return polished(objective, grid[int(np.argmin(values(objective, grid)))])


def best_draw(objective: Objective) -> float:
    """Least error of random weights, every pool alone, and the first 1, 2, .. pools sampled evenly."""
    pools = len(objective.sizes)
    nested = np.tril(np.ones((pools, pools))) * objective.sizes
    count = DRAWS if pools <= 20 else FEWER_DRAWS
    random = np.random.default_rng(0).dirichlet(np.full(pools, CONCENTRATION), count)
    every = np.concatenate([np.eye(pools), nested / nested.sum(axis=1, keepdims=True), random])
    return float(values(objective, every).min())


def timed(objective: Objective) -> tuple[float, float]:
    """CPU seconds of one solve, and its error."""
    pools = len(objective.sizes)
    minimise(objective, np.zeros(pools), np.ones(pools))
    start = time.process_time()
    for _ in range(REPEATS):
        found = minimise(objective, np.zeros(pools), np.ones(pools))
    return (time.process_time() - start) / REPEATS, found.value


def main() -> None:
    """Print times, and how far brute force stays behind."""
    grid = simplex_grid()
    for pools in (4, 20, 100):
        seconds, behind = [], []
        for case in CASES:
            objective = random_pools(*case, pools)
            took, value = timed(objective)
            other = best_on_grid(objective, grid) if pools == 4 else best_draw(objective)
            seconds.append(took)
            behind.append(other - value)
        what = (
            "a grid of step 0.01, polished,"
            if pools == 4
            else f"{DRAWS if pools <= 20 else FEWER_DRAWS:,} draws, single pools and nested sets"
        )
        print(f"{pools} pools, {len(CASES)} laws: a solve takes {1e3 * np.median(seconds):.0f} ms (median)")
        print(f"  {what} are worse by {min(behind):.1e} to {max(behind):.1e}")
    runs = load_example("datacomp_medium_tmars")
    fit = fit_law(RunTable(tuple(row for row in runs.rows if row.rank is not None), runs.name))
    objective = free_objective(fit, fit.ranked, BUDGET)
    took, value = timed(objective)
    gap = best_on_grid(objective, grid) - value
    print(
        f"The default fit, mean of 48 draws, 4 pools: {1e3 * took:.0f} ms, the polished grid is off by {gap:.1e}"
    )
    start = time.process_time()
    trace_frontier(fit, candidates(fit), smallest=16e6, largest=2e9)
    print(f"Its frontier of 200 budgets, limit 5 s of CPU: {time.process_time() - start:.2f} s")


if __name__ == "__main__":
    main()
