"""The best mixture weights: time, and nothing better found by brute force.

python benchmarks/weights.py
"""

import time

import numpy as np

from thresher import load_example
from thresher.fits.ensemble import fit_ensemble
from thresher.plans.candidates import candidates
from thresher.plans.frontier import trace_frontier
from thresher.plans.objective import Laws, Objective, free_objective
from thresher.plans.weights import minimise
from thresher.runs import RunTable

CASES = [
    (kernel, power, kappa)
    for kernel in ("utility", "effective_data", "muennighoff", "saturating", "resampled")
    for power, kappa in ((0.0, 0.0), (0.0, 1.0), (0.5, 0.0), (1.0, 0.0))
]
RULES = {0.0: "utility_mean", 0.5: "halfway", 1.0: "sample_worth"}
BUDGET = 640e6
DRAWS = 100_000
CONCENTRATION = 0.05
REPEATS = 5


def one_law(kernel: str, power: float, kappa: float, pools: int) -> Objective:
    """Random unequal pools under one law: 3M to 100M unique samples, half-lives of 0.3 to 30 epochs."""
    rng = np.random.default_rng(pools)
    b = np.full(pools, -0.2) if power == 1 else -rng.uniform(0.05, 0.3, pools)
    q = rng.uniform(0.2, 1.0, pools) if power == 1 else np.ones(pools)
    law = Laws(
        kernel,
        kappa=np.array([kappa]),
        weight=np.ones(1),
        log_amplitude=np.log([0.9]),
        floor=np.array([0.1]),
        power=np.array([power]),
        strongest=b.min(keepdims=True),
        b=b[None],
        log_lever=(np.log(q) - np.log(1e5))[None],
        tau=10 ** rng.uniform(-0.5, 1.5, (1, pools)),
    )
    return Objective(BUDGET, 10 ** rng.uniform(6.5, 8.0, pools), (law,))


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
        values = objective.value(near)
        best = int(np.argmin(values))
        if values[best] < least - 1e-16:
            w, least = near[best], float(values[best])
        else:
            step *= 0.5
    return least


def draws(objective: Objective) -> float:
    """Least error of random weights, every pool alone, and the first 1, 2, .. pools sampled evenly."""
    pools = len(objective.sizes)
    nested = np.tril(np.ones((pools, pools))) * objective.sizes
    fixed = np.concatenate([np.eye(pools), nested / nested.sum(axis=1, keepdims=True)])
    rng = np.random.default_rng(0)
    best = float(objective.value(fixed).min())
    for _ in range(10):
        best = min(
            best, float(objective.value(rng.dirichlet(np.full(pools, CONCENTRATION), DRAWS // 10)).min())
        )
    return best


def timed(objective: Objective) -> tuple[float, float, float]:
    """CPU seconds of one solve, error, residual."""
    pools = len(objective.sizes)
    minimise(objective, np.zeros(pools), np.ones(pools))
    start = time.process_time()
    for _ in range(REPEATS):
        found = minimise(objective, np.zeros(pools), np.ones(pools))
    return (time.process_time() - start) / REPEATS, found.value, found.residual


def main() -> None:
    """Print times beside their limits, and how far brute force stays behind."""
    grid = simplex_grid()
    for pools, limit in ((4, 2), (20, None), (100, 100)):
        seconds, residuals, behind = [], [], []
        for case in CASES:
            objective = one_law(*case, pools)
            took, value, residual = timed(objective)
            if pools == 4:
                values = objective.value(grid)
                other = polished(objective, grid[int(np.argmin(values))])
            else:
                other = draws(objective)
            seconds.append(took)
            residuals.append(residual)
            behind.append(other - value)
        slowest = CASES[int(np.argmax(seconds))]
        print(f"{pools} pools, {len(CASES)} laws{f', limit {limit} ms of CPU' if limit else ''}")
        print(
            f"  a solve takes {1e3 * np.median(seconds):.1f} ms (median), {1e3 * max(seconds):.1f} ms at most "
            f"({slowest[0]}, {RULES[slowest[1]]}, kappa {slowest[2]:g}); largest residual {max(residuals):.0e}"
        )
        what = (
            "a grid of step 0.01, polished," if pools == 4 else f"{DRAWS:,} draws, vertices and nested sets"
        )
        print(f"  {what} are worse by {min(behind):.1e} to {max(behind):.1e}")
    runs = load_example("datacomp_medium_tmars")
    fit = fit_ensemble(RunTable(tuple(row for row in runs.rows if row.rank is not None), runs.name))
    took, _, residual = timed(free_objective(fit, fit.ranked, BUDGET))
    print(f"The ensemble of {len(fit.members)} laws, 4 pools: {1e3 * took:.0f} ms, residual {residual:.0e}")
    start = time.process_time()
    trace_frontier(fit, candidates(fit), smallest=16e6, largest=2e9)
    print(f"Its frontier of 200 budgets, limit 5 s of CPU: {time.process_time() - start:.2f} s")


if __name__ == "__main__":
    main()
