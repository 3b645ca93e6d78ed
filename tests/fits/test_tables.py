"""Every kind of table that a fit takes: singles, joint runs, nested ones, swarms, sizes, losses and fractions, drawn samples."""

from dataclasses import replace
from io import StringIO

import numpy as np
import pytest

from simulated import N, measured, settings, singles, together, true_law
from thresher import fit_law, forecast, load_example, predict_mixtures
from thresher.errors import FitError, InputError
from thresher.fits import Verdict
from thresher.fits.fit import drawn
from thresher.pools import Mixture, union
from thresher.runs import RunTable, read_csv_rows
from thresher.runs.reading import checked

UNITS = ("fraction", "loss")
NOISE = 0.004
EPOCHS = (1, 2, 4, 8, 14)


def findings(fit, pool):
    (report,) = [report for report in fit.reports if report.pool.name == pool]
    return [finding.message for finding in report.findings if finding.verdict is Verdict.NOT_IDENTIFIABLE]


def predicted(fit, names, weights, n):
    pools = {pool.name: pool for pool in fit.pools}
    mixture = Mixture(tuple(pools[name] for name in names), tuple(weights))
    return predict_mixtures(fit, [mixture], [n])[0][0]


def assert_covers(fit, law, runs, least=0.8):
    """Noise-free errors of unseen runs lie in the intervals of new runs."""
    names = [f"p{i}" for i in range(law.worth.shape[1])]
    truth = law.errors(runs)[0]
    inside = []
    for i, error in enumerate(truth):
        used = np.flatnonzero(runs.used[i])
        found = predicted(fit, [names[j] for j in used], runs.weights[i, used], runs.samples_seen[i])
        inside.append(found.low <= error <= found.high)
    assert np.mean(inside) >= least


def read(text):
    return checked(RunTable(tuple(read_csv_rows(StringIO(text), "runs.csv")), "runs.csv"))


# (a) single pools alone


@pytest.mark.parametrize("unit", UNITS)
def test_single_pools_alone_predict_their_unions(unit):
    law = true_law(3, unit=unit)
    fit = fit_law(measured(law, singles(3, EPOCHS), noise=NOISE))
    mixtures = settings(
        [[0.5, 0.5, 0.0], [1 / 3, 1 / 3, 1 / 3], [0.0, 0.3, 0.7], [0.6, 0.1, 0.3]],
        N,
        [3 * N, 9 * N, 9 * N, 14 * N],
    )
    assert_covers(fit, law, mixtures)
    assert fit.joint_rows == 0


# (b) with joint runs


@pytest.mark.parametrize("unit", UNITS)
def test_joint_runs_enter_the_likelihood_and_correct_forecasts_of_others(unit):
    """Pools that mix worse than samples that add up: single runs cannot say so, three joint ones can."""
    law = true_law(3, unit=unit, power=0.2, worth=[3.0, 0.8, 0.2])
    alone = singles(3, EPOCHS)
    joint = settings([[0.5, 0.5, 0.0], [0.2, 0.2, 0.6], [0.1, 0.8, 0.1]], N, [8 * N, 14 * N, 14 * N])
    unseen = settings([[1 / 3, 1 / 3, 1 / 3], [0.5, 0.0, 0.5]], N, 14 * N)
    truth, off = law.errors(unseen)[0], []
    for runs in (alone, together(alone, joint)):
        fit = fit_law(measured(law, runs, noise=NOISE))
        mixtures = [Mixture(fit.pools, (1 / 3,) * 3), Mixture((fit.pools[0], fit.pools[2]), (0.5, 0.5))]
        off.append(np.abs(forecast(fit, mixtures, np.array([14 * N])).expected[:, 0] - truth).max())
    assert off[1] < 0.5 * off[0]
    assert_covers(fit, law, unseen, least=1.0)


def test_one_joint_row_narrows_the_interval_of_unions_like_it():
    law = true_law(3)
    alone = singles(3, EPOCHS)
    one = settings([[1 / 3] * 3], N, 14 * N)
    widths = []
    for runs in (alone, together(alone, one)):
        fit = fit_law(measured(law, runs, noise=NOISE))
        (found,) = predict_mixtures(fit, [union(fit.pools)], [14 * N])[0]
        widths.append(found.high - found.low)
    assert widths[1] < 0.8 * widths[0]


# (c) joint runs only


def nested(law, *, noise=NOISE, sizes=(N, 2 * N, 3 * N)):
    """The best part alone, the best two, all three; in proportion to their sizes, which no row lists."""
    sizes = np.array(sizes)
    rows = []
    for count in (1, 2, 3):
        share = np.where(np.arange(3) < count, sizes, 0.0) / sizes[:count].sum()
        runs = settings(np.repeat(share[None], 5, axis=0), sizes, np.array([4, 8, 16, 32, 64]) * N)
        rows += [
            replace(row, weights=None, rank=None, run=None)
            for row in measured(law, runs, noise=noise, seed=count).rows
        ]
    return RunTable(tuple(rows), "nested")


@pytest.mark.parametrize("unit", UNITS)
def test_nested_keep_fractions_alone_are_fitted_sized_and_ranked(unit):
    law = true_law(3, unit=unit, worth=[2.0, 0.8, 0.2], largest_run=64 * N)
    fit = fit_law(nested(law))
    assert [(pool.name, pool.rank, pool.unique_samples) for pool in fit.pools] == [
        ("p0", 1, N), ("p1", 2, pytest.approx(2 * N)), ("p2", 3, pytest.approx(3 * N)),
    ]  # fmt: skip
    assert fit.reports[0].worth > fit.reports[1].worth > fit.reports[2].worth
    shares = [[1, 0, 0], [1 / 3, 2 / 3, 0], [1 / 6, 2 / 6, 3 / 6]]
    assert_covers(fit, law, settings(shares, [N, 2 * N, 3 * N], 24 * N), least=1.0)
    assert [report.runs for report in fit.reports] == [5, 0, 0]
    assert [report.utility is None for report in fit.reports] == [False, True, True]


def test_nested_keep_fractions_of_a_file_need_nothing_but_names_sizes_and_samples():
    rows = "\n".join(
        f"{row.pool},{row.unique_samples:.0f},{row.samples_seen:.0f},x_error,{row.error}"
        for row in nested(true_law(3)).rows
    )
    fit = fit_law(read(f"pool,unique_samples,samples_seen,metric,error\n{rows}\n"), draws=5)
    assert [pool.name for pool in fit.ranked] == ["p0", "p1", "p2"]


@pytest.mark.parametrize("unit", UNITS)
def test_a_swarm_tells_pools_apart_that_were_never_trained_alone(unit):
    pools = 6
    law = true_law(pools, unit=unit, worth=np.geomspace(4.0, 0.25, pools), half_life=np.full(pools, 10.0))
    rng = np.random.default_rng(0)
    runs = settings(rng.dirichlet(np.full(pools, 0.6), 40), np.inf, 14 * N)
    fit = fit_law(measured(law, runs, noise=0.002, listed=True))
    assert fit.ranked == ()
    assert len(fit.mixable) == pools
    assert [law.kernel for law in fit.laws] == ["muennighoff"]
    worth = np.array([report.worth for report in fit.reports])
    assert np.corrcoef(np.log(worth), np.log(law.worth[0]))[0, 1] > 0.97
    assert not any(
        findings(fit, f"p{i}") and "worth rests" in findings(fit, f"p{i}")[0] for i in range(pools)
    )
    unseen = settings(rng.dirichlet(np.full(pools, 0.6), 30), np.inf, 14 * N)
    mixtures = [Mixture(fit.pools, tuple(map(float, w / w.sum()))) for w in unseen.weights]
    errors = forecast(fit, mixtures, np.array([14 * N])).expected[:, 0]
    assert np.corrcoef(errors, law.errors(unseen)[0])[0, 1] > 0.98


def test_a_swarm_whose_pools_repeat_is_fitted_with_both_kernels():
    law = true_law(3, unit="loss", worth=[2.0, 1.0, 0.5])
    weights = np.random.default_rng(3).dirichlet(np.ones(3), 30)
    fit = fit_law(
        measured(law, settings(weights, [N, 4 * N, np.inf], 14 * N), noise=0.003, listed=True), draws=10
    )
    assert [law.kernel for law in fit.laws] == ["muennighoff", "utility_smooth"]
    assert fit.pools[2].unique_samples == np.inf
    assert fit.reports[2].half_life is None


def test_a_swarm_file_with_rounded_weights_and_sizes_in_a_list_is_read_and_rescaled():
    law = true_law(3, unit="loss")
    weights = np.random.default_rng(6).dirichlet(np.ones(3), 24).round(3)
    runs = settings(weights / weights.sum(axis=1, keepdims=True), [N, 2 * N, np.inf], 9 * N)
    errors = law.errors(runs)[0]
    lines = [
        f'r{i},a+b+c,{N:.0f}+{2 * N:.0f}+inf,{9 * N:.0f},x_loss,{error},"{w[0]},{w[1]},{w[2]}"'
        for i, (error, w) in enumerate(zip(errors, weights, strict=True))
    ]
    table = read("run,pool,unique_samples,samples_seen,metric,error,weights\n" + "\n".join(lines) + "\n")
    assert any(abs(sum(row.weights) - 1) > 1e-6 for row in table.rows)
    fit = fit_law(table, draws=0)
    assert [pool.unique_samples for pool in fit.pools] == [N, 2 * N, np.inf]
    fitted = fit.laws[0].errors(runs)[0]
    assert fitted == pytest.approx(errors, rel=0.02)


def test_a_pool_that_is_never_told_apart_is_named_in_words():
    """b and c always get the same share, so that nothing says which of the two is worth more."""
    law = true_law(3, unit="loss", worth=[2.0, 1.0, 0.5])
    a = np.linspace(0.1, 0.9, 12)
    runs = settings(np.stack([a, (1 - a) / 2, (1 - a) / 2], axis=1), np.inf, 9 * N)
    fit = fit_law(measured(law, runs, noise=0.002, listed=True))
    for pool in ("p1", "p2"):
        assert any(
            "its worth rests on the prior, because the runs hardly tell it from other pools" in text
            for text in findings(fit, pool)
        )


def test_pools_that_joint_runs_tell_apart_are_not_called_unknown():
    law = true_law(3, unit="loss", worth=[2.0, 1.0, 0.5])
    runs = settings(np.random.default_rng(0).dirichlet(np.ones(3), 24), np.inf, 9 * N)
    fit = fit_law(measured(law, runs, noise=0.002, listed=True))
    assert not any("worth rests" in text for i in range(3) for text in findings(fit, f"p{i}"))


def test_all_runs_of_one_mixture_are_refused():
    runs = settings(np.repeat([[0.3, 0.7]], 5, axis=0), N, np.array([1, 2, 4, 8, 14]) * N)
    with pytest.raises(
        FitError, match="All runs train on the same mixture of 2 pools, so nothing tells the pools apart"
    ):
        fit_law(measured(true_law(2), runs, listed=True))


def test_shares_that_sum_to_0_are_refused():
    text = "pool,unique_samples,samples_seen,metric,error,weights\n" + "\n".join(
        f'a+b,1000000+2000000,{n},x_loss,{3 - n / 1e7},"0,0"' for n in (1000000, 2000000, 4000000)
    )
    with pytest.raises(InputError, match="Mixture weights sum to 0, not 1"):
        fit_law(read(text + "\n"))


# (d) several sizes of one quality


@pytest.mark.parametrize("unit", UNITS)
def test_sizes_of_one_quality_share_worth_and_tell_how_half_lives_grow(unit):
    kappa = 0.8 if unit == "fraction" else 0.3
    law = true_law(4, unit=unit, kappa=kappa, worth=np.ones(4), half_life=np.full(4, 6.0))
    runs = singles(4, (1, 3, 6, 12), [N / 8, N / 2, 2 * N, 8 * N])
    rows = [replace(row, quality="web", rank=None) for row in measured(law, runs, noise=0.002).rows]
    fit = fit_law(RunTable(tuple(rows), "sizes"))
    assert {report.worth for report in fit.reports} == {1.0}
    (part,) = [part for part in fit.shared if part.name == "kappa"]
    assert part.interval[0] <= kappa <= part.interval[1]
    ratios = np.array([report.half_life for report in fit.reports])
    assert np.all(np.diff(ratios) > 0)
    (found,) = predict_mixtures(fit, [union([replace(fit.pools[0], unique_samples=4 * N)])], [30 * N])[0]
    assert found.low <= law.errors(settings([[1, 0, 0, 0]], 4 * N, 30 * N))[0, 0] <= found.high


# (e) losses and fractions


def test_the_same_numbers_as_a_loss_may_exceed_1_and_as_a_fraction_level_off_at_guessing():
    runs = singles(2, (0.02, 0.1, 1, 2, 4, 8))
    fraction = fit_law(measured(true_law(2), runs, noise=NOISE), draws=20)
    loss = fit_law(measured(true_law(2, unit="loss"), runs, noise=NOISE), draws=20)
    early = np.array([10.0])
    assert forecast(fraction, [union(fraction.pools[:1])], early).errors.max() <= 0.999
    assert forecast(loss, [union(loss.pools[:1])], early).expected.min() > 3.0


# (f) samples drawn with replacement


@pytest.mark.parametrize("unit", UNITS)
def test_samples_drawn_with_replacement_are_fitted_and_predicted_with_that_form(unit):
    law = true_law(2, unit=unit, kernel="utility_smooth", half_life=[6.0, 3.0])
    drawn_runs = settings(
        np.repeat(np.eye(2), 5, axis=0), N, np.tile(np.array(EPOCHS) * N, 2), resampled=True
    )
    fit = fit_law(measured(law, drawn_runs, noise=0.003))
    half_lives = np.concatenate([drawn(one).half_lives(np.array([N, N])) for one in fit.laws[1:]])
    low, high = np.quantile(half_lives, [0.05, 0.95], axis=0)
    assert np.all((low <= [6.0, 3.0]) & (high >= [6.0, 3.0]))
    (found,) = predict_mixtures(fit, [union(fit.pools)], [20 * N])[0]
    truth = law.errors(settings([[0.5, 0.5]], N, 20 * N, resampled=True))[0, 0]
    assert found.low <= truth <= found.high
    residuals = [row.error - predicted(fit, [row.pool], [1.0], row.samples_seen).error for row in fit.rows]
    assert np.sqrt(np.mean(np.square(residuals))) == pytest.approx(fit.rmse, rel=1e-9)


def test_runs_of_unsaid_exposure_are_predicted_as_they_were_fitted():
    """A kernel for drawing with replacement takes rows that say nothing for such runs, in forecasts as in the fit."""
    for kernel in (
        "resampled",
        "muennighoff_resampled",
        "effective_data_resampled",
        "utility",
        "muennighoff",
    ):
        for law in ("default", "paper"):
            fit = fit_law(load_example("datacomp_medium_tmars"), kernel=kernel, law=law, draws=0)
            residuals = [
                row.error - predicted(fit, [row.pool], [1.0], row.samples_seen).error for row in fit.rows
            ]
            assert np.sqrt(np.mean(np.square(residuals))) == pytest.approx(fit.rmse, rel=1e-9)


def test_a_kernel_without_a_form_for_drawn_samples_says_so():
    rows = measured(true_law(2), singles(2, EPOCHS), noise=NOISE).rows
    drawn_rows = RunTable(tuple(replace(row, exposure="resampled") for row in rows), "drawn")
    warnings = fit_law(drawn_rows, kernel="saturating", draws=0).warnings
    assert any("saturating has no form for samples drawn with replacement" in text for text in warnings)
    for kernel in (None, "utility", "fresh"):
        assert not any("has no form" in text for text in fit_law(drawn_rows, kernel=kernel, draws=0).warnings)


# exhausted data


@pytest.mark.parametrize("unit", UNITS)
def test_a_pool_whose_error_no_longer_moves_is_information(unit):
    """DataComp's smallest subsets: many passes, and the same error at every budget."""
    rows = measured(true_law(2, unit=unit), singles(2, EPOCHS), noise=NOISE).rows
    last = [row.error for row in rows if row.pool == "p1"][-1]
    rows = [replace(row, unique_samples=N / 100, error=last) if row.pool == "p1" else row for row in rows]
    fit = fit_law(RunTable(tuple(rows), "exhausted"))
    (found, later) = predict_mixtures(fit, [union(fit.pools[1:])], [14 * N, 28 * N])[0]
    assert found.error == pytest.approx(last, rel=0.02)
    assert later.error == pytest.approx(found.error, rel=0.01)
    assert fit.reports[1].half_life < 20


def test_exhausted_pools_of_a_published_table_are_fitted():
    """DataComp's baselines: many filters at several scales, some of them hundreds of passes over very few samples."""
    table = load_example("datacomp_baselines")
    metric = "imagenet1k_zeroshot_error"
    model = "ViT-B-32"
    rows = tuple(row for row in table.rows if (row.model, row.metric) == (model, metric))
    assert len(rows) > 20
    fit = fit_law(RunTable(rows, "baselines"), draws=5)
    assert fit.rmse < 0.05
    assert not any(
        finding.verdict is Verdict.NOT_CONVERGED for report in fit.reports for finding in report.findings
    )
