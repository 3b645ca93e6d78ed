"""How often intervals cover and probabilities come true, on simulated and published runs.

python benchmarks/calibration.py [--tables 400] [--seed 0] [--processes 1] [--only laws|ensemble|published]

Half of the tables are for single laws fitted by their own kind, half for the ensemble. Table i depends on the
seed and i alone. Progress goes to standard error, the tables of results to standard output.
"""

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from multiprocessing import Pool as Processes

import numpy as np

from published_runs import published
from simulated_runs import LAST_EPOCHS, World, draw_member_world, draw_world
from thresher.errors import ThresherError
from thresher.fits import Fit, Verdict, fit_ensemble, fit_law
from thresher.fits.predict import draw_errors, run_interval
from thresher.plans import choose_plans
from thresher.pools import union

KERNELS = ("utility", "effective_data", "muennighoff", "saturating")
RULES = ("sample_worth", "utility_mean")
WITHIN_EPOCHS = (3.0, 7.0)
BEYOND_EPOCHS = (15.0, 20.0, 40.0)
"""Epochs over one pool that runs of at most 10 epochs are asked to predict."""
PLAN_EPOCHS = (2.0, 3.0, 4.0, 5.5, 7.5, 10.0, 13.0, 16.0, 20.0, 26.0, 32.0, 40.0)
"""Budgets of the plans, in epochs over one pool."""
WANTED = (0.85, 0.95)
BIN = 0.1
FEWEST_CASES = 1000
MOST_OFF = 0.05
REPLICATES = 100
"""Bootstrap refits of each law of an ensemble; few of its members draw more than 70 of the 200 that are the default."""
UNTRUSTED = {Verdict.NOT_IDENTIFIABLE, Verdict.AT_BOUND}

Cases = dict[str, list]
"""What was asked of one table, and whether each answer covered; for probabilities, (claimed, came true)."""
Tables = dict[str, list[list]]
"""The cases of all tables, one list a table: cases of one table err together."""


def law_cases(seed: int, index: int) -> Cases:
    """One table fitted by its own law: cases for utility, half-life and predicted error."""
    rng = np.random.default_rng([seed, 1, index])
    kernel = KERNELS[index % len(KERNELS)]
    rule = RULES[index // len(KERNELS) % len(RULES)]
    world = draw_world(rng, kernel=kernel, mixing=rule)
    table = world.table(rng, states_noise=bool(rng.integers(2)))
    fit = fit_law(table, kernel=kernel, mixing=rule, floor=0.1, seed=index)
    cases: Cases = {}
    truth = world.member.parameters
    for i, report in enumerate(fit.reports):
        verdicts = {finding.verdict for finding in report.findings}
        tau_named = any("half-life" in finding.message for finding in report.findings)
        if i == 0 or rule == "utility_mean":
            cases.setdefault("b", []).append(_inside(truth.utility[0, i], report.utility_interval))
        identified = not (verdicts & UNTRUSTED and tau_named)
        cases.setdefault("tau identified", []).append(identified)
        covered = _inside(truth.half_life[0, i], report.half_life_interval)
        cases.setdefault("tau" if identified else "tau not identified", []).append(covered)
    _add_predictions(cases, rng, world, fit)
    return {f"{kernel} | {rule} | {name}": found for name, found in cases.items()}


def ensemble_cases(seed: int, index: int) -> Cases:
    """One table of a law drawn from the ensemble's prior: predicted errors and probabilities of being best."""
    rng = np.random.default_rng([seed, 2, index])
    world = draw_member_world(rng)
    table = world.table(rng, states_noise=bool(rng.integers(2)))
    fit = fit_ensemble(table, replicates=REPLICATES, seed=index)
    cases: Cases = {}
    _add_predictions(cases, rng, world, fit)
    budgets = [epochs * world.size for epochs in PLAN_EPOCHS]
    for plan in choose_plans(fit, budgets):
        mixtures = [choice.candidate.mixture for choice in plan.choices]
        true = world.errors(mixtures, [plan.samples_seen])[:, 0]
        beyond = "beyond" if plan.samples_seen > 1.001 * LAST_EPOCHS * world.size else "within"
        for i, choice in enumerate(plan.choices):
            cases.setdefault(f"best {beyond}", []).append((choice.probability_best, bool(i == true.argmin())))
        chosen = mixtures.index(plan.best.candidate.mixture)
        cases.setdefault("regret", []).append((plan.best.expected_regret, float(true[chosen] - true.min())))
    return cases


def _add_predictions(cases: Cases, rng: np.random.Generator, world: World, fit: Fit) -> None:
    """Whether the interval of one new run covers one, for single pools and nested mixtures."""
    pools = world.law.pools
    budgets = np.array([*WITHIN_EPOCHS, *BEYOND_EPOCHS]) * world.size
    singles = [pools[i : i + 1] for i in range(len(pools))]
    mixtures = [union(chosen) for chosen in (*singles, *[pools[:k] for k in range(2, len(pools) + 1)])]
    measured = world.errors(mixtures, budgets)
    measured = measured + world.noise_sd * rng.standard_normal(measured.shape)
    # all at once, a tenth of the time of predict_mixture for each; the same numbers
    low, high = run_interval(*draw_errors(fit, mixtures, budgets), fit.run_sd)
    covered = (low <= measured) & (measured <= high)
    for i, mixture in enumerate(mixtures):
        what = "single" if len(mixture.pools) == 1 else "mixture"
        for k in range(len(budgets)):
            kind = "within" if k < len(WITHIN_EPOCHS) else "beyond"
            cases.setdefault(f"{what} {kind}", []).append(bool(covered[i, k]))


def _inside(value: float, interval: tuple[float, float]) -> bool:
    return bool(interval[0] <= value <= interval[1])


def collect(
    what: Callable[[int, int], Cases], name: str, seed: int, tables: int, processes: int
) -> tuple[Tables, float]:
    """Cases of all tables, and the seconds they took; tables that no law can be fitted to are counted."""
    start = time.monotonic()
    total: Tables = {}
    jobs = [(what, seed, index) for index in range(tables)]
    with Processes(processes) as workers:
        try:
            for done, cases in enumerate(workers.imap(_run, jobs), 1):
                for key, found in cases.items():
                    total.setdefault(key, []).append(found)
                print(f"\r{name}: {done} of {tables} tables", end="", file=sys.stderr, flush=True)
        except KeyboardInterrupt:
            print("\nstopped; what follows is of the tables so far", end="", file=sys.stderr)
    print(file=sys.stderr)
    return total, time.monotonic() - start


def _count(tables: Tables) -> int:
    """How many tables were simulated."""
    first = [found for key, found in tables.items() if key.endswith("single within")]
    return sum(map(len, first)) + len(tables.get("refused", []))


def _run(job: tuple[Callable[[int, int], Cases], int, int]) -> Cases:
    what, seed, index = job
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return what(seed, index)
        except ThresherError as problem:
            return {"refused": [str(problem)]}


def print_laws(tables: Tables) -> None:
    """Coverage by kernel and rule."""
    columns = ("b", "tau", "single within", "single beyond", "mixture within", "mixture beyond")
    print(f"{'kernel':15} {'rule':13} " + " ".join(f"{name:>14}" for name in (*columns, "tau identified")))
    pooled: Tables = {}
    for kernel in KERNELS:
        for rule in RULES:
            mine = {
                name: tables.get(f"{kernel} | {rule} | {name}", []) for name in (*columns, "tau identified")
            }
            print(f"{kernel:15} {rule:13} " + " ".join(f"{_share(found):>14}" for found in mine.values()))
            for name, found in mine.items():
                pooled.setdefault(name, []).extend(found)
    print(f"{'all':15} {'':13} " + " ".join(f"{_share(found):>14}" for found in pooled.values()))
    print(
        f"{'+- (tables)':15} {'':13} "
        + " ".join(f"{_standard_error(found):14.3f}" for found in pooled.values())
    )
    print("verdict: " + _verdict(pooled, columns))
    _print_refused(tables)


def print_ensemble(tables: Tables) -> None:
    """Coverage of predicted errors, and claimed against observed probabilities of being best."""
    columns = ("single within", "single beyond", "mixture within", "mixture beyond")
    for name in columns:
        print(f"{name:15} {_share(tables[name]):>14} +- {_standard_error(tables[name]):.3f}")
    print("verdict: " + _verdict(tables, columns))
    print("\nprobability of being best: claimed, observed, standard error over tables, cases")
    both = [a + b for a, b in zip(tables["best within"], tables["best beyond"], strict=True)]
    for name, found in (
        ("all budgets", both),
        ("up to the longest run", tables["best within"]),
        ("beyond it", tables["best beyond"]),
    ):
        print(f"{name}:")
        for row in calibration_bins(found):
            note = (
                "few"
                if row.cases < FEWEST_CASES
                else "ok"
                if abs(row.claimed - row.observed) <= MOST_OFF
                else "OFF"
            )
            print(
                f"  {row.low:.1f}-{row.high:.1f}  {row.claimed:.3f}  {row.observed:.3f}  +-{row.deviation:.3f}  "
                f"{row.cases:6,}  {note}"
            )
    regret = np.concatenate([np.array(found) for found in tables["regret"]])
    print(f"\nregret of the choice: expected {regret[:, 0].mean():.5f}, true {regret[:, 1].mean():.5f}")
    _print_refused(tables)


@dataclass(frozen=True)
class CalibrationBin:
    """Claims between `low` and `high`, and how many came true; the deviation counts tables, not cases."""

    low: float
    high: float
    claimed: float
    observed: float
    deviation: float
    cases: int


def calibration_bins(tables: Sequence[Sequence[tuple[float, bool]]]) -> list[CalibrationBin]:
    """Claims in bins of a tenth that have any; neighbours are not pooled."""
    claimed, true, table = (
        np.array(column, dtype=float)
        for column in zip(*[(p, best, t) for t, found in enumerate(tables) for p, best in found], strict=True)
    )
    number = np.minimum((claimed / BIN).astype(int), round(1 / BIN) - 1)
    rows = []
    for i in range(round(1 / BIN)):
        mine = number == i
        if mine.any():
            gap = np.bincount(table[mine].astype(int), weights=true[mine] - claimed[mine])
            deviation = float(np.sqrt(np.sum(gap**2)) / mine.sum())
            means = (float(claimed[mine].mean()), float(true[mine].mean()))
            rows.append(CalibrationBin(BIN * i, BIN * (i + 1), *means, deviation, int(mine.sum())))
    return rows


def _share(tables: Sequence[Sequence[bool]]) -> str:
    count = sum(map(len, tables))
    return f"{sum(map(sum, tables)) / count:.3f} ({count:,})" if count else "-"


def _standard_error(tables: Sequence[Sequence[bool]]) -> float:
    """Of a share, when the cases of one table err together."""
    count = sum(map(len, tables))
    mean = sum(map(sum, tables)) / count
    return float(np.sqrt(sum((sum(found) - mean * len(found)) ** 2 for found in tables)) / count)


def _verdict(tables: Tables, names: Iterable[str]) -> str:
    shares = {name: sum(map(sum, tables[name])) / sum(map(len, tables[name])) for name in names}
    misses = [f"{name} {share:.3f}" for name, share in shares.items() if not WANTED[0] <= share <= WANTED[1]]
    wanted = f"{WANTED[0]:.2f}-{WANTED[1]:.2f}"
    return f"outside {wanted}: {', '.join(misses)}" if misses else f"all within {wanted}"


def _print_refused(tables: Tables) -> None:
    if "refused" in tables:
        print(f"{len(tables['refused'])} tables refused, for example: {tables['refused'][0][0]}")


def main() -> None:
    """Read the arguments, simulate, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--only", choices=("laws", "ensemble", "published"))
    given = parser.parse_args()
    size = (given.seed, given.tables // 2, given.processes)
    if given.only in (None, "laws"):
        cases, seconds = collect(law_cases, "single laws", *size)
        print(f"Single laws: coverage of 90 % intervals (cases), {_count(cases)} tables, {seconds:.0f} s")
        print_laws(cases)
    if given.only in (None, "ensemble"):
        cases, seconds = collect(ensemble_cases, "ensemble", *size)
        print(f"\nEnsemble: coverage of 90 % intervals (cases), {_count(cases)} tables, {seconds:.0f} s")
        print_ensemble(cases)
    if given.only in (None, "published"):
        print("\nPublished runs: share of held-out measurements inside 90 % intervals")
        published()


if __name__ == "__main__":
    main()
