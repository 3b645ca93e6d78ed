"""What no answer may be: NaN, infinite, an error above guessing, an interval beside its error, a probability above 1."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from made_fits import made_fit, one_law
from thresher.errors import ThresherError
from thresher.fits.blend import blend_fits
from thresher.fits.fit import Fit, LawKind
from thresher.fits.forecast import Forecast, forecast
from thresher.fits.predict import predict_mixture, predict_mixtures
from thresher.laws.paper import PaperLaw
from thresher.plans.candidates import candidates
from thresher.plans.frontier import trace_frontier
from thresher.plans.plan import choose_plans
from thresher.pools import Mixture, union

pytestmark = pytest.mark.filterwarnings("error")
KERNELS = ("muennighoff", "utility_smooth", "utility", "effective_data", "fresh")


SEEDS = st.integers(0, 2**32 - 1)


def any_fit(seed) -> Fit:
    """Any law that a FIT file may hold, of 1 to 6 pools of 1 to 10^12 samples or without end."""
    rng = np.random.default_rng(seed)
    pools, draws = rng.integers(1, 7), rng.integers(1, 7)
    sizes = 10 ** rng.uniform(0, 12, pools)
    sizes = np.where(rng.random(pools) < 0.1, np.inf, sizes)
    chance = (None, 1.0, 0.999, 0.9, 0.5)[rng.integers(5)]
    level = rng.uniform(-30, 30, draws) if chance is None else rng.uniform(-10, 5, draws)
    floor = rng.uniform(0, 1, draws) * (0.98 * chance if chance is not None else 10 ** rng.uniform(-9, 9))
    law = one_law(
        np.exp(rng.uniform(-15, 15, (draws, pools))), 10 ** rng.uniform(-1.3, 3, (draws, pools)),
        kernel=KERNELS[rng.integers(len(KERNELS))], chance=chance, largest_run=10 ** rng.uniform(0, 18),
        typical_size=10 ** rng.uniform(0, 12), level=level, floor=floor, exponent=np.exp(rng.uniform(-4, 1.4, draws)),
        kappa=rng.uniform(-0.5, 3, draws), power=rng.uniform(0.05, 4, draws), bend=np.exp(rng.uniform(-1, 2.5, draws)),
    )  # fmt: skip
    fit = made_fit(
        sizes,
        law,
        ranked=bool(rng.integers(2)),
        misfit=10 ** rng.uniform(-4, 3),
        seed_sd=10 ** rng.uniform(-6, 3),
    )
    return replace(fit, exposure=(None, "epochs", "resampled")[rng.integers(3)])


def assert_in_bounds(fit, error, low, high):
    top = fit.chance if fit.chance is not None else np.inf
    assert np.isfinite([error, low, high]).all()
    assert 0 < low <= error <= high <= top


@settings(max_examples=100)
@given(SEEDS, st.floats(0, 18))
def test_predictions_are_numbers_within_bounds(seed, power):
    """Any law, any mixture, from 1 sample to 10^18."""
    fit = any_fit(seed)
    shares = np.random.default_rng(seed).uniform(1e-9, 1.0, len(fit.pools))
    mixtures = [Mixture(fit.pools, tuple(shares / shares.sum())), *(union([pool]) for pool in fit.pools)]
    for row in predict_mixtures(fit, mixtures, [1.0, 10**power, 1e18]):
        for one in row:
            assert_in_bounds(fit, one.error, one.low, one.high)


@settings(max_examples=40)
@given(SEEDS, st.floats(0, 18))
def test_plans_and_frontiers_are_numbers_within_bounds(seed, power):
    """Probabilities sum to 1 at most; what a plan refuses it refuses in a sentence."""
    fit, budget = any_fit(seed), max(10**power, 1.0)
    with warnings.catch_warnings(action="ignore", category=UserWarning):
        try:
            (plan,) = choose_plans(fit, [budget])
        except ThresherError as error:
            if "epochs" in str(error):
                return
            raise
        traced = trace_frontier(
            fit, candidates(fit), smallest=max(budget / 9, 1.0), largest=max(budget, 2.0), points=5
        )
    mixture = [plan.mixture] if plan.mixture else []
    for choice in (*plan.choices, *mixture):
        assert_in_bounds(fit, choice.error, choice.low, choice.high)
        assert 0 <= choice.probability_best <= 1
        assert choice.expected_regret >= 0
        assert max(choice.epochs) <= plan.most_epochs * (1 + 1e-6)
    assert sum(choice.probability_best for choice in plan.choices) <= 1 + 1e-9
    for rule in plan.baselines:
        assert rule.error is None or 0 < rule.error <= (fit.chance or np.inf)
    for point in traced.points:
        assert_in_bounds(fit, point.error, point.low, point.high)
        assert 0 <= point.probability_best <= 1


@given(SEEDS, st.sampled_from([1.0, 0.7, 0.3]), st.booleans(), st.floats(0, 18))
def test_blends_of_metrics_with_different_chances_end_at_theirs(seed, chance, worst, power):
    """Every part ends at its own guessing, and so does the blend of both."""
    fit = any_fit(seed)
    if fit.chance is None:
        return
    other = replace(
        fit, metric="y_error", chance=chance,
        laws=tuple(replace(law, chance=chance, floor=law.floor * 0.9 * chance / fit.chance) for law in fit.laws),
        rows=tuple(replace(row, error=0.1 * chance) for row in fit.rows),
    )  # fmt: skip
    blend = blend_fits([fit, other], worst=worst)
    for row in predict_mixtures(blend, [union([pool]) for pool in fit.pools], [1.0, 10**power, 1e18]):
        for one in row:
            assert_in_bounds(blend, one.error, one.low, one.high)
    found = forecast(blend, [union(fit.pools[:1])], np.array([1.0, 1e18]))
    for part, told in zip(blend.parts, found.parts, strict=True):
        low, high = told.interval()
        assert np.all((low > 0) & (low <= told.expected) & (told.expected <= high) & (high <= part.chance))


@pytest.mark.parametrize("chance", [None, 0.9])
def test_the_papers_law_is_within_bounds_too(chance):
    """Its amplitude knows no guessing; the forecast does."""
    law = PaperLaw(
        kernel="utility", chance=chance, typical_size=np.array([1e6]), onset=np.array([1e5]), floor=np.array([0.1]),
        kappa=np.array([1.0]), amplitude=np.array([[5.0]]), utility=np.array([[-0.2]]), half_life=np.array([[3.0]]),
    )  # fmt: skip
    fit = replace(made_fit([1e6], one_law([1.0], [3.0], chance=chance)), law=LawKind.PAPER, laws=(law,))
    for n in (1.0, 1e4, 1e9, 1e18):
        with warnings.catch_warnings(action="ignore", category=UserWarning):
            (one,) = predict_mixture(fit, ["p0"], n)
        assert_in_bounds(fit, one.error, one.low, one.high)


def test_an_interval_holds_its_error_even_where_no_draw_does():
    """What is expected is of the most probable law; draws of another kernel may all lie on one side of it."""
    for drawn in (0.2, 0.9):
        found = Forecast(
            np.array([[0.5]]), np.full((20, 1, 1), drawn), np.full(20, 1 / 20), np.array([[0.001]]), 0.999
        )
        low, high = found.interval()
        assert low[0, 0] <= 0.5 <= high[0, 0]
