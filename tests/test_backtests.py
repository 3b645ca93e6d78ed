"""What a backtest keeps to: regret, picks, baselines and hold-outs as defined, by hand; and its refusals."""

from dataclasses import replace

import numpy as np
import pytest

from simulated import N, simulated_runs
from thresher import backtest, fit_law, load_example
from thresher.backtests.contests import (
    BEST_AT_PILOT,
    BEST_FIXED,
    KEEP_ALL,
    KEEP_FIXED,
    fixed_choices,
    joint_runs,
)
from thresher.backtests.predictors import copy_nearest, others, stand_in
from thresher.backtests.scores import regret_interval, root_mean_squares
from thresher.backtests.splits import splits
from thresher.errors import FitError, InputError
from thresher.pools import Mixture, Pool, union
from thresher.runs import Measurement, RunTable

METRIC = "x_error"
QUICK = {"replicates": 4}
FEW_KERNELS = {"fresh": 1.0, "utility": 1.0}
FEW_FLOORS = {0.1: 1.0}


@pytest.fixture(scope="module", autouse=True)
def few_laws():
    """An ensemble of two kernels and one floor: the same code, in a tenth of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("thresher.fits.ensemble.KERNEL_PRIOR", FEW_KERNELS)
        patch.setattr("thresher.fits.ensemble.FRACTION_FLOORS", FEW_FLOORS)
        yield


def joint_row(pool, epochs, error, run=None, **facts):
    size = N * len(pool.split("+"))
    return Measurement(pool, size, epochs * N, METRIC, error, run=run or f"{pool} at {epochs}", **facts)


JOINT = (
    joint_row("a+b", 0.5, 0.69),  # ends before one epoch of the smallest pool
    joint_row("a", 2, 0.30),
    joint_row("a+b", 2, 0.31, seed="0"),
    joint_row("a+b", 2, 0.35, seed="1", run="again"),
    joint_row("a", 8, 0.20),
    joint_row("b+a", 8, 0.15),
    joint_row("a", 20, 0.05, other={"inferred": "yes"}),
    joint_row("a+b", 20, 0.10),
)
"""At 2 epochs a is .03 better than the mean of two seeds of a+b, at 8 a+b is .05 better; pilots err more."""


@pytest.fixture(scope="module")
def small():
    table = simulated_runs(noise=0.002, pools=("a", "b"))
    return replace(table, rows=tuple(row for row in table.rows if row.samples_seen / N in (1, 2, 4, 8)))


@pytest.fixture(scope="module")
def fit(small):
    return fit_law(small, replicates=0)


@pytest.fixture(scope="module")
def contests(fit):
    rows = [row for row in JOINT if not row.other]
    return joint_runs(rows, (), fit).contests


@pytest.fixture(scope="module")
def scored(small):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("thresher.backtests.splits.folds", last_epochs_only)
        return backtest(small, RunTable(JOINT, "joint"), pool_size=2 * N / 0.3, **QUICK)


def last_epochs_only(observations):
    from thresher.fits.heldout import folds

    return tuple(fold for fold in folds(observations) if fold.kind == "last epochs")


def test_regret_is_the_measured_error_less_the_least_with_seeds_averaged(contests):
    assert [contest.samples_seen / N for contest in contests] == [2.0, 8.0]
    assert [candidate.label for candidate in contests[0].candidates] == ["a", "a+b"]
    assert [candidate.runs for candidate in contests[0].candidates] == [1, 2]
    assert contests[0].regrets == pytest.approx((0.0, 0.03))
    assert contests[1].regrets == pytest.approx((0.05, 0.0))


def test_a_single_pool_of_the_pilots_is_a_candidate_where_the_joint_runs_lack_it(fit, small):
    found = joint_runs([joint_row("a+b", 8, 0.45), joint_row("a", 8, 0.50)], small.rows, fit)
    (contest,) = found.contests
    assert [candidate.label for candidate in contest.candidates] == ["a", "b", "a+b"]
    assert contest.candidates[0].error == 0.50  # its unseen run, not the pilot's


def test_runs_on_unknown_pools_are_left_out_and_named(fit):
    found = joint_runs([joint_row("a+z", 8, 0.45)], (), fit)
    assert not found.rows
    assert "1 joint runs are left out: z has no runs of its own." in found.notes


def test_stated_weights_make_another_candidate(fit):
    rows = [joint_row("a+b", 8, 0.45), joint_row("a+b", 8, 0.44, run="tilted", weights=(0.75, 0.25))]
    (contest,) = joint_runs(rows, (), fit).contests
    assert {candidate.label for candidate in contest.candidates} == {"a+b", "a+b (0.75, 0.25)"}


def test_contradictory_joint_runs_are_averaged_and_said(fit):
    rows = [joint_row("a", 8, 0.5), joint_row("a+b", 8, 0.4), joint_row("a+b", 8, 0.6, run="other")]
    found = joint_runs(rows, (), fit)
    assert found.contests[0].candidates[1].error == pytest.approx(0.5)
    assert "Runs of a+b at 102M samples contradict each other: 0.4000 to 0.6000" in found.warnings[0]


def test_simple_rules_choose_as_they_say(contests, small, fit):
    rules = fixed_choices(contests, small.rows, fit, pool_size=2 * N / 0.3)
    assert rules[BEST_AT_PILOT] == (0, 0)
    assert rules[KEEP_ALL] == (1, 1)
    assert rules[KEEP_FIXED] == (1, 1)  # a and b are 30 % of this table
    assert rules[BEST_FIXED] == (1, 1)  # mean regret .015 against .025
    assert fixed_choices(contests, small.rows, fit, None)[KEEP_FIXED] == (None, None)
    assert fixed_choices(contests, small.rows, fit, 100 * N)[KEEP_FIXED] == (None, None)


def test_copy_nearest_takes_the_weighted_mean_at_the_nearest_samples():
    rows = [
        Measurement("a", 10, n, METRIC, error, seed=seed)
        for n, error, seed in [(10, 0.9, "0"), (40, 0.5, "0"), (40, 0.7, "1")]
    ] + [Measurement("b", 30, 30, METRIC, 0.8)]
    a, b = Pool("a", 10), Pool("b", 30)
    assert copy_nearest(rows, union([a]), 30) == pytest.approx(0.6)
    assert copy_nearest(rows, union([a]), 15) == pytest.approx(0.9)
    assert copy_nearest(rows, Mixture((a, b), (0.25, 0.75)), 1000) == pytest.approx(0.25 * 0.6 + 0.75 * 0.8)
    assert np.isnan(copy_nearest(rows, union([Pool("c", 10)]), 30))


def test_copy_nearest_of_a_pool_without_runs_takes_its_quality_at_the_nearest_size():
    rows = [Measurement(f"q{size}", size, 100, METRIC, size / 100, quality="q") for size in (10, 30)]
    assert copy_nearest(rows, union([Pool("q20", 20, quality="q")]), 100) == 0.3


def test_root_mean_squares_give_each_kind_alike():
    rows = [Measurement("a", 1, n, METRIC, 0.5) for n in (1, 2, 3)]
    gaps = np.array([[0.1, 0.1, 0.1, 0.3], [0.0, 0.0, 0.0, 0.0]])
    found = root_mean_squares(gaps, ["x", "x", "x", "y"], [*rows, rows[0]], 1, 0)
    assert found.rmse == pytest.approx([np.sqrt((0.01 + 0.09) / 2), 0.0])
    assert found.by_kind["y"] == pytest.approx([0.3, 0.0])
    assert 0.05 < found.low[0] <= found.rmse[0] <= found.high[0] + 1e-12
    assert found.low[1] == found.high[1] == 0.0


def test_regret_intervals_compare_only_budgets_that_both_have():
    assert regret_interval((0.1, None), (0.0, 0.0), 0) == pytest.approx((0.1, 0.1))
    assert regret_interval((None,), (0.0,), 0) is None


def test_an_ensemble_is_scored_beside_members_and_baselines_on_the_same_runs(scored, small):
    assert [score.name for score in scored.baselines] == [
        *others()[1:], BEST_AT_PILOT, KEEP_FIXED, KEEP_ALL, BEST_FIXED,
    ]  # fmt: skip
    assert sum(score.weight for score in scored.members) == pytest.approx(1.0)
    assert scored.heldout_runs == 2
    assert scored.ensemble.heldout_difference == (0.0, 0.0)
    copied = next(score for score in scored.baselines if score.name == "copy-nearest")
    last, before = ([row.error for row in small.rows if row.samples_seen == epochs * N] for epochs in (8, 4))
    assert copied.heldout_rmse == pytest.approx(np.sqrt(np.mean(np.subtract(before, last) ** 2)))


def test_picks_and_regret_follow_from_the_measured_errors(scored):
    assert [contest.samples_seen / N for contest in scored.contests] == [2.0, 8.0]
    for score in (scored.ensemble, *scored.members, *scored.baselines):
        regrets = [
            dict(zip((c.label for c in contest.candidates), contest.regrets, strict=True))[choice]
            for contest, choice in zip(scored.contests, score.choices, strict=True)
        ]
        assert score.mean_regret == pytest.approx(np.mean(regrets))
        assert score.picks == 2
        assert score.picks_right == sum(regret <= scored.noise_sd for regret in regrets)
    everything = next(score for score in scored.baselines if score.name == KEEP_ALL)
    assert everything.mean_regret == pytest.approx(0.015)
    assert everything.picks_right == 1


def test_a_row_marked_inferred_enters_no_score(scored):
    assert scored.joint_rows == 6  # 20 epochs of a+b are still predicted, but there is nothing to choose from
    assert "1 row of joint is marked inferred and enter nothing." in scored.notes


def test_joint_runs_in_the_table_itself_are_scored_and_never_fitted(small, monkeypatch):
    monkeypatch.setattr("thresher.backtests.splits.folds", lambda observations: ())
    monkeypatch.setattr("thresher.backtests.splits._one_run", lambda rows: ())
    together = RunTable((*small.rows, *(row for row in JOINT if row.is_joint)), "both")
    found = backtest(together, **QUICK)
    assert found.joint_rows == 4
    assert "Too few single-pool runs to hold any out" in found.warnings[-1]
    assert found.ensemble.heldout_rmse is None
    assert [candidate.label for candidate in found.contests[0].candidates] == ["a", "b", "a+b"]


def test_identical_pools_share_the_runs_and_the_smaller_of_equals_is_chosen(small, monkeypatch):
    monkeypatch.setattr("thresher.backtests.splits.folds", last_epochs_only)
    first = [row for row in small.rows if row.pool == "a"]
    twins = RunTable((*first, *(replace(row, pool="b", rank=2) for row in first)), "twins")
    found = backtest(twins, RunTable((joint_row("a+b", 8, 0.1), joint_row("a", 8, 0.1)), "joint"), **QUICK)
    assert found.contests[0].best.label == "a"
    assert found.ensemble.mean_regret is not None
    plain = next(score for score in found.baselines if score.name == "plain power law")
    assert plain.choices == ("a",)


def test_one_pool_only_is_held_out_and_has_no_choice(small, monkeypatch):
    monkeypatch.setattr("thresher.backtests.splits.folds", last_epochs_only)
    found = backtest(replace(small, rows=tuple(row for row in small.rows if row.pool == "a")), **QUICK)
    assert found.heldout_runs == 1
    assert found.contests == ()
    assert found.ensemble.mean_regret is None
    assert found.ensemble.picks is None


def test_the_published_questions_are_among_the_splits():
    rows = load_example("laion_openclip").where("model = ViT-B-16").rows
    found = {split.label: split for split in splits(rows)}
    last = next(split for label, split in found.items() if label.startswith("last epochs"))
    assert {round(row.samples_seen / 1e9) for row in last.left_out} == {34}
    assert len(last.left_out) == 3
    assert {row.pool for row in found["one pool: laion_400M"].left_out} == {"laion_400M"}
    assert all(len(split.left_out) + len(split.kept) == len(rows) for split in found.values())


def test_too_few_runs_fall_back_to_one_run_at_a_time_then_to_none():
    rows = tuple(Measurement(f"q{n:g}", n, n, METRIC, 1 / n, quality="q") for n in (2.0, 3.0, 4.0))
    assert [split.kind for split in splits(rows)] == ["one run"] * 3
    assert splits(rows[:2]) == ()


def test_a_pool_held_out_is_predicted_by_its_quality_at_its_size(fit):
    pools = (Pool("small", 10, quality="q"), Pool("large", 1000, quality="q"))
    sized = replace(fit, pools=pools)
    found = stand_in(sized, Measurement("middle", 400, 400, METRIC, 0.5, quality="q"))
    assert found == Pool("large", 400, quality="q")
    assert stand_in(sized, Measurement("foreign", 400, 400, METRIC, 0.5)) is None


def test_joint_runs_of_another_model_are_refused(small):
    own = RunTable(tuple(replace(row, model="B") for row in small.rows), "runs")
    other = RunTable((joint_row("a+b", 8, 0.5, model="L"),), "joint")
    with pytest.raises(InputError, match="joint has runs of L, but runs of B; joint runs are compared"):
        backtest(own, other, **QUICK)


def test_too_few_runs_to_fit_anything_are_refused(small):
    with pytest.raises(FitError, match="cannot fix the"):
        backtest(replace(small, rows=small.rows[:1]), **QUICK)
