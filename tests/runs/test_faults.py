import math
import re
from dataclasses import replace

import pytest

from thresher.errors import InputError
from thresher.examples import list_examples, load_example
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
        ({"pool": "a+b", "weights": (0.0, 0.0)}, "row 2: Mixture weights sum to 0, not 1"),
        ({"pool": "a+b", "weights": (70.0, 30.0)},
         "row 2: weights sum to 100, so they are percent. Divide them by 100; weights sum to 1."),
        ({"pool": "a+b+c", "weights": (33.3, 33.3, 33.3)}, "row 2: weights sum to 99.9, so they are percent."),
        ({"pool": "a+b+c", "unique_samples": 300.0, "pool_sizes": (100.0, 200.0)},
         "row 2: unique_samples lists 2 sizes, but 'a+b+c' names 3 pools. Give one size per pool."),
        ({"unique_samples": 300.0, "pool_sizes": (100.0, 200.0)},
         "row 2: unique_samples lists 2 sizes, but 'a' is one pool."),
        ({"pool": "a+b", "unique_samples": 100.0, "pool_sizes": (100.0, 0.0)},
         "row 2: unique_samples is 0; a number of samples lies between"),
        ({"unique_samples": float("-inf")}, "row 2: unique_samples is -inf; a number of samples lies between"),
        ({"metric": "perplexity"},
         "row 2: metric 'perplexity' ends in neither _error nor _loss; say what it is with unit='fraction' or "
         "unit='loss'."),
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
    refused(ROW, message="unit='loss' contradicts top1_error, whose name says fraction", unit="loss")


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
    refused(
        a, b, replace(ROW, pool="a+b", unique_samples=math.inf, line=4), message="'a+b' is inf, but its pools hold 200"
    )  # fmt: skip


def test_unions_that_contradict_each_other_are_refused():
    small, large = (
        replace(ROW, pool="a+b", unique_samples=size, line=line, seed=str(line))
        for size, line in ((150.0, 3), (250.0, 4))
    )
    refused(
        ROW,
        large,
        small,
        message="row 4: unique_samples of the joint run 'a+b' is 250, but its pools hold 150",
    )


def test_a_union_that_leaves_nothing_for_a_pool_is_refused():
    refused(
        ROW, replace(ROW, pool="b", line=3), replace(ROW, pool="a+b+c", unique_samples=200.0, line=4),
        message="row 4: unique_samples of the joint run 'a+b+c' is 200, and its other pools hold 200, so nothing is left "
        "for 'c'. Correct it.",
    )  # fmt: skip


def test_listed_sizes_must_agree_with_the_pools_own_runs_and_with_each_other():
    listed = replace(ROW, pool="a+b", unique_samples=301.0, pool_sizes=(101.0, 200.0), line=3)
    other = replace(listed, pool="b+c", pool_sizes=(250.0, 50.0), unique_samples=300.0, line=4)
    refuse_faults(RunTable((ROW, listed), "runs.csv"))  # sizes are rounded: 101 is 100
    refused(
        ROW, listed, other,
        message="row 4: unique_samples of pool 'b' is 250 in the list, but 200 in runs.csv row 3. A pool has one size: correct "
        "one, or give the other size a name of its own.",
    )  # fmt: skip
    endless = replace(listed, pool_sizes=(math.inf, 200.0), unique_samples=math.inf, weights=(0.5, 0.5))
    refused(
        ROW,
        endless,
        message="row 3: unique_samples of pool 'a' is inf in the list, but 100 in runs.csv row 2.",
    )


def test_a_pool_that_never_repeats_is_accepted_where_weights_are_given():
    alone = replace(ROW, unique_samples=math.inf)
    joint = replace(ROW, pool="a+b", unique_samples=math.inf, pool_sizes=(math.inf, 100.0), line=3)
    refuse_faults(RunTable((alone, replace(joint, weights=(0.2, 0.8))), "runs.csv"))
    refused(
        alone, joint,
        message="row 3: joint run 'a+b' has no weights, and a pool that never repeats (inf) has no share in proportion to its "
        "size. Give weights.",
    )  # fmt: skip


@pytest.mark.parametrize("weights", [(0.333, 0.333, 0.333), (0.334, 0.334, 0.334), (1.0, 0.004, 0.004)])
def test_weights_that_were_rounded_are_accepted(weights):
    refuse_faults(RunTable((replace(ROW, pool="a+b+c", weights=weights),), "runs.csv"))


def test_joint_runs_of_other_weights_are_not_duplicates():
    one = replace(ROW, pool="a+b", weights=(0.7, 0.3))
    refuse_faults(RunTable((one, replace(one, weights=(0.3, 0.7), error=0.4)), "runs.csv"))
    refused(one, replace(one, pool="b+a", weights=(0.3, 0.7), error=0.4), message="both give")


def curve(pool: str, *errors: float, **facts: object) -> list[Measurement]:
    return [
        replace(ROW, pool=pool, samples_seen=100.0 * k, error=e, **facts)
        for k, e in enumerate(errors, start=1)
    ]


def accepted(*rows: Measurement) -> None:
    refuse_faults(RunTable(rows, "runs.csv"))


@pytest.mark.parametrize(("name", "kind"), list_examples())
def test_accuracies_of_every_example_are_refused_and_its_errors_are_not(name, kind):
    table = load_example(name, kind)
    refuse_faults(table)
    turned = tuple(
        replace(row, error=1 / row.error if row.metric.endswith("_loss") else 1 - row.error)
        for row in table.rows
    )
    with pytest.raises(InputError, match=r"rises with samples_seen in .* 1 - error"):
        refuse_faults(RunTable(turned, "runs.csv"))


def test_accuracies_are_refused_with_an_example_and_a_remedy():
    refused(
        *curve("a", 0.1, 0.2, 0.3), *curve("b", 0.05, 0.06, 0.2), *curve("c", 0.5, 0.4),
        message="runs.csv: top1_error rises with samples_seen in 2 of 3 pools or mixtures, for example in a from 0.1 at 100 "
        "samples to 0.3 at 300. The column error seems to hold accuracies; replace each value by 1 - error.",
    )  # fmt: skip


def test_a_lone_curve_needs_three_values_to_be_taken_for_an_accuracy():
    refused(*curve("a", 0.1, 0.2, 0.3), message="rises with samples_seen in 1 of 1 pools or mixtures")
    accepted(*curve("a", 0.1, 0.3))
    refused(*curve("a", 0.1, 0.3), *curve("b", 0.1, 0.3), message="in 2 of 2")


def test_errors_that_rise_in_half_of_the_pools_are_accepted():
    accepted(*curve("a", 0.1, 0.2, 0.3), *curve("b", 0.3, 0.2, 0.1))


def test_errors_that_do_not_move_beyond_noise_are_accepted():
    accepted(*curve("a", 0.5, 0.505, 0.51), *curve("b", 0.5, 0.505, 0.51))
    noisy = [replace(row, seed=seed, error=row.error + shift) for seed, shift in (("0", 0.0), ("1", 0.2))
             for row in curve("a", 0.3, 0.32, 0.35, 0.4)]  # fmt: skip
    accepted(*noisy)


def test_an_accuracy_that_starts_at_chance_is_refused_although_its_first_value_is_not_the_least():
    refused(*curve("a", 0.004, 0.003, 0.05), *curve("b", 0.004, 0.003, 0.06), message="1 - error")


def test_an_error_that_falls_before_it_rises_is_accepted():
    accepted(*curve("a", 0.5, 0.4, 0.6), *curve("b", 0.5, 0.4, 0.6))


def test_the_mean_over_seeds_is_what_rises():
    rows = [replace(row, seed=str(seed)) for seed in range(2) for row in curve("a", 0.5, 0.4, 0.3)]
    accepted(*rows, replace(ROW, samples_seen=400.0, error=0.2, seed="0"))
    single = [replace(ROW, run=f"r{k}", samples_seen=100.0 * k, error=0.1 * k) for k in range(1, 4)]
    refused(*single, message="1 of 1 pools or mixtures")  # each value is a run of its own


def test_mixtures_count_as_well():
    a = curve("a+b", 0.1, 0.2, weights=(0.5, 0.5))
    b = curve("a+b", 0.1, 0.2, weights=(0.3, 0.7))
    refused(*a, *b, message="in 2 of 2 pools or mixtures, for example in a+b")


def test_losses_are_refused_only_where_they_rise_throughout():
    risen = {"metric": "val_loss"}
    refused(
        *curve("a", 3.0, 3.1, 3.2, **risen), *curve("b", 3.0, 3.1, 3.2, **risen),
        message="val_loss rises with samples_seen in 2 of 2 pools or mixtures, for example in b from 3 at 100 samples to 3.2 at "
        "300. If the column error holds a score that is better when higher, such as an accuracy, replace each value by "
        "1 - error and let the metric end in _error. If the models over-fit, add shorter runs: no law here can rise.",
    )  # fmt: skip
    accepted(*curve("a", 3.0, 3.5, 3.2, **risen), *curve("b", 3.0, 3.5, 3.2, **risen))
    accepted(*curve("a", 3.0, 2.9, 3.2, **risen), *curve("b", 3.0, 2.9, 3.2, **risen))


def test_each_metric_is_judged_by_itself():
    good = [row for pool in "abcd" for row in curve(pool, 0.5, 0.4, 0.3)]
    bad = [row for pool in "ab" for row in curve(pool, 0.3, 0.4, 0.5, metric="acc_error")]
    refused(*good, *bad, message="runs.csv: acc_error rises with samples_seen in 2 of 2")


def test_a_pool_of_very_many_names_is_accepted_and_a_name_that_stands_twice_is_found():
    names = [f"{k:x}" for k in range(20_000)]
    refuse_faults(RunTable((replace(ROW, pool="+".join(names)),), "runs.csv"))
    with pytest.raises(InputError, match="names 'ff' twice"):
        refuse_faults(RunTable((replace(ROW, pool="+".join([*names, "ff"])),), "runs.csv"))
