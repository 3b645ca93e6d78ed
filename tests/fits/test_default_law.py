"""The default law as a problem: its slopes, what is fixed, its priors, and how noisy runs are."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from simulated import N, measured, settings, singles, together, true_law
from thresher.errors import InputError
from thresher.fits.default_law import (
    BEND,
    EXPONENT,
    FLOOR,
    KAPPA,
    LEVEL,
    POWER,
    SCALARS,
    DefaultProblem,
    check_fixed,
)  # fmt: skip
from thresher.fits.observations import observe
from thresher.fits.priors import MISFIT_ROWS, PRIORS, FixedParts
from thresher.laws import KERNELS

STEP = 1e-5
FIXED = {
    "nothing": {},
    "kappa": {"kappa": 0.7},
    "power": {"power": 1.6},
    "floor": {"floor": 0.21},
    "onset": {"onset": 3e6},
    "onset and floor": {"onset": 3e6, "floor": 0.21},
    "everything": {"kappa": 0.7, "power": 1.6, "floor": 0.21, "onset": 3e6},
}


@cache
def observed(unit, kind):
    """Runs of three pools: single ones, mixtures, a pool that never repeats, or two sizes of one quality."""
    law = true_law(3, unit=unit)
    if kind == "sizes":
        runs = singles(3, (1, 3, 9), [N, 2 * N, 5 * N])
        rows = measured(law, runs, noise=0.01, ranked=False).rows
        return observe([replace(row, quality="web") if row.pool != "p2" else row for row in rows])
    mixtures = settings(np.random.default_rng(2).dirichlet(np.ones(3), 4), [N, 2 * N, np.inf], 9 * N)
    runs = together(singles(2, (1, 3, 9), [N, 2 * N]), settings(mixtures.weights[:, :2], [N, 2 * N], 9 * N))
    if kind == "drawn":
        runs = replace_drawn(runs)
    if kind == "endless":
        runs = mixtures
    law = true_law(runs.weights.shape[1], unit=unit)
    return observe(measured(law, runs, noise=0.01, listed=True).rows)


def replace_drawn(runs):
    return settings(runs.weights, runs.unique_samples, runs.samples_seen, resampled=True)


def problem(unit="fraction", kind="mixtures", kernel="muennighoff", **fixed):
    return DefaultProblem(
        observed(unit, kind), kernel, 0.999 if unit == "fraction" else None, PRIORS[unit], FixedParts(**fixed)
    )


def near_prior(one, seed):
    """Parameters about the centre of the priors, fixed ones where they belong."""
    prior = one.prior
    theta = prior.centre + np.where(
        prior.free, 0.5 * np.random.default_rng(seed).normal(size=len(prior.centre)), 0.0
    )
    theta[KAPPA] = max(theta[KAPPA], -0.4)
    theta[POWER] = np.clip(theta[POWER], 0.3, 3.0)
    return np.clip(theta, prior.low, prior.high)[None]


@pytest.mark.parametrize("fixed", FIXED)
@pytest.mark.parametrize("kind", ["mixtures", "endless", "sizes", "drawn"])
@pytest.mark.parametrize("unit", ["fraction", "loss"])
@examples(max_examples=6)
@given(
    seed=st.integers(0, 10_000),
    kernel=st.sampled_from(["muennighoff", "utility_smooth", "utility", "saturating", "fresh"]),
)
def test_slopes_are_the_derivatives_of_what_is_fitted(unit, kind, fixed, seed, kernel):
    if unit == "loss" and "onset" in fixed:
        return  # a loss has none
    one = problem(unit, kind, kernel, **FIXED[fixed])
    theta = near_prior(one, seed)
    value, J = one.evaluate(theta)
    assert J.shape == (1, len(value[0]), len(one.prior.centre))
    for k in np.flatnonzero(one.prior.free):
        step = STEP * np.eye(len(one.prior.centre))[k]
        slope = (one.evaluate(theta + step)[0][0] - one.evaluate(theta - step)[0][0]) / (2 * STEP)
        assert J[0, :, k] == pytest.approx(slope, rel=1e-3, abs=2e-5 * max(1.0, np.abs(slope).max()))


@pytest.mark.parametrize("fixed", FIXED)
def test_what_is_fixed_has_that_value_whatever_the_parameters(fixed):
    one = problem(**FIXED[fixed])
    for seed in range(5):
        law = one.law(near_prior(one, seed))
        for name, value in FIXED[fixed].items():
            assert getattr(law, name) == pytest.approx(value, rel=1e-12)


@given(z=st.floats(-6.0, 6.0))
def test_the_floor_lies_between_0_and_just_below_the_least_error(z):
    one = problem()
    theta = one.prior.centre[None].copy()
    theta[:, FLOOR] = z
    assert 0 < one.law(theta).floor[0] < 0.98 * one.least_error


def test_parameters_mean_what_the_docs_say():
    one = problem()
    theta = np.arange(1.0, 1.0 + SCALARS + 2 * one.qualities)[None] / 10
    law = one.law(theta)
    assert law.level == theta[:, LEVEL]
    assert law.exponent == pytest.approx(np.exp(theta[:, EXPONENT]))
    assert law.bend == pytest.approx(np.exp(theta[:, BEND]))
    assert law.worth[0] == pytest.approx(np.exp(theta[0, SCALARS : SCALARS + 2]))
    assert law.half_life[0] == pytest.approx(np.exp(theta[0, SCALARS + 2 :]))
    assert law.floor == pytest.approx(0.98 * one.least_error / (1 + np.exp(-theta[:, FLOOR])))
    assert law.largest_run == 9 * 2 * N
    assert law.typical_size == pytest.approx(np.sqrt(2) * N)


def test_pools_of_one_quality_share_worth_and_half_life():
    one = problem(kind="sizes")
    law = one.law(near_prior(one, 3))
    assert one.qualities == 2
    assert law.worth[0, 0] == law.worth[0, 1] != law.worth[0, 2]
    assert law.half_life[0, 0] == law.half_life[0, 1] != law.half_life[0, 2]


@pytest.mark.parametrize("unit", ["fraction", "loss"])
def test_priors_are_those_of_the_table(unit):
    """Draws of the prior rows have the stated means and spreads."""
    one, p = problem(unit), PRIORS[unit]
    prior, Q = one.prior, one.qualities
    z = np.random.default_rng(0).normal(size=(40_000, len(prior.rows)))
    theta = prior.centre + z @ np.linalg.pinv(prior.rows).T
    worth, half_life = theta[:, SCALARS : SCALARS + Q], theta[:, SCALARS + Q :]
    for at, stated in (
        (FLOOR, p.floor_share),
        (EXPONENT, p.log_exponent),
        (KAPPA, p.kappa),
        (POWER, p.power),
        (BEND, p.log_bend),
    ):
        assert theta[:, at].mean() == pytest.approx(stated.mean, abs=0.03 * stated.sd)
        assert theta[:, at].std() == pytest.approx(stated.sd, rel=0.02)
    assert theta[:, LEVEL].std() == pytest.approx(p.level, rel=0.02)
    for values, mean, spread in (
        (worth, p.log_worth, p.worth_spread),
        (half_life, p.log_half_life, p.half_life_spread),
    ):
        assert values.mean(axis=1).mean() == pytest.approx(mean.mean, abs=0.03 * mean.sd)
        assert values.mean(axis=1).std() == pytest.approx(mean.sd, rel=0.02)
        about = values - values.mean(axis=1, keepdims=True)
        assert about.std() == pytest.approx(spread * np.sqrt(1.0 - 1.0 / Q), rel=0.02)


def test_a_run_far_from_the_largest_tells_less_of_it():
    one = problem()
    sd = one.sd(0.01)
    seen = one.observed.settings.samples_seen
    assert sd[seen == seen.max()] == pytest.approx(0.01)
    assert sd[np.argmin(seen)] == pytest.approx(
        0.01 * np.sqrt(1 + (2 * np.log(seen.min() / seen.max())) ** 2)
    )


def test_seeds_and_standard_errors_add_to_the_misfit_in_quadrature():
    found = observed("fraction", "mixtures")
    count = len(found.settings)
    found = replace(found, seed_sd=0.02, seeds=np.full(count, 4.0), relative_error=np.full(count, 0.03))
    one = replace(problem(), observed=found)
    top = np.argmax(found.settings.samples_seen)
    assert one.sd(0.01)[top] == pytest.approx(np.sqrt(0.01**2 + 0.02**2 / 4 + 0.03**2))


def test_the_misfit_is_that_of_prior_and_residuals_together():
    one = problem()
    assert one.estimate_misfit(np.zeros(10), 3.0) == pytest.approx(
        0.012 * np.sqrt(MISFIT_ROWS / (MISFIT_ROWS + 7.0))
    )
    gaps = 0.05 * one.distance
    n = len(gaps)
    expected = np.sqrt((MISFIT_ROWS * 0.012**2 + n * 0.05**2) / (MISFIT_ROWS + n - 3.0))
    assert one.estimate_misfit(gaps, 3.0) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("unit", "fixed", "message"),
    [
        (
            "fraction",
            {"floor": 0.9},
            "The floor is 0.9, but the least measured error is .* Give a floor below",
        ),
        ("loss", {"onset": 1e6}, "An onset is where a fraction leaves guessing; a loss has none"),
        ("fraction", {"amplitude": 0.9}, "The default law has no amplitude"),
    ],
)
def test_parts_that_no_law_of_these_runs_has_are_refused(unit, fixed, message):
    with pytest.raises(InputError, match=message):
        check_fixed(problem(unit, **fixed))


def test_a_floor_at_the_highest_share_of_the_least_error_is_refused_and_one_below_it_is_not():
    least = problem().least_error
    check_fixed(problem(floor=0.9799 * least))
    with pytest.raises(InputError, match="Give a floor below"):
        check_fixed(problem(floor=0.98 * least))


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"kernel": "linear"}, "There is no kernel 'linear'. Kernels are: fresh,"),
        ({"power": 0.0}, "power is 0; it lies between 0.05 and 4"),
        ({"kappa": -1.0}, "kappa is -1; it lies between 0 and 3"),
        ({"kappa": float("nan")}, "kappa is nan; it lies between"),
        ({"floor": -0.1}, "the irreducible error is 0 or more"),
        ({"floor": float("inf")}, "the irreducible error is 0 or more"),
        ({"onset": 0.0}, "onset is 0; it must be positive"),
        ({"amplitude": -1.0}, "amplitude is -1; it must be positive"),
    ],
)
def test_parts_out_of_range_are_refused(parts, message):
    with pytest.raises(InputError, match=message):
        FixedParts(**parts)


def test_every_kernel_can_be_fixed():
    for kernel in KERNELS:
        assert FixedParts(kernel=kernel).resampled == (KERNELS[kernel].exposure == "resampled")


@pytest.mark.parametrize("worst", [0.96, 1.0])
def test_a_floor_stays_below_guessing_where_all_runs_are_worse_than_it(worst):
    found = observe(
        [
            replace(row, error=worst - 0.001 * i)
            for i, row in enumerate(measured(true_law(2), singles(2, (1, 2, 4))).rows)
        ]
    )
    one = DefaultProblem(found, "muennighoff", 0.95, PRIORS["fraction"], FixedParts())
    theta = one.prior.centre[None].copy()
    theta[:, FLOOR] = 6.0
    value, J = one.evaluate(theta)
    assert np.all(np.isfinite(value))
    assert np.all(np.isfinite(J))
