"""What an import passed over because nobody asked for it, and how that is told: one mechanism for all readers."""

from collections.abc import Iterable
from dataclasses import dataclass

MOST_LINES = 8
"""Reasons that are told one per line; the rest are counted."""


@dataclass(frozen=True)
class Passed:
    """One thing that an import did not use.

    Attributes:
        place: The file, with its line or row where only a part of it was passed over.
        reason: Why, as a short phrase.
        kind: What it is, in the singular, for counting: `file`, `line`, `value` ..
        count: How many things these are, where only the first is named.
    """

    place: str
    reason: str
    kind: str = "file"
    count: int = 1


def passed_count(passed: Iterable[Passed]) -> int:
    """How many things were passed over."""
    return sum(one.count for one in dict.fromkeys(passed))


def passed_lines(passed: Iterable[Passed]) -> tuple[str, ...]:
    """Sentences that say what was passed over, one per kind and reason, the most frequent first.

    >>> passed_lines([Passed("a.parquet", "no run table"), Passed("b.parquet", "no run table")])
    ('Passed over: 2 files, e.g. a.parquet (no run table).',)
    """
    groups: dict[tuple[str, str], list[Passed]] = {}
    for one in dict.fromkeys(passed):
        groups.setdefault((one.kind, one.reason), []).append(one)
    ordered = sorted(groups.items(), key=lambda group: -passed_count(group[1]))
    lines = []
    for (kind, reason), found in ordered[:MOST_LINES]:
        count = passed_count(found)
        what = f"{count:,} {kind}s, e.g." if count > 1 else f"1 {kind},"
        lines.append(f"Passed over: {what} {found[0].place} ({reason}).")
    rest = ordered[MOST_LINES:]
    if rest:
        count = sum(passed_count(found) for _, found in rest)
        lines.append(f"Passed over: {count:,} more for {len(rest)} other reasons.")
    return tuple(lines)
