"""Paths of shards as open_clip reads them: parts joined by `::`, each expanded by the library that webdataset uses."""

import re

import braceexpand

from thresher.errors import InputError
from thresher.quoting import shell_word

MOST_SHARDS = 2_000_000
"""Shards of one recipe; DataComp's largest pool has 1.3 million, and a slip such as {0..999999999} has more."""
MOST_NESTED = 20
"""Braces within braces that are read; deeper ones are a slip."""
OPENED = ("", "file", "pipe", "http", "https", "sftp", "ftps", "scp", "gs", "htgs", "ais")
"""Schemes of the paths that webdataset 0.2.86, the last one that open_clip takes, opens; it skips others with a warning."""
_ESCAPED = re.compile(r"\\.", re.DOTALL)
_INNERMOST = re.compile(r"\{([^{}]*)\}")
_NUMBERS = re.compile(r"(-?\d+)\.\.(-?\d+)(?:\.\.-?(\d+))?")
_LETTERS = re.compile(r"([A-Za-z])\.\.([A-Za-z])(?:\.\.-?(\d+))?")
_COUNTED = re.compile("\0(\\d+)\0")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_VARIABLE = re.compile(r"~|.*\$(\w|\{\w+\})", re.DOTALL)
_PLAIN = re.compile(r"[\w@%+=:,./{}-]+", re.ASCII)


def count_shards(path: str) -> int:
    """How many files a path names, without expanding it; several paths are joined by `::`.

    >>> count_shards("b0/{000..499}.tar"), count_shards("{a,b}/{00..09..3}.tar::c/one.tar"), count_shards("{a..c}.tar")
    (500, 9, 3)
    """
    return sum(_count(part) for part in path.split("::"))


def expand(path: str) -> list[str]:
    """The files that a path names.

    Raises:
        InputError: Braces that cannot be read, or more than `MOST_SHARDS` files.
    """
    parts = path.split("::")
    if not all(parts):
        raise InputError(f"{path} has an empty part; '::' stands between two paths.")
    try:
        count = count_shards(path)
    except ValueError as error:  # unbalanced, too deep, or a number of thousands of digits
        raise _unreadable(path) from error
    if count > MOST_SHARDS:
        raise InputError(f"{path} names more than {MOST_SHARDS:,} shards; correct the numbers in its braces.")
    try:
        found = [url for part in parts for url in braceexpand.braceexpand(part)]
    except ValueError as error:
        raise _unreadable(path) from error
    if len(found) != count:  # braces that close before they open
        raise _unreadable(path)
    return found


def check_opened(path: str, shards: int, name: str) -> None:
    """Refuse a path that open_clip reads as something else than so many shards.

    Args:
        path: As it is given.
        shards: How many it should name.
        name: Of the pool, for the message.

    Raises:
        InputError: A pattern or variable that nothing expands, or another number of shards.
    """
    for part in path.split("::"):
        scheme = scheme_of(part)
        if scheme == "pipe":
            continue  # a shell reads it
        if "*" in part or ("?" in part and scheme not in ("http", "https")):
            raise InputError(
                f"{name!r}: open_clip does not expand {'*' if '*' in part else '?'}, so {part} is one file to it; write the "
                f"shards' numbers in braces, such as {{{0:03d}..{shards - 1:03d}}}.tar."
            )
        if _VARIABLE.match(part):
            raise InputError(
                f"{name!r}: neither the shell nor open_clip expands ~ or $ in {part}; write the whole path."
            )
        if scheme not in (*OPENED, "s3"):
            raise InputError(
                f"{name!r}: open_clip does not open {scheme}: paths such as {part}; write pipe: and a command that prints the "
                "file, such as 'pipe:aws s3 cp s3://bucket/{000..499}.tar -'."
            )
    found = count_shards(path)
    if found != shards:
        pattern = "; open_clip does not expand [..]" if "[" in path else ""
        raise InputError(
            f"{name!r}: {path} names {_shards(found)}, not {shards:,}{pattern}. Correct one of them; braces such as "
            f"{{{0:03d}..{shards - 1:03d}}} name several."
        )


def opened_by_open_clip(part: str) -> str:
    """One path as `--train-data` takes it: webdataset has no reader for s3, so that a command fetches the file.

    >>> opened_by_open_clip("s3://b/{0..9}.tar"), opened_by_open_clip("b0/{0..9}.tar")
    ('pipe:aws s3 cp s3://b/{0..9}.tar -', 'b0/{0..9}.tar')
    """
    if scheme_of(part) != "s3":
        return part
    return f"pipe:aws s3 cp {part if _PLAIN.fullmatch(part) else shell_word(part)} -"


def scheme_of(part: str) -> str:
    """What stands before the first `:` of a path, if it can be a scheme; empty for files."""
    found = _SCHEME.match(part)
    return found[1].lower() if found else ""


def _unreadable(path: str) -> InputError:
    return InputError(
        f"{path} has unbalanced braces, or more than {MOST_NESTED} within each other; write a brace of a name as \\{{ or \\}}."
    )


def _count(part: str) -> int:
    """Innermost braces first, each replaced by its count between two NULs; without a comma or a range they are literal."""
    text = _ESCAPED.sub("_", part.replace("\0", "_"))
    for _ in range(MOST_NESTED):
        text = _INNERMOST.sub(lambda braces: f"\0{_count_braces(braces[1])}\0", text)
    if _INNERMOST.search(text):
        raise ValueError("too many braces within each other")
    return _product(text)


def _count_braces(inside: str) -> int:
    if numbers := _NUMBERS.fullmatch(inside):
        return abs(int(numbers[2]) - int(numbers[1])) // (int(numbers[3] or 1) or 1) + 1
    if letters := _LETTERS.fullmatch(inside):
        first, last = (braceexpand.alphabet.index(letter) for letter in letters.groups()[:2])
        return abs(last - first) // (int(letters[3] or 1) or 1) + 1
    return sum(map(_product, inside.split(",")))


def _product(text: str) -> int:
    found = 1
    for count in _COUNTED.findall(text):
        found *= int(count)
    return found


def _shards(count: int) -> str:
    return "1 shard" if count == 1 else f"{count:,} shards"
