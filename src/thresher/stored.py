"""The one reader of files that thresher wrote before: nothing in them is believed until it has been checked.

What a file holds is bounded first (bytes, nesting, digits, no key twice, no aliases), then checked against a pydantic
schema, and what is wrong becomes one sentence that says where. Readers of other tools' JSON use `parse_foreign_json`.
"""

import json
import math
import re
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from thresher.errors import FileFormatError, InputError
from thresher.files import check_readable

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

Schema = TypeVar("Schema", bound="BaseModel")

MOST_BYTES = 64 << 20
"""Twice the largest file that is written: a FIT of 100,000 draws of ten pools, the manifest of 200,000 metadata files."""
MOST_YAML_BYTES = 2 << 20
"""YAML takes about a second per megabyte to read; a pilot of 1,000 runs has a quarter of one."""
MOST_DEPTH = 32
"""A FIT, the deepest file, has 7 levels; Python's own reader fails at about 1,000."""
MOST_DIGITS = 40
"""Of a whole number; scores as unsigned integers have 20."""
SHOWN_CHARACTERS = 60
YAML_KINDS = ("pilot",)
"""Kinds of stored files that people edit."""

# A string, closed or not, or a bracket. Possessive, so that no text takes more than one pass.
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]++|\\.?)*+(?:"|\Z)|[\[\]{}]', re.DOTALL)
_UNUSABLE_ESCAPE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")


class DamageError(ValueError):
    """Content that cannot be used; the message says where and what, for a sentence that begins with the file."""


def read_stored(
    path: Path, schema: type[Schema], kind: str, version: int, made_by: str, *, remedy: str | None = None
) -> Schema:
    """The content of a file that `write_json` or `write_pilot` wrote, checked.

    Args:
        path: The file.
        schema: What it must hold, besides its format and version.
        kind: What it must be, for example `fit`.
        version: The version that this release reads.
        made_by: The command that makes such a file, for the message.
        remedy: What to do about a damaged one, where running that command again is not enough.

    Raises:
        FileFormatError: It is of another kind or version, or damaged.
        InputError: It cannot be read.
    """
    what = f"a file made by `{made_by}`"
    try:
        document = load_yaml(path, what) if kind in YAML_KINDS else load_json(path, what)
        found = document.get("format") if isinstance(document, dict) else None
        if found != f"thresher-{kind}":
            raise FileFormatError(
                f"{path} is not a thresher-{kind} file (its format is {_cut(repr(found))}). Make one with `{made_by}`."
            )
        stated = document.get("version")
        if isinstance(stated, bool) or stated != version:
            raise FileFormatError(
                f"{path} is a thresher-{kind} file of version {_cut(repr(stated))}; this release reads version {version}. "
                f"Make it again with `{made_by}`."
            )
        content = {name: value for name, value in document.items() if name not in ("format", "version")}
        return checked(content, schema)
    except DamageError as error:
        remedy = remedy or f"make it again with `{made_by}`"
        raise FileFormatError(f"{path} is damaged: {error}; {remedy}.") from error


def load_json(path: Path, what: str) -> Any:  # noqa: ANN401 - any JSON value
    """The JSON in a file, bounded in size, nesting and digits.

    Args:
        path: The file.
        what: What it should be, for the message of a path that is no file.

    Raises:
        DamageError: It is not whole JSON, or beyond the bounds.
        InputError: It cannot be read.
    """
    return parse_json(_text(path, what, MOST_BYTES))


def parse_json(text: str) -> Any:  # noqa: ANN401 - any JSON value
    """JSON with finite numbers, bounded digits and nesting, and no key twice.

    Raises:
        DamageError: It is something else.

    >>> parse_json('{"a": [1, 2.5]}')
    {'a': [1, 2.5]}
    >>> parse_json("[" * 100_000)
    Traceback (most recent call last):
    thresher.stored.DamageError: it is nested more than 32 levels deep
    """
    if not text.strip():
        raise DamageError("it is not whole JSON (it is empty)")
    _check_depth(text)
    found = _decoded(
        text,
        parse_int=_whole,
        parse_float=_finite,
        parse_constant=_no_constant,
        object_pairs_hook=_no_key_twice,
    )
    if _UNUSABLE_ESCAPE.search(text):
        _check_texts(found)
    return found


def parse_foreign_json(text: str) -> Any:  # noqa: ANN401 - any JSON value
    """JSON that another tool wrote, bounded in nesting and digits alone: logs hold NaN, and what nobody asks for may be anything.

    Raises:
        DamageError: It is not whole JSON, or beyond the bounds.
    """
    _check_depth(text)
    return _decoded(text, parse_int=_whole)


def _check_depth(text: str) -> None:
    """Refuse nesting that Python's own reader would end at with a RecursionError."""
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(text):
        if match[0] in "[{":
            depth += 1
            if depth > MOST_DEPTH:
                raise DamageError(_too_deep())
        elif match[0] in "]}":
            depth -= 1


def _decoded(text: str, **hooks: Any) -> Any:  # noqa: ANN401 - any JSON value
    try:
        return json.loads(text, **hooks)
    except json.JSONDecodeError as error:
        raise DamageError(f"line {error.lineno} is not whole JSON ({error.msg})") from error


def load_yaml(path: Path, what: str) -> Any:  # noqa: ANN401 - any YAML value
    """The YAML in a file: plain values without tags, anchors and aliases, bounded as `load_json` is.

    Raises:
        DamageError: It is not such YAML, or beyond the bounds.
        InputError: It cannot be read.
    """
    import yaml

    text = _text(path, what, MOST_YAML_BYTES)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _check_events(yaml.parse(text, Loader=loader))
        found = yaml.load(text, Loader=_plain_loader(loader))
    except yaml.YAMLError as error:
        if "depth" in str(getattr(error, "problem", "")):  # libyaml reads a thousand levels ahead
            raise DamageError(_too_deep()) from error
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark is not None else "it"
        raise DamageError(f"{where} is not YAML") from error
    if found is None:
        raise DamageError("it is empty")
    _check_texts(found)
    return found


def checked(document: object, schema: type[Schema]) -> Schema:
    """A document as its schema.

    Raises:
        DamageError: It does not fit; the message names the first place.
    """
    from pydantic import ValidationError

    try:
        return schema.model_validate(document)
    except ValidationError as error:
        raise DamageError(_first_fault(document, error)) from error


def _text(path: Path, what: str, most: int) -> str:
    check_readable(path, what)
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise InputError(f"{path} is a device or a pipe; give the path of {what}.")
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    if len(content) > most:
        raise DamageError(f"it is larger than {most >> 20} MB")
    try:
        return content.decode("utf-8-sig")  # editors on Windows put a mark in front
    except UnicodeDecodeError as error:
        raise DamageError(f"it is not a text file (byte {error.start} is not UTF-8)") from error


def _too_deep() -> str:
    return f"it is nested more than {MOST_DEPTH} levels deep"


def _whole(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise DamageError(f"a whole number has {len(text)} digits")
    return int(text)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise DamageError(f"{_cut(text)} is beyond every number")
    return value


def _no_constant(text: str) -> None:
    raise DamageError(f"it holds {text}, which is not a number")


def _no_key_twice(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise DamageError(f"the key {shown(twice)} appears twice in one object")
    return found


def _check_texts(value: object) -> None:
    """Refuse half characters, which no terminal and no file takes, and NUL, which no path holds."""
    if isinstance(value, dict):
        for name, one in value.items():
            _check_texts(name)
            _check_texts(one)
    elif isinstance(value, list):
        for one in value:
            _check_texts(one)
    elif isinstance(value, str) and (
        "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value)
    ):
        raise DamageError(f"{shown(value)} holds what is no character")


def _check_events(events: Any) -> None:  # noqa: ANN401 - yaml has no types
    """Refuse what makes YAML more than values: a few lines of aliases can stand for billions of them."""
    import yaml

    depth = 0
    for event in events:
        line = event.start_mark.line + 1 if event.start_mark is not None else 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise DamageError(f"line {line} has an anchor or an alias (& or *), which such a file never has")
        if isinstance(event, yaml.NodeEvent) and (tag := getattr(event, "tag", None)) is not None:
            raise DamageError(f"line {line} has the tag {shown(tag)}, which such a file never has")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MOST_DEPTH:
            raise DamageError(_too_deep())


def _plain_loader(base: Any) -> Any:  # noqa: ANN401 - yaml has no types
    """A safe loader that bounds whole numbers, refuses a key twice, and takes dates as text."""

    class Plain(base):  # type: ignore[misc]
        def construct_mapping(self, node: Any, deep: bool = False) -> dict[str, Any]:  # noqa: ANN401
            pairs = [(self.construct_object(key, deep=True), value) for key, value in node.value]
            for (key, _), (mark, _) in zip(pairs, node.value, strict=True):
                if not isinstance(key, str):
                    raise DamageError(f"line {mark.start_mark.line + 1}: the key {shown(key)} is not text")
            return _no_key_twice([(key, self.construct_object(value, deep=True)) for key, value in pairs])

        def construct_whole(self, node: Any) -> int:  # noqa: ANN401
            text = self.construct_scalar(node)
            if len(text) > MOST_DIGITS:
                raise DamageError(f"line {node.start_mark.line + 1}: a whole number has {len(text)} digits")
            try:
                return int(self.construct_yaml_int(node))
            except ValueError as error:
                raise DamageError(f"line {node.start_mark.line + 1}: {shown(text)} is no number") from error

        def construct_text(self, node: Any) -> str:  # noqa: ANN401
            return str(self.construct_scalar(node))

        def construct_map(self, node: Any) -> dict[str, Any]:  # noqa: ANN401
            return self.construct_mapping(node)

    Plain.add_constructor("tag:yaml.org,2002:int", Plain.construct_whole)
    Plain.add_constructor("tag:yaml.org,2002:timestamp", Plain.construct_text)
    Plain.add_constructor("tag:yaml.org,2002:map", Plain.construct_map)
    for name in ("merge", "value"):
        Plain.add_constructor(f"tag:yaml.org,2002:{name}", Plain.construct_text)
    return Plain


def shown(value: object) -> str:
    """A value from a file as a message shows it: on one line, and short."""
    try:
        return _cut(json.dumps(value, ensure_ascii=True, default=str))
    except (ValueError, RecursionError):
        return _cut(repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}.."


def _first_fault(document: object, error: "ValidationError") -> str:
    """The first thing that is wrong, as `<where> <what>`."""
    fault = error.errors(include_url=False)[0]
    where = _place(document, fault["loc"])
    context: Mapping[str, Any] = fault.get("ctx", {})
    value = shown(fault["input"])
    match fault["type"]:
        case "missing":
            return f"{where} is missing"
        case "extra_forbidden":
            return f"{where} is no part of such a file"
        case "value_error" if where:
            return f"{where}: {context['error']}"
        case "value_error":
            return str(context["error"])
        case "finite_number":
            return f"{where} is {value}, not a finite number"
        case "too_short" | "string_too_short" if not fault["input"]:
            return f"{where or 'it'} is empty"
        case "too_short" | "too_long":
            return f"{where or 'it'} has a wrong length"
    wanted = fault["msg"].replace("Input should be ", "")
    for theirs, plain in _BOUNDS.items():
        wanted = wanted.replace(theirs, plain)
    wanted = _IN_PLAIN_WORDS.get(fault["type"], wanted)
    return f"{where or 'it'} is {value}, which should be {wanted}"


_BOUNDS = {
    "less than or equal to": "at most", "greater than or equal to": "at least", "less than": "below", "greater than": "above",
}  # fmt: skip
_IN_PLAIN_WORDS = {
    "string_pattern_mismatch": "hexadecimal digits",
    "float_type": "a number", "int_type": "a whole number", "string_type": "text", "bool_type": "true or false",
    "list_type": "a list", "tuple_type": "a list", "dict_type": "an object", "model_type": "an object",
    "model_attributes_type": "an object",
}  # fmt: skip


def _place(document: object, parts: Sequence[int | str]) -> str:
    """A place in a document, as `rows[3].error`; what pydantic adds to it, such as names of types, is left out."""
    where, here = "", document
    for number, part in enumerate(parts):
        if isinstance(here, list) and isinstance(part, int) and part < len(here):
            where, here = f"{where}[{part}]", here[part]
        elif isinstance(here, dict) and (part in here or number == len(parts) - 1):
            name = str(part) if re.fullmatch(r"\w{1,60}", str(part), re.ASCII) else shown(part)
            where, here = f"{where}.{name}" if where else name, here.get(part)
    return where
