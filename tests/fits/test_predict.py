"""Predictions of a fit: what they must not depend on, and how far they may go."""

import warnings

import numpy as np
import pytest

from simulated import N, law_of, simulated_runs
from thresher import fit_law, load_example, predict_mixture
from thresher.errors import ExtrapolationWarning, InputError
from thresher.fits.predict import run_interval

FIT = fit_law(simulated_runs(), replicates=0)
TMARS = fit_law(load_example("datacomp_medium_tmars"), replicates=50)
SILENT = pytest.mark.filterwarnings("ignore::thresher.errors.ExtrapolationWarning")


def test_a_single_pool_is_predicted_by_its_own_law():
    n = np.array([1.0, 3.5, 12.0]) * N
    found = [prediction.error for prediction in predict_mixture(FIT, ["b"], n.tolist())]
    assert found == pytest.approx(law_of("b").error(n, N), abs=1e-6)


@SILENT
def test_naming_the_pools_in_another_order_changes_nothing():
    one = predict_mixture(TMARS, ["top_0_10", "top_10_20"], 128e6, weights=[0.7, 0.3])[0]
    two = predict_mixture(TMARS, ["top_10_20", "top_0_10"], 128e6, weights=[0.3, 0.7])[0]
    assert (two.error, two.low, two.high) == pytest.approx((one.error, one.low, one.high), abs=1e-12)


@SILENT
def test_more_budget_never_predicts_more_error():
    errors = [
        one.error
        for one in predict_mixture(TMARS, ["top_0_10", "top_10_20"], np.geomspace(2e7, 1e10, 60).tolist())
    ]
    assert np.all(np.diff(errors) <= 1e-12)


@SILENT
def test_more_unique_samples_of_one_quality_never_predict_more_error():
    errors = [
        predict_mixture(TMARS, ["top_0_10"], 640e6, unique_samples=[size])[0].error
        for size in np.geomspace(1.28e6, 6.4e8, 12).tolist()
    ]
    assert np.all(np.diff(errors) < 1e-12)


def test_unique_samples_as_fitted_change_nothing():
    same = predict_mixture(FIT, ["a"], 5 * N, unique_samples=[N])[0].error
    assert same == predict_mixture(FIT, ["a"], 5 * N)[0].error


@pytest.mark.parametrize("kappa", [0.0, 0.5, 1.0])
def test_another_size_has_a_half_life_that_grows_with_it(kappa):
    fit = fit_law(simulated_runs(), kappa=kappa, replicates=0)
    law = law_of("b")
    grown = type(law)(**{**vars(law), "half_life": law.half_life * 3.0**kappa})
    found = predict_mixture(fit, ["b"], 12 * N, unique_samples=[3 * N])[0].error
    assert found == pytest.approx(float(grown.error(12 * N, 3 * N)), abs=1e-6)


@SILENT
def test_an_interval_holds_its_prediction_and_covers_the_noise_of_one_run():
    for prediction in predict_mixture(TMARS, ["top_0_10", "top_10_20", "top_20_30"], [32e6, 64e6, 128e6]):
        assert prediction.low < prediction.error < prediction.high
        assert prediction.high - prediction.low >= 3.2 * TMARS.noise_sd


def test_two_laws_many_noises_apart_have_an_interval_without_a_warning():
    draws = np.array([[0.31], [0.69]])  # Newton's step from between them overflows
    low, high = run_interval(draws, np.array([0.03, 0.97]), noise_sd=0.005)
    assert 0.67 < low[0] < 0.69 < high[0] < 0.71


def test_no_prediction_is_worse_than_guessing():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert predict_mixture(FIT, ["c"], 100.0)[0].error == FIT.chance


def test_going_beyond_the_runs_is_warned_of_by_samples_and_by_epochs():
    with pytest.warns(ExtrapolationWarning) as caught:
        predict_mixture(FIT, ["a"], 28 * N)
    words = " ".join(str(one.message) for one in caught)
    assert "is 2x the largest run" in words
    assert "28 epochs over a pool is beyond the 14 epochs of any run" in words


def test_within_the_runs_nothing_is_warned_of():
    predict_mixture(FIT, ["a"], 14 * N)


def test_an_unranked_pool_is_predicted_alone_and_never_in_a_mixture():
    assert predict_mixture(TMARS, ["random_quarter_of_top_40"], 64e6)[0].error > 0
    with pytest.raises(InputError, match="has no rank and is in no mixture"):
        predict_mixture(TMARS, ["random_quarter_of_top_40", "top_0_10"], 64e6)
