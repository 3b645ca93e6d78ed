"""What a backtest keeps to: regret, choices, intervals and hold-outs as defined, by hand; and its refusals."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simulated import N, simulated_runs
from thresher import backtest, fit_law, load_example
from thresher.backtests.backtest import ONE_JOINT_RUN
from thresher.backtests.laws import Predicted, laws_with, nothing_of
from thresher.backtests.measured import Contest, Measured, candidates_of, contests, measured_in
from thresher.backtests.rules import BEST_FIXED, rule_choices
from thresher.backtests.scores import Entry, choices, score
from thresher.backtests.splits import splits_of
from thresher.errors import FitError, InputError
from thresher.fits.priors import FixedParts
from thresher.plans.simple_rules import BEST_PILOT, COPY_NEAREST, KEEP_ALL, KEEP_FIXED, copy_nearest
from thresher.pools import Mixture, Pool, union
from thresher.runs import Measurement, RunTable

ROOT = Path(__file__).parents[1]
METRIC = "x_error"
A, B = Pool("a", N, rank=1), Pool("b", N, rank=2)


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
"""At 2 epochs a is .03 better than the mean of two seeds of a+b, at 8 a+b is .05 better."""


@pytest.fixture(scope="module")
def small():
    table = simulated_runs(noise=0.002, pools=("a", "b"))
    return replace(table, rows=tuple(row for row in table.rows if row.samples_seen / N in (1, 2, 4, 8)))


@pytest.fixture(scope="module")
def fit(small):
    return fit_law(small, draws=10)


@pytest.fixture(scope="module")
def measured(fit):
    return contests(fit, [row for row in JOINT if not row.other])[0]


@pytest.fixture(scope="module")
def scored(small):
    return backtest(small, RunTable(JOINT, "joint"), pool_size=2 * N / 0.3)


@pytest.fixture(scope="module")
def tmars():
    return backtest(load_example("datacomp_medium_tmars"), load_example("datacomp_medium_tmars", "joint"))


def law(found, name):
    return next(one for one in (*found.laws, *found.baselines) if one.name == name)


def test_regret_is_the_measured_error_less_the_least_with_seeds_averaged(measured):
    assert [contest.samples_seen / N for contest in measured] == pytest.approx([2.0, 8.0, 20.0])
    assert [one.label for one in candidates_of(measured[:2])] == ["a", "a+b", "a", "b+a"]
    assert [one.runs for one in measured[0].candidates] == [1, 2]
    assert measured[0].regrets == pytest.approx((0.0, 0.03))
    assert measured[1].regrets == pytest.approx((0.05, 0.0))


def test_of_the_pilots_the_best_ranked_pool_is_a_candidate_where_unseen_runs_lack_it(fit):
    (contest,), _ = contests(fit, [joint_row("a+b", 8, 0.15)])
    assert [one.label for one in contest.candidates] == ["a", "a+b"]  # b alone is not what a plan compares
    (contest,), _ = contests(fit, [joint_row("a+b", 8, 0.15), joint_row("a", 8, 0.99)])
    assert contest.candidates[0].error == 0.99  # the unseen run's, not the pilot's


def test_stated_weights_make_another_candidate(fit):
    rows = [joint_row("a+b", 8, 0.45), joint_row("a+b", 8, 0.44, run="tilted", weights=(0.75, 0.25))]
    (contest,), _ = contests(fit, rows)
    assert {one.label for one in contest.candidates} == {"a", "a+b", "a+b (0.75, 0.25)"}


def test_joint_rows_that_cannot_be_predicted_are_left_out_and_said(fit):
    found, notes = contests(fit, [joint_row("a+z", 8, 0.45), joint_row("a+b", 0.5, 0.69)])
    assert not found
    assert notes == (
        "Joint rows left out: 1, because z has no rank or no runs of its own.",
        "Joint rows left out: 1, because they end before one epoch of the smallest pool.",
    )


def test_simple_rules_choose_as_they_say(measured, fit):
    both = measured[:2]
    rules = rule_choices(both, fit, pool_size=2 * N / 0.3)
    assert rules[BEST_PILOT] == (0, 0)
    assert rules[KEEP_ALL] == (1, 1)
    assert rules[KEEP_FIXED] == (1, 1)  # a and b are 30 % of this table
    assert rules[BEST_FIXED] == (1, 1)  # mean regret .015 against .025
    assert rule_choices(both, fit, None)[KEEP_FIXED] == (None, None)
    assert rule_choices(both, fit, 2.5 * N)[KEEP_FIXED] == (None, None)  # .75 of a was not measured


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


def test_scores_are_what_their_definitions_give_by_hand():
    alone, both = union([A]), union([A, B])
    budgets = [
        Contest(n, (Measured(alone, n, 0.64, 1), Measured(both, n, error, 1)))
        for n, error in ((2 * N, 0.66), (8 * N, 0.4))
    ]
    error = np.array([0.9, 0.55, 0.9, 0.3])  # what is said of single pools enters no score of joint runs
    said = Predicted(error, error, error - 0.02, error + 0.1)
    default = Predicted(error, np.array([0.9, 0.55, 0.2, 0.3]), error - 0.2, error + 0.2)
    one, other = (
        Entry(name, nothing_of(()), of, choices(of, budgets)) for name, of in (("x", said), ("y", default))
    )
    found = score(one, other, (), budgets, noise_sd=0.03, seed=0)
    assert found.heldout_rmse is None
    assert found.joint_rmse == pytest.approx(np.sqrt((0.11**2 + 0.1**2) / 2))
    assert found.inside == 0.5  # .66 lies above its interval, and .4 is the end of the other
    assert found.interval_score == pytest.approx(0.12 + 20 * 0.01 / 2)
    assert found.choices == ("a+b", "a+b")
    assert (found.picks_right, found.picks, found.mean_regret) == (2, 2, pytest.approx(0.01))
    assert found.differences["joint_rmse"] == (0.0, 0.0)
    # y is .24 worse at one of two budgets
    assert found.differences["mean_regret"] == pytest.approx((-0.24, 0.0))


def test_intervals_of_differences_pair_the_runs_of_both_laws():
    rng = np.random.default_rng(0)
    runs = [Measured(union([A, B]), n * N, 0.5, 1) for n in range(1, 201)]
    rough = 0.5 + 0.1 * rng.standard_normal(200)
    nothing = np.full(200, np.nan)
    near, far = (Predicted(error, error, nothing, nothing) for error in (rough, 0.5 + 1.05 * (rough - 0.5)))
    one, other = (Entry(name, of, nothing_of(()), ()) for name, of in (("far", far), ("near", near)))
    low, high = score(one, other, runs, (), 0.01, 0).differences["heldout_rmse"]
    assert (
        0.004 < low < 0.05 * np.sqrt(np.mean((rough - 0.5) ** 2)) < high < 0.006
    )  # unpaired, it would hold 0


def test_picks_and_regret_follow_from_the_measured_errors(scored):
    assert [one.name for one in scored.laws] == ["default", "paper"]
    assert [one.name for one in scored.baselines] == [
        COPY_NEAREST,
        BEST_PILOT,
        KEEP_ALL,
        KEEP_FIXED,
        BEST_FIXED,
    ]
    for one in (*scored.laws, *scored.baselines):
        regrets = [
            dict(zip((c.label for c in contest.candidates), contest.regrets, strict=True))[choice]
            for contest, choice in zip(scored.contests[:2], one.choices, strict=False)
        ]
        assert one.mean_regret == pytest.approx(np.mean(regrets))
        assert one.picks == 2  # at 20 epochs there is nothing to choose from
        assert one.picks_right == sum(regret <= scored.noise_sd for regret in regrets)
    everything = law(scored, KEEP_ALL)
    assert everything.mean_regret == pytest.approx(0.015)
    assert everything.joint_rmse is None
    assert "Left out of joint: 1 row marked as inferred." in scored.notes


def test_copying_is_scored_on_the_runs_that_were_held_out(scored, small):
    split = next(one for one in scored.splits if one.label == "last epochs: 102M samples")
    last, before = ([row.error for row in small.rows if row.samples_seen == epochs * N] for epochs in (8, 4))
    assert split.rmse(COPY_NEAREST) == pytest.approx(np.sqrt(np.mean(np.subtract(before, last) ** 2)))


def test_joint_rows_of_the_table_are_scored_and_never_fitted(small):
    joints = [row for row in JOINT if row.is_joint]
    wrong = [replace(row, error=0.99) for row in joints]
    one, other = (backtest(replace(small, rows=(*small.rows, *rows))) for rows in (joints, wrong))
    assert np.array_equal(one.joint.said["default"].error, other.joint.said["default"].error)
    assert other.laws[0].joint_rmse > one.laws[0].joint_rmse
    assert "Laws are fitted to the 8 rows of single pools. Joint runs are scored, never fitted." in one.notes


def test_intervals_hold_most_runs_of_a_world_in_which_the_law_is_true(scored):
    default = law(scored, "default")
    assert default.heldout_inside >= 0.8
    assert default.heldout_rmse < 0.01 < law(scored, COPY_NEAREST).heldout_rmse


def test_one_joint_run_is_judged_on_later_budgets_only(tmars):
    informed = law(tmars, ONE_JOINT_RUN)
    assert informed.choices == (None, None, None, "top_0_10+top_10_20+top_20_30")
    assert informed.picks == 1
    assert informed.heldout_rmse is None
    said = tmars.joint.said
    asked = np.array([one.samples_seen == 640e6 for one in tmars.joint.measured])
    assert np.array_equal(np.isfinite(said[ONE_JOINT_RUN].error), asked)
    gaps = [
        np.abs(said[name].error - said["default"].error)[asked].max() for name in ("default", ONE_JOINT_RUN)
    ]
    assert gaps[0] == 0.0 < 0.002 < gaps[1]
    (words,) = [note for note in tmars.notes if ONE_JOINT_RUN in note]
    assert "top_0_10+top_10_20+top_20_30 at 64M samples" in words  # five passes over the best tenth


def test_published_buckets_are_chosen_as_they_were_measured_best(tmars):
    default, paper = tmars.laws[:2]
    assert (default.picks_right, default.picks, default.mean_regret) == (4, 4, 0.0)
    assert paper.picks_right == 3
    assert law(tmars, BEST_PILOT).mean_regret == pytest.approx(0.0325, abs=5e-5)
    assert default.inside == 1.0 > paper.inside
    assert default.interval_score < paper.interval_score


def test_flags_make_one_more_law_named_after_them(small):
    found = backtest(small, kernel="utility", kappa=0.0, onset=2e5)
    assert [one.name for one in found.laws] == [
        "default",
        "paper",
        "default, kernel utility, kappa 0, onset 200,000",
    ]
    assert found.laws[2].heldout_rmse != found.laws[0].heldout_rmse
    named = laws_with("paper", FixedParts(kernel="effective_data", floor=0.1))
    assert [one.name for one in named] == ["default", "paper", "paper, kernel effective_data, floor 0.1"]
    assert len(laws_with("paper", FixedParts())) == 2


def test_a_law_that_the_runs_do_not_allow_is_refused(small):
    with pytest.raises(InputError, match=r"The floor is 0\.9, but the least measured error is"):
        backtest(small, floor=0.9)
    with pytest.raises(InputError, match=r"There is no law 'ensemble'; laws are default and paper\."):
        backtest(small, law="ensemble")


def test_the_published_questions_are_among_the_splits():
    rows = load_example("laion_openclip").where("model = ViT-B-16").rows
    found = {split.label: split for split in splits_of(rows)}
    last = next(split for label, split in found.items() if label.startswith("last epochs"))
    assert {round(row.samples_seen / 1e9) for row in last.left_out} == {34}
    assert len(last.left_out) == 3
    assert {row.pool for row in found["one pool: laion_400M"].left_out} == {"laion_400M"}
    assert all(len(split.left_out) + len(split.kept) == len(rows) for split in found.values())
    assert len({split.left_out for split in found.values()}) == len(found)


@pytest.mark.parametrize(("budgets", "count"), [((2.0, 3.0, 4.0), 3), ((2.0, 3.0), 0)])
def test_every_quality_keeps_two_budgets(budgets, count):
    rows = tuple(Measurement(f"q{n:g}", n, n, METRIC, 1 / n, quality="q") for n in budgets)
    found = splits_of(rows)
    assert len(found) == count
    assert all(len(split.kept) == 2 for split in found)


def test_a_pool_held_out_is_predicted_by_its_quality_at_its_size(fit):
    sized = replace(fit, pools=(Pool("small", 10, quality="q"), Pool("large", 1000, quality="q")))
    (found,) = measured_in(sized, [Measurement("middle", 400, 400, METRIC, 0.5, quality="q")])
    assert found.mixture == union([Pool("large", 400, quality="q")])
    assert measured_in(sized, [Measurement("foreign", 400, 400, METRIC, 0.5)]) == ()


def test_a_table_of_mixtures_alone_holds_some_of_its_mixtures_out():
    rng = np.random.default_rng(0)
    worth = np.array([1.0, 0.5, 0.2])
    rows = []
    for i, shares in enumerate(rng.dirichlet(np.ones(3), size=20)):
        loss = 2.0 + (shares @ worth) ** -0.3
        rows.append(
            Measurement(
                "a+b+c",
                np.inf,
                1e9,
                "x_loss",
                loss,
                run=str(i),
                weights=tuple(shares),
                pool_sizes=(np.inf,) * 3,
            )
        )
    found = backtest(RunTable(tuple(rows), "swarm"))
    assert [len(split.measured) for split in found.splits] == [4] * 5
    assert found.laws[0].heldout_rmse < 0.3 * np.std([row.error for row in rows])
    assert found.laws[1].heldout_rmse is None
    assert any("the law 'paper' cannot be fitted" in note for note in found.notes)
    assert (
        "No joint run is of pools that were trained alone, so laws are fitted to all 20 rows." in found.notes
    )


def test_a_law_that_predicts_only_some_held_out_runs_is_named(small):
    nested = (
        *(row for row in small.rows if row.pool == "a"),
        *(joint_row("a+b", n, 0.7 * n**-0.2) for n in (2, 4, 8)),
    )
    found = backtest(replace(small, rows=nested))
    held = [one for split in found.splits for one in split.measured]
    alone = sum(not one.is_joint for one in held)
    assert 0 < alone < len(held)
    assert (
        f"The law 'paper' predicts {alone} of {len(held)} held-out runs, and is scored on these alone."
        in found.notes
    )


def test_one_budget_per_pool_is_too_few_to_hold_any_out(small):
    few = tuple(row for row in small.rows if row.samples_seen / N in (1, 2))
    found = backtest(replace(small, rows=few))
    assert found.laws[0].heldout_rmse is None
    assert found.warnings == (
        "Too few runs to hold any out and fit the rest, so no held-out error is known. Add runs: at least 4 in all, and at "
        "3 or more budgets per pool.",
    )


def test_joint_runs_of_another_model_are_refused(small):
    own = RunTable(tuple(replace(row, model="B") for row in small.rows), "runs")
    other = RunTable((joint_row("a+b", 8, 0.5, model="L"),), "joint")
    with pytest.raises(InputError, match="joint has runs of L, but runs of B; joint runs are compared"):
        backtest(own, other)


def test_too_few_runs_to_fit_anything_are_refused(small):
    with pytest.raises(FitError, match="runs at 1 different settings"):
        backtest(replace(small, rows=small.rows[:1]))


def test_the_page_shows_what_its_command_prints():
    script = ROOT / "docs" / "make_backtests.py"
    specification = importlib.util.spec_from_file_location("make_backtests", script)
    page = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(page)
    shown = (ROOT / "docs" / "backtests.md").read_text(encoding="utf-8")
    name = "datacomp_medium_tmars"
    for line in page.bed_lines(name, page.bed(name)):
        assert line in shown, "run: python docs/make_backtests.py, and put its output on the page"
