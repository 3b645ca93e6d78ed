"""What holds for every kernel, and each against a slow way of computing it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import exp1

from thresher.errors import InputError
from thresher.laws import KERNELS, effective_samples, log_effective_samples
from thresher.laws.utility_smooth import _scaled_exp1

DECAYING = [name for name, kernel in KERNELS.items() if kernel.decays]
EULER = 0.5772156649015329
passes = st.floats(0.01, 3000.0)
half_lives = st.floats(0.05, 1000.0)
sizes = st.floats(1.0, 1e10)


def utility_by_product(n, N, tau):
    """ln n_eff of the kernel `utility`, epoch by epoch as the paper writes it."""
    log_n_eff = math.log(min(n, N))
    for j in range(2, math.ceil(n / N) + 1):
        log_n_eff += math.log(min(j * N, n) / ((j - 1) * N)) * 2.0 ** (-(j - 1) / tau)
    return log_n_eff


def effective_data_by_sum(n, N, tau):
    """n_eff of the kernel `effective_data`, epoch by epoch."""
    return sum(
        (min(j * N, n) - (j - 1) * N) * 2.0 ** (-(j - 1) / tau) for j in range(1, math.ceil(n / N) + 1)
    )


@pytest.mark.parametrize("kernel", KERNELS)
@given(N=sizes, u=passes, tau=half_lives)
def test_effective_samples_never_exceed_samples_seen(kernel, N, u, tau):
    assert effective_samples(kernel, u * N, N, tau) <= u * N * (1 + 1e-12)


@pytest.mark.parametrize("kernel", KERNELS)
@given(N=sizes, u=passes, tau=half_lives, growth=st.floats(1.001, 5.0))
def test_more_samples_seen_are_never_worth_less(kernel, N, u, tau, growth):
    fewer, more = log_effective_samples(kernel, np.array([u, growth * u]) * N, N, tau)
    assert more >= fewer - 1e-12


@pytest.mark.parametrize("kernel", KERNELS)
@given(N=sizes, u=st.floats(0.01, 5.0), growth=st.floats(1.01, 2.0))
def test_more_samples_seen_are_worth_more_while_repeats_still_count(kernel, N, u, growth):
    fewer, more = log_effective_samples(kernel, np.array([u, growth * u]) * N, N, 3.0)
    assert more > fewer


@pytest.mark.parametrize("kernel", DECAYING)
@given(N=sizes, u=passes, tau=st.floats(0.05, 500.0), factor=st.floats(1.1, 4.0))
def test_a_longer_half_life_is_never_worse(kernel, N, u, tau, factor):
    shorter, longer = log_effective_samples(kernel, u * N, N, np.array([tau, factor * tau]))
    assert longer >= shorter - 1e-12


@pytest.mark.parametrize("kernel", KERNELS)
@given(N=sizes, u=passes)
def test_without_decay_every_sample_counts_in_full(kernel, N, u):
    assert effective_samples(kernel, u * N, N, np.inf) == pytest.approx(u * N, rel=1e-9)


@pytest.mark.parametrize("kernel", [name for name in DECAYING if KERNELS[name].exposure == "epochs"])
@given(N=sizes, u=st.floats(0.01, 1.0), tau=half_lives)
def test_before_the_first_repetition_every_sample_counts_in_full(kernel, N, u, tau):
    assert effective_samples(kernel, u * N, N, tau) == pytest.approx(u * N, rel=1e-12)


@pytest.mark.parametrize("kernel", DECAYING)
def test_repeating_for_ever_has_a_finite_worth(kernel):
    far, farther = effective_samples(kernel, [1e12, 1e18], 1.0, 4.0)
    assert farther == pytest.approx(far, rel=1e-6)


def test_only_fresh_samples_have_no_limit():
    assert [name for name in KERNELS if effective_samples(name, 1e15, 1.0, 4.0) > 1e9] == ["fresh"]


@given(N=sizes, u=st.floats(0.01, 60.0), tau=half_lives)
def test_utility_is_the_product_over_epochs(N, u, tau):
    found = log_effective_samples("utility", u * N, N, tau)
    assert found == pytest.approx(utility_by_product(u * N, N, tau), abs=1e-12)


@pytest.mark.parametrize("tau", [0.5, 5.0, 80.0, 1000.0, 1e6])
@pytest.mark.parametrize("epochs", [511.5, 512.0, 512.25, 513.0, 514.5, 700.3, 3000.0])
def test_utility_is_the_product_beyond_the_tabulated_epochs(epochs, tau):
    found = log_effective_samples("utility", epochs * 1e6, 1e6, tau)
    assert found == pytest.approx(utility_by_product(epochs * 1e6, 1e6, tau), abs=1e-12)


def test_utility_evaluated_in_slices_is_the_same_as_whole():
    tau = np.geomspace(0.1, 900.0, 20_000)
    n = np.geomspace(1e6, 6e8, 20_000)
    together = log_effective_samples("utility", n, 1e6, tau)
    some = np.arange(0, 20_000, 997)
    assert together[some] == pytest.approx(
        [log_effective_samples("utility", n[i], 1e6, tau[i]) for i in some], abs=1e-12
    )


def test_the_smooth_utility_stays_within_the_stated_distance():
    u = np.concatenate([np.linspace(0.5, 60.0, 20_001), np.geomspace(60.0, 1e5, 2000)])
    difference = np.abs(
        log_effective_samples("utility", u, 1.0, 5.0) - log_effective_samples("utility_smooth", u, 1.0, 5.0)
    )
    assert difference.max() == pytest.approx(0.0134, abs=5e-5)


def test_the_exponential_integral_is_the_same_where_its_series_takes_over():
    x = np.array([0.01, 3.0, 49.99, 50.01, 60.0, 200.0, 600.0])
    assert _scaled_exp1(x) == pytest.approx(np.exp(x) * exp1(x), rel=1e-13)
    assert _scaled_exp1(np.array([1e6])) == pytest.approx(1e-6, rel=2e-6)


@given(N=sizes, u=st.floats(0.01, 60.0), tau=half_lives)
def test_effective_data_is_the_sum_over_epochs(N, u, tau):
    found = effective_samples("effective_data", u * N, N, tau)
    assert found == pytest.approx(effective_data_by_sum(u * N, N, tau), rel=1e-10)


@given(N=sizes, r=st.floats(0.0, 50.0), tau=half_lives)
def test_muennighoff_and_saturating_are_their_formulas(N, r, tau):
    R = tau / math.log(2.0)
    n = N * (1.0 + r)
    assert effective_samples("muennighoff", n, N, tau) == pytest.approx(
        N + N * R * (1.0 - math.exp(-r / R)), rel=1e-9
    )
    assert effective_samples("saturating", n, N, tau) == pytest.approx(
        N * (1.0 + tau * r / (tau + r)), rel=1e-9
    )


def test_saturating_reaches_half_of_all_that_repeating_can_give_after_its_half_life():
    tau = 7.0
    limit = effective_samples("saturating", 1e15, 1.0, tau) - 1.0
    assert effective_samples("saturating", 1.0 + tau, 1.0, tau) - 1.0 == pytest.approx(limit / 2.0, rel=1e-6)


def simulated_worth(tau, pool, epochs, seed):
    """Worth 2^(-views/tau) of every draw with replacement, views being earlier draws of the same sample."""
    samples = np.random.default_rng(seed).integers(0, pool, int(epochs * pool))
    order = np.argsort(samples, kind="stable")
    place = np.arange(len(samples))
    first = np.maximum.accumulate(np.where(np.diff(samples[order], prepend=-1) != 0, place, 0))
    views = np.empty(len(samples))
    views[order] = place - first
    return 2.0 ** (-views / tau)


@pytest.mark.parametrize("tau", [0.7, 3.0, 12.0])
def test_resampled_kernels_are_what_sampling_with_replacement_gives(tau):
    pool, epochs = 100_000, 8
    worth = np.mean([simulated_worth(tau, pool, epochs, seed) for seed in range(8)], axis=0)
    draws = np.arange(len(worth)) + 0.5
    n = np.array([0.25, 1.0, 2.0, 4.0, 8.0]) * pool
    summed = np.array([worth[: int(end)].sum() for end in n])
    assert effective_samples("effective_data_resampled", n, float(pool), tau) == pytest.approx(
        summed, rel=5e-3
    )
    # d ln n_eff = E[worth] d ln n; before the first draw every sample is new, and n_eff is n
    losses = np.array([np.sum((1.0 - worth[: int(end)]) / draws[: int(end)]) for end in n])
    found = log_effective_samples("resampled", n, float(pool), tau)
    assert found == pytest.approx(np.log(n) - losses, abs=5e-3)


@pytest.mark.parametrize("tau", [0.7, 3.0, 12.0])
def test_muennighoff_with_replacement_counts_the_distinct_samples_that_were_really_drawn(tau):
    pool = 100_000
    R = tau / math.log(2.0)
    for epochs in (0.1, 0.5, 1.0, 2.5, 6.0):
        drawn = np.random.default_rng(int(10 * epochs)).integers(0, pool, int(epochs * pool))
        distinct = len(np.unique(drawn))
        repeats = len(drawn) / distinct - 1.0
        expected = distinct * (1.0 + R * (1.0 - math.exp(-repeats / R)))
        found = effective_samples("muennighoff_resampled", len(drawn), pool, tau)
        assert found == pytest.approx(expected, rel=4e-3)


def test_drawing_with_replacement_loses_a_third_of_the_first_epoch_and_less_where_repeats_count():
    """After one epoch of draws 63 % of the pool was seen; the rest were repeats."""
    assert effective_samples("muennighoff_resampled", 1e6, 1e6, 1e-3) == pytest.approx(
        1e6 * (1 - math.exp(-1)), rel=1e-2
    )
    assert effective_samples("muennighoff_resampled", 1e6, 1e6, 100.0) == pytest.approx(1e6, rel=5e-3)


def test_each_draw_with_replacement_is_worth_the_mean_over_poisson_views():
    tau, pool = 3.0, 1000.0
    n = np.array([0.3, 1.0, 5.0]) * pool
    step = 1e-3 * pool
    ahead, behind = (effective_samples("effective_data_resampled", n + by, pool, tau) for by in (step, -step))
    views = np.arange(200)
    poisson = np.exp(
        -n[:, None] / pool
        + views * np.log(n[:, None] / pool)
        - np.array([math.lgamma(v + 1.0) for v in views])
    )
    expected = np.sum(poisson * 2.0 ** (-views / tau), axis=1)
    assert (ahead - behind) / (2 * step) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("tau", [0.5, 2.0, 30.0])
def test_resampled_tends_to_its_stated_limit(tau):
    c = 1.0 - 2.0 ** (-1.0 / tau)
    limit = effective_samples("resampled", 1e9, 1e4, tau)
    assert limit == pytest.approx(math.exp(-EULER) * 1e4 / c, rel=1e-9)
    assert math.exp(-EULER) == pytest.approx(0.5615, abs=5e-5)


def test_resampled_is_smooth_where_its_series_takes_over():
    tau = 3.0
    c = 1.0 - 2.0 ** (-1.0 / tau)
    n = 1e-3 / c * np.array([1.0 - 1e-9, 1.0 + 1e-9])
    for kernel in ("resampled", "effective_data_resampled"):
        below, above = log_effective_samples(kernel, n, 1.0, tau)
        assert above - below == pytest.approx(2e-9, abs=2e-11)


@pytest.mark.parametrize("name", KERNELS)
def test_a_kernel_and_its_counterpart_convert_into_each_other(name):
    kernel = KERNELS[name]
    assert kernel.for_exposure(None) is kernel
    assert kernel.for_exposure("unknown") is kernel
    assert kernel.for_exposure(kernel.exposure) is kernel
    other = "resampled" if kernel.exposure == "epochs" else "epochs"
    if kernel.converts_to is not None:
        assert kernel.for_exposure(other).exposure == other


@pytest.mark.parametrize("name", KERNELS)
def test_effective_samples_are_concave_in_samples_seen(name):
    u = np.linspace(0.01, 12.0, 5000)
    for tau in (0.1, 1.0, 7.0):
        assert np.diff(effective_samples(name, u, 1.0, tau), 2).max() < 1e-12


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("kappa", [0.0, 0.5, 1.0, 1.5])
def test_a_pools_share_of_the_log_error_is_convex_in_its_weight(name, kappa):
    w = np.linspace(1e-3, 1.0, 2001)
    for size, tau in ((0.01, 0.3), (0.1, 5.0), (0.7, 40.0)):
        log_n_eff = log_effective_samples(name, 1.0, size / w, tau * w**-kappa)
        assert np.diff(-w * (20.0 + log_n_eff), 2).min() > -1e-12


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.0, 1e6, 3.0), "samples_seen must be positive; found 0"),
        ((1e6, -5.0, 3.0), "unique_samples must be positive; found -5"),
        (([1e6, np.nan], 1e6, 3.0), "samples_seen must be positive; found nan"),
        ((1e6, 1e6, 0.0), "half_life must be positive; found 0"),
    ],
)
def test_counts_that_are_not_positive_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        effective_samples("utility", *arguments)


def test_an_unknown_kernel_is_refused_with_the_ones_there_are():
    with pytest.raises(
        InputError, match=r"There is no kernel 'linear'. Kernels are: fresh, utility, .*saturating\."
    ):
        effective_samples("linear", 1.0, 1.0, 1.0)
