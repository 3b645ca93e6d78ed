"""What a fit of one law keeps to: it recovers, repeats itself, weighs, resists, and says what it cannot tell."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import brentq, least_squares

from simulated import FLOOR, HALF_LIVES, UTILITY, WORTHS, N, law_of, simulated_runs
from thresher import fit_law, load_example
from thresher.errors import FitError, InputError
from thresher.fits import Verdict
from thresher.fits.choice import LawChoice
from thresher.fits.curves import Curves
from thresher.fits.fit_law import Point, optimum
from thresher.fits.least_squares import minimise
from thresher.fits.observations import observe
from thresher.fits.profiles import profile, threshold
from thresher.fits.reports import pool_reports
from thresher.laws import KERNELS, Law
from thresher.runs import Measurement, RunTable

TMARS = load_example("datacomp_medium_tmars")
QUICK = {"replicates": 0}
REPEATED = [name for name, kernel in KERNELS.items() if kernel.decays]


def with_rows(table, rows):
    return replace(table, rows=tuple(rows))


def values(fit):
    return {report.pool.name: (report.utility, report.worth, report.half_life) for report in fit.reports}


def verdicts(fit, pool):
    report = next(report for report in fit.reports if report.pool.name == pool)
    return {finding.verdict: finding.message for finding in report.findings}


@pytest.mark.parametrize("kernel", REPEATED)
def test_parameters_are_recovered_from_runs_without_noise(kernel):
    fit = fit_law(simulated_runs(kernel=kernel), kernel=kernel, **QUICK)
    assert fit.rmse < 1e-9
    for report in fit.reports:
        assert report.utility == pytest.approx(UTILITY, rel=1e-4)
        assert report.half_life == pytest.approx(HALF_LIVES[report.pool.name], rel=1e-3)
        assert report.worth == pytest.approx(WORTHS[report.pool.name], rel=1e-3)


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    held = []
    for seed in range(12):
        fit = fit_law(simulated_runs(noise=0.003, seed=seed), **QUICK)
        for report in fit.reports:
            low, high = report.half_life_interval
            held.append(low <= HALF_LIVES[report.pool.name] <= high)
        low, high = fit.reports[0].utility_interval
        held.append(low <= UTILITY <= high)
    assert 0.78 <= np.mean(held) <= 1.0  # 90 % of 48, less three standard deviations


def test_the_same_runs_give_the_same_fit():
    one, two = (fit_law(TMARS, replicates=20, seed=3) for _ in range(2))
    assert values(one) == values(two)
    for left, right in zip(
        one.members[0].parameters.arrays(), two.members[0].parameters.arrays(), strict=True
    ):
        assert np.array_equal(left, right)


def test_the_seed_changes_replicates_and_nothing_else():
    one, two = (fit_law(TMARS, replicates=20, seed=seed) for seed in (3, 4))
    assert values(one) == values(two)
    assert not np.array_equal(one.members[0].parameters.utility[1:], two.members[0].parameters.utility[1:])


@pytest.mark.parametrize("mixing", ["sample_worth", "utility_mean"])
def test_the_order_of_rows_is_irrelevant(mixing):
    shuffled = with_rows(TMARS, np.random.default_rng(0).permutation(np.array(TMARS.rows, dtype=object)))
    assert values(fit_law(shuffled, mixing=mixing, **QUICK)) == values(fit_law(TMARS, mixing=mixing, **QUICK))


@pytest.mark.parametrize("mixing", ["sample_worth", "utility_mean"])
def test_the_names_of_pools_are_irrelevant(mixing):
    names = dict(zip(TMARS.pools, ["z", "m", "q", "a", "k"], strict=True))
    renamed = with_rows(TMARS, [replace(row, pool=names[row.pool]) for row in TMARS.rows])
    first, second = (values(fit_law(table, mixing=mixing, **QUICK)) for table in (TMARS, renamed))
    for name, other in names.items():
        assert second[other] == pytest.approx(first[name], rel=1e-5)


def test_joint_runs_never_change_a_fit():
    joint = [
        Measurement("a+b", 2 * N, 4 * N, "x_error", 0.2),
        Measurement("a+b+c", 3 * N, 8 * N, "x_error", 0.9),
    ]
    alone = simulated_runs(noise=0.002)
    together = fit_law(with_rows(alone, [*alone.rows, *joint]), replicates=10)
    assert values(together) == values(fit_law(alone, replicates=10))
    assert together.joint_rows == 2


def test_runs_with_smaller_standard_errors_have_more_pull():
    rows = [replace(row, standard_error=0.003) for row in simulated_runs().rows]
    wrong = replace(rows[5], error=rows[5].error + 0.02)
    precise = fit_law(with_rows(TMARS, [*rows[:5], wrong, *rows[6:]]), **QUICK)
    doubtful = fit_law(with_rows(TMARS, [*rows[:5], replace(wrong, standard_error=0.3), *rows[6:]]), **QUICK)
    off = [abs(values(fit)["a"][2] - HALF_LIVES["a"]) for fit in (precise, doubtful)]
    assert off[1] < 0.01 * off[0]


def test_soft_l1_resists_an_outlier():
    rows = list(simulated_runs(noise=0.001).rows)
    rows[5] = replace(rows[5], error=rows[5].error + 0.05)
    linear, soft = (fit_law(with_rows(TMARS, rows), loss=loss, **QUICK) for loss in ("linear", "soft_l1"))
    off = [abs(values(fit)["a"][2] - HALF_LIVES["a"]) for fit in (linear, soft)]
    assert off[1] < 0.5 * off[0]


@pytest.mark.parametrize("kappa", [0.0, 0.5, 1.0])
def test_pools_of_one_quality_share_utility_and_a_half_life_that_grows_with_size(kappa):
    law = law_of("b")
    rows = [
        Measurement(
            f"size{size}", size * N, e * size * N, "x_error",
            float(replace(law, half_life=4.0 * size**kappa).error(e * size * N, size * N)), quality="web",
        )
        for size in (1.0, 4.0)
        for e in (1, 2, 4, 8, 12)
    ]  # fmt: skip
    small, large = fit_law(RunTable(tuple(rows), "sizes"), kappa=kappa, **QUICK).reports
    assert small.utility == large.utility == pytest.approx(UTILITY, rel=1e-4)
    assert small.half_life == pytest.approx(4.0, rel=1e-3)
    assert large.half_life / small.half_life == pytest.approx(4.0**kappa, rel=1e-9)


def test_runs_that_have_not_left_guessing_bend_no_curve():
    """Before the onset nothing is learned: such measurements say only that, whichever law is fitted."""
    curve = Law(
        kernel="utility", amplitude=0.899, onset=1.5 * N, utility=-0.2, half_life=8.0, floor=FLOOR, worth=1.0
    )
    rows = [
        Measurement(
            pool, N, e * N, "x_error", min(0.999, float(curve.error(worth * e * N, worth * N))), rank=rank
        )
        for rank, (pool, worth) in enumerate((("a", 1.0), ("b", 0.6), ("c", 0.4)), start=1)
        for e in (1, 2, 4, 6, 8, 12, 16)
    ]
    assert sum(row.error == 0.999 for row in rows) > 4
    fit = fit_law(RunTable(tuple(rows), "simulated"), floor=FLOOR, **QUICK)
    for report in fit.reports[:2]:
        assert report.utility == pytest.approx(-0.2, rel=0.01)
        assert report.half_life == pytest.approx(8.0, rel=0.05)


def test_a_fitted_floor_is_recovered():
    rows = [replace(row, error=row.error + 0.15 - FLOOR) for row in simulated_runs().rows]
    fit = fit_law(with_rows(TMARS, rows), floor="fit", **QUICK)
    assert fit.members[0].parameters.floor[0] == pytest.approx(0.15, abs=2e-3)


def test_the_floor_of_losses_is_found_below_every_loss():
    rows = [replace(row, metric="x_loss", error=2.0 + row.error) for row in simulated_runs().rows]
    table = RunTable(tuple(rows), "losses")
    fit = fit_law(table, **QUICK)
    assert fit.unit == "loss"
    assert fit.chance is None
    assert fit.members[0].parameters.floor[0] == pytest.approx(2.0 + FLOOR, abs=0.01)


def test_a_floor_that_is_no_floor_is_refused():
    smallest = min(row.error for row in TMARS.rows)
    with pytest.raises(InputError, match=f"the smallest observed error is {smallest:g}"):
        fit_law(TMARS, floor=smallest)
    with pytest.raises(InputError, match="or 'fit'"):
        fit_law(TMARS, floor="free")


def test_too_few_runs_are_refused_with_what_to_add():
    with pytest.raises(FitError, match="Add pilot runs: at least 4 values of samples_seen per pool"):
        fit_law(with_rows(TMARS, TMARS.rows[:2]))
    with pytest.raises(FitError, match="Pool 'b' has runs at 1 value of samples_seen"):
        fit_law(
            with_rows(TMARS, [*simulated_runs(pools=("a",)).rows, replace(simulated_runs().rows[9], rank=2)])
        )


def test_no_loss_from_repetition_is_at_bound_and_said_in_words():
    rows = [replace(row, error=float(replace(law_of("a"), half_life=np.inf).error(row.samples_seen, N))) for row in
            simulated_runs(pools=("a",)).rows]  # fmt: skip
    found = verdicts(fit_law(with_rows(TMARS, rows), **QUICK), "a")
    assert (
        "at its upper bound of 1000 epochs; these runs show no loss from repetition"
        in found[Verdict.AT_BOUND]
    )
    assert (
        "has no upper limit within 90 %; its runs reach 14 epochs. Add a run with more repetition"
        in found[Verdict.NOT_IDENTIFIABLE]
    )


def test_repeats_that_add_nothing_are_at_the_lower_bound():
    rows = [replace(row, error=0.5 + 1e-6 * i) for i, row in enumerate(simulated_runs(pools=("a",)).rows)]
    rows += [
        replace(rows[0], samples_seen=share * N, error=float(0.1 + 0.4 * share**-0.2)) for share in (0.2, 0.5)
    ]
    found = verdicts(fit_law(with_rows(TMARS, rows), **QUICK), "a")
    assert "at its lower bound of 0.05 epochs; repeats add nothing" in found[Verdict.AT_BOUND]


def test_runs_of_one_epoch_cannot_tell_a_half_life():
    rows = [replace(row, samples_seen=row.samples_seen / 14.0) for row in simulated_runs(noise=1e-4).rows]
    found = verdicts(fit_law(with_rows(TMARS, rows), **QUICK), "a")
    assert "the half-life can be anything within 90 %" in found[Verdict.NOT_IDENTIFIABLE]


def test_a_fit_that_stopped_early_is_never_reported_as_a_good_one():
    fit = fit_law(TMARS, **QUICK)
    point = optimum(observe(TMARS.rows, 0.003), LawChoice())
    profiles = profile(point.curves, point.theta, point.sum_of_squares, 1.0)
    reports = pool_reports(point.curves, fit.members[0].parameters, profiles, converged=False)
    assert all(report.findings[0].verdict is Verdict.NOT_CONVERGED for report in reports)
    assert "do not use its parameters" in reports[0].findings[0].message


def test_as_many_parameters_as_runs_is_warned_of():
    rows = simulated_runs(pools=("a",)).rows[:3]
    assert "nothing is left to check it against" in fit_law(with_rows(TMARS, rows), **QUICK).warnings[0]


PROBLEMS = [
    LawChoice(),
    LawChoice(amplitude=0.9, onset=2e6),
    LawChoice(mixing="utility_mean"),
    LawChoice(mixing="utility_mean", amplitude=0.95),
    LawChoice(mixing="utility_mean", amplitude=0.95, onset=2e6),
    LawChoice(mixing="utility_mean", unit="loss", floor=0.1),
    LawChoice(kernel="fresh"),
    LawChoice(kernel="saturating", mixing="utility_mean"),
]


def problem(choice, soft_l1=False) -> Point:
    return optimum(observe(simulated_runs(noise=0.002).rows, 0.003), choice, soft_l1=soft_l1)


@pytest.mark.parametrize("soft_l1", [False, True])
@pytest.mark.parametrize("choice", PROBLEMS)
def test_the_jacobian_is_the_derivative_of_the_residuals(choice, soft_l1):
    point = problem(choice, soft_l1)
    theta = point.theta + 0.03 * np.sin(np.arange(point.curves.size))
    lower, upper = point.curves.bounds
    theta = np.clip(theta, lower + 0.01, upper - 0.01)

    def residuals(at):
        return point.curves.evaluate(at[None], np.arange(1))[0][0]

    _, J = point.curves.evaluate(theta[None], np.arange(1))
    for k in range(point.curves.size):
        step = np.zeros_like(theta)
        step[k] = 1e-5
        slope = (residuals(theta + step) - residuals(theta - step)) / 2e-5
        assert J[0, :, k] == pytest.approx(slope, rel=1e-4, abs=1e-4 * max(1.0, np.abs(slope).max()))


@pytest.mark.parametrize("choice", PROBLEMS)
def test_the_optimum_is_the_one_that_scipy_polishes_it_to(choice):
    point = problem(choice)
    assert point.converged
    lower, upper = point.curves.bounds
    polished = least_squares(
        lambda at: point.curves.evaluate(at[None], np.arange(1))[0][0],
        np.clip(point.theta, lower + 1e-9, upper - 1e-9),
        jac=lambda at: point.curves.evaluate(at[None], np.arange(1))[1][0],
        bounds=(lower, upper),
        xtol=1e-14, ftol=1e-14, gtol=1e-14,
    )  # fmt: skip
    assert point.sum_of_squares <= 2.0 * polished.cost * (1 + 1e-9)


def test_profile_intervals_are_what_a_slow_search_with_scipy_finds():
    point = problem(LawChoice())
    curves, best = point.curves, point.theta
    limit = point.sum_of_squares + threshold(1.0, point.freedom)
    found = profile(curves, best, point.sum_of_squares, 1.0)
    lower, upper = curves.bounds
    for k in (0, 1, curves.size - 1):
        others = np.delete(np.arange(curves.size), k)

        def constrained(value, k=k, others=others):
            def residuals(rest):
                theta = np.empty(curves.size)
                theta[k], theta[others] = value, rest
                return curves.evaluate(theta[None], np.arange(1))[0][0]

            rest = least_squares(
                residuals, best[others], bounds=(lower[others], upper[others]), xtol=1e-12
            ).cost
            return 2.0 * rest - limit

        far = 0.9 if k == 0 else 0.7
        low = brentq(constrained, best[k] - far, best[k], xtol=1e-6)
        high = brentq(constrained, best[k], best[k] + far, xtol=1e-6)
        assert found.low[k] == pytest.approx(low, abs=2e-3 * (high - low))
        assert found.high[k] == pytest.approx(high, abs=2e-3 * (high - low))


def test_a_batch_of_problems_ends_where_each_ends_alone():
    curves: Curves = problem(LawChoice()).curves
    lower, upper = curves.bounds
    starts = np.random.default_rng(0).uniform(lower, upper, (6, curves.size))
    together = minimise(curves.evaluate, starts, lower, upper)
    alone = [minimise(curves.evaluate, one[None], lower, upper).sum_of_squares[0] for one in starts]
    assert together.sum_of_squares == pytest.approx(alone, rel=1e-9)
