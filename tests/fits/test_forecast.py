"""Forecasts: what intervals hold, how they widen, and what they must not depend on."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from made_fits import made_fit, one_law
from simulated import N, measured, settings, true_law
from thresher import fit_law, forecast, load_example
from thresher.fits.priors import DISTANCE, UNION_DOUBT
from thresher.fits.union_doubt import doubt_sd, draw_doubts, joint_information
from thresher.pools import Mixture, union
from thresher.runs import RunTable

SIZES = (12.8e6, 12.8e6, 12.8e6)


@cache
def tmars(joint=False, **options):
    rows = [row for row in load_example("datacomp_medium_tmars").rows if row.rank is not None]
    rows += load_example("datacomp_medium_tmars", "joint").joints.rows if joint else ()
    return fit_law(RunTable(tuple(rows), "tmars"), **options)


def one_draw_fit(*worth, misfit=0.01, seed_sd=0.0, chance=None, **parts):
    """A fit whose law is known: its draws are all the same."""
    law = one_law(np.tile(worth, (41, 1)), np.full((41, len(worth)), 5.0), chance=chance, **parts)
    return made_fit([12.8e6] * len(worth), law, misfit=misfit, seed_sd=seed_sd)


def pool(fit, i, size=None):
    one = fit.pools[i]
    return Mixture((one if size is None else replace(one, unique_samples=size),), (1.0,))


def spread(found):
    """Half the width of 90 % intervals, in ln y, over 1.645."""
    low, high = found.interval()
    return np.log(high / low) / (2 * 1.645)


def test_expected_errors_are_those_of_the_most_probable_laws():
    fit = tmars()
    budgets = np.array([5e7, 2e8])
    mixtures = [union(fit.pools[:2]), union(fit.pools[2:3])]
    runs = settings([[0.5, 0.5, 0, 0]] * 2 + [[0, 0, 1, 0]] * 2, 12.8e6, [*budgets, *budgets])
    expected = sum(
        w * law.take(slice(0, 1)).errors(runs)[0] for w, law in zip(fit.weights, fit.laws, strict=True)
    )
    assert forecast(fit, mixtures, budgets).expected.ravel() == pytest.approx(expected, rel=1e-12)


def test_draws_are_centred_on_what_is_expected():
    fit = tmars()
    found = forecast(fit, [union(fit.ranked), pool(fit, 0)], np.array([6e7, 6e8]))
    centre = np.exp(np.tensordot(found.weights, np.log(found.errors), axes=1))
    assert centre == pytest.approx(found.expected, rel=0.01)
    assert found.weights.sum() == pytest.approx(1.0)


@examples(max_examples=25)
@given(n=st.floats(1.0, 1e18), seed=st.integers(0, 99))
def test_errors_and_intervals_lie_between_0_and_guessing(n, seed):
    fit = tmars()
    w = np.random.default_rng(seed).dirichlet(np.ones(4))
    found = forecast(fit, [Mixture(fit.ranked, tuple(map(float, w)))], np.array([n]))
    low, high = found.interval()
    assert found.errors.max() <= fit.chance
    assert 0 < low[0, 0] <= high[0, 0] <= fit.chance
    assert low[0, 0] <= found.expected[0, 0] <= high[0, 0] * (1 + 1e-12)


@pytest.mark.parametrize("joint", [False, True])
def test_more_budget_never_predicts_more_error_of_a_single_pool(joint):
    fit = tmars(joint)
    budgets = np.geomspace(1e6, 1e11, 80)
    found = forecast(fit, [pool(fit, i) for i in range(4)], budgets)
    assert np.all(np.diff(found.expected, axis=1) <= 1e-12)


def test_the_order_of_pools_in_a_mixture_is_irrelevant():
    fit = tmars()
    a, b = fit.pools[:2]
    one, two = (
        forecast(fit, [mixture], np.array([2e8]))
        for mixture in (Mixture((a, b), (0.7, 0.3)), Mixture((b, a), (0.3, 0.7)))
    )
    assert np.array_equal(one.errors, two.errors)


def test_a_mixture_is_forecast_the_same_alone_and_among_others():
    fit = tmars()
    mixtures = [union(fit.ranked[:k]) for k in (1, 2, 3, 4)]
    budgets = np.array([5e7, 5e8])
    together_ = forecast(fit, mixtures, budgets)
    for i, mixture in enumerate(mixtures[1:], start=1):
        alone = forecast(fit, [mixture], budgets)
        assert alone.expected[0] == pytest.approx(together_.expected[i], rel=1e-12)
        assert alone.errors[:, 0] == pytest.approx(together_.errors[:, i], rel=1e-9)


def test_an_interval_at_the_largest_run_is_the_misfit_and_the_noise_of_seeds():
    fit = one_draw_fit(1.0, misfit=0.012, seed_sd=0.016)
    found = forecast(fit, [pool(fit, 0)], np.array([fit.reach.largest_run]))
    assert found.noise == pytest.approx(np.hypot(0.012, 0.016))
    assert spread(found) == pytest.approx(np.hypot(0.012, 0.016), rel=0.01)


@pytest.mark.parametrize("factor", [0.1, 10.0])
def test_distance_in_samples_widens_on_both_sides_of_the_largest_run(factor):
    fit = one_draw_fit(1.0)
    n = fit.reach.largest_run
    endless = replace(fit, reach=replace(fit.reach, most_epochs=1e9))
    far = forecast(endless, [pool(fit, 0)], np.array([factor * n]))
    assert far.noise == pytest.approx(0.01 * np.sqrt(1 + (DISTANCE * np.log(10)) ** 2))


def test_epochs_beyond_all_runs_widen_and_pool_sizes_a_quarter_as_fast():
    fit = one_draw_fit(1.0)
    n = fit.reach.largest_run  # 10 epochs
    smaller = forecast(fit, [pool(fit, 0, 12.8e6 / 8)], np.array([n]))
    by = np.log(8.0)
    assert smaller.noise == pytest.approx(0.01 * np.sqrt(1 + DISTANCE**2 * (by**2 + (by / 4) ** 2)))
    larger = forecast(fit, [pool(fit, 0, 8 * 12.8e6)], np.array([n]))
    assert larger.noise == pytest.approx(0.01 * np.sqrt(1 + DISTANCE**2 * (by / 4) ** 2))


def test_a_size_between_fitted_ones_is_as_far_as_the_nearest():
    fit = one_draw_fit(1.0, 1.0)
    fit = replace(fit, reach=replace(fit.reach, sizes=(1e6, 1e8), most_epochs=1e9))
    found = forecast(fit, [pool(fit, 0, 2e6), pool(fit, 0, 5e7)], np.array([fit.reach.largest_run]))
    assert found.noise[0] == pytest.approx(found.noise[1])


def test_unions_that_no_run_has_shown_are_less_sure_the_more_and_the_less_alike_their_pools():
    w = np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [1 / 3, 1 / 3, 1 / 3]])
    alike, unlike = (doubt_sd(w, np.log([worth]))[0] for worth in ((1.0, 1.0, 1.0), (4.0, 1.0, 0.25)))
    assert alike == pytest.approx([0.0, UNION_DOUBT[0], UNION_DOUBT[0] * np.sqrt(2)])
    assert unlike[1] == pytest.approx(UNION_DOUBT[0] + UNION_DOUBT[1] * np.log(2))
    assert unlike[0] == 0.0
    assert unlike[2] > unlike[1] > alike[1]


def test_weights_that_exceed_1_by_rounding_have_no_doubt_that_is_no_number():
    """1 and 5e-7 sum to 1 within the tolerance of a mixture, and their squares to more than 1."""
    fit = tmars()
    found = forecast(fit, [Mixture(fit.ranked[:2], (1.0, 5e-7)), union(fit.ranked)], np.array([2e8]))
    assert np.all(np.isfinite(found.errors))


def test_doubts_of_unions_that_share_pools_are_shared():
    rng = np.random.default_rng(0)
    w = np.array([[0.5, 0.5, 0, 0], [0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5], [0.25] * 4])
    doubts = draw_doubts(w, np.zeros((6000, 4)), np.zeros((4, 4)), rng)
    correlation = np.corrcoef(doubts.T)
    assert correlation[0, 1] == pytest.approx(1.0)
    assert correlation[0, 2] == pytest.approx(0.0, abs=0.05)
    assert correlation[0, 3] == pytest.approx(np.sqrt(0.5), abs=0.05)
    assert doubts.std(axis=0) == pytest.approx(doubt_sd(w, np.zeros((1, 4)))[0], rel=0.05)


def test_a_joint_run_tells_of_unions_like_it_and_nothing_of_others():
    w = np.array([[0.5, 0.5, 0, 0], [0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]])
    told = joint_information(w[:1], np.zeros(4), np.array([0.001]))
    before, after = (
        draw_doubts(w, np.zeros((6000, 4)), one, np.random.default_rng(0)).std(axis=0)
        for one in (np.zeros((4, 4)), told)
    )
    assert after[0] < 0.4 * before[0]
    assert after[2] == pytest.approx(before[2], rel=0.05)
    singles_tell = joint_information(np.eye(4), np.zeros(4), np.full(4, 1e-6))
    assert not singles_tell.any()


def test_joint_rows_narrow_forecasts_of_unions():
    widths = [
        np.ptp(forecast(tmars(joint), [union(tmars(joint).ranked)], np.array([6.4e8])).interval())
        for joint in (False, True)
    ]
    assert widths[1] < 0.7 * widths[0]


def test_the_probability_of_an_error_is_the_share_of_new_runs_with_less():
    fit = tmars()
    found = forecast(fit, [pool(fit, 0)], np.array([2e8]))
    for share in (0.05, 0.3, 0.5, 0.9):
        at = float(found.quantile(share)[0, 0])
        assert found.probability_below(at)[0, 0] == pytest.approx(share, abs=0.03)
    assert found.mean[0, 0] == pytest.approx(found.expected[0, 0], rel=0.01)


def test_two_laws_many_noises_apart_have_an_interval_around_both():
    law = one_law([[1.0], [1.0], [8.0]], np.full((3, 1), 5.0), chance=None)
    fit = made_fit([12.8e6], law)
    found = forecast(fit, [pool(fit, 0)], np.array([fit.reach.largest_run]))
    low, high = found.interval()
    assert np.log(high / low) > np.log(found.errors.max() / found.errors.min()) - 2 * 1.645 * 0.01
    assert found.errors.max() / found.errors.min() > 1.3


@pytest.mark.parametrize("law", ["default", "paper"])
def test_without_draws_a_forecast_is_the_most_probable_law_with_its_noise(law):
    fit = fit_law(load_example("datacomp_medium_tmars"), law=law, draws=0)
    found = forecast(fit, [pool(fit, 0)], np.array([5e7]))
    assert np.ptp(found.errors) == pytest.approx(0.01 * found.expected[0, 0], abs=0.02)
    low, high = found.interval()
    assert low < found.expected < high


def test_runs_drawn_with_replacement_are_forecast_so_where_all_rows_say_it():
    law = true_law(2, kernel="utility_smooth")
    runs = settings(np.repeat(np.eye(2), 3, axis=0), N, np.tile([N, 4 * N, 12 * N], 2), resampled=True)
    table = measured(law, runs, noise=0.003)
    fit = fit_law(table, kernel="utility_smooth", draws=0)
    plain = fit_law(
        RunTable(tuple(replace(row, exposure="epochs") for row in table.rows), "epochs"),
        kernel="utility_smooth",
        draws=0,
    )
    budget = np.array([0.9 * N])  # before the first epoch ends only drawn samples repeat
    drawn_law, epochs_law = (
        one.laws[0].errors(settings([[1.0, 0.0]], N, budget, resampled=how))[0, 0]
        for one, how in ((fit, True), (plain, False))
    )
    assert forecast(fit, [pool(fit, 0)], budget).expected[0, 0] == pytest.approx(drawn_law)
    assert forecast(plain, [pool(plain, 0)], budget).expected[0, 0] == pytest.approx(epochs_law)
    assert (
        forecast(replace(plain, exposure="resampled"), [pool(plain, 0)], budget).expected[0, 0] > epochs_law
    )


def test_two_seeds_of_the_draws_give_nearly_the_same_intervals():
    intervals = []
    for seed in (1, 2):
        fit = tmars(seed=seed)
        intervals.append(forecast(fit, [union(fit.ranked), pool(fit, 0)], np.array([6.4e8])).interval())
    one, two = (np.ravel(each) for each in intervals)
    assert two == pytest.approx(one, abs=0.03)
