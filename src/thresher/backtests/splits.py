"""Single-pool runs held out: what every predictor says of them when it has seen the rest."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from thresher.backtests.predictors import Law, Predictors, stand_in
from thresher.errors import FitError
from thresher.fits.ensemble import Progress
from thresher.fits.heldout import folds
from thresher.fits.observations import DEFAULT_NOISE_SD, observe
from thresher.pools import union
from thresher.runs import Measurement, RunTable
from thresher.shapes import Float
from thresher.units import format_count

FEWEST_BUDGETS = 2
"""Budgets that the rest of a pool, or of its quality, keeps when runs are too few for any other hold-out."""
WHAT = "held-out runs"


@dataclass(frozen=True)
class Split:
    """Runs to hold out together.

    Attributes:
        kind: `last epochs`, `one budget`, `one pool`, or `one run` where there are too few for these.
        label: Which, in words.
        left_out: The runs.
        kept: The runs that everything is fitted to.
    """

    kind: str
    label: str
    left_out: tuple[Measurement, ...]
    kept: tuple[Measurement, ...]


@dataclass(frozen=True)
class HeldOut:
    """Predictions of held-out runs.

    Attributes:
        splits: What was held out, in the order of the predictions.
        split: Index of the split of each prediction.
        rows: The run of each prediction.
        predicted: By each member, then by the others.
        notes: Splits that could not be scored, in words.
    """

    splits: tuple[Split, ...]
    split: tuple[int, ...]
    rows: tuple[Measurement, ...]
    predicted: Float[np.ndarray, "predictors predictions"]
    notes: tuple[str, ...] = ()


def hold_out(
    table: RunTable,
    laws: Sequence[Law],
    fit_rest: Callable[[RunTable], Predictors],
    progress: Progress | None = None,
) -> HeldOut:
    """Fit everything to what each split keeps, and predict what it leaves out.

    Args:
        table: Single-pool runs.
        laws: Members to predict with.
        fit_rest: Fits every predictor to a table.
        progress: Called after each split.
    """
    found: list[Split] = []
    rows: list[Measurement] = []
    at: list[int] = []
    parts: list[Float[np.ndarray, "predictors left_out"]] = []
    notes: list[str] = []
    ways = splits(table.rows)
    fitted: dict[tuple[Measurement, ...], Predictors] = {}  # the last budget may also be the last epochs
    for step, split in enumerate(ways):
        try:
            if split.kept not in fitted:
                fitted[split.kept] = fit_rest(replace(table, rows=split.kept))
            predictors = fitted[split.kept]
        except FitError as error:
            notes.append(f"Not held out: {split.label}; the rest cannot be fitted ({error})")
        else:
            scored = [(row, pool) for row in split.left_out if (pool := stand_in(predictors.ensemble, row))]
            if scored:
                budgets = np.array([row.samples_seen for row, _ in scored])
                parts.append(predictors.errors(laws, [union([pool]) for _, pool in scored], budgets))
                rows += [row for row, _ in scored]
                at += [len(found)] * len(scored)
                found.append(split)
        if progress:
            progress(WHAT, step + 1, len(ways))
    predicted = np.concatenate(parts, axis=1) if parts else np.empty((0, 0))
    return HeldOut(tuple(found), tuple(at), tuple(rows), predicted, tuple(notes))


def splits(rows: Sequence[Measurement]) -> tuple[Split, ...]:
    """Every way of holding out that these runs allow, the same as weigh an ensemble; else one run at a time."""
    observations = observe(rows, DEFAULT_NOISE_SD)
    found = []
    for fold in folds(observations):
        pairs = {
            (observations.pools[pool].name, n)
            for pool, n in zip(
                observations.pool[fold.left_out], observations.samples_seen[fold.left_out], strict=True
            )
        }
        left_out = tuple(row for row in rows if (row.pool, row.samples_seen) in pairs)
        found.append(_split(fold.kind, left_out, rows))
    return tuple(found) or _one_run(rows)


def _one_run(rows: Sequence[Measurement]) -> tuple[Split, ...]:
    """One budget of one pool at a time, where its pool or quality keeps enough others."""
    found = []
    for pool, n in sorted({(row.pool, row.samples_seen) for row in rows}):
        left_out = tuple(row for row in rows if (row.pool, row.samples_seen) == (pool, n))
        group = {_group(row) for row in left_out}
        budgets = {row.samples_seen for row in rows if row not in left_out and _group(row) in group}
        if len(budgets) >= FEWEST_BUDGETS:
            found.append(_split("one run", left_out, rows))
    return tuple(found)


def _split(kind: str, left_out: tuple[Measurement, ...], rows: Sequence[Measurement]) -> Split:
    pools = sorted({row.pool for row in left_out})
    budgets = sorted({row.samples_seen for row in left_out})
    at = format_count(budgets[0])
    labels = {
        "last epochs": f"{at} samples and beyond" if len(budgets) > 1 else f"{at} samples",
        "one budget": f"{at} samples",
        "one pool": pools[0],
    }
    label = labels.get(kind, f"{pools[0]} at {at} samples")
    out = set(map(id, left_out))
    return Split(kind, f"{kind}: {label}", left_out, tuple(row for row in rows if id(row) not in out))


def _group(row: Measurement) -> str:
    return f"quality {row.quality}" if row.quality is not None else row.pool
