"""Captions from the names of icons."""

import re

STYLES = frozenset(
    {
        "alt",
        "baseline",
        "bold",
        "broken",
        "color",
        "curved",
        "duotone",
        "fill",
        "filled",
        "flat",
        "glyph",
        "light",
        "line",
    }
    | {
        "linear",
        "ltr",
        "mono",
        "outline",
        "outlined",
        "plain",
        "regular",
        "round",
        "rounded",
        "rtl",
        "sharp",
        "solid",
    }
    | {"stroke", "thin", "tone", "two", "twotone", "variant"}
)
"""Words at the end of a name that say how an icon is drawn, not what it shows."""


def caption_of(name: str) -> str:
    """What an icon shows, in words: its name without hyphens, sizes and styles at the end.

    >>> caption_of("arrow-left-24-filled")
    'arrow left'
    >>> caption_of("outline")
    'outline'
    """
    words = re.sub(r"[-_.:/]+", " ", name).lower().split()
    kept = list(words)
    while len(kept) > 1 and (kept[-1] in STYLES or kept[-1].isdigit()):
        kept.pop()
    return " ".join(kept)
