from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensembles import ensemble, share_of
from simulated import N
from thresher.errors import InputError
from thresher.fits.predict import draw_errors
from thresher.fits.resize import for_exposure, resized
from thresher.pools import union

SWAPPED = {"utility": "resampled", "effective_data": "effective_data_resampled"}


@given(st.floats(0.01, 100.0))
def test_half_lives_grow_with_size_to_the_kappa_of_each_member(factor):
    other = resized(ensemble(), {"b": factor * N})
    for before, after in zip(ensemble().members, other.members, strict=True):
        ratio = after.parameters.half_life[:, 1] / before.parameters.half_life[:, 1]
        known = np.isfinite(ratio)
        assert ratio[known] == pytest.approx(factor**before.kappa)
        assert np.array_equal(after.parameters.half_life[:, 0], before.parameters.half_life[:, 0])
        assert np.array_equal(after.parameters.utility, before.parameters.utility)
        assert after.weight == before.weight


def test_the_size_that_was_fitted_changes_nothing():
    other = resized(ensemble(), {pool.name: pool.unique_samples for pool in ensemble().pools})
    mixture = union(ensemble().pools)
    budgets = np.array([4 * N, 40 * N])
    assert np.array_equal(
        draw_errors(other, [mixture], budgets)[0], draw_errors(ensemble(), [mixture], budgets)[0]
    )


def test_resizing_a_pool_is_the_same_as_asking_for_another_size():
    other = resized(ensemble(), {"a": 3 * N})
    pool = replace(ensemble().pools[0], unique_samples=3 * N)
    one = draw_errors(other, [union([pool])], np.array([20 * N]))[0]
    assert one == pytest.approx(draw_errors(ensemble(), [union([pool])], np.array([20 * N]))[0])


def test_a_pool_of_a_single_sample_still_has_finite_errors():
    tiny = resized(ensemble(), {pool.name: 1.0 for pool in ensemble().pools})
    errors, _ = draw_errors(tiny, [union(tiny.pools)], np.array([640e6]))
    assert np.all(np.isfinite(errors))


@pytest.mark.parametrize("size", [0.0, -1.0, float("nan"), float("inf")])
def test_a_size_that_no_pool_has_is_refused(size):
    with pytest.raises(InputError, match="unique_samples of a"):
        resized(ensemble(), {"a": size})


def test_another_exposure_swaps_the_kernels_that_have_a_counterpart():
    fit, (text,) = for_exposure(ensemble(), "resampled")
    for before, after in zip(ensemble().members, fit.members, strict=True):
        assert after.kernel == SWAPPED.get(before.kernel, before.kernel)
        assert after.parameters is before.parameters
    share = sum(share_of(ensemble(), kernel=kernel) for kernel in SWAPPED)
    assert f"members with {share:.2f} of the weight have a law for resampled" in text
    assert "trained with an unknown exposure" in text


def test_the_exposure_of_the_runs_changes_nothing():
    fit = replace(ensemble(), rows=tuple(replace(row, exposure="epochs") for row in ensemble().rows))
    assert for_exposure(fit, "epochs") == (fit, ())
    assert for_exposure(fit, None) == (fit, ())


def test_an_unknown_exposure_is_refused():
    with pytest.raises(InputError, match="--exposure is 'sometimes'; it is epochs or resampled"):
        for_exposure(ensemble(), "sometimes")
