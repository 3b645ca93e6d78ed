"""Numbers as people write them: `640M`, `1.28B`, `0.3`, `30%`, and back."""

import math
import re

from thresher.errors import InputError

SUFFIXES = {"": 1.0, "K": 1e3, "M": 1e6, "B": 1e9, "G": 1e9, "T": 1e12}
MOST_SAMPLES = 1e18
"""No training run comes near 10^18 samples; a larger number is a typing slip."""

_NUMBER = re.compile(r"([+-]?(?:\d+(?:_\d+)*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([KMBGTkmbgt]?)(%?)")


def parse_number(text: str, what: str) -> float:
    """The number that `text` writes, with suffixes K, M, B (or G), T and %.

    Args:
        text: For example `640M`, `1.28B`, `3e8`, `0.3` or `30%`.
        what: What the number is, for the message; for example `--budget`.

    Raises:
        InputError: `text` is not such a number, or is not finite.

    >>> parse_number("1.28B", "--budget"), parse_number("30%", "--keep")
    (1280000000.0, 0.3)
    """
    found = _NUMBER.fullmatch(text.strip())
    if not found or (found[2] and found[3]):
        raise InputError(f"{what} is {text!r}, not a number. Write for example 640M, 1.28B, 3e8, 0.3 or 30%.")
    value = float(found[1].replace("_", "")) * SUFFIXES[found[2].upper()]
    if found[3]:
        value /= 100.0
    if not math.isfinite(value):
        raise InputError(f"{what} is {text!r}, which is too large for a number.")
    return value


def parse_samples(text: str, what: str) -> float:
    """The count of samples that `text` writes; at least 1 and at most 10^18.

    Raises:
        InputError: `text` is not a number, or outside that range.

    >>> parse_samples("640M", "--budget")
    640000000.0
    """
    value = parse_number(text, what)
    check_samples(value, what, text)
    return value


def check_samples(value: float, what: str, shown: str | None = None) -> None:
    """Refuse a count of samples that no training run can have.

    Raises:
        InputError: `value` is not between 1 and 10^18.
    """
    if not 1 <= value <= MOST_SAMPLES:
        raise InputError(
            f"{what} is {shown if shown is not None else f'{value:g}'}; "
            "a number of samples lies between 1 and 10^18, for example 640M."
        )


def format_count(value: float) -> str:
    """`value` with a suffix and at most three significant digits, or more when they are exact.

    >>> format_count(12_800_000), format_count(640e6), format_count(1984), format_count(2.17e9)
    ('12.8M', '640M', '1,984', '2.17B')
    """
    for suffix in ("T", "B", "M"):
        if abs(value) >= SUFFIXES[suffix] * 0.9995:
            return (
                f"{value / SUFFIXES[suffix]:.3g}{suffix}"
                if value < 999.5 * SUFFIXES[suffix]
                else f"{value:.3g}"
            )
    return f"{value:,.0f}"


def format_percent(fraction: float) -> str:
    """`fraction` in percent, without needless digits.

    >>> format_percent(0.1), format_percent(0.125)
    ('10 %', '12.5 %')
    """
    return f"{100 * fraction:.3g} %"
