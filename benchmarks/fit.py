"""Fitting, timed and checked: the default fit from the shell, and its optimum beside random starts on every bed.

python benchmarks/fit.py

CPU seconds. A command's time includes starting Python and reading and writing files.
"""

import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

from beds import BUCKETS, Bed, bucket_beds, single_beds
from thresher import fit_law, load_example, write_runs
from thresher.fits.default_law import DefaultProblem
from thresher.fits.observations import observe
from thresher.fits.priors import DEFAULT_KERNELS, PRIORS, FixedParts
from thresher.fits.solve import refit, solve

COMMANDS = ("datacomp_medium_tmars", "icon_lab_weak_buckets")
MOST_SECONDS = 1.0
TRIES = 5
RANDOM_STARTS = 40
SPREAD = 2.0
"""Random starts are drawn from the priors, this many times as wide."""
STEPS = 300
MOST_EXCESS = 1e-6
RUN = "import sys; from thresher.cli.app import run; sys.exit(run(sys.argv[1:]))"


def shell_seconds(*arguments: str) -> float:
    """CPU of a command in a fresh interpreter, the least of a few tries."""
    tries = []
    for _ in range(TRIES):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", RUN, *arguments], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        tries.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(tries)


def print_commands() -> None:
    """`thresher fit`, and `thresher plan` at one budget, on the shipped pilots."""
    print(f"thresher fit, thresher plan: CPU seconds from the shell (limit of a fit {MOST_SECONDS:g} s)")
    with tempfile.TemporaryDirectory() as folder:
        runs, fit = Path(folder, "runs.csv"), Path(folder, "fit.json")
        for name in COMMANDS:
            table = load_example(name)
            write_runs(table, runs)
            fitting = shell_seconds("fit", str(runs), "-o", str(fit), "--chance", str(BUCKETS[name][0]))
            budget = f"{4 * max(row.samples_seen for row in table.rows):.0f}"
            planning = shell_seconds("plan", str(fit), "--budget", budget)
            print(f"  {name:24} {len(table):3} rows   fit {fitting:.2f}   plan {planning:.2f}")


def print_parts() -> None:
    """The same without start and files, and without draws."""
    print("fit_law alone")
    for bed in bucket_beds():
        took = []
        for draws in (80, 0):
            fit_law(bed.pilots, chance=bed.chance, draws=draws)
            start = time.process_time()
            fit_law(bed.pilots, chance=bed.chance, draws=draws)
            took.append(time.process_time() - start)
        print(f"  {bed.name:24} {len(bed.pilots):3} rows   {took[0]:.2f}, without draws {took[1]:.2f}")


def excess_over_random_starts(bed: Bed, kernel: str, seed: int = 0) -> float:
    """Sum of squares of the fit less the least of random starts, relative; negative where the fit is better."""
    unit = bed.pilots.unit
    chance = bed.chance if unit == "fraction" else None
    problem = DefaultProblem(observe(bed.pilots.rows), kernel, chance, PRIORS[unit], FixedParts())
    rng = np.random.default_rng(seed)
    solved = solve(problem, draws=0, rng=rng)
    prior = problem.prior
    moves = rng.standard_normal((RANDOM_STARTS, len(prior.rows))) @ np.linalg.pinv(prior.rows).T
    random = np.clip(prior.centre + SPREAD * moves * prior.free, prior.low, prior.high)
    ours, theirs = (
        refit(problem, theta, problem.target[None], prior.centre[None], solved.misfit, STEPS).sum_of_squares
        for theta in (solved.theta[:1], random)
    )
    return float(ours[0] / theirs.min() - 1.0)


def print_optima() -> None:
    """The fit beside random starts, on every bed and with every default kernel."""
    print(
        f"The optimum beside the best of {RANDOM_STARTS} random starts: relative excess of the sum of squares"
    )
    for bed in (*bucket_beds(), *single_beds()):
        excess = {kernel: excess_over_random_starts(bed, kernel) for kernel in DEFAULT_KERNELS}
        verdict = "" if max(excess.values()) <= MOST_EXCESS else "   A BETTER OPTIMUM EXISTS"
        print(f"  {bed.name:28} " + ", ".join(f"{k} {v:+.0e}" for k, v in excess.items()) + verdict)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print_commands()
    print_parts()
    print_optima()
