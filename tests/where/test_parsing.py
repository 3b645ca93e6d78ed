"""The grammar: what is read, and what is refused with one sentence that shows where it stopped."""

import random
from contextlib import suppress

import pytest

from thresher.errors import InputError
from thresher.where import as_column, as_text, parse_where
from thresher.where.parsing import MOST_DEPTH


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ('model = ViT-B-32 AND n>=100M and pool != "top 10"', 'model = ViT-B-32 and n >= 100M and pool != "top 10"'),
        ("a or b and not c", "a or b and not (c)"),
        ("(a or b) and c", "(a or b) and c"),
        ("a + b * -2 >= 3 - 1 - 1", "(a + (b * -2)) >= ((3 - 1) - 1)"),
        ("a == 1 or a <> 2", "a = 1 or a != 2"),
        ("a Is Not Null and b NOT in (1, 'x')", "not (a is null) and not (b in (1, 'x'))"),
        ("greatest(w,h)/least(w,h)<=3", "(greatest(w, h) / least(w, h)) <= 3"),
        ("day >= 2024-05-01 and lr > 1e-3", "day >= 2024-05-01 and lr > 1e-3"),
        ("`odd name` = 'it''s'", "`odd name` = 'it''s'"),
        ("android = nothing and inch = .5", "android = nothing and inch = .5"),
        ("x > -inf and share < 30%", "x > -inf and share < 30%"),
    ],
)  # fmt: skip
def test_a_condition_is_read(text, read):
    assert str(parse_where(text).tree) == read
    assert str(parse_where(read).tree) == read


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "cannot read an empty condition"),
        ("n > 5 and", "cannot read 'n > 5 and': it ends too early"),
        ("200 <= n <= 300", "cannot read '200 <= n <= 300' from '<= 300' on"),
        ("n => 3", "from '> 3' on"),
        ("t like 'a%'", "from \"like 'a%'\" on"),
        ("t = 'open", 'from "\'open" on'),
        ("n > 640 M", "from 'M' on"),
        ("odd name = 1", "from 'name = 1' on"),
        ("n in ()", r"from '\)' on"),
        ("n > 1e999", "'1e999' is no number that a column can hold"),
        ("n > " + "9" * 400, "is no number"),
        ("n > 1e99999999999999999999", "is no number"),
        ("(" * 10_000 + "n" + ")" * 10_000, "has 20,001 characters; a condition has at most 10,000"),
        ("not " * 100 + "n", f"nested more than {MOST_DEPTH} deep"),
        ("n > " + "-" * 100 + "n", f"nested more than {MOST_DEPTH} deep"),
        ("n" + " + n" * 100, f"nested more than {MOST_DEPTH} deep"),
    ],
)
def test_what_is_not_in_the_grammar_is_refused(text, said):
    with pytest.raises(InputError, match=said) as caught:
        parse_where(text)
    assert "\n" not in str(caught.value)


def test_a_refusal_gives_the_grammar_in_short():
    with pytest.raises(
        InputError,
        match=r"width >= 200 and language = en.* in \(..\), is null, .* length\(text\), words\(text\)",
    ):
        parse_where("n >> 3")


def test_parentheses_and_long_lists_are_no_depth():
    assert str(parse_where("(" * 4_000 + "n" + ")" * 4_000).tree) == "n"
    assert len(parse_where(" or ".join(f"n = {n}" for n in range(800))).names) == 1


def test_no_text_gives_anything_but_a_condition_or_one_sentence():
    rng = random.Random(5)
    pieces = ["a", "b-c", "and", "or", "not", "in", "is", "null", "(", ")", ",", "=", "!=", "<", ">=", "+", "-", "*", "/", "3",
              "1e5", "30%",
              "'x'", '"y z"', "`q`", "true", "inf", "length", "(", "%", "\\", "\x00", "é", "'", '"',
              "`", "$", ";", "\n"]  # fmt: skip
    read = 0
    for _ in range(3_000):
        with suppress(InputError):
            parse_where(" ".join(rng.choices(pieces, k=rng.randint(1, 9))))
            read += 1
    assert read > 30


def test_the_top_parts_of_a_condition_stand_alone():
    parts = parse_where("rank <= 2 and (a = 1 or b = 2) and not c").parts
    assert [part.text for part in parts] == ["rank <= 2", "a = 1 or b = 2", "not (c)"]
    assert parts[1].names == {"a", "b"}


@pytest.mark.parametrize(
    "name", ["width", "clip-score", "top 1", "and", "val/acc", "3d", "a`b", 'a"b', "é", "1e5", "inf"]
)
def test_a_name_is_written_so_that_it_is_read_again(name):
    assert parse_where(f"{as_column(name)} is null").names == {name}
    text = parse_where(f"x = {as_text(name)}")
    assert text.names == {"x", name}
