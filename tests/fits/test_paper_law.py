"""The paper's law as a problem, and as a fit: slopes, what is fixed, recovery, and what its levels mean."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from simulated import FLOOR, HALF_LIVES, UTILITY, N, law_of, simulated_runs
from thresher import fit_law, forecast, load_example, predict_mixture
from thresher.errors import FitError, InputError
from thresher.fits.observations import observe
from thresher.fits.paper_law import PAPER_FLOOR, PAPER_KAPPA, PaperProblem
from thresher.fits.priors import FixedParts
from thresher.fits.solve import solve
from thresher.laws import KERNELS, Law
from thresher.pools import union
from thresher.runs import Measurement, RunTable

TMARS = load_example("datacomp_medium_tmars")
SILENT = pytest.mark.filterwarnings("ignore::thresher.errors.ExtrapolationWarning")
DECAYING = [name for name, kernel in KERNELS.items() if kernel.decays and kernel.exposure == "epochs"]


def problem(unit="fraction", pools=("a", "b", "c"), rows=None, noise_sd=None, **fixed):
    rows = rows or simulated_runs(noise=0.003, pools=pools).rows
    return PaperProblem(observe(rows), 0.999 if unit == "fraction" else None, FixedParts(**fixed), noise_sd)


def one_quality_at_two_sizes():
    rows = [
        replace(
            row,
            pool=f"b{size}",
            rank=None,
            quality="web",
            unique_samples=size * N,
            samples_seen=size * row.samples_seen,
        )
        for size in (1, 4)
        for row in simulated_runs(noise=0.003, pools=("b",), seed=size).rows
    ]
    return [*rows, *simulated_runs(noise=0.003, pools=("a",)).rows]


PROBLEMS = {
    "fractions": lambda: problem(),
    "two pools": lambda: problem(pools=("a", "b")),
    "losses": lambda: problem("loss"),
    "a free kernel": lambda: problem(kernel="effective_data"),
    "everything fixed": lambda: problem(floor=0.2, onset=2e6, amplitude=0.9, kappa=0.5),
    "two sizes": lambda: problem(rows=one_quality_at_two_sizes()),
    "losses of two sizes": lambda: problem("loss", rows=one_quality_at_two_sizes()),
}


@pytest.mark.parametrize("name", PROBLEMS)
@examples(max_examples=8)
@given(seed=st.integers(0, 10_000))
def test_slopes_are_the_derivatives_of_the_errors(name, seed):
    one = PROBLEMS[name]()
    prior = one.prior
    shift = np.random.default_rng(seed).normal(size=len(prior.centre))
    theta = np.clip(prior.centre + 0.3 * shift * prior.free, prior.low, prior.high)[None]
    _value, J = one.evaluate(theta)
    for k in np.flatnonzero(prior.free):
        step = 1e-5 * np.eye(len(prior.centre))[k]
        slope = (one.evaluate(theta + step)[0][0] - one.evaluate(theta - step)[0][0]) / 2e-5
        assert J[0, :, k] == pytest.approx(slope, rel=1e-3, abs=2e-5)


def test_what_is_fixed_has_that_value_even_far_outside_the_ranges_of_what_is_free():
    for fixed in ({"onset": 1e300}, {"onset": 1e-300}, {"amplitude": 1e200}):
        one = problem(**fixed)
        law = one.law(solve(one, draws=3, rng=np.random.default_rng(0)).theta)
        for name, value in fixed.items():
            assert np.ravel(getattr(law, name)) == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize("kernel", DECAYING)
def test_parameters_are_recovered_from_runs_without_noise(kernel):
    rows = simulated_runs(kernel=kernel, pools=("a",))
    fit = fit_law(rows, law="paper", kernel=kernel, onset=5e5, amplitude=0.899, draws=0)
    (report,) = fit.reports
    assert fit.rmse < 1e-5
    assert report.utility == pytest.approx(UTILITY, rel=1e-3)
    assert report.half_life == pytest.approx(HALF_LIVES["a"], rel=1e-2)


def test_pools_of_their_own_utility_are_recovered():
    utilities = {"a": -0.25, "b": -0.18, "c": -0.1}
    rows = [
        Measurement(
            name, N, e * N, "x_error",
            float(
                Law(
                    kernel="utility", amplitude=0.899, onset=5e5, utility=b, half_life=HALF_LIVES[name], floor=0.1
                ).error(e * N, N)
            ),
            rank=rank,
        )
        for rank, (name, b) in enumerate(utilities.items(), start=1)
        for e in (1, 2, 4, 8, 14)
    ]  # fmt: skip
    fit = fit_law(RunTable(tuple(rows), "own"), law="paper", draws=0)
    for report in fit.reports:
        assert report.utility == pytest.approx(utilities[report.pool.name], rel=0.02)
        assert report.half_life == pytest.approx(HALF_LIVES[report.pool.name], rel=0.05)


def test_intervals_of_utilities_hold_the_truth_about_as_often_as_they_say():
    held = []
    for seed in range(15):
        fit = fit_law(
            simulated_runs(noise=0.003, seed=seed, pools=("a",)),
            law="paper",
            onset=5e5,
            amplitude=0.899,
            draws=200,
        )
        low, high = fit.reports[0].utility_interval
        held.append(low <= UTILITY <= high)
        low, high = fit.reports[0].half_life_interval
        held.append(low <= HALF_LIVES["a"] <= high)
    assert np.mean(held) >= 0.72  # 90 % of 30, less three standard deviations


def test_the_floor_of_fractions_is_the_paper_s_or_half_of_errors_that_lie_below_it():
    assert problem().fixed_floor == PAPER_FLOOR
    low = [replace(row, error=row.error / 10) for row in simulated_runs().rows]
    assert problem(rows=low).fixed_floor == pytest.approx(0.5 * min(row.error for row in low))
    assert problem(floor=0.2).fixed_floor == 0.2
    assert problem("loss").fixed_floor is None


def test_the_floor_of_losses_is_found_below_every_loss():
    rows = [replace(row, metric="x_loss", error=2.0 + row.error) for row in simulated_runs().rows]
    fit = fit_law(RunTable(tuple(rows), "losses"), law="paper", draws=0)
    assert fit.chance is None
    assert fit.laws[0].floor[0] == pytest.approx(2.0 + FLOOR, abs=0.05)


@pytest.mark.parametrize("kappa", [0.0, 0.5, 1.0])
def test_pools_of_one_quality_share_utility_and_a_half_life_that_grows_with_size(kappa):
    rows = [
        Measurement(
            f"size{size}", size * N, e * size * N, "x_error",
            float(replace(law_of("b"), half_life=4.0 * size**kappa).error(e * size * N, size * N)), quality="web",
        )
        for size in (1.0, 4.0)
        for e in (1, 2, 4, 8, 12)
    ]  # fmt: skip
    small, large = fit_law(RunTable(tuple(rows), "sizes"), law="paper", kappa=kappa, draws=0).reports
    assert small.utility == large.utility
    assert large.half_life / small.half_life == pytest.approx(4.0**kappa, rel=1e-9)
    assert small.half_life == pytest.approx(4.0, rel=0.1)


def test_theorem_1_is_its_kappa_unless_another_is_fixed():
    fit = fit_law(TMARS, law="paper", draws=3)
    assert fit.laws[0].kappa.tolist() == [PAPER_KAPPA] * 4
    assert fit_law(TMARS, law="paper", kappa=0.3, draws=0).laws[0].kappa.tolist() == [0.3]


@SILENT
def test_it_predicts_mixtures_by_theorem_1():
    fit = fit_law(TMARS, law="paper", draws=0)
    law = fit.laws[0]
    pools = fit.pools[:2]
    n = 4 * 2 * 12.8e6
    (found,) = predict_mixture(fit, [pool.name for pool in pools], n)
    b, tau = law.utility[0, :2], law.half_life[0, :2]
    log_excess = np.log(law.amplitude[0, 0]) + b.mean() * np.log(2 * 12.8e6 / law.onset[0])
    log_excess += sum(np.mean(b * 2.0 ** (-(j - 1) / (2 * tau))) * np.log(j / (j - 1)) for j in (2, 3, 4))
    assert found.error == pytest.approx(np.exp(log_excess) + law.floor[0], rel=1e-9)


@SILENT
def test_no_prediction_is_worse_than_guessing_or_better_than_the_floor():
    fit = fit_law(TMARS, law="paper", draws=40)
    found = forecast(fit, [union(fit.ranked), union(fit.ranked[:1])], np.geomspace(1e3, 1e12, 20))
    assert found.errors.max() <= fit.chance
    assert found.expected.min() >= fit.laws[0].floor[0]


def test_joint_runs_do_not_enter_and_are_counted():
    joint = load_example("datacomp_medium_tmars", "joint").joints.rows
    together = fit_law(RunTable((*TMARS.rows, *joint), "both"), law="paper", draws=10)
    alone = fit_law(TMARS, law="paper", draws=10)
    assert [report.utility for report in together.reports] == [report.utility for report in alone.reports]
    assert f"{len(joint)} joint rows do not enter the paper's law." in together.notes
    assert together.joint_rows == 0


def test_runs_with_smaller_standard_errors_have_more_pull():
    rows = [replace(row, standard_error=0.003) for row in simulated_runs(pools=("a",)).rows]
    wrong = replace(rows[5], error=rows[5].error + 0.02)
    off = []
    for error in (0.003, 0.3):
        table = RunTable((*rows[:5], replace(wrong, standard_error=error), *rows[6:]), "wrong")
        off.append(
            abs(
                fit_law(table, law="paper", onset=5e5, amplitude=0.899, draws=0).reports[0].half_life
                - HALF_LIVES["a"]
            )
        )
    assert off[1] < 0.05 * off[0]


def test_a_table_without_single_pools_is_refused():
    joint = load_example("datacomp_medium_tmars", "joint").joints
    with pytest.raises(
        FitError, match=r"fitted to runs of single pools, and the table has none. Fit the default law instead"
    ):
        fit_law(joint, law="paper")


@pytest.mark.parametrize(
    ("fixed", "message"),
    [
        ({"power": 1.0}, "The paper's law has no mixing power"),
        ({"floor": 0.9}, "The floor is 0.9, but the least measured error is"),
        ({"amplitude": 0.1}, "Amplitude 0.1 and floor 0.1 sum to less than the largest measured error"),
    ],
)
def test_parts_that_it_cannot_have_are_refused(fixed, message):
    with pytest.raises(InputError, match=message):
        fit_law(TMARS, law="paper", **fixed)


def test_many_pools_converge():
    """30 pools had stopped far above the optimum while damping was in units of the problem's own curvature."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(30):
        q = np.exp(rng.normal(0, 0.5))
        for e in (1, 2, 4, 8, 16):
            rows.append(
                Measurement(
                    f"p{i}",
                    1e7,
                    e * 1e7,
                    "x_error",
                    float(0.3 + 0.25 * (q * e) ** -0.3 * np.exp(0.01 * rng.normal())),
                )
            )
    one = PaperProblem(observe(rows), 0.999, FixedParts(), None)
    solved = solve(one, draws=0, rng=rng)
    assert solved.converged
    gaps = one.evaluate(solved.theta)[0][0] - one.target
    assert np.sqrt(np.mean(gaps**2)) < 0.005
