"""The laws of a fit at other sizes, of other pools, and for another exposure."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulated import EPOCHS, N, measured, singles, true_law
from thresher import fit_law, forecast
from thresher.errors import InputError
from thresher.fits.transfer import for_exposure, of_pools, resized, run_exposures
from thresher.pools import Pool, union
from thresher.runs import RunTable

TABLE = measured(true_law(3), singles(3, EPOCHS), noise=0.003)
FIT = fit_law(TABLE, draws=15)
BUDGETS = np.array([4 * N, 40 * N])


def errors(fit, pools):
    return forecast(fit, [union(pools)], BUDGETS).errors


@given(factor=st.floats(0.01, 100.0))
def test_resizing_a_pool_is_the_same_as_asking_for_another_size(factor):
    other = resized(FIT, {"p1": factor * N})
    assert [pool.unique_samples for pool in other.pools] == [N, factor * N, N]
    asked = replace(FIT.pools[1], unique_samples=factor * N)
    assert np.array_equal(errors(other, other.pools[1:2]), errors(FIT, [asked]))


def test_the_size_that_was_fitted_changes_nothing():
    other = resized(FIT, {pool.name: pool.unique_samples for pool in FIT.pools})
    assert np.array_equal(errors(other, other.pools), errors(FIT, FIT.pools))


def test_a_pool_of_a_single_sample_still_has_finite_errors():
    tiny = resized(FIT, {pool.name: 1.0 for pool in FIT.pools})
    assert np.all(np.isfinite(errors(tiny, tiny.pools)))


@pytest.mark.parametrize("size", [0.0, -1.0, float("nan"), float("inf")])
def test_a_size_that_no_pool_has_is_refused(size):
    with pytest.raises(InputError, match="unique_samples of p0"):
        resized(FIT, {"p0": size})


def test_other_pools_are_predicted_as_the_ones_that_they_are_like():
    joint = replace(TABLE.rows[0], pool="p0+p1", unique_samples=2 * N, run="j", rank=None)
    fit = fit_law(RunTable((*TABLE.rows, joint), "joint"), draws=15)
    new = [Pool("x", N, 1), Pool("y", N, 2), Pool("z", 2 * N, 3)]
    other = of_pools(fit, new, [2, 0, 0])
    assert np.array_equal(errors(other, new[:1]), errors(fit, fit.pools[2:]))
    one, two = (
        forecast(each, [union(pools)], BUDGETS)
        for each, pools in ((other, new[:2]), (fit, [fit.pools[2], fit.pools[0]]))
    )
    assert one.expected == pytest.approx(two.expected, rel=1e-12)
    assert other.reach.largest_shares == tuple(fit.reach.largest_shares[i] for i in (2, 0, 0))
    assert np.shape(other.reach.joint_information) == (3, 3)
    assert other.reach.joint_information[1][2] == fit.reach.joint_information[0][0]


def test_another_exposure_swaps_every_kernel_for_its_form():
    fit, (text,) = for_exposure(FIT, "resampled")
    assert fit.exposure == "resampled"
    assert fit.laws == FIT.laws
    assert errors(fit, fit.pools[:1]).mean() > errors(FIT, FIT.pools[:1]).mean()
    assert (
        text
        == "The runs were trained with epochs, the plan is for resampled: every kernel uses its own form for resampled."
    )


def test_a_kernel_without_a_form_stays_as_it_is_and_says_so():
    fit, (text,) = for_exposure(fit_law(TABLE, kernel="saturating", draws=0), "resampled")
    assert "saturating has no form for resampled and stays as it is" in text
    assert errors(fit, fit.pools[:1]).min() == errors(replace(fit, exposure="epochs"), fit.pools[:1]).min()


def test_a_kernel_that_never_wears_out_needs_no_other_form():
    _, (text,) = for_exposure(fit_law(TABLE, kernel="fresh", draws=0), "resampled")
    assert "has no form" not in text


def test_the_exposure_of_the_runs_changes_nothing():
    assert run_exposures(FIT) == {"epochs"}
    planned, warnings = for_exposure(FIT, "epochs")
    assert warnings == ()
    assert np.array_equal(errors(planned, FIT.pools), errors(FIT, FIT.pools))
    assert for_exposure(FIT, None) == (FIT, ())


def test_runs_of_unsaid_exposure_are_said_to_be():
    fit = fit_law(RunTable(tuple(replace(row, exposure="unknown") for row in TABLE.rows), "unsaid"), draws=0)
    assert run_exposures(fit) == set()
    assert "The runs were trained with an unknown exposure" in for_exposure(fit, "epochs")[1][0]


def test_an_unknown_exposure_is_refused():
    with pytest.raises(InputError, match="exposure is 'sometimes'; it is epochs or resampled"):
        for_exposure(FIT, "sometimes")
