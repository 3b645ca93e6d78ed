"""The `--where` grammar: comparisons joined by `and`, parsed and never evaluated.

model = ViT-B-32 and samples_seen >= 100M and pool != "top 10"
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from thresher.errors import InputError
from thresher.units import parse_number

OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    ">=": ge, "<=": le, "!=": ne, "==": eq, "=": eq, ">": gt, "<": lt,
}  # fmt: skip

EQUALITIES = ("=", "==", "!=")

_COMPARISON = re.compile(
    r"""\s*(?:"(?P<quoted_column>[^"]+)"|(?P<column>[^\s<>=!"']+))
        \s*(?P<operator>>=|<=|!=|==|=|>|<)
        \s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^\s<>=!"']+))""",
    re.VERBOSE,
)
_AND = re.compile(r"\s+and\s+", re.IGNORECASE)


@dataclass(frozen=True)
class Comparison:
    """One comparison of a column with a value; `number` is None when the value is quoted or not a number."""

    column: str
    operator: str
    text: str
    number: float | None

    def holds(self, value: object) -> bool:
        """Whether `value` passes; a missing value (None) never does.

        Text that writes a number is compared as one when the condition names a number; other text then has
        no order, so `note < 5` never holds for it.
        """
        if value is None:
            return False
        compare = OPERATORS[self.operator]
        if self.number is None:
            return compare(str(value), self.text)
        number = _as_number(value)
        if number is not None:
            return compare(number, self.number)
        return self.operator in EQUALITIES and compare(str(value), self.text)

    def __str__(self) -> str:
        return f"{self.column} {self.operator} {self.text}"


def parse_where(text: str) -> tuple[Comparison, ...]:
    """The comparisons that `text` joins by `and`.

    Raises:
        InputError: Some part is not a comparison.

    >>> [c.column for c in parse_where("model = ViT-B-32 and samples_seen >= 100M")]
    ['model', 'samples_seen']
    """
    comparisons = []
    position = 0
    while True:
        found = _COMPARISON.match(text, position)
        if not found:
            raise InputError(
                f"--where: cannot read {text[position:].strip() or 'an empty condition'!r}. "
                "Write comparisons joined by 'and', for example: model = ViT-B-32 and samples_seen >= 100M."
            )
        comparisons.append(_comparison(found))
        position = found.end()
        if not text[position:].strip():
            return tuple(comparisons)
        joined = _AND.match(text, position)
        if not joined and text[position:].split() == ["and"]:
            raise InputError("--where: ends in 'and'; write a comparison after it, or leave it out.")
        if not joined:
            raise InputError(
                f"--where: expected 'and' before {text[position:].strip()!r}; "
                "comparisons are joined by 'and'."
            )
        position = joined.end()


def comparisons_of(where: str | Sequence[Comparison] | None) -> tuple[Comparison, ...]:
    """`where` as comparisons: text is parsed, None is no condition.

    Raises:
        InputError: Some part of the text is not a comparison.

    >>> comparisons_of(None)
    ()
    """
    if where is None:
        return ()
    return parse_where(where) if isinstance(where, str) else tuple(where)


def _as_number(value: object) -> float | None:
    if isinstance(value, int | float):
        return float(value)
    try:
        return float(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _comparison(found: re.Match[str]) -> Comparison:
    quoted = found["double"] if found["double"] is not None else found["single"]
    text = quoted if quoted is not None else found["bare"]
    number = None
    if quoted is None:
        try:
            number = parse_number(text, "--where")
        except InputError:
            number = None
    return Comparison(found["quoted_column"] or found["column"], found["operator"], text, number)
