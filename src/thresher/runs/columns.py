"""Arithmetic over the columns of a table: `Step * 4096`, `1 - "eval/acc top1"`, `'imagenet1k_error'`.

A name stands for its column; one that is no plain word is written in double quotes. Numbers take suffixes (`1.28B`), text
stands in single quotes. The only way in is `column_values`.
"""

import math
import re
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from functools import cache
from operator import add, mul, sub, truediv
from typing import TYPE_CHECKING, Any

from thresher.errors import InputError
from thresher.runs.texts import Table, cell_value, has_comma, listed, number_of
from thresher.units import parse_number

if TYPE_CHECKING:
    from lark import Lark

LONGEST = 1000
"""Characters of an expression; a longer one is a mistake."""
EXAMPLES = "Step * 4096, 1 - top1, \"eval/acc top1\" / 100 or 'a text'"
GRAMMAR = r"""
?sum: product | sum "+" product -> plus | sum "-" product -> minus
?product: signed | product "*" signed -> times | product "/" signed -> over
?signed: atom | "-" signed -> negative
?atom: NUMBER -> number | TEXT -> text | QUOTED -> quoted | NAME -> name | "(" sum ")"
NUMBER: /(?:\d+(?:_\d+)*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[KMBGTkmbgt]?%?(?![\w.%])/
TEXT: /'[^']*'/
QUOTED: /"[^"]+"|`[^`]+`/
NAME: /[^\W\d][\w.]*/
%ignore /\s+/
"""
OPERATIONS: dict[str, Callable[[float, float], float]] = {
    "plus": add,
    "minus": sub,
    "times": mul,
    "over": truediv,
}


class _MissingNumberError(Exception):
    """A row that has no number for an expression, and why."""


def column_values(expression: str, table: Table) -> list[str | float | None]:
    """What an expression is in each row: the cell itself for a single column, text for a text, else a number.

    An empty cell, and a row in which there is no number, is None; `missing_because` says why.

    Args:
        expression: As the module says.
        table: The rows.

    Raises:
        InputError: The expression cannot be read, names a column that is not there, or a cell's commas may mean two things.
    """
    return [value for value, _ in evaluated(expression, table)]


def evaluated(expression: str, table: Table) -> list[tuple[str | float | None, str]]:
    """As `column_values`, each with the reason where it is None.

    Raises:
        InputError: As `column_values`.
    """
    tree = _parsed(expression)
    _refuse_ambiguous(expression, table)
    places = {name: _place(name, table, expression) for name in names_in(expression)}
    if tree.data == "text":
        return [(_inner(tree), "") for _ in table.rows]
    if tree.data in ("name", "quoted"):
        at = places[_column(tree)]
        return [(cells[at].strip() or None, f"{table.header[at]} is empty") for _, cells in table.rows]
    found: list[tuple[str | float | None, str]] = []
    for number, cells in table.rows:
        try:
            value = _number(tree, cells, places, table.place(number))
            found.append((value, "") if math.isfinite(value) else (None, "no finite number"))
        except _MissingNumberError as missing:
            found.append((None, str(missing)))
    return found


def names_in(expression: str) -> tuple[str, ...]:
    """The columns that an expression names.

    Raises:
        InputError: The expression cannot be read.
    """
    return tuple(
        dict.fromkeys(
            _column(tree) for tree in _parsed(expression).iter_subtrees() if tree.data in ("name", "quoted")
        )
    )


def lone_column(expression: str) -> str | None:
    """The column that an expression is, and nothing else; None for any other.

    Raises:
        InputError: The expression cannot be read.
    """
    tree = _parsed(expression)
    return _column(tree) if tree.data in ("name", "quoted") else None


def complement_of(expression: str) -> str | None:
    """The column that an expression takes from 1, as in `1 - top1`; None for any other.

    Raises:
        InputError: The expression cannot be read.
    """
    tree = _parsed(expression)
    if tree.data == "minus" and tree.children[1].data in ("name", "quoted"):
        return _column(tree.children[1])
    return None


def quoted(column: str) -> str:
    """A column as an expression writes it.

    >>> quoted("Step"), quoted("eval/loss")
    ('Step', '"eval/loss"')
    """
    plain = column.isidentifier() or (column.replace(".", "").isidentifier() and column[0] != ".")
    return column if plain else f'"{column}"' if '"' not in column else f"`{column}`"


@cache
def _grammar() -> "Lark":
    from lark import Lark

    return Lark(GRAMMAR, start="sum", parser="lalr", maybe_placeholders=False)


@cache
def _parsed(expression: str) -> Any:  # noqa: ANN401
    from lark.exceptions import LarkError

    if len(expression) > LONGEST:
        raise InputError(
            f"The expression {expression[:40]!r}.. has more than {LONGEST} characters. Write a shorter one."
        )
    try:
        return _grammar().parse(expression)
    except LarkError as error:
        at = getattr(error, "pos_in_stream", None)
        where = (
            f" at {expression[at : at + 20]!r}" if isinstance(at, int) and 0 <= at < len(expression) else ""
        )
        raise InputError(
            f"{expression!r} cannot be read{where}. Write for example {EXAMPLES}; names that are no plain words stand in double "
            "quotes."
        ) from error


def _inner(tree: Any) -> str:  # noqa: ANN401
    return str(tree.children[0])[1:-1]


def _column(tree: Any) -> str:  # noqa: ANN401
    return _inner(tree) if tree.data == "quoted" else str(tree.children[0])


def _refuse_ambiguous(expression: str, table: Table) -> None:
    """Refuse what is arithmetic of two columns by its signs and a third column by its letters, such as eval/loss.

    Raises:
        InputError: A column with a sign in its name stands there without quotes, and its parts are columns too.
    """
    bare = re.sub(r"'[^']*'|\"[^\"]*\"|`[^`]*`", " ", expression)
    for column in table.header:
        parts = re.split(r"[-+*/]", column)
        if len(parts) > 1 and column in bare and all(part in table.header for part in parts):
            raise InputError(
                f"{expression!r} may mean the column {quoted(column)} or arithmetic over {' and '.join(parts)}. Quote the "
                "column, or put spaces around the sign."
            )


def _place(name: str, table: Table, expression: str) -> int:
    if table.header.count(name) == 1:
        return table.header.index(name)
    if name in table.header:
        raise InputError(f"{table.path} has more than one column {name!r}. Rename or remove one.")
    whole = next((column for column in table.header if column == expression.strip()), None)
    close = whole or next(iter(get_close_matches(name, table.header, n=1)), None)
    hint = (
        f"Did you mean {quoted(close)}?"
        if close
        else f"It has {listed(table.header)}. A text stands in single quotes."
    )
    raise InputError(f"{table.path} has no column {name!r}. {hint}")


def _number(tree: Any, cells: Sequence[str], places: dict[str, int], place: str) -> float:  # noqa: ANN401
    if tree.data == "number":
        return parse_number(str(tree.children[0]), "a number")
    if tree.data == "text":
        raise InputError(
            f"{tree.children[0]} is a text, and nothing can be reckoned with it. Leave out its quotes for a column."
        )
    if tree.data in ("name", "quoted"):
        return _cell(cells[places[_column(tree)]], _column(tree), place)
    parts = [_number(child, cells, places, place) for child in tree.children]
    if tree.data == "negative":
        return -parts[0]
    try:
        return OPERATIONS[tree.data](*parts)
    except (ZeroDivisionError, OverflowError) as error:
        raise _MissingNumberError(str(error)) from error


def _cell(cell: str, column: str, place: str) -> float:
    found = cell_value(cell)
    if has_comma(found):
        raise InputError(
            f"{place}: {column} is {found!r}; a comma may separate decimals or thousands. Write it with a point, and without "
            "separators of thousands."
        )
    number = number_of(found)
    if number is None:
        raise _MissingNumberError(
            f"{column} is {cell.strip()!r:.40}, not a number" if cell.strip() else f"{column} is empty"
        )
    return number


def split_columns(text: str) -> list[str]:
    """The parts of `pool=Name,error=1-top1`, split at commas outside of quotes.

    >>> split_columns("pool='a,b', error=1-top1")
    ["pool='a,b'", 'error=1-top1']
    """
    parts, quote = [""], ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"`":
            quote = letter
        elif letter == ",":
            parts.append("")
            continue
        parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]
