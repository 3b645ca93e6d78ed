"""A part of a condition: its type, and how an engine computes it."""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from thresher.arguments import argument
from thresher.errors import InputError
from thresher.where.columns import NUMBERS, Kind, stopped
from thresher.where.tree import Node

MOST_WORK = 20_000
"""Steps of one expression; a part that several steps need is computed once for each of them."""
COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


@dataclass(frozen=True)
class Value:
    """A part of a condition.

    Attributes:
        node: What the user wrote.
        kind: What it is.
        expression: The Narwhals expression that computes it; None for a literal.
        literal: The value of a literal; a number is a Fraction, or a float if it is infinite.
        bytes: Width of a float or a whole number.
        digits: Of a decimal number: how many in all, and how many after the point.
        zone: Whether a time states its time zone.
        may_be_nan: Whether it is a float that may be NaN and has not been made null yet.
        work: Steps that it takes.

    Raises:
        InputError: It takes too many.
    """

    node: Node
    kind: Kind
    expression: Any = None
    literal: Any = None
    bytes: int = 8
    digits: tuple[int, int] = (0, 0)
    zone: bool = False
    may_be_nan: bool = False
    work: int = 1

    def __post_init__(self) -> None:
        if self.work > MOST_WORK:
            raise wrong("this is too much to compute for every row; write it with fewer parts within parts")

    @property
    def is_literal(self) -> bool:
        """Whether it reads no column."""
        return self.expression is None

    @property
    def is_whole(self) -> bool:
        """Whether it is a whole number; of literals, one of 32 bits."""
        if not self.is_literal:
            return self.kind is Kind.WHOLE
        number = self.literal
        return isinstance(number, Fraction) and number.denominator == 1 and abs(number) < 2**31

    @property
    def plain(self) -> Any:  # noqa: ANN401 - a Narwhals expression or a literal
        """What an operator takes, in its own type."""
        import narwhals as nw

        if not self.is_literal:
            return self.expression
        return int(self.literal) if isinstance(self.literal, Fraction) else nw.lit(self.literal)

    @property
    def as_float(self) -> Any:  # noqa: ANN401 - a Narwhals expression or a float
        """The number as a float64."""
        import narwhals as nw

        if self.is_literal:
            return float(self.literal)
        if self.kind is Kind.WHOLE and self.bytes > 4:
            return self.expression / 1  # Arrow refuses to cast what is beyond 2^53, but divides it
        if self.kind is Kind.DECIMAL:
            return self.expression.cast(nw.String).cast(
                nw.Float64
            )  # the direct cast rounds differently per engine
        return self.expression if self.kind is Kind.NUMBER else self.expression.cast(nw.Float64)

    @property
    def clean(self) -> "Value":
        """The same with null in the place of NaN."""
        import narwhals as nw

        if not self.may_be_nan:
            return self
        made = nw.when(~self.expression.is_nan()).then(self.expression)
        return replace(self, expression=made, may_be_nan=False, work=2 * self.work + 1)

    def always(self, answer: bool) -> Any:  # noqa: ANN401 - a Narwhals expression
        """The answer wherever there is a value, null elsewhere."""
        import narwhals as nw

        return nw.when(~self.clean.expression.is_null()).then(nw.lit(answer))


def wrong(reason: str) -> InputError:
    """What is wrong with the condition, as one sentence to raise."""
    return InputError(f"{argument('where')}: {stopped(reason)}")


def truth(node: Node, expression: Any, work: int) -> Value:  # noqa: ANN401 - a Narwhals expression
    """A part that is true, false or null."""
    return Value(node, Kind.TRUTH, expression, work=work + 1)


def balanced(join: Callable[[Any, Any], Any], parts: Sequence[Any]) -> Any:  # noqa: ANN401 - Narwhals expressions
    """Expressions joined two by two, so that a long list is no deep expression."""
    found = list(parts)
    while len(found) > 1:
        pairs = [join(*found[at : at + 2]) for at in range(0, len(found) - 1, 2)]
        found = pairs + found[2 * len(pairs) :]
    return found[0]


def check_number(value: Value, node: Node) -> None:
    """Refuse to calculate with what is no number.

    Raises:
        InputError: `value`, a part of `node`, is none.
    """
    if value.kind not in (*NUMBERS, Kind.NOTHING):
        raise wrong(f"{node} cannot be computed: {value.node} is {value.kind}, not a number")
