"""Predictions of a fit: what they must not depend on, and how far they may go."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from simulated import EPOCHS, N, measured, singles, true_law
from thresher import fit_law, load_example, predict_mixture, predict_mixtures
from thresher.errors import ExtrapolationWarning, InputError
from thresher.fits.predict import extrapolations, find_pools, mixture_of
from thresher.pools import Mixture, union
from thresher.runs import RunTable

LAW = true_law(3, worth=[2.0, 1.0, 0.5], half_life=[12.0, 6.0, 3.0])
TABLE = measured(LAW, singles(3, EPOCHS))
FIT = fit_law(TABLE, kernel="muennighoff", draws=20)
TMARS = fit_law(load_example("datacomp_medium_tmars"), draws=30)
SILENT = pytest.mark.filterwarnings("ignore::thresher.errors.ExtrapolationWarning")


def test_a_single_pool_is_predicted_by_its_own_law():
    n = np.array([1.0, 3.5, 12.0]) * N
    found = [one.error for one in predict_mixture(FIT, ["p1"], n.tolist())]
    runs = singles(3, (1.0, 3.5, 12.0))
    assert found == pytest.approx(LAW.errors(runs)[0, 3:6], abs=2e-3)


@SILENT
def test_naming_the_pools_in_another_order_changes_nothing():
    one = predict_mixture(TMARS, ["top_0_10", "top_10_20"], 128e6, weights=[0.7, 0.3])[0]
    two = predict_mixture(TMARS, ["top_10_20", "top_0_10"], 128e6, weights=[0.3, 0.7])[0]
    assert (two.error, two.low, two.high) == pytest.approx((one.error, one.low, one.high), abs=1e-12)


@SILENT
def test_many_mixtures_are_predicted_as_one_by_one():
    mixtures = [union(TMARS.ranked[:k]) for k in (1, 2, 4)]
    together = predict_mixtures(TMARS, mixtures, [6e7, 6e8])
    for mixture, row in zip(mixtures, together, strict=True):
        alone = predict_mixture(TMARS, list(mixture.names), [6e7, 6e8])
        assert [one.error for one in alone] == pytest.approx([one.error for one in row], rel=1e-12)
        assert [one.samples_seen for one in row] == [6e7, 6e8]


@SILENT
def test_more_budget_never_predicts_more_error():
    budgets = np.geomspace(2e7, 1e10, 60).tolist()
    for pools in (["top_0_10"], ["top_0_10", "top_10_20"]):
        errors = [one.error for one in predict_mixture(TMARS, pools, budgets)]
        assert np.all(np.diff(errors) <= 1e-12)


@SILENT
def test_more_unique_samples_of_one_quality_never_predict_more_error():
    errors = [
        predict_mixture(TMARS, ["top_0_10"], 640e6, unique_samples=[size])[0].error
        for size in np.geomspace(1.28e6, 6.4e8, 12).tolist()
    ]
    assert np.all(np.diff(errors) < 1e-12)


def test_unique_samples_as_fitted_change_nothing():
    same = predict_mixture(FIT, ["p0"], 5 * N, unique_samples=[N])[0].error
    assert same == predict_mixture(FIT, ["p0"], 5 * N)[0].error


@pytest.mark.parametrize("kappa", [0.0, 0.5, 1.0])
def test_another_size_has_a_half_life_that_grows_with_it(kappa):
    fit = fit_law(TABLE, kernel="muennighoff", kappa=kappa, draws=0)
    (found,) = predict_mixtures(
        fit, [Mixture((replace(fit.pools[1], unique_samples=3 * N),), (1.0,))], [12 * N]
    )[0]
    law = fit.laws[0]
    grown = replace(law, half_life=law.half_life * 3.0**kappa, kappa=np.zeros(1))
    runs = singles(3, (4,), 3 * N)
    assert found.error == pytest.approx(grown.errors(runs)[0, 1], rel=1e-9)


@SILENT
def test_an_interval_holds_its_prediction_and_covers_the_misfit_of_one_run():
    for one in predict_mixture(TMARS, ["top_0_10", "top_10_20", "top_20_30"], [32e6, 64e6, 128e6]):
        assert one.low < one.error < one.high
        assert np.log(one.high / one.low) >= 3.2 * TMARS.misfit


def test_no_prediction_is_worse_than_guessing():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert predict_mixture(FIT, ["p2"], 100.0)[0].error == pytest.approx(FIT.chance, abs=1e-3)


def test_epochs_of_a_prediction_are_passes_over_each_pool():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (one,) = predict_mixture(FIT, ["p0", "p1"], 10 * N, weights=[0.8, 0.2])
    assert one.epochs == pytest.approx((8.0, 2.0))


def test_going_beyond_the_runs_is_warned_of_by_samples_and_by_epochs():
    with pytest.warns(ExtrapolationWarning) as caught:
        predict_mixture(FIT, ["p0"], 28 * N)
    words = " ".join(str(one.message) for one in caught)
    assert "is 2x the largest run" in words
    assert "28 epochs over a pool is beyond the 14 epochs of any run" in words


def test_within_the_runs_nothing_is_warned_of():
    predict_mixture(FIT, ["p0"], 14 * N)
    assert extrapolations(FIT, union(FIT.pools[:1]), 14 * N) == ()


def test_a_union_that_no_run_has_shown_is_warned_of():
    (text,) = extrapolations(FIT, union(FIT.pools[:2]), 5 * N)
    assert text.startswith("A mixture of 2 pools is wider than any run (one pool at a time)")
    joint = fit_law(
        RunTable((*TABLE.rows, replace(TABLE.rows[0], pool="p0+p1", unique_samples=2 * N, run="j")), "joint"),
        draws=0,
    )
    assert extrapolations(joint, union(joint.pools[:2]), 5 * N) == ()
    assert "at most 2 pools" in extrapolations(joint, union(joint.pools), 5 * N)[0]


def test_a_budget_before_the_onset_is_warned_of():
    texts = extrapolations(FIT, union(FIT.pools[:1]), 100.0)
    assert any("is before the onset" in text for text in texts)
    loss = fit_law(measured(true_law(2, unit="loss"), singles(2, EPOCHS)), draws=0)
    assert extrapolations(loss, union(loss.pools[:1]), 100.0) == ()


def test_an_unranked_pool_is_predicted_alone_and_never_in_a_mixture():
    assert predict_mixture(TMARS, ["random_quarter_of_top_40"], 64e6)[0].error > 0
    with pytest.raises(InputError, match="has no rank and is in no mixture"):
        predict_mixture(TMARS, ["random_quarter_of_top_40", "top_0_10"], 64e6)


def test_without_ranks_all_pools_may_be_mixed():
    fit = fit_law(RunTable(tuple(replace(row, rank=None) for row in TABLE.rows), "unranked"), draws=0)
    assert mixture_of(fit, ["p2", "p0"]).weights == (0.5, 0.5)


def test_rounded_weights_are_rescaled_and_others_are_refused():
    assert sum(mixture_of(FIT, ["p0", "p1", "p2"], weights=[0.333, 0.333, 0.333]).weights) == pytest.approx(
        1.0, abs=1e-15
    )
    with pytest.raises(InputError, match=r"Mixture weights sum to 0.9, not 1"):
        mixture_of(FIT, ["p0", "p1"], weights=[0.5, 0.4])
    with pytest.raises(InputError, match="Mixture weights sum to 0, not 1"):
        mixture_of(FIT, ["p0", "p1"], weights=[0.0, 0.0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: find_pools(FIT, ["z"]), "There is no pool 'z' in this fit. It has: p0, p1, p2"),
        (lambda: find_pools(FIT, ["p0", "p0"]), "A pool is named twice in p0\\+p0"),
        (
            lambda: predict_mixture(FIT, ["p0"], 0.0),
            "samples_seen is 0; a number of samples lies between 1 and 10\\^18",
        ),
        (lambda: predict_mixture(FIT, ["p0"], [5e7, float("nan")]), "samples_seen is nan"),
        (lambda: predict_mixture(FIT, ["p0"], 1e19), "samples_seen is 1e19"),
        (
            lambda: predict_mixture(FIT, ["p0"], 5e7, unique_samples=[1e6, 1e6]),
            "2 values of unique_samples for 1 pools",
        ),
        (lambda: predict_mixture(FIT, ["p0"], 5e7, unique_samples=[0.5]), "unique_samples of p0 is 0.5"),
        (lambda: predict_mixture(FIT, ["p0", "p1"], 5e7, weights=[1.0]), "1 weights for 2 pools"),
    ],
)
def test_questions_that_make_no_sense_are_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
