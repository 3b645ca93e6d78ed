"""Fitting, timed: one joint fit, a thousand bootstrap refits, 300 synthetic instances against random starts.

python benchmarks/fit.py [--quick]

CPU seconds of this process. The peer of the joint fit is the obvious program: nested Python loops over
100 utilities x 100 half-lives for each pool, inside 7 onsets x 10 floors. One of its 70 cells is timed and multiplied
by 70; the least loss over all 70 cells of the very same grid is computed with arrays, outside the timing.
"""

import argparse
import math
import time
from collections.abc import Callable

import numpy as np

from thresher import fit_law, load_example
from thresher.fits.bootstrap import bootstrap
from thresher.fits.choice import LawChoice
from thresher.fits.curves import Curves
from thresher.fits.fit_law import Point, optimum
from thresher.fits.least_squares import minimise
from thresher.fits.observations import Observations, observe
from thresher.laws.kernels import KERNELS
from thresher.runs import Measurement

NOISE_SD = 0.003
UTILITIES = np.linspace(-0.4, -0.02, 100)
HALF_LIVES = np.linspace(0.5, 20.0, 100)
ONSETS = np.geomspace(1e6, 1e7, 7)
FLOORS = np.linspace(0.0, 0.45, 10)
AMPLITUDE = 1.0
INSTANCES = 300
RANDOM_STARTS = 50
MOST_EXCESS = 1e-6


def cpu_seconds(work: Callable[[], object], repeats: int) -> float:
    """CPU of one call, the mean of `repeats` after one that is not counted."""
    work()
    start = time.process_time()
    for _ in range(repeats):
        work()
    return (time.process_time() - start) / repeats


def loop_error(n: float, N: float, b: float, tau: float, n0: float, d: float) -> float:
    """Error of one run under the kernel `utility`, as one would write it with a loop over epochs."""
    epochs = math.ceil(n / N)
    y = AMPLITUDE * (min(n, N) / n0) ** b
    for j in range(2, epochs + 1):
        y *= (min(j * N, n) / ((j - 1) * N)) ** (b * 2.0 ** (-(j - 1) / tau))
    return y + d


def loop_cell(observations: Observations, n0: float, d: float) -> float:
    """Least sum of squares of one onset and floor, in nested loops."""
    total = 0.0
    for g in range(len(observations.groups)):
        n, N, y = observations.samples_seen[g], observations.unique_samples[g], observations.error[g]
        points = [(float(n[i]), float(N[i]), float(y[i])) for i in range(len(n))]
        least = math.inf
        for b in UTILITIES.tolist():
            for tau in HALF_LIVES.tolist():
                loss = 0.0
                for seen, unique, error in points:
                    loss += (loop_error(seen, unique, b, tau, n0, d) - error) ** 2
                least = min(least, loss)
        total += least
    return total


def grid_loss(observations: Observations) -> float:
    """Least sum of squares over all 70 cells, the same numbers with arrays."""
    x = KERNELS["utility"].log_effective_samples(
        observations.samples_seen, observations.unique_samples, HALF_LIVES[:, None, None]
    )
    best = math.inf
    for n0 in ONSETS:
        curves = AMPLITUDE * np.exp(UTILITIES[:, None, None, None] * (x - np.log(n0)))
        for d in FLOORS:
            loss = np.sum((curves + d - observations.error) ** 2, axis=-1)
            best = min(best, float(np.sum(loss.min(axis=(0, 1)))))
    return best


def joint_fit() -> None:
    """One joint fit of 5 pools x 5 points, beside the peer."""
    runs = load_example("datacomp_medium_tmars")
    observations = observe(runs.rows, NOISE_SD)
    print("One joint fit, 5 pools x 5 points (T-MARS buckets of DataComp medium), limit 50 ms of CPU")
    for mixing in ("sample_worth", "utility_mean"):
        choice = LawChoice(mixing=mixing)
        point = cpu_seconds(lambda choice=choice: optimum(observations, choice), 10)
        whole = cpu_seconds(lambda mixing=mixing: fit_law(runs, mixing=mixing, replicates=0), 3)
        print(
            f"  {mixing:13} the fit {1e3 * point:6.1f} ms; with profile intervals and words {1e3 * whole:6.1f} ms"
        )

    choice = LawChoice(mixing="utility_mean", amplitude=AMPLITUDE, floor="fit")
    ours = cpu_seconds(lambda: optimum(observations, choice), 3)
    found = optimum(observations, choice)
    start = time.process_time()
    cell = loop_cell(observations, float(ONSETS[3]), float(FLOORS[2]))
    peer = (time.process_time() - start) * len(ONSETS) * len(FLOORS)
    ours_loss, peer_loss = found.sum_of_squares * NOISE_SD**2, grid_loss(observations)
    print(
        "The same law with onset and floor searched too, beside nested loops (one of 70 cells timed, x 70), goal 500x"
    )
    print(f"  nested loops  {peer:8.1f} s, sum of squares {peer_loss:.4e} (that cell alone: {cell:.4e})")
    print(f"  thresher      {ours:8.3f} s, sum of squares {ours_loss:.4e}, floor {found.curves.floor:.3f}")
    print(f"  ratio         {peer / ours:8.0f}x faster, loss {ours_loss / peer_loss:.4f} of the peer's")


def refits(count: int = 1000) -> None:
    """Bootstrap refits of 5 pools jointly."""
    observations = observe(load_example("datacomp_medium_tmars").rows, NOISE_SD)
    print(f"{count:,} joint bootstrap refits, limit 1 s of CPU")
    for kernel in ("utility", "effective_data"):
        for mixing in ("sample_worth", "utility_mean"):
            point = optimum(observations, LawChoice(kernel=kernel, mixing=mixing))
            seconds = cpu_seconds(lambda point=point: bootstrap(point.curves, point.theta, 1.0, count, 0), 1)
            print(f"  {kernel:15}{mixing:13} {seconds:.3f} s")


def synthetic(seed: int) -> tuple[Observations, LawChoice]:
    """Runs of 1 to 5 pools under a random law with noise, and the law to fit to them."""
    rng = np.random.default_rng(seed)
    pools = int(rng.integers(1, 6))
    kernel = str(rng.choice(["utility", "effective_data", "muennighoff", "saturating", "utility_smooth"]))
    mixing = str(rng.choice(["sample_worth", "utility_mean"]))
    n0 = 10 ** rng.uniform(5.3, 6.0)
    shared_b = -rng.uniform(0.05, 0.4)
    rows = []
    for p in range(pools):
        N = 12.8e6 * 2 ** rng.uniform(-1, 1)
        b = shared_b if mixing == "sample_worth" else -rng.uniform(0.05, 0.4)
        q = float(rng.uniform(0.2, 1.0)) if mixing == "sample_worth" and p else 1.0
        tau = 10 ** rng.uniform(0, 1.3)
        n = N * np.array([1.0, 2.0, 4.0, 6.0, 8.0, 10.0])
        log_n_eff = KERNELS[kernel].log_effective_samples(n, np.full(6, N), np.full(6, tau))
        y = 0.1 + 0.9 * np.exp(b * (log_n_eff + np.log(q) - np.log(n0))) + rng.normal(0, NOISE_SD, 6)
        y = np.clip(y, 0.12, 0.998)
        rows += [
            Measurement(f"p{p}", N, float(seen), "x_error", float(error))
            for seen, error in zip(n, y, strict=True)
        ]
    return observe(rows, NOISE_SD), LawChoice(kernel=kernel, mixing=mixing)


def random_starts(curves: Curves, count: int, seed: int) -> float:
    """Least sum of squares of fits polished from random points of the whole box."""
    lower, upper = curves.bounds
    start = np.random.default_rng(seed).uniform(lower, upper, (count, curves.size))
    return float(minimise(curves.evaluate, start, lower, upper).sum_of_squares.min())


def excess_over_random_starts(seed: int) -> tuple[Point, float]:
    """The fit of one synthetic instance, and its relative excess over the best of the random starts."""
    observations, choice = synthetic(seed)
    found = optimum(observations, choice)
    best = random_starts(found.curves, RANDOM_STARTS, seed)
    return found, found.sum_of_squares / best - 1.0


def instances(count: int = INSTANCES) -> None:
    """The fit beside the best of 50 random starts."""
    excess = np.array([excess_over_random_starts(seed)[1] for seed in range(count)])
    print(
        f"{count} synthetic instances beside the best of {RANDOM_STARTS} random starts, goal: excess <= 1e-6 of the loss in all"
    )
    print(
        f"  excess <= 1e-6 in {np.sum(excess <= MOST_EXCESS)} of {count}; largest excess {excess.max():.1e}; "
        f"the random starts were worse by more than 1e-6 in {np.sum(excess < -MOST_EXCESS)}"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="20 synthetic instances instead of 300")
    options = parser.parse_args()
    joint_fit()
    refits()
    instances(20 if options.quick else INSTANCES)
