import re
from dataclasses import replace

import pytest

from thresher.errors import InputError
from thresher.runs import Measurement, RunTable, refuse_faults

ROW = Measurement("a", 100.0, 200.0, "top1_error", 0.5, file="runs.csv", line=2)


def refused(*rows: Measurement, message: str, unit: str | None = None) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        refuse_faults(RunTable(rows, "runs.csv", declared_unit=unit))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"error": 63.2}, "row 2: error 63.2 is not a fraction in [0, 1]. If it is percent, divide by 100."),
        ({"error": -0.1}, "row 2: error -0.1 is not a fraction in [0, 1]. Correct it or remove the row."),
        ({"error": 640.0}, "row 2: error 640 is not a fraction in [0, 1]. Correct it or remove the row."),
        ({"error": float("nan")}, "row 2: error is nan, not a number. Remove the row of a run that failed"),
        ({"error": float("inf")}, "row 2: error is inf, not a number."),
        ({"metric": "val_loss", "error": 0.0}, "row 2: error 0 is not a loss; val_loss must be positive."),
        ({"unique_samples": 0.0}, "row 2: unique_samples is 0; a number of samples lies between 1 and 10^18."),
        ({"samples_seen": -5.0}, "row 2: samples_seen is -5; a number of samples lies between"),
        ({"samples_seen": float("nan")}, "row 2: samples_seen is nan; a number of samples lies between"),
        ({"samples_seen": float("inf")}, "row 2: samples_seen is inf; a number of samples lies between"),
        ({"standard_error": 0.0}, "row 2: standard_error is 0; it must be positive. Leave it empty"),
        ({"standard_error": float("nan")}, "row 2: standard_error is nan; it must be positive."),
        ({"rank": 0}, "row 2: rank is 0; ranks are whole numbers, and 1 is the best quality."),
        ({"schedule": "cosine"},
         "row 2: schedule is 'cosine'; it can be constant, finished or mid-run, or empty."),
        ({"exposure": "once"}, "row 2: exposure is 'once'; it can be epochs, resampled or unknown, or empty."),
        ({"pool": "a+"}, "row 2: pool 'a+' has an empty part; a joint run's pool is written a+b"),
        ({"pool": "a+b+a"}, "row 2: pool 'a+b+a' names 'a' twice"),
        ({"subset_of": "a"}, "row 2: pool 'a' is said to be a subset of itself"),
        ({"pool": "a+b", "weights": (0.5,)}, "row 2: 1 weights for 2 pools (a, b); give one for each."),
        ({"pool": "a+b", "weights": (0.6, 0.37)}, "row 2: Mixture weights sum to 0.97, not 1: a=0.6, b=0.37."),
        ({"pool": "a+b", "weights": (1.5, -0.5)}, "row 2: Mixture weights must lie in [0, 1]"),
        ({"metric": "perplexity"},
         "row 2: metric 'perplexity' ends in neither _error nor _loss; say what it is with --unit fraction or "
         "--unit loss."),
        ({"metric": "imagenet_acc"}, "If it is an accuracy, give 1 - accuracy as an _error."),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_right_is_refused(change, message):
    refused(replace(ROW, **change), message=message)


@pytest.mark.parametrize("error", [0.0, 1.0])
def test_the_ends_of_a_fraction_are_accepted(error):
    refuse_faults(RunTable((replace(ROW, error=error),), "runs.csv"))


def test_a_declared_unit_makes_an_unknown_metric_usable():
    row = replace(ROW, metric="perplexity", error=17.0)
    refuse_faults(RunTable((row,), "runs.csv", declared_unit="loss"))
    refused(row, message="error 17 is not a fraction", unit="fraction")


def test_a_unit_that_contradicts_the_metric_is_refused():
    refused(ROW, message="--unit loss contradicts top1_error, whose name says fraction", unit="loss")


def test_a_pool_of_two_sizes_is_refused():
    refused(
        ROW, replace(ROW, unique_samples=50.0, samples_seen=300.0, line=3),
        message="runs.csv row 3: unique_samples of pool 'a' is 50, but 100 in runs.csv row 2. A pool has one size: "
        "give the other size a name of its own, and both the same quality.",
    )  # fmt: skip


def test_two_ranks_of_one_pool_are_refused():
    refused(
        replace(ROW, rank=1), replace(ROW, rank=2, samples_seen=300.0, line=3),
        message="runs.csv row 3: rank of pool 'a' is 2, but 1 in runs.csv row 2. A pool has one rank: correct one.",
    )  # fmt: skip


def test_a_rank_may_be_left_out_in_some_rows():
    refuse_faults(RunTable((replace(ROW, rank=1), replace(ROW, samples_seen=300.0)), "runs.csv"))


def test_two_pools_of_one_rank_are_refused():
    refused(
        replace(ROW, rank=1), replace(ROW, pool="b", rank=1, line=3),
        message="runs.csv row 3: pool 'b' has rank 1, and so has pool 'a' in runs.csv row 2.",
    )  # fmt: skip


def test_two_rows_of_a_run_at_one_samples_seen_are_refused():
    remedy = "Remove one, or tell the runs apart with the column run or seed."
    twin = replace(ROW, error=0.4, line=3)
    refused(
        ROW,
        twin,
        message="runs.csv row 3 and runs.csv row 2 both give top1_error of one run of pool 'a' at 200",
    )
    refused(
        replace(ROW, run="r"), replace(twin, run="r"), message=f"of run 'r' at 200 samples seen. {remedy}"
    )
    refused(replace(ROW, run="r"), replace(twin, run="r", pool="b"), message="of run 'r' at 200")


def test_the_order_of_pools_does_not_make_another_run():
    refused(replace(ROW, pool="a+b"), replace(ROW, pool="b+a", line=3), message="both give")


@pytest.mark.parametrize(
    "change", [{"seed": "1"}, {"run": "r"}, {"model": "B"}, {"schedule": "constant"}, {"metric": "b_error"}]
)
def test_rows_that_differ_in_the_run_or_the_metric_are_not_duplicates(change):
    refuse_faults(RunTable((ROW, replace(ROW, **change)), "runs.csv"))


def test_a_joint_run_must_hold_the_sum_of_its_pools():
    a, b = ROW, replace(ROW, pool="b")
    refuse_faults(RunTable((a, b, replace(ROW, pool="a+b", unique_samples=200.0)), "runs.csv"))
    refuse_faults(RunTable((a, replace(ROW, pool="a+c", unique_samples=150.0)), "runs.csv"))
    refused(
        a, b, replace(ROW, pool="a+b", unique_samples=100.0, line=4),
        message="row 4: unique_samples of the joint run 'a+b' is 100, but its pools hold 200 together. Give the sum",
    )  # fmt: skip
