"""Numbers as people write them: `640M`, `1.28B`, `0.3`, `30%`, and back."""

import math
import re

from thresher.errors import InputError

SUFFIXES = {"": 1.0, "K": 1e3, "M": 1e6, "B": 1e9, "G": 1e9, "T": 1e12}
MOST_SAMPLES = 1e18
"""No training run comes near 10^18 samples; a larger number is a typing slip."""
WHOLE = 1e-6
"""A number of samples is whole to within this part: what is left of a product with an epoch count."""
LONGEST_FRACTION = 12
"""Decimals that are still easier to read than a power of ten."""

_GROUPS = re.compile(r"([+-]?)(\d{1,3})((?:[.,'’\s_]\d{3})+)")
"""Thousands with a mark between them, as spreadsheets write them in one country or another."""
_COMMA = re.compile(r"([+-]?\d+),(\d+)(\s*%?)")
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
        meant = other_reading(text) or "Write for example 640M, 1.28B, 3e8, 0.3 or 30%."
        raise InputError(f"{what} is {text!r}, not a number. {meant}")
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

    Args:
        value: The count.
        what: What it is, for the message.
        shown: How it was written.

    Raises:
        InputError: `value` is not between 1 and 10^18; or what was written is not whole, or could be thousands with a point
            between them.
    """
    written = shown.strip() if shown is not None else format_exact(value)
    if not 1 <= value <= MOST_SAMPLES:
        raise InputError(
            f"{what} is {written}; a number of samples lies between 1 and 10^18, for example 640M."
        )
    if shown is None:  # computed, for example from FLOPs
        return
    if _GROUPS.fullmatch(written) and "." in written:
        raise InputError(f"{what} is {written}, which has two readings. {other_reading(written)}")
    if abs(value - round(value)) > WHOLE * value:
        raise InputError(
            f"{what} is {written}, no whole number of samples. {other_reading(written) or _in_millions(written, value)}"
        )


def other_reading(text: str) -> str | None:
    """What may be meant by a number with a comma, or with marks between thousands; None for any other text.

    >>> other_reading("12.800"), other_reading("1 280 000"), other_reading("0,63")
    ('Write 12800, or 12.8M for millions.', 'Write 1280000.', 'Write 0.63, with a point.')
    """
    plain = text.strip()
    if groups := _GROUPS.fullmatch(plain):
        whole = groups[1] + groups[2] + "".join(letter for letter in groups[3] if letter.isdigit())
        if len(groups[3]) == 4 and groups[3][0] in ".," and groups[2] != "0":
            decimal = f"{float(f'{groups[1]}{groups[2]}.{groups[3][1:]}'):g}"
            return f"Write {whole}, or {decimal}M for millions."
        if groups[2] != "0":
            return f"Write {whole}."
    if comma := _COMMA.fullmatch(plain):
        return f"Write {comma[1]}.{comma[2]}{comma[3].strip()}, with a point."
    return None


def _in_millions(written: str, value: float) -> str:
    return f"Write {value:.12g}M for millions." if value < 1e5 and written[-1:].isdigit() else "Correct it."


def format_count(value: float) -> str:
    """`value` with a suffix and at most three significant digits, or more when they are exact.

    From 10^15 on it is written as flags take it and people write FLOPs, `3e19`.

    >>> format_count(12_800_000), format_count(640e6), format_count(1984), format_count(2.17e9), format_count(3e19)
    ('12.8M', '640M', '1,984', '2.17B', '3e19')
    """
    if not math.isfinite(value):
        return f"{value:g}"
    for suffix in ("T", "B", "M"):
        if abs(value) >= SUFFIXES[suffix] * 0.9995:
            short = value / SUFFIXES[suffix]
            return f"{short:.3g}{suffix}" if abs(short) < 999.5 else f"{value:.3g}".replace("e+", "e")
    return f"{value:,.0f}"


def format_number(value: float, digits: int = 3) -> str:
    """Any number in `digits` significant digits, never with an exponent where people write none.

    >>> format_number(0.41234), format_number(12345.6), format_number(6.4e8), format_number(0.00001234), format_number(0.3, 6)
    ('0.412', '12,346', '640M', '0.0000123', '0.3')
    """
    if not math.isfinite(value) or value == 0:
        return f"{value:g}"
    if abs(value) >= 1e6 * 0.9995:
        return format_count(value)
    if abs(value) >= 10**digits:
        return f"{value:,.0f}"
    shown = f"{value:.{digits}g}"
    if "e" not in shown:
        return shown
    if abs(value) >= 10**digits / 10:  # rounded up to one digit more than `g` shows without an exponent
        return f"{value:,.0f}"
    mantissa, exponent = shown.split("e")
    if int(exponent) < -LONGEST_FRACTION:
        return f"{mantissa} x 10^{int(exponent)}".removeprefix("1 x ")
    return f"{value:.{digits - 1 - int(exponent)}f}".rstrip("0")


def format_error(value: float) -> str:
    """An error or loss to four decimals, or as it can be read where those show nothing or too much.

    >>> format_error(0.41234), format_error(3.2), format_error(1.2e-9), format_error(1e30)
    ('0.4123', '3.2000', '0.0000000012', '1e30')
    """
    shows = value == 0 or 0.00005 <= abs(value) < 1e6
    return f"{value:.4f}" if shows else format_number(value, 2)


def format_exact(value: float) -> str:
    """Every digit of a number, with commas between thousands: where two that differ stand beside each other.

    >>> format_exact(12_800_001.0), format_exact(0.1), format_exact(float("inf"))
    ('12,800,001', '0.1', 'inf')
    """
    if abs(value) < 1e15 and value == int(value):
        return f"{int(value):,}"
    return format_number(value, 12)


def format_times(factor: float) -> str:
    """How many times as much.

    >>> format_times(1.2), format_times(110.23), format_times(0.41)
    ('1.2x', '110x', '0.41x')
    """
    if 0.01 <= factor < 9.995:
        return f"{factor:.2f}".rstrip("0").rstrip(".") + "x"
    return f"{format_number(factor, 2)}x"


def format_percent(fraction: float, digits: int = 3) -> str:
    """`fraction` in percent, in `digits` significant digits, without needless ones.

    >>> format_percent(0.1), format_percent(0.125)
    ('10 %', '12.5 %')
    """
    return f"{format_number(100 * fraction, digits)} %"
