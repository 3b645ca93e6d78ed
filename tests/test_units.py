import pytest
from hypothesis import given
from hypothesis import strategies as st

from thresher.errors import InputError
from thresher.units import check_samples, format_count, format_percent, parse_number, parse_samples


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("640M", 640e6), ("1.28B", 1.28e9), ("1.28b", 1.28e9), ("2G", 2e9), ("3T", 3e12), ("5k", 5e3), ("0.3", 0.3),
        ("30%", 0.3), (" 12.5 % ", 0.125), ("1e6", 1e6), ("1_000_000", 1e6), (".5", 0.5), ("-2", -2.0),
    ],
)  # fmt: skip
def test_numbers_are_read_as_people_write_them(text, value):
    assert parse_number(text, "--budget") == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize("text", ["", "many", "1.2.3", "5M%", "nan", "inf", "0x10", "5 MB"])
def test_other_text_is_refused_with_its_name(text):
    with pytest.raises(InputError, match=r"--budget is .*, not a number. Write for example 640M"):
        parse_number(text, "--budget")


def test_a_number_too_large_to_hold_is_refused():
    with pytest.raises(InputError, match=r"--budget is '1e999', which is too large"):
        parse_number("1e999", "--budget")


@pytest.mark.parametrize("text", ["0", "-5M", "1e19", "0.5"])
def test_counts_that_no_run_can_have_are_refused(text):
    with pytest.raises(InputError, match=r"--budget is .*; a number of samples lies between 1 and 10\^18"):
        parse_samples(text, "--budget")


def test_not_a_number_is_no_count():
    with pytest.raises(InputError, match=r"n is nan; a number of samples"):
        check_samples(float("nan"), "n")


@given(st.floats(1e3, 1e15))
def test_a_shown_count_is_within_half_a_percent(value):
    assert parse_number(format_count(value).replace(",", ""), "n") == pytest.approx(value, rel=0.0051)


def test_percent_has_no_needless_digits():
    assert [format_percent(f) for f in (0.1, 0.125, 1.0)] == ["10 %", "12.5 %", "100 %"]
