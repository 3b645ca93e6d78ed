"""Run tables as columns of types, for conditions."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from thresher.arguments import argument
from thresher.runs.measurement import COLUMNS, Measurement
from thresher.runs.run_table import RunTable
from thresher.where import Bound, Where, of_arrow, parse_where

NUMBERS = ("unique_samples", "samples_seen", "error", "standard_error")
WHOLE = ("rank",)
_WHOLE = re.compile(r"[+-]?\d{1,18}")
_TRUTHS = {"true": True, "false": False}


def passing(table: RunTable, where: Where) -> tuple[Measurement, ...]:
    """The rows of a table that pass a condition.

    Raises:
        InputError: A column that no row fills, or values that cannot be compared.
    """
    import pyarrow as pa

    filled = table.columns
    empty = sorted(where.names & set(COLUMNS) - set(filled))
    wanted = [name for name in filled if name in where.names]
    held = pa.table({name: _column(name, table.rows) for name in wanted})
    columns = of_arrow(held.schema, wanted, table.name, filled)
    no_row = {
        name: f"{table.name}: {argument('where')} names {name}, but no row gives a {name}" for name in empty
    }
    bound = Bound.to(where, replace(columns, refused=no_row))
    return tuple(row for row, passes in zip(table.rows, bound.mask(held).to_pylist(), strict=True) if passes)


def where_shared(table: RunTable, where: str | None, first: RunTable) -> RunTable:
    """The rows of a second table that pass those parts of a condition whose columns it has.

    A joint run has no rank of its own, for example: only what its table states is compared.

    Args:
        table: The table.
        where: Parts joined by `and`; None lets every row pass.
        first: The table that the condition was written for.

    Raises:
        InputError: As `RunTable.where`.
    """
    if where is None:
        return table
    known = set(first.columns)
    for part in parse_where(where).parts:
        if part.names & known <= set(table.columns):
            table = table.where(part)
    return table


def _column(name: str, rows: Sequence[Measurement]) -> Any:  # noqa: ANN401 - an Arrow array
    import pyarrow as pa

    values = [row.value(name) for row in rows]
    if name in NUMBERS:
        return pa.array(values, pa.float64())
    if name in WHOLE:
        return pa.array(values, pa.int64())
    texts = [None if value is None or not str(value).strip() else str(value).strip() for value in values]
    if name in COLUMNS and name != "seed":
        return pa.array(texts, pa.string())
    return _typed(texts)


def _typed(texts: Sequence[str | None]) -> Any:  # noqa: ANN401 - an Arrow array
    """Texts as whole numbers, numbers or true and false, if all of them are; else as they are."""
    import pyarrow as pa

    given = [text for text in texts if text is not None]
    if not given:
        return pa.nulls(len(texts))
    if all(_WHOLE.fullmatch(text) for text in given):
        return pa.array([None if text is None else int(text) for text in texts], pa.int64())
    if all(text.lower() in _TRUTHS for text in given):
        return pa.array([None if text is None else _TRUTHS[text.lower()] for text in texts], pa.bool_())
    try:
        return pa.array([None if text is None else float(text) for text in texts], pa.float64())
    except ValueError:
        return pa.array(texts, pa.string())
