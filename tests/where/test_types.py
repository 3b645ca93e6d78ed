"""What is compared with what, checked before anything runs, and the documented meaning of each part."""

import datetime

import duckdb
import numpy as np
import polars
import pyarrow as pa
import pytest

from conditions import TABLE
from thresher.errors import InputError
from thresher.metadata.frames import _bound
from thresher.where import Bound, of_files, parse_where
from thresher.where.calculations import SPACES

WIDE = TABLE.append_column("width", pa.array(["90", "200", "1000"] * 4)).append_column(
    "lists", pa.array([[1]] * 12)
)
WIDE = WIDE.append_column("clip-score", pa.array([0.1] * 12)).append_column("val/acc", pa.array([0.1] * 12))


def bound(text, *schemas):
    asked = parse_where(text)
    files = [(f"{n}.parquet", schema) for n, schema in enumerate(schemas)]
    return Bound.to(asked, of_files(files, asked.names, "The metadata"))


def passes(text, /, **columns):
    """What each row of a small table gives: True, False or None."""
    table = pa.table(columns)
    return bound(text, table.schema).mask(table).to_pylist()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("width >= 200", "width is text and 200 is a number, which cannot be compared; texts have no order of numbers"),
        ("width = 200", 'width is text and 200 is a number, .*; to compare texts, write width = "200"'),
        ("width in (200, 300)", 'write width = "200"'),
        ('i = "200"', "write the number without quotes: i = 200"),
        ("i < smal", "there is no column 'smal'; did you mean small\\?"),
        ("200 <= widht", "no column 'widht', which where names; did you mean width\\?"),
        ('small < "i"', "for the column of that name write `i`"),
        ("b = 1", "b is true or false and 1 is a number, .*; write b = true or b = false"),
        ("b > false", "has no order; write for example b = true"),
        ("t != True", 'write t != "true"'),
        ("i", "i is a whole number, not a condition; compare it"),
        ("true and b", "true is true or false, not a condition"),
        ("(i > 3) + 1 > 2", "i > 3 is a condition, and stands where a value should"),
        ("length(i) > 3", r"length\(i\) cannot be computed: i is a whole number, not text"),
        ("least(t, i) > 3", "t is text, not a number"),
        ("t + 1 > 3", "t is text, not a number"),
        ("words(t, t) > 1", "words takes one text, not 2 values"),
        ("least(i) > 1", "least takes two numbers or more, not 1 value"),
        ("exec(t) = 1", r"there is no function exec; there are length\(text\)"),
        ("length('abc') > 1", "names no column"),
        ("1 < 2", "1 < 2 compares no column"),
        ("i / 0 > 1", "divides by 0"),
        ("i > 1 / (3 - 3)", "divides by 0"),
        ("i = null", "nothing equals null; write for example language is null"),
        ("i in (1, null)", "nothing equals null"),
        ("lists = 1", "lists is list<.*>, which cannot be compared; a condition can only ask whether lists is null"),
        ("day = 2024-13-01", "day is a date, and 2024-13-01 is none; write it as 2024-05-01"),
        ("at > '2024-01-05T00:00:00Z'", "at states no time zone"),
        ("day = at", "day is a date and at is a date with a time"),
        ("at = zoned", "with another time zone"),
        ("t = b0+b1", "no column 'b0'.* A text with .* takes quotes: \"b0\\+b1\""),
        ("val/acc > 1", "did you mean `val/acc`"),
        ("i-small > 3", "to subtract, write spaces around the sign: i - small"),
        ("greatest(" * 20 + "f, s" + ", s)" * 19 + ") > 0", "too much to compute for every row"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_refused_before_anything_runs(text, said):
    with pytest.raises(InputError, match=said) as caught:
        bound(text, WIDE.schema)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a < b", [True, False, None]),
        ("a = `b`", [False, True, None]),
        ('n = "b"', [True, False, None]),  # text, although there is a column of this name
        ("n = c", [False, True, None]),
        ('"n" = c', [False, True, None]),
        ("'c' = n", [False, True, None]),
        ("not (a > 1)", [True, True, None]),
        ("a != 1", [False, True, None]),
        ("a / b > -1", [True, None, None]),
        ("least(a, b) = 0 or n is null", [False, True, True]),
    ],
)
def test_words_are_columns_where_there_are_columns_and_null_never_passes(text, rows):
    assert passes(text, a=[1, 0, None], b=[2, 0, 3], n=["b", "c", None]) == rows


def test_a_bare_word_that_is_a_column_is_no_text():
    with pytest.raises(InputError, match="n is text and b is a whole number"):
        passes("n = b", n=["b"], b=[1])


def test_a_literal_takes_the_type_of_the_column():
    for dtype in (np.float16, np.float32, np.float64):
        column = pa.array(np.array([0.7, 0.1, 0.2], dtype))
        assert passes("s >= 0.7", s=column) == [True, False, False]
        assert passes("s = 10%", s=column) == [False, True, False]
        assert passes("0.1 < s and -s < -0.2", s=column) == [True, False, False]
        assert passes("greatest(s, 0.1) = 0.1", s=column) == [False, True, False]
    big = [2**53 + 1, 2**53, 2**63 - 1, None]
    assert passes("i = 9007199254740993", i=big) == [True, False, False, None]
    assert passes("i > 9.007199254740992e15", i=big) == [True, False, True, None]
    assert passes("i > 0.5 and i < 1e30 and i != 0.5", i=big) == [True, True, True, None]
    assert passes("s < 1e30", s=pa.array(np.array([1, np.inf, -np.inf, np.nan], np.float16))) == [
        True,
        False,
        True,
        None,
    ]


def test_dates_and_times_are_compared_with_texts_in_iso():
    at = [datetime.datetime(2024, 5, 1, 12), None]
    assert passes(
        "day >= 2024-05-01 and day != '2024-05-02'", day=pa.array([datetime.date(2024, 5, 1), None])
    ) == [True, None]
    assert passes("at > 2024-05-01 and at <= '2024-05-01 12:00'", at=pa.array(at, pa.timestamp("ms"))) == [
        True,
        None,
    ]
    zoned = pa.array([at[0].replace(tzinfo=datetime.UTC), None], pa.timestamp("us", "UTC"))
    assert passes("at = '2024-05-01T14:00+02:00'", at=zoned) == [True, None]


def test_files_whose_types_differ_are_one_table_or_are_refused():
    schemas = [pa.schema({"x": kind}) for kind in (pa.int32(), pa.null(), pa.int64(), pa.float32())]
    assert bound("x >= 0.7", *schemas[:2]).types["x"].bytes == 4
    assert bound("x >= 0.7", *schemas).types["x"].bytes == 8
    table = pa.table({"x": pa.array([0.7], pa.float32())})
    assert bound("x >= 0.7", *schemas).mask(table).to_pylist() == [
        False
    ]  # 0.7 is a float64 where any file holds one
    mixed = bound("x < 5", pa.schema({"x": pa.uint64()}), pa.schema({"x": pa.int64()}))
    assert mixed.mask(pa.table({"x": [4, 5]})).to_pylist() == [True, False]
    texts = bound(
        "x = a", pa.schema({"x": pa.dictionary(pa.int8(), pa.string())}), pa.schema({"x": pa.large_string()})
    )
    assert texts.mask(pa.table({"x": ["a", "b"]})).to_pylist() == [True, False]
    with pytest.raises(InputError, match=r"column 'x' is string in 1.parquet, and int32 in other files"):
        bound("x = 1", schemas[0], pa.schema({"x": pa.string()}))
    with pytest.raises(
        InputError, match=r"1.parquet has no column 'x', which other files have and where names"
    ):
        bound("x = 1", schemas[0], pa.schema({"y": pa.string()}))


def test_words_and_length_are_those_of_python_on_every_frame():
    texts = [
        "",
        "   ",
        *(f"a{c}b" for c in SPACES),
        "a\u200bb",
        " two  words ",
        "\U0001f469\u200d\U0001f680 e\u0301",
        "\x1fa\x1f",
        None,
    ]
    table = pa.table({"row": range(len(texts)), "t": texts})
    frames = [table, polars.from_arrow(table).lazy(), duckdb.from_arrow(table)]
    for name, count in (("words", lambda text: len(text.split())), ("length", len)):
        for number in (0, 1, 2, 4):
            wanted = [row for row, text in enumerate(texts) if text is not None and count(text) == number]
            text = f"{name}(t) = {number}"
            assert bound(text, table.schema).mask(table).to_pylist().count(True) == len(wanted)
            for frame in frames:
                import narwhals as nw

                lazy = nw.from_native(frame).lazy()
                found = lazy.filter(
                    _bound(parse_where(text), lazy, ["row", "t"], "The frame").expression
                ).select("row")
                assert sorted(found.collect("pyarrow").to_native().column(0).to_pylist()) == wanted, (
                    name,
                    number,
                )


def test_the_spaces_between_words_are_those_of_python():
    assert set(SPACES) == {chr(code) for code in range(0x110000) if chr(code).isspace()}


def test_the_basic_filter_of_datacomp_can_be_written():
    text = "words(text) > 2 and length(text) > 5 and greatest(w, h) / least(w, h) <= 3 and least(w, h) >= 200"
    captions = ["a red bus", "two words", "a b c", None, "a long caption here", "in a small image"]
    found = passes(text, text=captions, w=[600, 600, 600, 600, 601, 199], h=[200, 200, 200, 200, 200, 400])
    assert found == [True, False, False, None, False, False]
