"""A condition as one Narwhals expression, its types checked on the way.

Numbers: a literal takes the type of what it is compared with. A float column is compared with the nearest number that it can
hold; whole and decimal columns are compared exactly. Calculations are in float64. NaN is null everywhere.
"""

import operator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NoReturn

from thresher.where.calculations import arithmetic, called
from thresher.where.columns import NUMBERS, Columns, Kind
from thresher.where.comparisons import moment, numbers_compared
from thresher.where.tree import (
    Arithmetic,
    Both,
    Call,
    Comparison,
    Either,
    Inverse,
    Missing,
    Node,
    Null,
    Number,
    Quotes,
    Signed,
    Truth,
    Within,
    Word,
)  # fmt: skip
from thresher.where.values import COMPARE, Value, balanced, truth, wrong

TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def condition_of(tree: Node, columns: Columns) -> tuple[Any, list[str]]:
    """The expression of a condition on a table with these columns, and the columns that it reads.

    Raises:
        InputError: A column that is not there, values that cannot be compared, or too much to compute.
    """
    compiler = _Compiler(columns)
    return compiler.condition(tree).expression, list(compiler.read)


@dataclass
class _Compiler:
    """Turns nodes into values, and notes which columns they read."""

    columns: Columns
    read: dict[str, None] = field(default_factory=dict)

    def condition(self, node: Node) -> Value:
        """A part that is true, false or null."""
        match node:
            case Both(parts=parts):
                return self.joined(node, operator.and_, [self.condition(part) for part in parts])
            case Either(parts=parts):
                return self.joined(node, operator.or_, [self.condition(part) for part in parts])
            case Inverse(inner=inner):
                found = self.condition(inner)
                return truth(node, ~found.expression, found.work)
            case Comparison():
                return self.compared(node, self.value(node.left))
            case Within(value=value, items=items):
                found = self.value(value)
                tests = [self.compared(Comparison("=", value, item), found) for item in items]
                return self.joined(node, operator.or_, tests)
            case Missing(value=value):
                found = self.value(value, any_type=True).clean
                if found.is_literal:
                    raise wrong(f"{node} asks for no column")
                return truth(node, found.expression.is_null(), found.work)
        found = self.value(node)
        if found.is_literal or found.kind not in (Kind.TRUTH, Kind.NOTHING):
            raise wrong(
                f"{node} is {found.kind}, not a condition; compare it with something, for example width >= 200"
            )
        return found if found.kind is Kind.TRUTH else truth(node, found.always(True), found.work)

    def joined(self, node: Node, join: Any, parts: list[Value]) -> Value:  # noqa: ANN401 - an operator
        """Conditions of which all, or one, must hold."""
        return truth(
            node, balanced(join, [one.expression for one in parts]), sum(one.work + 1 for one in parts)
        )

    def value(self, node: Node, *, alone: bool = False, any_type: bool = False) -> Value:
        """A part that is compared or calculated with.

        Args:
            node: The part.
            alone: Whether it stands alone beside a column, so that a word that is no column is a text.
            any_type: Whether the type of a column is of no matter.
        """
        match node:
            case Number(value=number):
                return Value(node, Kind.NUMBER, literal=number)
            case Truth(value=answer):
                return Value(node, Kind.TRUTH, literal=answer)
            case Word():
                return self.word(node, alone, any_type)
            case Signed(inner=inner):
                nothing = Value(Number(Fraction(0), "0"), Kind.NUMBER, literal=Fraction(0))
                return arithmetic(node, "-", nothing, self.value(inner))
            case Arithmetic(operator=compute, left=left, right=right):
                self.check_words(node)
                return arithmetic(node, compute, self.value(left), self.value(right))
            case Call(arguments=parts):
                return called(node, [self.value(one) for one in parts])
            case Null():
                raise wrong(
                    "nothing equals null; write for example language is null, or language is not null"
                )
        raise wrong(f"{node} is a condition, and stands where a value should")

    def word(self, node: Word, alone: bool, any_type: bool) -> Value:
        """A column or a text."""
        import narwhals as nw

        unknown = node.quotes is Quotes.BARE and node.value not in self.columns
        if node.quotes is Quotes.SINGLE or (alone and (unknown or node.quotes is Quotes.DOUBLE)):
            return Value(node, Kind.TEXT, literal=node.value)
        found = self.columns.of(node.value)
        if found.kind is Kind.OTHER and not any_type:
            raise wrong(
                f"{node} is {found.native}, which cannot be compared; a condition can only ask whether {node} is null"
            )
        self.read[node.value] = None
        casts: dict[Kind, Any] = {
            Kind.WHOLE: nw.Int64, Kind.NUMBER: nw.Float64, Kind.TEXT: nw.String, Kind.TRUTH: nw.Boolean, Kind.DATE: nw.Date,
        }  # fmt: skip
        column = nw.col(node.value)
        return Value(
            node, found.kind, column.cast(casts[found.kind]) if found.kind in casts else column,
            bytes=found.bytes, digits=found.digits, zone=found.zone, may_be_nan=found.kind is Kind.NUMBER,
        )  # fmt: skip

    def check_words(self, node: Arithmetic) -> None:
        """Refuse words that are no columns, with the quotes that they may need: `pool = b0+b1`."""
        for side in (node.left, node.right):
            if isinstance(side, Word) and side.quotes is Quotes.BARE and side.value not in self.columns:
                text = f"{node.left}{node.operator}{node.right}".replace("(", "").replace(")", "")
                near = self.columns.near(side.value).rstrip("?")
                raise wrong(
                    f"{self.columns.place} has no column {side.value!r}; {near}, or is this a text? A text with + - * or / in it "
                    f'takes quotes: "{text}"'
                )

    def compared(self, node: Comparison, left: Value) -> Value:
        """Whether the left value, which is known, compares with the right one; null where one of them is missing."""
        compare, right = node.operator, self.value(node.right, alone=not left.is_literal)
        if left.is_literal:
            left, right, compare = right, left, TURNED.get(compare, compare)
        if left.is_literal:
            raise wrong(f"{node} compares no column")
        if Kind.NOTHING in (left.kind, right.kind):
            nothing = left if left.kind is Kind.NOTHING else right
            return truth(node, nothing.always(True), left.work + right.work)
        if left.kind in NUMBERS and right.kind in NUMBERS:
            return numbers_compared(node, compare, left, right)
        if left.kind in (Kind.DATE, Kind.TIME) and right.kind is Kind.TEXT and right.is_literal:
            right = moment(right, left)
        if (left.kind, left.zone) != (right.kind, right.zone):
            self.refuse_types(compare, left, right)
        if left.kind is Kind.TRUTH and compare not in ("=", "!="):
            raise wrong(
                f"{left.node} is true or false, which has no order; write for example {left.node} = true"
            )
        return truth(node, COMPARE[compare](left.expression, right.plain), left.work + right.work)

    def refuse_types(self, compare: str, left: Value, right: Value) -> NoReturn:
        """Say which two types do not compare, and what to write instead."""
        word = right.node if right.is_literal and isinstance(right.node, Word) else None
        remedy = "compare it with another column"
        if left.kind is Kind.TEXT and isinstance(right.node, Number | Truth):
            remedy = f'to compare texts, write {left.node} {compare} "{right.node}"'
            if compare not in ("=", "!="):
                remedy = f"texts have no order of numbers, so write {left.node} into the table as a number"
        elif word and word.quotes is Quotes.DOUBLE and word.value in self.columns:
            remedy = f"for the column of that name write `{word.value}`"
        elif left.kind is Kind.TRUTH:
            remedy = f"write {left.node} = true or {left.node} = false"
        elif word and word.quotes is Quotes.BARE:
            remedy = f"there is no column {word.value!r}; {self.columns.near(word.value)}"
        elif word and left.kind in NUMBERS:
            remedy = f"write the number without quotes: {left.node} {compare} {word.value}"
        kind = right.kind if right.kind is not left.kind else f"{right.kind} with another time zone"
        raise wrong(
            f"{left.node} is {left.kind} and {right.node} is {kind}, which cannot be compared; {remedy}"
        )
