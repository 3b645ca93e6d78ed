"""How fast effective samples grow: the slopes of the kernels, which the optimiser of weights follows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thresher.laws import KERNELS

kernels = st.sampled_from(sorted(KERNELS))
passes = st.floats(0.01, 60.0)
half_lives = st.one_of(st.floats(0.05, 200.0), st.just(np.inf))


@given(kernels, passes, half_lives)
def test_the_elasticity_is_the_slope_of_the_curve_on_its_right(name, u, tau):
    kernel, N, step = KERNELS[name], np.array(1e6), 1e-6
    n = np.array(u * N)
    if np.floor(u) != np.floor(u * (1 + step)):
        return  # the step would cross a kink
    ahead, here = (kernel.log_effective_samples(x, N, np.array(tau)) for x in (n * (1 + step), n))
    assert kernel.elasticity(n, N, np.array(tau)) == pytest.approx((ahead - here) / np.log1p(step), abs=1e-4)


@given(kernels, passes, half_lives)
def test_one_more_sample_is_never_worth_more_than_a_new_one_and_never_nothing(name, u, tau):
    slope = KERNELS[name].elasticity(np.array(u), np.array(1.0), np.array(tau))
    assert 0 <= slope <= 1 + 1e-12


@pytest.mark.parametrize("name", sorted(KERNELS))
def test_effective_samples_are_concave_in_samples_seen(name):
    u = np.linspace(0.01, 12.0, 5000)
    for tau in (0.1, 1.0, 7.0):
        worth = np.exp(KERNELS[name].log_effective_samples(u, np.ones_like(u), np.full_like(u, tau)))
        assert np.diff(worth, 2).max() < 1e-12


@pytest.mark.parametrize("name", sorted(KERNELS))
@pytest.mark.parametrize("kappa", [0.0, 0.5, 1.0, 1.5])
def test_a_pools_share_of_the_log_error_is_convex_in_its_weight(name, kappa):
    w = np.linspace(1e-3, 1.0, 2001)
    for size, tau in ((0.01, 0.3), (0.1, 5.0), (0.7, 40.0)):
        log_n_eff = KERNELS[name].log_effective_samples(np.ones_like(w), size / w, tau * w**-kappa)
        assert np.diff(-w * (20.0 + log_n_eff), 2).min() > -1e-12
