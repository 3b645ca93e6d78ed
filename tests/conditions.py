"""Random conditions, each with its answer for a row worked out in plain Python, and a table of every type to ask about."""

import datetime
import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

INT = (0, 1, -3, 7, None, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 200, 640_000_000, 3)
ZONE = datetime.UTC
TABLE = pa.table(
    {
        "row": pa.array(range(12), pa.int64()),
        "i": pa.array(INT, pa.int64()),
        "small": pa.array([1, 2, None, -128, 127, 0, 5, 3, 3, 9, -1, 30], pa.int8()),
        "u": pa.array([0, 1, 2**63, 2**64 - 1, None, 2**53 + 1, 7, 3, 5, 9, 200, 1], pa.uint64()),
        "f": pa.array([0.0, -0.0, 0.7, 0.1, None, math.nan, math.inf, -math.inf, 1e308, 3.0, 2.5, -1.5]),
        "s": pa.array([0.7, 0.1, 0.3, 0.25, None, math.nan, math.inf, -math.inf, 1.5, 0.0, -0.0, 3.0], pa.float32()),
        "h": pa.array(np.array([0.1, 0.7, 0.3, 1, 2, math.nan, math.inf, -math.inf, 0, 3, -2, 0.5], np.float16)),
        "d": pa.array(
            [None if x is None else Decimal(x) for x in ("0.70", "0.71", None, "-3.00", "99.99", "0.00", "1.50", "3.00", "0.10",
             "2.00",
             "12345678.90", "-0.01")], pa.decimal128(10, 2)),
        "t": pa.array(["", " ", "a", "a b", None, " two\u3000words\n", "é\u00a0ü x", "\U0001f600 b", "en", "200", "a'b",
                       'say "x"']),
        "kind": pa.array(["a", "b", None, "en", "a b", "a", "c", "", "é", "b", "a", "en"]).dictionary_encode(),
        "b": pa.array([True, False, None, True, False, None, True, True, False, False, None, True]),
        "day": pa.array([datetime.date(2024, 1, n + 1) if n % 4 else None for n in range(12)]),
        "at": pa.array([datetime.datetime(2024, 1, n + 1, n) if n % 5 else None for n in range(12)], pa.timestamp("us")),
        "zoned": pa.array([datetime.datetime(2024, 1, n + 1, n, tzinfo=ZONE) if n % 3 else None for n in range(12)],
                          pa.timestamp("us", "UTC")),
        "z": pa.nulls(12),
        "odd name": pa.array([n % 3 for n in range(12)], pa.int32()),
    }
)  # fmt: skip
ROWS = TABLE.to_pylist()
WHOLE = ("i", "small", "`odd name`")
FLOATS = {"f": 8, "s": 4, "h": 2}
DECIMALS = {"u": 0, "d": 2}
TEXTS = ("t", "kind")
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b, "==": lambda a, b: a == b, "!=": lambda a, b: a != b, "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
}  # fmt: skip
LITERALS = {
    "0": 0, "1": 1, "-3": -3, "0.5": Fraction(1, 2), "0.7": Fraction(7, 10), "0.1": Fraction(1, 10), "30%": Fraction(3, 10),
    "640M": 640_000_000,
    "9007199254740993": 2**53 + 1, "9.007199254740993e15": 2**53 + 1, "1e30": 10**30, "-1e30": -(10**30), "3": 3,
    "2.5": Fraction(5, 2),
    "0.705": Fraction(705, 1000), "9223372036854775807": 2**63 - 1, "1.5K": 1500, "inf": math.inf, "-inf": -math.inf,
    "18446744073709551615": 2**64 - 1, "1e-5": Fraction(1, 10**5), "70000": 70000,
}  # fmt: skip
TEXT_LITERALS = {
    "''": "",
    "'a'": "a",
    '"a b"': "a b",
    "en": "en",
    '"a\'b"': "a'b",
    "'é'": "é",
    '"200"': "200",
    "a_word": "a_word",
}


@dataclass(frozen=True)
class Part:
    """Text of a condition, and its value for a row; `width` is of a float, `digits` of a decimal, `literal` the exact number."""

    text: str
    value: Callable[[dict[str, Any]], Any]
    kind: str = "float"
    width: int = 8
    digits: int = 0
    literal: Any = None


def no_nan(value):
    return None if isinstance(value, float) and math.isnan(value) else value


def as_float(value):
    return None if value is None else float(value)


def nearest(literal, width):
    with np.errstate(over="ignore"):
        rounded = float(np.array(float(literal), f"f{width}"))
    return float(literal) if math.isinf(rounded) else rounded


def lifted(function, *parts):
    """A value of others that is null where one of them is."""

    def value(row):
        found = [part(row) for part in parts]
        return None if any(one is None for one in found) else no_nan(function(*found))

    return value


def column(name, kind, **more):
    key = name.strip("`")
    return Part(name, lambda row: no_nan(row[key]), kind, **more)


def literal(text):
    exact = LITERALS[text]
    return Part(text, lambda row: float(exact), "literal", literal=exact)


def divided(a, b):
    return None if b == 0 else float(np.float64(a) / np.float64(b))


ARITHMETIC = {
    "+": lambda a, b: float(np.float64(a) + np.float64(b)), "-": lambda a, b: float(np.float64(a) - np.float64(b)),
    "*": lambda a, b: float(np.float64(a) * np.float64(b)), "/": divided,
}  # fmt: skip


def quiet(function):
    def computed(a, b):
        with np.errstate(all="ignore"):
            return function(a, b)

    return computed


@st.composite
def numbers(draw, depth=2, names=None):
    """A number that reads a column."""
    whole, floats, decimals = names or (WHOLE, FLOATS, DECIMALS)
    choice = draw(st.integers(0, 9 if depth else 3))
    if choice <= 1:
        return column(draw(st.sampled_from(whole)), "whole")
    if choice == 2:
        name = draw(st.sampled_from(sorted(floats)))
        return column(name, "float", width=floats[name])
    if choice == 3 and decimals:
        name = draw(st.sampled_from(sorted(decimals)))
        return column(name, "decimal", digits=decimals[name])
    if choice <= 4 and (names is None or "t" in TEXTS):
        text = draw(st.sampled_from(TEXTS if names is None else ("t",)))
        name, count = draw(st.sampled_from([("length", len), ("words", lambda t: len(t.split()))]))
        return Part(f"{name}({text})", lifted(count, lambda row: row[text]), "whole")
    one = draw(numbers(depth - 1 if depth else 0, names))
    other = draw(
        st.one_of(numbers(depth - 1 if depth else 0, names), st.sampled_from(sorted(LITERALS)).map(literal))
    )
    if choice == 5:
        width = one.width if one.kind == "float" else 8
        return Part(
            f"-({one.text})", lifted(lambda a: 0.0 - a, lambda row: as_float(one.value(row))), width=width
        )
    if choice == 6:
        return extreme(draw(st.sampled_from(["least", "greatest"])), one, other)
    operator = draw(st.sampled_from("+-*/"))
    if other.literal is not None and draw(st.booleans()):
        one, other = other, one
    if operator == "/" and other.literal == 0:
        operator = "*"
    compute = lifted(
        quiet(ARITHMETIC[operator]),
        lambda row: as_float(one.value(row)),
        lambda row: as_float(other.value(row)),
    )
    return Part(f"({one.text} {operator} {other.text})", compute)


def extreme(name, one, other):
    choose = min if name == "least" else max
    whole = all(part.kind == "whole" for part in (one, other))
    width = one.width if one.kind == "float" and (other.kind == "literal" or other.width == one.width) else 8
    width = width if other.kind in ("float", "literal") else 8
    if other.kind == "literal":
        small = other.literal == int(other.literal) if not math.isinf(other.literal) else False
        whole = one.kind == "whole" and small and abs(other.literal) < 2**31
        edge = int(other.literal) if whole else nearest(other.literal, width)
        found = lifted(choose, one.value if whole else lambda row: as_float(one.value(row)), lambda row: edge)
    else:
        values = [
            part.value if whole else (lambda row, part=part: as_float(part.value(row)))
            for part in (one, other)
        ]
        found = lifted(choose, *values)
    return Part(f"{name}({one.text}, {other.text})", found, "whole" if whole else "float", width)


def numbers_compared(left, operator, right):
    compare = COMPARE[operator]
    if right.kind != "literal":
        exact = (left.kind == "whole" and right.kind == "whole") or (
            left.kind == right.kind == "decimal" and left.digits == right.digits
        )
        pair = [
            part.value if exact else (lambda row, part=part: as_float(part.value(row)))
            for part in (left, right)
        ]
        return lifted(compare, *pair)
    if left.kind == "float":
        return lifted(compare, left.value, lambda row: nearest(right.literal, left.width))
    return lifted(lambda a: compare(Fraction(a), right.literal), left.value)


@st.composite
def comparisons(draw, names):
    """One comparison."""
    choice = draw(st.integers(0, 11 if names is None else 6))
    operator = draw(st.sampled_from(sorted(COMPARE)))
    if choice <= 2:
        left, text = draw(numbers(names=names)), draw(st.sampled_from(sorted(LITERALS)))
        right = draw(st.one_of(st.just(literal(text)), numbers(names=names)))
        if right.kind == "literal" and draw(st.booleans()):
            turned = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(operator, operator)
            return Part(f"{right.text} {turned} {left.text}", numbers_compared(left, operator, right))
        return Part(f"{left.text} {operator} {right.text}", numbers_compared(left, operator, right))
    if choice == 3:
        text = draw(st.sampled_from(sorted(TEXT_LITERALS)))
        name = draw(st.sampled_from(TEXTS if names is None else ("t",)))
        compare = COMPARE[operator]
        return Part(
            f"{name} {operator} {text}",
            lifted(lambda a: compare(a.encode(), TEXT_LITERALS[text].encode()), lambda row: row[name]),
        )
    if choice == 4:
        answer = draw(st.booleans())
        unequal = draw(st.booleans())
        text = f"b {'!=' if unequal else '='} {draw(st.sampled_from([str(answer), str(answer).lower()]))}"
        return draw(
            st.sampled_from(
                [
                    Part("b", lambda row: row["b"]),
                    Part(text, lifted(lambda a: (a == answer) != unequal, lambda row: row["b"])),
                ]
            )
        )
    if choice == 5:
        part = draw(numbers(names=names))
        no = draw(st.booleans())
        return Part(f"{part.text} is {'not ' * no}null", lambda row: (part.value(row) is None) != no)
    if choice == 6:
        part, no = draw(numbers(names=names)), draw(st.booleans())
        items = draw(st.lists(st.sampled_from(sorted(LITERALS)), min_size=1, max_size=4))
        each = [numbers_compared(part, "=", literal(text)) for text in items]
        found = either(each)
        return Part(f"{part.text} {'not ' * no}in ({', '.join(items)})", inverse(found) if no else found)
    if choice == 7:
        name, moment, text = draw(
            st.sampled_from(
                [("day", datetime.date(2024, 1, 6), "2024-01-06"),
                 ("at", datetime.datetime(2024, 1, 6, 5), "'2024-01-06 05:00:00'"),
                 ("zoned", datetime.datetime(2024, 1, 6, 5, tzinfo=ZONE), "2024-01-06T05:00:00")]
            )
        )  # fmt: skip
        return Part(
            f"{name} {operator} {text}", lifted(lambda a: COMPARE[operator](a, moment), lambda row: row[name])
        )
    if choice == 8:
        return Part(
            draw(
                st.sampled_from(
                    ["z = 1", "z < 'a'", "z", "z = true", "length(z) > 0", "z + 1 > 0", "kind = z"]
                )
            ),
            lambda row: None,
        )
    if choice == 9:
        name = draw(st.sampled_from([*TEXTS, "b", "day", "at", "z"]))
        return Part(f"{name} is null", lambda row: row[name] is None)
    if choice == 10:
        return Part(
            f"t {operator} kind",
            lifted(
                lambda a, b: COMPARE[operator](a.encode(), b.encode()), lambda r: r["t"], lambda r: r["kind"]
            ),
        )
    items = draw(st.lists(st.sampled_from(sorted(TEXT_LITERALS)), min_size=1, max_size=4))
    values = [TEXT_LITERALS[text] for text in items]
    return Part(f"kind in ({', '.join(items)})", lifted(lambda a: a in values, lambda row: row["kind"]))


def both(parts):
    def value(row):
        found = [part(row) for part in parts]
        return False if False in found else None if None in found else True

    return value


def either(parts):
    return inverse(both([inverse(part) for part in parts]))


def inverse(part):
    def value(row):
        found = part(row)
        return None if found is None else not found

    return value


@st.composite
def conditions(draw, depth=2, names=None):
    """A condition with its answer for a row: True, False or None."""
    choice = draw(st.integers(0, 4)) if depth else 0
    if choice <= 1:
        return draw(comparisons(names))
    parts = draw(st.lists(conditions(depth - 1, names), min_size=2, max_size=3))
    if choice == 2:
        return Part(f"not ({parts[0].text})", inverse(parts[0].value))
    word, join = (("and", both), ("OR", either))[choice - 3]
    return Part(f" {word} ".join(f"({part.text})" for part in parts), join([part.value for part in parts]))
