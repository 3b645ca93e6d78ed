"""The rows of a run table that one fit uses: one metric, one model."""

from collections.abc import Sequence
from dataclasses import replace

from thresher.arguments import argument
from thresher.errors import InputError
from thresher.names import listed
from thresher.runs.reading import checked
from thresher.runs.run_table import RunTable
from thresher.units import format_number
from thresher.where import Where, as_text


def select_runs(
    table: RunTable,
    metric: str | None = None,
    where: str | Where | None = None,
    from_epoch: float | None = None,
    ignore_joint: bool = False,
) -> RunTable:
    """The rows of one metric and one model that pass `where`, from an epoch on.

    Args:
        table: Measured runs.
        metric: The metric to keep; may be None when there is only one.
        where: A condition that a row must pass.
        from_epoch: Fewest passes over its pool that a checkpoint of a single pool must have seen; None keeps all.
        ignore_joint: Leave out runs on several pools.

    Raises:
        InputError: Several metrics or models are left, or no row is.
    """
    chosen = checked(table)
    if where is not None:
        chosen = chosen.where(where)
    if metric is not None:
        chosen = chosen.of_metric(metric)
    if ignore_joint:
        chosen = replace(chosen.singles, dropped_rows=table.dropped_rows)
        _refuse_none_left(chosen, f"{argument('ignore_joint')} leaves none: every row is a joint run")
    _refuse_several("metrics", chosen.metrics, "metric", chosen.metrics[0], table)
    first = as_text(chosen.models[0]) if chosen.models else ""
    _refuse_several("models", chosen.models, "where", f"model = {first}", table)
    if from_epoch is not None:
        chosen = chosen.from_epoch(from_epoch)
        _refuse_none_left(
            chosen,
            f"{argument('from_epoch')} {format_number(from_epoch, 6)} leaves none: give a smaller number",
        )
    return chosen


def _refuse_several(what: str, found: Sequence[str], name: str, value: str, table: RunTable) -> None:
    if len(found) > 1:
        raise InputError(
            f"{table.name} has {len(found)} {what}: {listed(found)}. Choose one with {argument(name)}, for example "
            f"{argument(name, value)}."
        )


def _refuse_none_left(chosen: RunTable, why: str) -> None:
    if not chosen.rows:
        raise InputError(f"{chosen.name} has no rows to use; {why}.")
