"""What a condition says, part by part, before it is known which columns there are."""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import TypeAlias


class Quotes(StrEnum):
    """How a name or a text was written."""

    BARE = "bare"
    DOUBLE = '"'
    SINGLE = "'"
    BACKTICK = "`"


@dataclass(frozen=True)
class Number:
    """A number, exactly as written; an infinity is a float."""

    value: Fraction | float
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Word:
    """A name or a text; which of them, its quotes, its place and the table's columns decide."""

    value: str
    quotes: Quotes

    def __str__(self) -> str:
        mark = "" if self.quotes is Quotes.BARE else self.quotes.value
        return f"{mark}{self.value.replace(mark, 2 * mark) if mark else self.value}{mark}"


@dataclass(frozen=True)
class Truth:
    """True or false."""

    value: bool

    def __str__(self) -> str:
        return str(self.value).lower()


@dataclass(frozen=True)
class Null:
    """The word null outside of `is null`."""

    def __str__(self) -> str:
        return "null"


@dataclass(frozen=True)
class Signed:
    """A value below a minus sign."""

    inner: "Node"

    def __str__(self) -> str:
        return f"-{self.inner}"


@dataclass(frozen=True)
class Arithmetic:
    """Two values joined by + - * or /."""

    operator: str
    left: "Node"
    right: "Node"

    def __str__(self) -> str:
        return f"({self.left} {self.operator} {self.right})"


@dataclass(frozen=True)
class Call:
    """A function of values."""

    name: str
    arguments: tuple["Node", ...]

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.arguments))})"


@dataclass(frozen=True)
class Comparison:
    """Two values compared."""

    operator: str
    left: "Node"
    right: "Node"

    def __str__(self) -> str:
        return f"{self.left} {self.operator} {self.right}"


@dataclass(frozen=True)
class Within:
    """Whether a value is one of several."""

    value: "Node"
    items: tuple["Node", ...]

    def __str__(self) -> str:
        return f"{self.value} in ({', '.join(map(str, self.items))})"


@dataclass(frozen=True)
class Missing:
    """Whether a value is null."""

    value: "Node"

    def __str__(self) -> str:
        return f"{self.value} is null"


@dataclass(frozen=True)
class Inverse:
    """A condition that must not hold."""

    inner: "Node"

    def __str__(self) -> str:
        return f"not ({self.inner})"


@dataclass(frozen=True)
class Both:
    """Conditions that must all hold."""

    parts: tuple["Node", ...]

    def __str__(self) -> str:
        return " and ".join(f"({part})" if isinstance(part, Either) else str(part) for part in self.parts)


@dataclass(frozen=True)
class Either:
    """Conditions of which one must hold."""

    parts: tuple["Node", ...]

    def __str__(self) -> str:
        return " or ".join(map(str, self.parts))


Node: TypeAlias = (
    Number
    | Word
    | Truth
    | Null
    | Signed
    | Arithmetic
    | Call
    | Comparison
    | Within
    | Missing
    | Inverse
    | Both
    | Either
)


def children(node: Node) -> tuple[Node, ...]:
    """The parts of a node, from left to right."""
    match node:
        case Arithmetic(left=left, right=right) | Comparison(left=left, right=right):
            return (left, right)
        case Call(arguments=parts) | Both(parts=parts) | Either(parts=parts):
            return parts
        case Within(value=value, items=items):
            return (value, *items)
        case Signed(inner=inner) | Inverse(inner=inner):
            return (inner,)
        case Missing(value=value):
            return (value,)
        case _:
            return ()
