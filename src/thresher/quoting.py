"""Text that other programs read: words for shells, literals for Python, documents of YAML, and names of files.

Whatever writes a name or a path into a generated script, a printed command or a folder takes it from here.
"""

import re
import shlex
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from thresher.errors import InputError

LONGEST_FILE_NAME = 200
"""Bytes; file systems allow 255, and suffixes such as `.npy.manifest.json` are added."""
RESERVED_CHARACTERS = '<>:"/\\|?*'
"""No name of a file may hold them on Windows; `/` nowhere."""
_RESERVED_NAME = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""Devices of Windows, with any suffix."""


def shell_word(text: str) -> str:
    """One word of a shell, also as a pattern of `case`, where it matches only itself.

    Raises:
        InputError: Text that no argument of a program can hold.

    >>> shell_word("ViT-B-32"), shell_word("top 10%"), shell_word("$(touch x)")
    ('ViT-B-32', "'top 10%'", "'$(touch x)'")
    """
    if "\0" in text or not _is_utf8(text):
        raise InputError(f"{text!r} holds bytes that cannot be written into a command; give it another name.")
    return "'esac'" if text == "esac" else shlex.quote(text)  # the one plain word that is no pattern


def shell_command(words: Iterable[str]) -> str:
    """A command to paste into a shell, which gives a program exactly these words.

    >>> shell_command(["thresher", "cut", "my data", "--keep", "30%"])
    "thresher cut 'my data' --keep 30%"
    """
    return " ".join(map(shell_word, words))


def option(flag: str, value: str) -> list[str]:
    """A flag and its value, as one word if the value would be taken for another flag.

    >>> option("--name", "b0-s0"), option("--name", "-s0")
    (['--name', 'b0-s0'], ['--name=-s0'])
    """
    return [f"{flag}={value}"] if value.startswith("-") else [flag, value]


def as_path(path: str) -> str:
    """A path that no program takes for a flag.

    >>> as_path("plan.json"), as_path("-plan.json")
    ('plan.json', './-plan.json')
    """
    return f"./{path}" if path.startswith("-") else path


def python_literal(text: str) -> str:
    """A string of Python's syntax, on one line."""
    return repr(text)


def yaml_document(content: Mapping[str, Any]) -> str:
    """A document of YAML, keys in their order; letters of all scripts stay readable."""
    import yaml

    readable, escaped = (
        yaml.safe_dump(dict(content), sort_keys=False, width=120, allow_unicode=unicode)
        for unicode in (True, False)
    )
    # PyYAML folds some characters, such as U+0085, that it does not escape
    text: str = readable if yaml.safe_load(readable) == yaml.safe_load(escaped) else escaped
    return text


def check_name(name: str, what: str) -> None:
    """Refuse a name of a pool, model or metric that no table, message or script can show as it is.

    Args:
        name: The name.
        what: What it is the name of, for the message.

    Raises:
        InputError: It is empty, has blanks around it, or holds a control character.
    """
    # all kinds of control characters and line separators; joiners within words and emoji are none
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name):
        raise InputError(f"{what} {name!r} holds a control character; give it another name.")
    if not name or name != name.strip():
        raise InputError(f"{what} {name!r} is empty or has blanks around it; give it another name.")


def check_pool_name(name: str, what: str = "Pool") -> None:
    """Refuse a name that no pool of a run table can have.

    Raises:
        InputError: As in `check_name`, or it holds `+`.
    """
    check_name(name, what)
    if "+" in name:
        raise InputError(
            f"{what} {name!r} holds '+', which joins pools in a run table; give it another name."
        )


def check_file_name(name: str, what: str = "Pool") -> None:
    """Refuse a name that cannot be the name of a file on every system; this is the one rule for it.

    Args:
        name: The name.
        what: What it is the name of, for the message.

    Raises:
        InputError: The message says what about it.
    """
    check_name(name, what)
    strange = sorted({character for character in name if character in RESERVED_CHARACTERS})
    for wrong, why in (
        (bool(strange), f"holds {' '.join(strange)}"),
        (name.startswith("."), "begins with a dot"),
        (name.endswith("."), "ends with a dot"),
        (name.startswith("-"), "begins with '-', like a flag"),
        (_RESERVED_NAME.fullmatch(name) is not None, "is a device of Windows"),
        (len(name.encode()) > LONGEST_FILE_NAME, f"is longer than {LONGEST_FILE_NAME} bytes"),
    ):
        if wrong:
            raise InputError(
                f"{what} {name!r} {why}, so it cannot name files and folders; give it another name."
            )


def check_file_names(names: Iterable[str], what: str = "Pool") -> None:
    """Refuse names of which one cannot name a file, or two would name the same one.

    Raises:
        InputError: As in `check_file_name`, or names that differ by upper and lower case alone.
    """
    seen: dict[str, str] = {}
    for name in names:
        check_file_name(name, what)
        other = seen.setdefault(folded(name), name)
        if other != name:
            raise InputError(
                f"{what} {name!r} differs from {other!r} only in upper and lower case, which many file systems do not tell "
                "apart; give one of them another name."
            )


def folded(name: str) -> str:
    """What a file system that tells neither case nor spelling of accents apart makes of a name."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def encoded_name(name: str) -> str:
    """A name of a file for any name at all: two names never give the same, on any file system.

    Everything but small letters, digits and `_-. ` is written as `%41`; `urllib.parse.unquote` gives it back.

    Raises:
        InputError: It would be too long.

    >>> encoded_name("top_0_10"), encoded_name("wiki/DE"), encoded_name(".x"), encoded_name("nul")
    ('top_0_10', 'wiki%2F%44%45', '%2Ex', '%6Eul')
    """
    safe = "abcdefghijklmnopqrstuvwxyz0123456789_-. "
    text = "".join(c if c in safe else _percent(c) for c in name)
    if not text or text[0] in ".- " or _RESERVED_NAME.fullmatch(text):
        text = _percent(text[:1]) + text[1:]
    if text.endswith((".", " ")):
        text = text[:-1] + _percent(text[-1])
    if not text or len(text) > LONGEST_FILE_NAME:
        raise InputError(f"{name!r} is empty or too long to name a folder; give it another name.")
    return text


def _percent(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
