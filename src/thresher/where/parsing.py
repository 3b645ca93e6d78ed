"""The text of a condition as a tree; the grammar is in grammar.lark."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

from thresher.arguments import argument
from thresher.errors import InputError
from thresher.units import SUFFIXES
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
    children,
)

MOST_LETTERS = 10_000
"""A condition is written by a person; longer ones are lists of ids, which have a file of their own."""
MOST_DEPTH = 60
"""Parts within parts; far from Python's limit and from that of any engine's planner."""
MOST_EXPONENT = 308
"""Of a number; no float64 is larger."""
SHOWN = 40
GRAMMAR = (
    "Write for example width >= 200 and language = en. There are = != < <= > >=, in (..), is null, and, or, not, ( ), "
    "+ - * /, length(text), words(text), least(..) and greatest(..); text with spaces takes quotes"
)
_SIMPLE = re.compile(r"[^\W\d][\w.:@#$]*(?:-[\w.:@#$]+)*")
_KEYWORDS = {"and", "or", "not", "in", "is", "null", "true", "false", "inf"}
_NUMBER = re.compile(r"(.*?)([kmbgt]?)(%?)", re.IGNORECASE)


@dataclass(frozen=True)
class Where:
    """A condition that was read, and not yet compared with any table.

    Attributes:
        text: As the user wrote it.
        tree: What it says.
    """

    text: str
    tree: Node

    def __str__(self) -> str:
        return self.text

    @cached_property
    def names(self) -> frozenset[str]:
        """Everything that may be the name of a column."""
        found, left = set(), [self.tree]
        while left:
            node = left.pop()
            left += children(node)
            if isinstance(node, Word) and node.quotes is not Quotes.SINGLE:
                found.add(node.value)
        return frozenset(found)

    @property
    def parts(self) -> tuple["Where", ...]:
        """The conditions that `and` joins at the top."""
        tops = self.tree.parts if isinstance(self.tree, Both) else (self.tree,)
        return tuple(Where(str(part), part) for part in tops)


def parse_where(text: str) -> Where:
    """The condition that `text` writes.

    Raises:
        InputError: It is not in the grammar; the message shows where it stops.

    >>> sorted(parse_where("model = ViT-B-32 and samples_seen >= 100M").names)
    ['ViT-B-32', 'model', 'samples_seen']
    """
    from lark.exceptions import UnexpectedInput, UnexpectedToken

    what = argument("where")
    if len(text) > MOST_LETTERS:
        raise InputError(
            f"{what} has {len(text):,} characters; a condition has at most {MOST_LETTERS:,}. Shorten it, for example with a "
            "column that says the same."
        )
    if not text.strip():
        raise InputError(f"{what}: cannot read an empty condition. {GRAMMAR}.")
    try:
        return Where(text, _parse(text))
    except UnexpectedToken as error:
        place = len(text) if error.token.type == "$END" else int(error.token.start_pos or 0)
    except UnexpectedInput as error:
        place = int(error.pos_in_stream or 0)
    rest = text[place:].strip()
    if rest:
        raise InputError(f"{what}: cannot read {_shown(text)} from {_shown(rest)} on. {GRAMMAR}.")
    raise InputError(f"{what}: cannot read {_shown(text)}: it ends too early. {GRAMMAR}.")


def as_column(name: str) -> str:
    """A column's name as a condition takes it on the left of a comparison.

    >>> as_column("width"), as_column("top 1"), as_column("not")
    ('width', '`top 1`', '`not`')
    """
    return name if _is_simple(name) else f"`{name.replace('`', '``')}`"


def as_text(value: str) -> str:
    """A text as a condition takes it on the right of a comparison.

    >>> as_text("ViT-B-32"), as_text("ViT B"), as_text("7B")
    ('ViT-B-32', '"ViT B"', '"7B"')
    """
    return value if _is_simple(value) else '"' + value.replace('"', '""') + '"'


def _is_simple(text: str) -> bool:
    return bool(_SIMPLE.fullmatch(text)) and text.lower() not in _KEYWORDS


def _shown(text: str) -> str:
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "..")


@cache
def _parser() -> Any:  # noqa: ANN401 - lark's parser of any tree
    from lark import Lark

    grammar = (files("thresher.where") / "grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", lexer="basic", maybe_placeholders=False)


def _parse(text: str) -> Node:
    """The tree, built from lark's without recursion, so that no depth of parentheses overflows."""
    from lark import Tree

    made: list[tuple[Node, int]] = []
    waiting: list[tuple[Any, bool]] = [(_parser().parse(text), False)]
    while waiting:
        branch, ready = waiting.pop()
        if not isinstance(branch, Tree):
            continue
        inner = [child for child in branch.children if isinstance(child, Tree)]
        if not ready:
            waiting.append((branch, True))
            waiting += [(child, False) for child in reversed(inner)]
            continue
        below = made[len(made) - len(inner) :]
        del made[len(made) - len(inner) :]
        depth = 1 + max((depth for _, depth in below), default=0)
        if depth > MOST_DEPTH:
            raise InputError(
                f"{argument('where')} is nested more than {MOST_DEPTH} deep; write it with fewer parts within parts."
            )
        tokens = [str(child) for child in branch.children if not isinstance(child, Tree)]
        made.append((_BUILD[branch.data](tokens, [node for node, _ in below]), depth))
    return made[0][0]


def _number(text: str) -> Number:
    if text.lower() == "inf":
        return Number(float("inf"), text)
    found = _NUMBER.fullmatch(text)
    assert found is not None  # it is a NUMBER of the grammar
    exponent = re.search(r"[eE]([+-]?\d+)", found[1])
    if len(text) > MOST_EXPONENT or (exponent and len(exponent[1]) > 4):
        raise InputError(f"{argument('where')}: {_shown(text)} is no number that a column can hold.")
    value = Fraction(Decimal(found[1].replace("_", ""))) * Fraction(SUFFIXES[found[2].upper()])
    if found[3]:
        value /= 100
    return Number(checked(value, text), text)


def checked(value: Fraction, text: str) -> Fraction:
    """A number that a float64 can hold.

    Raises:
        InputError: It is too large, or too small to tell from 0.
    """
    if value and not -MOST_EXPONENT <= _magnitude(value) <= MOST_EXPONENT:
        raise InputError(f"{argument('where')}: {_shown(text)} is no number that a column can hold.")
    return value


def _magnitude(value: Fraction) -> float:
    """About the decimal exponent of a number, however long it is."""
    return (abs(value.numerator).bit_length() - value.denominator.bit_length()) * 0.30103


def _unquoted(text: str) -> str:
    return text[1:-1].replace(2 * text[0], text[0])


def _signed(tokens: list[str], parts: list[Node]) -> Node:
    (inner,) = parts
    if tokens == ["+"]:
        return inner
    if isinstance(inner, Number):
        return Number(-inner.value, f"-{inner.text}")
    return Signed(inner)


_BUILD: dict[str, Callable[[list[str], list[Node]], Node]] = {
    "either": lambda tokens, parts: Either(tuple(parts)),
    "both": lambda tokens, parts: Both(tuple(parts)),
    "inverse": lambda tokens, parts: Inverse(parts[0]),
    "comparison": lambda tokens, parts: Comparison(
        {"==": "=", "<>": "!="}.get(tokens[0], tokens[0]), parts[0], parts[1]
    ),
    "missing": lambda tokens, parts: Missing(parts[0]),
    "present": lambda tokens, parts: Inverse(Missing(parts[0])),
    "within": lambda tokens, parts: Within(parts[0], tuple(parts[1:])),
    "without": lambda tokens, parts: Inverse(Within(parts[0], tuple(parts[1:]))),
    "arithmetic": lambda tokens, parts: Arithmetic(tokens[0], parts[0], parts[1]),
    "signed": _signed,
    "number": lambda tokens, parts: _number(tokens[0]),
    "word": lambda tokens, parts: Word(tokens[0], Quotes.BARE),
    "double": lambda tokens, parts: Word(_unquoted(tokens[0]), Quotes.DOUBLE),
    "single": lambda tokens, parts: Word(_unquoted(tokens[0]), Quotes.SINGLE),
    "backtick": lambda tokens, parts: Word(_unquoted(tokens[0]), Quotes.BACKTICK),
    "truth": lambda tokens, parts: Truth(tokens[0].lower() == "true"),
    "null": lambda tokens, parts: Null(),
    "call": lambda tokens, parts: Call(tokens[0].lower(), tuple(parts)),
}
