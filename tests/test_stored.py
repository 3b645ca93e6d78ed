"""The one reader of stored files: bounds, and sentences that say where."""

import json
import math
from typing import Annotated

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from thresher.errors import FileFormatError
from thresher.files import write_json
from thresher.schemas import Stored
from thresher.stored import DamageError, parse_foreign_json, parse_json, read_stored
from thresher.stored_arrays import load_arrays

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
NUMBERS = st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(TEXTS, inside, max_size=4),
    max_leaves=20,
)


@given(VALUES, st.booleans())
def test_what_json_writes_is_read_as_it_was(value, ascii_only):
    """Whole JSON within the bounds comes back."""
    assert parse_json(json.dumps(value, ensure_ascii=ascii_only)) == value


@given(st.text(alphabet='[]{}":,\\ a1-.eE\n', max_size=60))
def test_any_text_is_json_or_damage(text):
    """No other error, whatever stands where."""
    for parse in (parse_json, parse_foreign_json):
        try:
            found = parse(text)
        except DamageError:
            continue
        assert json.loads(text) == found


@pytest.mark.parametrize(
    "text", ['"' * 200_001, '"' + '\\"' * 200_000, "\\" * 200_001, '[""' + ',"["' * 100_000 + "]"]
)
def test_brackets_and_quotes_inside_texts_take_one_pass(text):
    """No text takes quadratic time, and brackets in texts are no nesting."""
    try:
        said = str(len(parse_json(text)))
    except DamageError as error:
        said = str(error)
    assert "deep" not in said


@pytest.mark.parametrize(("depth", "accepted"), [(32, True), (33, False), (10**6, False)])
def test_nesting_is_bounded(depth, accepted):
    """A million brackets are counted and never followed."""
    for parse in (parse_json, parse_foreign_json):
        if accepted:
            parse("[" * depth + "]" * depth)
        else:
            with pytest.raises(DamageError, match="nested more than 32 levels deep"):
                parse("[" * depth + "]" * depth)


def test_logs_of_others_may_hold_nan_and_a_key_twice():
    """open_clip writes NaN where a loss was lost; what nobody asks for stops no import."""
    assert math.isnan(parse_foreign_json('{"loss": NaN, "a": 1, "a": 2}')["loss"])
    with pytest.raises(DamageError, match="a whole number has 5000 digits"):
        parse_foreign_json("9" * 5000)


class Inner(Stored):
    """A part."""

    share: Annotated[float, Field(ge=0, le=1)]


class Outer(Stored):
    """A file."""

    name: str
    parts: list[Inner]
    size: float | None = None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"parts": []}, "name is missing"),
        ({"name": 3, "parts": []}, "name is 3, which should be text"),
        (
            {"name": "x", "parts": [{"share": 1}, {"share": 1.5}]},
            "parts[1].share is 1.5, which should be at most 1",
        ),
        ({"name": "x", "parts": [{"share": True}]}, "parts[0].share is true, which should be a number"),
        ({"name": "x", "parts": [{"share": "0.5"}]}, 'parts[0].share is "0.5", which should be a number'),
        ({"name": "x", "parts": [{}]}, "parts[0].share is missing"),
        ({"name": "x", "parts": {}}, "parts is {}, which should be a list"),
        ({"name": "x", "parts": [], "colour": 1}, "colour is no part of such a file"),
        ({"name": "x", "parts": [], "a b\n": 1}, '"a b\\n" is no part of such a file'),
        (
            {"name": "x", "parts": [], "size": "y" * 500},
            'size is "' + "y" * 59 + ".., which should be a number",
        ),
    ],
)
def test_a_message_says_where_and_what(tmp_path, content, message):
    """One sentence: the file, the place, the value, what is accepted, and the command that makes such a file."""
    path = tmp_path / "x.json"
    write_json(path, "thing", 3, content)
    with pytest.raises(FileFormatError) as caught:
        read_stored(path, Outer, "thing", 3, "thresher make")
    assert str(caught.value) == f"{path} is damaged: {message}; make it again with `thresher make`."


@pytest.mark.parametrize("version", [True, "3", 3.5, None, [3], 2, 10**30])
def test_another_version_is_named(tmp_path, version):
    """True is not 1, and no version is a list."""
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"format": "thresher-thing", "version": version, "name": "x", "parts": []}))
    with pytest.raises(FileFormatError, match="this release reads version 1"):
        read_stored(path, Outer, "thing", 1, "thresher make")


WANTED = {"counts": ("int64", (4,)), "done": ("bool", (-1,))}


def saved(path, **arrays):
    np.savez_compressed(path, **({"counts": np.arange(4), "done": np.ones(3, bool)} | arrays))
    return path


def test_arrays_come_back(tmp_path):
    """Compressed or not."""
    found = load_arrays(saved(tmp_path / "a.npz"), WANTED)
    assert found["counts"].tolist() == [0, 1, 2, 3]
    assert found["done"].tolist() == [True] * 3
    found["counts"] += 1  # not read-only


@pytest.mark.parametrize(
    "arrays",
    [
        {"counts": np.arange(5)},
        {"counts": np.arange(4.0)},
        {"counts": np.arange(4).reshape(2, 2)},
        {"done": np.ones((2, 2), bool)},
        {"counts": np.array([None] * 4, dtype=object)},
        {"more": np.ones(1)},
        {"done": np.zeros(300 << 20, bool)},
    ],
)
def test_other_arrays_are_damage(tmp_path, arrays):
    """Other lengths, types and names; a few kilobytes that stand for 300 MB; a pickle is never opened."""
    with pytest.raises(DamageError):
        load_arrays(saved(tmp_path / "a.npz", **arrays), WANTED)


@given(st.integers(0, 10**6), st.integers(0, 255), st.booleans())
def test_an_archive_with_another_byte_is_damage_or_the_same(tmp_path_factory, place, byte, cut_off):
    """Every byte of it, changed or the last: the checksum of the archive sees what headers do not."""
    path = saved(tmp_path_factory.mktemp("a") / "a.npz")
    data = bytearray(path.read_bytes())
    place %= len(data)
    data[place] = byte
    path.write_bytes(data[:place] if cut_off else data)
    try:
        found = load_arrays(path, WANTED)
    except DamageError:
        return
    assert found["counts"].tolist() == [0, 1, 2, 3]
    assert found["done"].tolist() == [True] * 3
