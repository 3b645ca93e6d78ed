"""Names are data: how people and spreadsheets see them, which one was meant, and what none may hold."""

import re
import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches

LONGEST_NAME = 1000
"""Characters of one name; longer ones come of a quote that is missing."""
MOST_LISTED = 10
"""Names that a message lists."""

_FORMULA = re.compile(r"['\s]*[=+\-@＝＋－＠]|'*[\t\r]")
"""The start of a cell that a spreadsheet runs, with any apostrophes before it, so that guards can be undone."""
_NUMBER = re.compile(r"[+-](\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]inf")


def visible(text: str) -> str:
    r"""`text` as one line without effect on a terminal: what cannot be seen is written as its escape.

    Those are control characters (also the newline and the start of a colour), the marks that turn the direction of
    writing, characters without width, and parts of file names that are no text.

    >>> print(visible("a\x1b[2J\nb"))
    a\x1b[2J\nb
    """
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii") for letter in text
    )


def unseen(text: str) -> str | None:
    """The first character of `text` that cannot be seen, as its escape; None if there is none."""
    if text.isprintable():
        return None
    for letter in text:
        if unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") or (
            letter != " " and unicodedata.category(letter) == "Zs"
        ):
            return visible(letter)
    return None


def guarded(text: str) -> str:
    """`text` as a cell that a spreadsheet shows instead of running: with an apostrophe before what starts a formula.

    >>> guarded("=1+1"), guarded("b0"), guarded("-1e-3")
    ("'=1+1", 'b0', '-1e-3')
    """
    return "'" + text if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def unguarded(cell: str) -> str:
    """The text of a cell that `guarded` wrote; any other cell as it is.

    >>> unguarded("'=1+1"), unguarded("'tis")
    ('=1+1', "'tis")
    """
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def near(word: str, known: Iterable[str], *, most: int = 1, cutoff: float = 0.6) -> tuple[str, ...]:
    """Those of `known` that may have been meant by `word`, the nearest first; never `word` itself.

    >>> near("Vit-B-32", ["ViT-B-32", "ViT-L-14"]), near("a", ["a", "xyz"])
    (('ViT-B-32',), ())
    """
    plain: dict[str, list[str]] = {}
    for name in known:
        if _looks(name) != _looks(word):
            plain.setdefault(_plain(name), []).append(name)
    close = get_close_matches(_plain(word), plain, n=most, cutoff=cutoff)
    return tuple(name for key in close for name in plain[key])[:most]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A sentence with what may have been meant by `word`, for after a list of what there is; empty if nothing is near.

    >>> did_you_mean("rnk", ["rank", "seed"]), did_you_mean("x", ["rank", "seed"])
    (" Did you mean 'rank'?", '')
    """
    close = near(word, known)
    return f" Did you mean {close[0]!r}?" if close else ""


def listed(names: Iterable[str], most: int = MOST_LISTED) -> str:
    """`names` joined by commas, and how many more there are.

    >>> listed("abcd", most=2)
    'a, b and 2 more'
    """
    whole = tuple(names)
    return ", ".join(whole[:most]) + (f" and {len(whole) - most} more" if len(whole) > most else "")


def twin_key(name: str) -> str:
    """The same for names that look the same: letters with their marks as one character or as several."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def _looks(name: str) -> str:
    return " ".join(twin_key(name).split())


def _plain(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold().replace("-", "").replace("_", "").replace(" ", "")
