"""Intervals on published runs: the longest runs of each set held out, and what the rest says of them."""

import warnings
from dataclasses import dataclass, replace

import numpy as np

from thresher import load_example
from thresher.errors import ThresherError
from thresher.fits import Fit, Verdict, fit_ensemble
from thresher.fits.predict import draw_errors, run_interval
from thresher.pools import Pool, union
from thresher.runs import Measurement, RunTable

HELD_OUT_SHARE = 0.25
"""Share of each pool's budgets, the largest ones, that is held out; at least one."""
FEWEST_BUDGETS = 3
FEW_EPOCHS = 2.5
"""Language models show hardly any loss from so few passes."""
ICON_CHANCE = 1 - 1 / 212


@dataclass(frozen=True)
class HeldOut:
    """One set of runs, cut in two."""

    name: str
    kept: RunTable
    left_out: RunTable
    chance: float


def published() -> None:
    """Print the share of held-out measurements inside the 90 % intervals, set by set."""
    print(
        f"{'runs':38} {'fitted':>6} {'held out':>8} {'inside':>6} {'off (rms)':>9} {'half width':>10} {'furthest':>9}"
    )
    cases = [*_last_budgets(), *_few_epochs()]
    for case in cases:
        _print_case(case)
    for case in cases:
        if case.name.endswith("epochs"):
            print(f"{case.name}: {_words(_fit(case))}")
    print(
        "No run of datablations in the package is longer than 4.1 epochs: what 4.5 epochs say of later ones is not tested."
    )


def _fit(case: HeldOut) -> Fit:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fit_ensemble(case.kept, chance=case.chance)


def _print_case(case: HeldOut) -> None:
    try:
        fit = _fit(case)
    except ThresherError as problem:
        print(f"{case.name:38} {len(case.kept):6} {len(case.left_out):8} refused: {problem}")
        return
    inside, off, width = [], [], []
    for row in case.left_out.rows:
        pool = _stand_in(fit, row)
        draws, weights = draw_errors(fit, [union([pool])], np.array([row.samples_seen]))
        low, high = run_interval(draws[:, 0, 0], weights, fit.run_sd)
        inside.append(low <= row.error <= high)
        off.append(weights @ draws[:, 0, 0] - row.error)
        width.append((high - low) / 2)
    print(
        f"{case.name:38} {len(case.kept):6} {len(inside):8} {np.mean(inside):6.2f} {np.sqrt(np.mean(np.square(off))):9.4f} "
        f"{np.mean(width):10.4f} {max(row.epochs for row in case.left_out.rows):6.3g} ep"
    )


def _stand_in(fit: Fit, row: Measurement) -> Pool:
    """The pool of a run, or one of its quality made as large."""
    for pool in fit.pools:
        if pool.name == row.pool:
            return pool
    alike = [pool for pool in fit.pools if pool.quality == row.quality]
    nearest = min(alike, key=lambda pool: abs(np.log(pool.unique_samples / row.unique_samples)))
    return replace(nearest, unique_samples=row.unique_samples)


def _words(fit: Fit) -> str:
    unknown = [
        finding.message
        for report in fit.reports
        for finding in report.findings
        if finding.verdict is Verdict.NOT_IDENTIFIABLE
    ]
    return f"{len(unknown)} of {len(fit.reports)} pools without a half-life. " + (
        unknown[0] if unknown else ""
    )


def _last_budgets() -> list[HeldOut]:
    tmars = load_example("datacomp_medium_tmars")
    ranked = RunTable(tuple(row for row in tmars.rows if row.rank is not None), tmars.name)
    clip = load_example("datacomp_medium_clip").from_epoch(1)
    icons = load_example("icon_lab").from_epoch(1)
    laion = load_example("laion_openclip")
    named = [
        ("datacomp_medium_tmars", ranked, 0.999),
        ("datacomp_medium_clip", clip, 0.999),
        ("icon_lab", icons, ICON_CHANCE),
        *[(f"laion_openclip {model}", laion.where(f"model={model}"), 0.999) for model in laion.models],
    ]
    return [_split(name, table, chance) for name, table, chance in named]


def _split(name: str, table: RunTable, chance: float) -> HeldOut:
    longest: dict[str, set[float]] = {}
    for pool in table.pools:
        budgets = sorted({row.samples_seen for row in table.rows if row.pool == pool})
        if len(budgets) >= FEWEST_BUDGETS:
            longest[pool] = set(budgets[-max(1, round(HELD_OUT_SHARE * len(budgets))) :])
    return _cut(name, table, lambda row: row.samples_seen in longest.get(row.pool, ()), chance)


def _few_epochs() -> list[HeldOut]:
    runs = load_example("datablations")
    cases = []
    for model in runs.models:
        table = runs.where(f"model={model}")
        if len({row.pool for row in table.rows if row.epochs > FEW_EPOCHS}) >= 2:
            name = f"datablations {model} to {FEW_EPOCHS:g} epochs"
            case = _cut(name, table, lambda row: row.epochs > FEW_EPOCHS, 1.0)
            cases.append(case)
    return cases


def _cut(name: str, table: RunTable, held, chance: float) -> HeldOut:
    kept: list[Measurement] = [row for row in table.rows if not held(row)]
    left: list[Measurement] = [row for row in table.rows if held(row)]
    return HeldOut(name, RunTable(tuple(kept), name), RunTable(tuple(left), name), chance)


if __name__ == "__main__":
    published()
