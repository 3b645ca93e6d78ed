import pytest

from thresher.errors import InputError
from thresher.filters import comparisons_of, parse_where


def holds(condition: str, value: object) -> bool:
    (comparison,) = parse_where(condition)
    return comparison.holds(value)


@pytest.mark.parametrize(
    ("condition", "value", "answer"),
    [
        ("n >= 100M", 1e8, True),
        ("n >= 100M", 99_999_999.0, False),
        ("n = 0", "0", True),
        ("n = 0", "0.0", True),
        ("lr < 0.01", "0.001", True),
        ("lr < 0.01", "", False),
        ("lr < 0.01", "low", False),
        ("lr != 0.01", "low", True),
        ("model = 7B", "7B", True),
        ("model == ViT-B-32", "ViT-B-32", True),
        ("model != ViT-B-32", "ViT-B-32", False),
        ('pool = "top 10"', "top 10", True),
        ("pool = 'top 10'", "top 10", True),
        ('"odd column" = x', "x", True),
        ('n = "100"', 100.0, False),
        ("n < 30%", 0.2, True),
        ("model = x", None, False),
        ("model != x", None, False),
        ("n = 5", [5], False),
    ],
)
def test_a_comparison_holds_or_not(condition, value, answer):
    assert holds(condition, value) is answer


def test_and_joins_comparisons_and_quotes_protect_it():
    parsed = parse_where('pool = "salt and pepper" AND n>=2 and n<5')
    assert [(c.column, c.operator, c.text) for c in parsed] == [
        ("pool", "=", "salt and pepper"), ("n", ">=", "2"), ("n", "<", "5"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"--where: cannot read 'an empty condition'"),
        ("n", r"cannot read 'n'. Write comparisons joined by 'and'"),
        ("n >", r"cannot read 'n >'"),
        ("n > 5 or m > 2", r"expected 'and' before 'or m > 2'"),
        ("n > 5 and", r"ends in 'and'"),
        ("__import__('os')", r"cannot read"),
    ],
)
def test_what_is_no_comparison_is_refused(text, message):
    with pytest.raises(InputError, match=message):
        parse_where(text)


def test_text_none_and_comparisons_are_all_conditions():
    parsed = parse_where("n > 5")
    assert comparisons_of("n > 5") == comparisons_of(parsed) == parsed
    assert comparisons_of(None) == ()
    assert str(parsed[0]) == "n > 5"
