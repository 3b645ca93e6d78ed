"""Score laws and baselines on runs that none of them has seen."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from thresher.arguments import argument
from thresher.backtests.laws import (
    DEFAULT,
    LawChoice,
    Predicted,
    copied,
    joined,
    laws_with,
    nothing_of,
    predict,
)
from thresher.backtests.measured import Contest, Measured, candidates_of, contests, index_of, measured_in
from thresher.backtests.rules import rule_choices
from thresher.backtests.scores import Asked, Backtest, Entry, Score, choices, score
from thresher.backtests.splits import splits_of
from thresher.errors import FitError, InputError
from thresher.fits.fit import Fit
from thresher.fits.priors import IMAGENET_CHANCE, FixedParts
from thresher.plans.simple_rules import COPY_NEAREST
from thresher.pools import union
from thresher.runs import Measurement, RunTable, select_runs
from thresher.units import check_samples, format_count

FROM_EPOCH = 1.0
"""Checkpoints of single pools before one epoch are not fitted, as in `fit`: no law describes them."""
ONE_JOINT_RUN = f"{DEFAULT.name}, one joint run"
JOINT_POOLS = 3
"""Best pools that the one joint run trains on."""
JOINT_EPOCHS = 5.0
"""Passes over the best pool at about which it is taken."""
LATER_EPOCHS = 10.2
"""It is judged beyond ten passes over the best pool; 2 % more, so that a budget of about ten is not beyond."""

Progress = Callable[[str, int, int], None]
"""Told what is done, steps done, and steps in all."""
Fitting = Callable[[LawChoice, RunTable], Fit]


def backtest(
    runs: RunTable,
    joint: RunTable | None = None,
    *,
    law: str = "default",
    kernel: str | None = None,
    power: float | None = None,
    kappa: float | None = None,
    floor: float | None = None,
    onset: float | None = None,
    metric: str | None = None,
    from_epoch: float = FROM_EPOCH,
    chance: float = IMAGENET_CHANCE,
    pool_size: float | None = None,
    seed: int = 0,
    unit: str | None = None,
    progress: Progress | None = None,
) -> Backtest:
    """The default, the paper's law, one more law if it is named, and the baselines, scored on the same unseen runs.

    Single-pool runs are held out (the last epochs, one budget, one pool), the laws are fitted to the rest, and the held-out runs
    are predicted. Joint runs are predicted from all single-pool runs, and at every budget with two or more measured candidates
    each law chooses the one of least mean error over its draws. One more line shows what a single joint run would change. Where
    single-pool runs can predict no joint run of the table, laws are fitted to all its rows, and some of these are held out.

    Args:
        runs: Runs of one model. Joint runs in it are scored.
        joint: More joint runs, and single pools measured beside them; none of it is fitted.
        law: `default` or `paper`. With the next five, one more law to score.
        kernel: How repeats count, to fix it; see `thresher.laws.KERNELS`.
        power: r, how pools mix, to fix it.
        kappa: How half-lives grow with unique samples, to fix it.
        floor: Irreducible error, in the unit of the metric, to fix it.
        onset: n0, in samples, to fix it; of fractions only.
        metric: The metric to score, where there are several.
        from_epoch: Passes that a checkpoint of a single pool has at least.
        chance: Error of guessing, for fractions.
        pool_size: Rows of the metadata table; the baseline `keep 30 %` needs it.
        seed: Seed of the draws and of the bootstrap.
        unit: `fraction` or `loss` where the metric's name does not say.
        progress: Called after each split.

    Raises:
        FitError: Too few runs to fit anything.
        InputError: Several metrics or models, a law that these runs do not allow, or joint runs of another model or metric.
    """
    if pool_size is not None:
        check_samples(pool_size, argument("pool_size"))
    laws = laws_with(law, FixedParts(kernel=kernel, power=power, kappa=kappa, floor=floor, onset=onset))
    table, notes = _measured_rows(select_runs(runs, metric=metric, from_epoch=from_epoch))
    beside, others = _rows_beside(table, joint)
    fitted, unseen, divided = _divide(table, beside)

    def fit(choice: LawChoice, rows: RunTable) -> Fit:
        return choice.fit(rows, chance=chance, seed=seed, unit=unit)

    default = fit(DEFAULT, fitted)
    found, left_out = contests(default, unseen)
    together, failures = _ask("joint runs", laws, fitted, default, candidates_of(found), fit)
    informed, what = _with_one_joint_run(default, fitted, found, fit)
    splits, more_failures = _hold_out(fitted, laws, fit, progress)
    held = [one for split in splits for one in split.measured]

    def entry(name: str) -> Entry:
        said = together.said[name]
        return Entry(name, joined([split.said[name] for split in splits]), said, choices(said, found))

    entries = [entry(choice.name) for choice in laws]
    if informed is not None:
        entries.append(Entry(ONE_JOINT_RUN, nothing_of(held), informed, choices(informed, found)))
    rules = [entry(COPY_NEAREST)] + [
        Entry(name, nothing_of(held), nothing_of(together.measured), taken)
        for name, taken in rule_choices(found, default, pool_size).items()
    ]

    def scored(some: Sequence[Entry]) -> tuple[Score, ...]:
        return tuple(score(one, entries[0], held, found, default.noise_sd, seed) for one in some)

    return Backtest(
        metric=default.metric,
        unit=default.unit,
        noise_sd=default.noise_sd,
        laws=scored(entries),
        baselines=scored(rules),
        splits=splits,
        contests=found,
        joint=replace(together, said={entry.name: entry.joint for entry in entries}),
        notes=(
            *notes,
            *others,
            *divided,
            *left_out,
            *what,
            *failures,
            *more_failures,
            *_incomplete(entries[: len(laws)]),
        ),
        warnings=_what_is_missing(bool(splits), found, bool(unseen)),
    )


def _measured_rows(table: RunTable) -> tuple[RunTable, list[str]]:
    """A table without the rows that its column `inferred` says were not measured; and what was left out, in words."""
    rows = tuple(row for row in table.rows if row.other.get("inferred", "").strip().lower() != "yes")
    counts = {
        "marked as inferred": len(table.rows) - len(rows),
        "of checkpoints before the first epoch": table.dropped_rows,
    }
    return replace(table, rows=rows), [
        f"Left out of {table.name}: {_rows(count)} {why}." for why, count in counts.items() if count
    ]


def _rows_beside(table: RunTable, joint: RunTable | None) -> tuple[tuple[Measurement, ...], list[str]]:
    """Measured rows of the second table for the same model and metric; and what was left out, in words.

    Raises:
        InputError: It has none.
    """
    if joint is None:
        return (), []
    other = joint.of_metric(table.metrics[0])
    rows = tuple(row for row in other.rows if row.model in (None, *table.models) or not table.models)
    if not rows:
        raise InputError(
            f"{joint.name} has runs of {', '.join(other.models)}, but {table.name} of {', '.join(table.models)}; joint runs "
            "are compared with pools of the same model."
        )
    measured, notes = _measured_rows(replace(other, rows=rows))
    foreign = len(other.rows) - len(rows)
    return measured.rows, [
        *notes,
        *[f"Left out of {joint.name}: {_rows(foreign)} of other models."] * bool(foreign),
    ]


def _divide(
    table: RunTable, beside: tuple[Measurement, ...]
) -> tuple[RunTable, tuple[Measurement, ...], list[str]]:
    """The rows that laws are fitted to, those that they never see, and how the table was divided, in words."""
    alone = set(table.pools)
    joints = table.joints.rows
    if joints and not any(alone.issuperset(row.pools) for row in joints):
        words = f"No joint run is of pools that were trained alone, so laws are fitted to all {_rows(len(table))}."
        return table, beside, [words]
    words = f"Laws are fitted to the {_rows(len(table.singles))} of single pools. Joint runs are scored, never fitted."
    return table.singles, (*joints, *beside), [words] if joints or beside else []


def _ask(
    label: str,
    laws: Sequence[LawChoice],
    rows: RunTable,
    default: Fit,
    measured: tuple[Measured, ...],
    fit: Fitting,
) -> tuple[Asked, list[str]]:
    """What every law, fitted to some rows, says of other runs; and which laws cannot be fitted, in words."""
    said = {DEFAULT.name: predict(default, measured)}
    notes = []
    for law in laws[1:]:
        try:
            said[law.name] = predict(fit(law, rows), measured)
        except FitError as error:
            said[law.name] = nothing_of(measured)
            notes.append(f"For {label}, the law '{law.name}' cannot be fitted: {error}")
    return Asked(label, measured, {**said, COPY_NEAREST: copied(rows.rows, measured)}), notes


def _hold_out(
    table: RunTable, laws: Sequence[LawChoice], fit: Fitting, progress: Progress | None
) -> tuple[tuple[Asked, ...], list[str]]:
    """What every law says of held-out runs, split by split; and what could not be fitted, in words."""
    found, notes = [], []
    ways = splits_of(table.rows)
    for step, split in enumerate(ways, start=1):
        rest = replace(table, rows=split.kept)
        try:
            default = fit(DEFAULT, rest)
        except FitError as error:
            notes.append(f"Not held out: {split.label}. Without these rows: {error}")
        else:
            asked, words = _ask(split.label, laws, rest, default, measured_in(default, split.left_out), fit)
            found.append(asked)
            notes += words
        if progress:
            progress("held-out runs", step, len(ways))
    # where nothing could be held out, one warning says so; a list of refits that failed would say it again and again
    return tuple(found), notes if found else []


def _with_one_joint_run(
    default: Fit, fitted: RunTable, found: Sequence[Contest], fit: Fitting
) -> tuple[Predicted | None, list[str]]:
    """What the default says of later budgets once it has also seen one joint run of the best pools; and which run, in words.

    None where there is no such run, or no later budget.
    """
    best = tuple(pool for pool in default.ranked if np.isfinite(pool.unique_samples))[:JOINT_POOLS]
    places = (
        [(contest, index_of(contest, union(best))) for contest in found] if len(best) == JOINT_POOLS else []
    )
    runs = [contest.candidates[at] for contest, at in places if at is not None]
    if not runs:
        return None, []
    size = best[0].unique_samples
    run = min(runs, key=lambda one: abs(one.samples_seen - JOINT_EPOCHS * size))
    later = np.array([one.samples_seen > LATER_EPOCHS * size for one in candidates_of(found)])
    if run.samples_seen > LATER_EPOCHS * size or not later.any():
        return None, []
    row = replace(
        fitted.rows[0],
        pool="+".join(run.mixture.names), unique_samples=run.mixture.unique_samples, samples_seen=run.samples_seen,
        error=run.error, run=ONE_JOINT_RUN, seed=None, rank=None, quality=None, standard_error=None, subset_of=None,
    )  # fmt: skip
    said = predict(fit(DEFAULT, replace(fitted, rows=(*fitted.rows, row))), candidates_of(found))
    words = (
        f"The law '{ONE_JOINT_RUN}' is also fitted to {run.label} at {format_count(run.samples_seen)} samples. It is scored, and "
        f"compared with the default, beyond {LATER_EPOCHS:.0f} passes over {best[0].name} only."
    )
    return said.where(later), [words]


def _incomplete(entries: Sequence[Entry]) -> list[str]:
    """Laws that predict only some of the held-out runs, in words."""
    counts = {one.name: (int(np.isfinite(one.held.error).sum()), len(one.held.error)) for one in entries}
    return [
        f"The law '{name}' predicts {some} of {every} held-out runs, and is scored on these alone."
        for name, (some, every) in counts.items()
        if 0 < some < every
    ]


def _what_is_missing(any_split: bool, found: Sequence[Contest], any_unseen: bool) -> tuple[str, ...]:
    warnings = []
    if not any_split:
        warnings.append(
            "Too few runs to hold any out and fit the rest, so no held-out error is known. Add runs: at least 4 in all, and at 3 "
            "or more budgets per pool."
        )
    if any_unseen and not any(len(contest.candidates) > 1 for contest in found):
        warnings.append("No budget has two measured candidates, so no choice can be scored.")
    return tuple(warnings)


def _rows(count: int) -> str:
    return f"{count} row" if count == 1 else f"{count} rows"
