"""Several metrics as one: each keeps its law, and the best mixture lies between what each alone would take."""

import warnings

import numpy as np
import pytest

from thresher.errors import InputError
from thresher.examples import example_path
from thresher.fits.blend import blend_fits
from thresher.fits.fit_file import read_fit, write_fit
from thresher.fits.fit_law import fit_law
from thresher.fits.forecast import forecast
from thresher.plans.mixture import best_weights
from thresher.plans.plan import choose_plans
from thresher.pools import Mixture
from thresher.runs import RunTable
from thresher.runs.swarms import read_swarm

METRICS = ("arxiv_loss", "pile_cc_loss")
BUDGET = np.array([1e9])


@pytest.fixture(scope="module")
def swarm():
    return read_swarm(example_path("regmix_shares"), example_path("regmix_losses"), samples_seen=1e9)


@pytest.fixture(scope="module")
def fits(swarm):
    return [
        fit_law(RunTable(tuple(r for r in swarm.of_metric(m).rows if r.run.startswith("train"))[:64], m))
        for m in METRICS
    ]


def even(fit, *names):
    pools = tuple(pool for pool in fit.pools if pool.name in names)
    return Mixture(pools, (1 / len(pools),) * len(pools))


def test_the_mean_of_metrics_is_the_weighted_sum_of_their_forecasts(fits):
    blend = blend_fits(fits, [0.3, 0.7])
    mixtures = [even(fits[0], "arxiv", "pile_cc"), even(fits[0], "github")]
    alone = [forecast(fit, mixtures, BUDGET) for fit in fits]
    found = forecast(blend, mixtures, BUDGET)
    assert found.expected == pytest.approx(0.3 * alone[0].expected + 0.7 * alone[1].expected, rel=1e-12)
    assert found.mean == pytest.approx(0.3 * alone[0].mean + 0.7 * alone[1].mean, rel=0.01)


def test_the_worst_is_the_largest_scaled_metric(fits):
    blend = blend_fits(fits, worst=True)
    mixtures = [even(fits[0], "arxiv"), even(fits[0], "pile_cc"), even(fits[0], "arxiv", "pile_cc")]
    scaled = [
        weight * forecast(fit, mixtures, BUDGET).expected
        for fit, weight in zip(fits, blend.part_weights, strict=True)
    ]
    assert forecast(blend, mixtures, BUDGET).expected == pytest.approx(np.maximum(*scaled), rel=1e-12)


def test_the_best_mixture_of_a_mean_holds_what_each_metric_wants_and_beats_both_corners(fits):
    blend = blend_fits(fits)
    mixture, solution = best_weights(blend, 1e9)
    assert {"arxiv", "pile_cc"} <= set(mixture.names)
    corners = np.eye(len(blend.pools))
    from thresher.plans.weights import free_objective

    objective = free_objective(blend, blend.pools, 1e9)
    draws = np.random.default_rng(0).dirichlet(np.full(len(blend.pools), 0.3), 500)
    assert objective.value(np.concatenate([corners, draws])).min() >= solution.value - 1e-6


def test_intervals_of_a_blend_hold_mixtures_that_no_fit_has_seen(swarm, fits):
    blend = blend_fits(fits)
    known = {pool.name: pool for pool in blend.pools}
    measured = {}
    for metric in METRICS:
        for row in swarm.of_metric(metric).rows:
            if row.run.startswith("test"):
                measured.setdefault(row.run, [row, 0.0])[1] += 0.5 * row.error
    rows = list(measured.values())
    mixtures = [Mixture(tuple(known[name] for name in row.pools), row.weights) for row, _ in rows]
    low, high = forecast(blend, mixtures, BUDGET).interval()
    y = np.array([error for _, error in rows])
    assert 0.85 <= np.mean((low[:, 0] <= y) & (y <= high[:, 0])) <= 0.99


def test_a_blend_plans_and_survives_its_file(fits, tmp_path):
    blend = blend_fits(fits)
    write_fit(blend, tmp_path / "fit.json")
    again = read_fit(tmp_path / "fit.json")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (before,), (after,) = choose_plans(blend, [1e9]), choose_plans(again, [1e9])
    assert after.mixture.error == pytest.approx(before.mixture.error, rel=1e-6)
    assert before.mixture.error < min(choice.error for choice in before.choices)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": [0.5]}, "1 weights of metrics for 2 metrics"),
        ({"weights": [0.5, 0.6]}, r"sum to 1\.1, not 1"),
        ({"weights": [1.5, -0.5]}, "must be 0 or more"),
        ({"weights": [0.5, 0.5], "worst": True}, "exclude each other"),
    ],
)
def test_weights_that_do_not_fit_the_metrics_are_refused(fits, options, message):
    with pytest.raises(InputError, match=message):
        blend_fits(fits, **options)


def test_a_blend_of_one_or_of_other_pools_is_refused(fits):
    with pytest.raises(InputError, match="Several metrics need several fits"):
        blend_fits(fits[:1])
    with pytest.raises(InputError, match="already a blend"):
        blend_fits([blend_fits(fits), fits[0]])
