"""Paths of shards name what the library of the trainer makes of them."""

import time

import braceexpand
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thresher.errors import InputError
from thresher.recipes.urls import MOST_SHARDS, check_opened, count_shards, expand, scheme_of

PIECES = (
    "{", "}", "{", "}", ",", "..", "..", "0", "00", "-1", "9", "12", "a", "c", "Z", "/", ".tar", "::", "\\", "\\{", "{0..3}",
    "{a..c}", "{00..10..3}", "{,x}", "é", "{}",
)  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=10).map("".join))
def test_paths_are_expanded_as_braceexpand_does_or_refused(path):
    try:
        expected = [url for part in path.split("::") for url in braceexpand.braceexpand(part)]
    except braceexpand.UnbalancedBracesError:
        with pytest.raises(InputError):
            expand(path)
        return
    try:
        found = expand(path)
    except InputError as error:
        closes_first = "}" in path.replace("\\}", "").split("{")[0]
        assert closes_first or "empty part" in str(error) or "}" in path  # noqa: PT017
        assert "empty part" in str(error) or len(expected) != _safe_count(path)  # noqa: PT017
        return
    assert found == expected
    assert count_shards(path) == len(expected)


def _safe_count(path):
    try:
        return count_shards(path)
    except ValueError:
        return -1


@pytest.mark.parametrize(
    "path",
    [
        "{0..999999999}",
        "{0..1999}{0..1999}",
        "{{0..9}{0..9}{0..9}{0..9}{0..9}{0..9}{0..9},x}",
        "{a,b}" * 100,
        "{0.." + "9" * 5000 + "}",
        "{" * 50_000 + "}" * 50_000,
        "x::" * 1000,
    ],
    ids=lambda path: path[:12],
)
def test_paths_that_name_too_much_are_refused_at_once(path):
    before = time.perf_counter()
    with pytest.raises(InputError):
        expand(path)
    assert time.perf_counter() - before < 2


def test_the_limit_is_above_the_largest_public_pool():
    assert MOST_SHARDS > 12.8e9 / 1e4
    assert len(expand("{00000..19999}.tar")) == 20_000


def test_schemes_are_those_of_urls():
    assert [scheme_of(part) for part in ("a/b:c", "pipe:cat x", "S3://b", "file:/x", "p0.tar")] == [
        "", "pipe", "s3", "file", "",
    ]  # fmt: skip
    with pytest.raises(InputError, match="open_clip does not open azure: paths such as azure"):
        check_opened("azure://x.tar", 1, "b0")
