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
    """

    place: str
    reason: str
    kind: str = "file"


def passed_lines(passed: Iterable[Passed]) -> tuple[str, ...]:
    """Sentences that say what was passed over, one per kind and reason, the most frequent first.

    >>> passed_lines([Passed("a.parquet", "no run table"), Passed("b.parquet", "no run table")])
    ('Passed over: 2 files, e.g. a.parquet (no run table).',)
    """
    groups: dict[tuple[str, str], list[str]] = {}
    for one in dict.fromkeys(passed):
        groups.setdefault((one.kind, one.reason), []).append(one.place)
    ordered = sorted(groups.items(), key=lambda group: -len(group[1]))
    lines = [
        f"Passed over: {f'{len(places):,} {kind}s, e.g.' if len(places) > 1 else f'1 {kind},'} {places[0]} ({reason})."
        for (kind, reason), places in ordered[:MOST_LINES]
    ]
    rest = ordered[MOST_LINES:]
    if rest:
        lines.append(
            f"Passed over: {sum(len(places) for _, places in rest):,} more for {len(rest)} other reasons."
        )
    return tuple(lines)
