"""What every fit keeps to: it repeats itself, ignores order and names, fixes what it is told to, and says what it cannot tell."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from simulated import N, measured, settings, simulated_runs, singles, together, true_law
from thresher import fit_law, forecast, load_example
from thresher.errors import FitError, InputError
from thresher.fits import LawKind, Verdict
from thresher.fits.fit import drawn
from thresher.fits.priors import DEFAULT_KERNELS
from thresher.fits.reports import PASSES
from thresher.pools import union
from thresher.runs import Measurement, RunTable

TMARS = load_example("datacomp_medium_tmars")
RANKED = RunTable(tuple(row for row in TMARS.rows if row.rank is not None), "ranked")
JOINT = load_example("datacomp_medium_tmars", "joint").joints


def with_rows(*rows):
    return RunTable(tuple(rows), "rows")


def values(fit):
    return {report.pool.name: (report.worth, report.half_life, report.utility) for report in fit.reports}


def messages(fit, verdict, pool):
    (report,) = [report for report in fit.reports if report.pool.name == pool]
    return [finding.message for finding in report.findings if finding.verdict is verdict]


def shared(fit, name):
    return next(part for part in fit.shared if part.name == name)


def test_the_same_seed_gives_the_same_fit_and_another_only_other_draws():
    one, two, other = (fit_law(RANKED, draws=20, seed=seed) for seed in (3, 3, 4))
    for left, right, third in zip(one.laws, two.laws, other.laws, strict=True):
        assert np.array_equal(left.worth, right.worth)
        assert np.array_equal(left.worth[0], third.worth[0])
        assert not np.array_equal(left.worth[1:], third.worth[1:])
    assert one.rmse == other.rmse


@pytest.mark.parametrize("law", LawKind)
@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_rows_is_irrelevant(law, seed):
    rows = (*RANKED.rows, *JOINT.rows)
    shuffled = np.random.default_rng(seed).permutation(np.array(rows, dtype=object))
    one, two = fit_law(with_rows(*rows), law=law, draws=10), fit_law(with_rows(*shuffled), law=law, draws=10)
    assert values(two) == values(one)
    assert two.rows == one.rows
    assert two.warnings == one.warnings


def test_the_order_in_which_a_row_names_its_pools_is_irrelevant():
    turned = [replace(row, pool="+".join(reversed(row.pools))) for row in JOINT.rows]
    one, two = (fit_law(with_rows(*RANKED.rows, *rows), draws=10) for rows in (JOINT.rows, turned))
    assert values(two) == values(one)


def test_the_names_of_pools_are_irrelevant():
    names = dict(zip(RANKED.pools, ["z", "m", "q", "a"], strict=True))
    renamed = with_rows(*(replace(row, pool=names[row.pool]) for row in RANKED.rows))
    first, second = (fit_law(table, draws=0) for table in (RANKED, renamed))
    for name, other in names.items():
        assert values(second)[other] == pytest.approx(values(first)[name], rel=1e-4)


@pytest.mark.parametrize("law", LawKind)
@pytest.mark.parametrize("factor", [1e-9, 7.0, 1e60])
def test_losses_of_another_scale_are_the_same_fit(law, factor):
    rows = measured(true_law(2, unit="loss"), singles(2, (1, 2, 4, 8, 14)), noise=0.004).rows
    scaled = [replace(row, error=factor * row.error) for row in rows]
    one, two = (fit_law(with_rows(*each), law=law, draws=10) for each in (rows, scaled))
    budgets = np.array([8 * N, 50 * N])
    before, after = (forecast(fit, [union(fit.pools)], budgets) for fit in (one, two))
    assert after.expected == pytest.approx(factor * before.expected, rel=1e-3)
    assert after.errors == pytest.approx(factor * before.errors, rel=0.02)


@pytest.mark.parametrize("factor", [0.01, 1000.0])
def test_samples_counted_in_another_unit_are_the_same_fit(factor):
    rows = [
        replace(row, unique_samples=factor * row.unique_samples, samples_seen=factor * row.samples_seen)
        for row in RANKED.rows
    ]
    assert values(fit_law(with_rows(*rows), draws=0)) == {
        name: pytest.approx(found, rel=2e-3) for name, found in values(fit_law(RANKED, draws=0)).items()
    }


def test_there_is_one_law_for_each_kernel_and_draws_after_the_most_probable():
    fit = fit_law(RANKED, draws=12)
    assert [law.kernel for law in fit.laws] == list(DEFAULT_KERNELS)
    assert fit.weights == tuple(DEFAULT_KERNELS.values())
    assert [len(law) for law in fit.laws] == [13, 13]
    assert fit.draws == 24
    assert fit.draw_weights == pytest.approx(np.full(24, 1 / 24))
    assert fit.over_draws("kappa").shape == (24,)
    assert np.array_equal(fit.over_draws("kappa")[:12], drawn(fit.laws[0]).kappa)


def test_without_a_repeat_kernels_differ_in_nothing_and_one_is_enough():
    rows = [replace(row, samples_seen=row.samples_seen / 60.0) for row in RANKED.rows]
    assert [law.kernel for law in fit_law(with_rows(*rows), draws=0).laws] == ["muennighoff"]


FIXED = {
    "kernel": "utility",
    "power": 1.7,
    "kappa": 0.3,
    "floor": 0.4,
    "onset": 2e6,
}


@pytest.mark.parametrize("name", FIXED)
def test_what_is_fixed_is_exactly_so_in_every_draw_and_is_reported_as_fixed(name):
    fit = fit_law(with_rows(*RANKED.rows, *JOINT.rows), draws=15, **{name: FIXED[name]})
    if name == "kernel":
        assert [law.kernel for law in fit.laws] == ["utility"]
        return
    for law in fit.laws:
        assert getattr(law, name) == pytest.approx(FIXED[name], rel=1e-12)
    part = shared(fit, name)
    assert (part.value, part.interval, part.prior, part.identified) == (
        FIXED[name],
        (FIXED[name],) * 2,
        None,
        False,
    )
    assert f"{name}: fixed at" in part.sentence


def test_mixtures_of_unlike_pools_tell_of_the_mixing_power_and_single_pools_do_not():
    alone = shared(fit_law(RANKED), "power")
    assert not alone.identified
    assert "assumed, because these runs cannot identify it" in alone.sentence
    assert alone.value == pytest.approx(1.0, abs=0.1)
    law = true_law(2, power=2.2, worth=[4.0, 0.25], half_life=[20.0, 20.0])
    runs = together(
        singles(2, (1, 3, 9)), settings([[0.8, 0.2], [0.5, 0.5], [0.2, 0.8], [0.05, 0.95]], N, 9 * N)
    )
    told = shared(fit_law(measured(law, runs, noise=0.003)), "power")
    assert told.identified
    assert told.interval[0] <= 2.2 <= told.interval[1]
    assert "from these runs; above 1: concentrating on the best pools pays" in told.sentence


def test_unions_of_pools_that_are_alike_do_not_tell_of_the_power():
    """T-MARS: such unions are much the same at every power."""
    part = shared(fit_law(with_rows(*RANKED.rows, *JOINT.rows)), "power")
    assert not part.identified
    assert "assumed, because these runs cannot identify it" in part.sentence


def test_kappa_rests_on_its_prior_where_pools_have_one_size_and_is_told_by_several_sizes():
    assert not shared(fit_law(RANKED), "kappa").identified
    assert "assumed, because these runs cannot identify it" in shared(fit_law(RANKED), "kappa").sentence
    law = true_law(4, unit="loss", kappa=0.6, worth=np.ones(4), half_life=np.full(4, 5.0))
    runs = singles(4, (1, 3, 6, 12, 20), [N / 16, N / 4, N, 4 * N])
    rows = [replace(row, quality="web", rank=None) for row in measured(law, runs, noise=0.001).rows]
    part = shared(fit_law(with_rows(*rows)), "kappa")
    assert part.identified
    assert part.interval[0] <= 0.6 <= part.interval[1]
    assert part.prior == pytest.approx((0.1 - 1.645 * 0.2, 0.1 + 1.645 * 0.2), abs=0.03)


def test_worth_by_pass_starts_at_the_worth_and_falls_with_every_pass():
    for law in LawKind:
        for report in fit_law(RANKED, law=law, draws=30).reports:
            assert len(report.worth_by_pass) == len(PASSES)
            assert report.worth_by_pass[0] == pytest.approx(report.worth, rel=1e-3)
            assert np.all(np.diff(report.worth_by_pass) < 0)


def test_the_worth_of_the_best_ranked_pool_is_1():
    fit = fit_law(RANKED, draws=20)
    assert fit.reports[0].worth == 1.0
    assert fit.reports[0].worth_interval == (1.0, 1.0)
    assert [report.worth for report in fit.reports] == sorted(
        (report.worth for report in fit.reports), reverse=True
    )


def test_every_pool_trained_alone_has_the_utility_of_the_paper_s_law_beside_its_worth():
    default, paper = fit_law(RANKED, draws=20), fit_law(RANKED, law="paper", draws=20)
    for one, two in zip(default.reports, paper.reports, strict=True):
        assert one.utility == pytest.approx(two.utility, rel=1e-6)
        assert one.utility_interval[0] <= one.utility <= one.utility_interval[1]
        assert one.runs == two.runs == 5


def test_two_runs_of_each_pool_are_enough_for_what_they_tell():
    law = true_law(3)
    fit = fit_law(measured(law, singles(3, (2, 8)), noise=0.005))
    assert [report.runs for report in fit.reports] == [2, 2, 2]


def test_one_run_of_a_pool_tells_its_worth_and_not_its_half_life():
    runs = together(singles(2, (1, 2, 4, 8, 14)), settings([[0.0, 1.0]], N, 2.0 * N))
    weights = np.hstack([runs.weights, np.zeros((len(runs), 1))])
    weights[-1] = [0, 0, 1.0]
    table = measured(true_law(3), settings(weights, N, runs.samples_seen), noise=0.003)
    fit = fit_law(table)
    (text,) = messages(fit, Verdict.NOT_IDENTIFIABLE, "p2")
    assert "the half-life is only known to lie between" in text
    assert "its runs reach 2. Add a run with more repetition." in text


def test_runs_of_one_epoch_cannot_tell_a_half_life():
    fit = fit_law(measured(true_law(2), singles(2, (0.3, 0.6, 1.0)), noise=0.003))
    for pool in ("p0", "p1"):
        assert (
            "its runs reach 1. Add a run with more repetition"
            in messages(fit, Verdict.NOT_IDENTIFIABLE, pool)[0]
        )


def test_a_pool_that_never_repeats_has_no_half_life():
    rows = measured(true_law(2), singles(2, (1, 2, 4, 8)), noise=0.003).rows
    rows = [replace(row, unique_samples=np.inf) if row.pool == "p1" else row for row in rows]
    for law in LawKind:
        fit = fit_law(with_rows(*rows), law=law, draws=10)
        assert fit.reports[0].half_life is not None
        assert (fit.reports[1].half_life, fit.reports[1].half_life_interval) == (None, None)
        assert fit.reports[1].worth_by_pass == pytest.approx([fit.reports[1].worth] * len(PASSES), rel=1e-3)


def test_runs_with_smaller_standard_errors_have_more_pull():
    rows = list(simulated_runs().rows)
    moved = []
    for error in (0.001, 0.3):
        wrong = [
            replace(row, standard_error=error, error=row.error + 0.03) if i == 5 else row
            for i, row in enumerate(rows)
        ]
        fit = fit_law(with_rows(*wrong), draws=0)
        law, runs = fit.laws[0], singles(3, (8,))
        moved.append(law.errors(runs)[0, 0] - rows[5].error)
    assert moved[1] < 0.5 * moved[0]


def test_the_unit_may_be_said_where_the_metric_s_name_does_not():
    rows = [replace(row, metric="perplexity") for row in RANKED.rows]
    with pytest.raises(InputError, match="metric 'perplexity' ends in neither _error nor _loss"):
        fit_law(with_rows(*rows), draws=0)
    assert fit_law(with_rows(*rows), unit="loss", draws=0).chance is None
    assert fit_law(with_rows(*rows), unit="fraction", draws=0).chance == 0.999


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"law": "other"}, "There is no law 'other'; laws are default and paper"),
        ({"kernel": "linear"}, "There is no kernel 'linear'"),
        ({"unit": "percent"}, "unit is 'percent'; it is loss or fraction"),
        ({"chance": 0.0}, "chance is 0; it is the error of guessing"),
        ({"chance": float("nan")}, "chance is nan; it is the error of guessing"),
        ({"chance": 0.6}, "chance is 0.6, but errors reach 0.95927"),
        ({"seed": -1}, "seed is -1; give a whole number from 0 up"),
        ({"draws": -1}, "draws is -1; give 0 or more"),
        ({"amplitude": 0.9}, "The default law has no amplitude"),
        ({"floor": 0.72}, "Give a floor below"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        fit_law(RANKED, **options)


def test_runs_of_several_metrics_or_models_are_refused():
    with pytest.raises(
        InputError, match=r"has 2 metrics: imagenet1k_zeroshot_error, other_error. Fit the runs of one"
    ):
        fit_law(with_rows(*RANKED.rows, replace(RANKED.rows[0], metric="other_error")))
    with pytest.raises(InputError, match=r"has 2 models: ViT-B-32, ViT-L-14. Fit the runs of one"):
        fit_law(with_rows(*RANKED.rows, replace(RANKED.rows[0], model="ViT-L-14", samples_seen=1e9)))


def test_an_empty_table_is_refused():
    with pytest.raises(FitError, match=r"rows has no runs to fit. Add pilot runs of each pool"):
        fit_law(with_rows())


@examples(max_examples=15)
@given(seed=st.integers(0, 10_000), pools=st.integers(1, 3), unit=st.sampled_from(["fraction", "loss"]))
def test_any_sensible_table_is_fitted_to_about_its_noise(seed, pools, unit):
    rng = np.random.default_rng(seed)
    runs = singles(pools, (1, 2, 5, 12), N * np.exp(rng.normal(size=pools)))
    table = measured(true_law(pools, unit=unit, rng=rng), runs, noise=0.005, seed=seed)
    fit = fit_law(table, draws=5)
    gaps = [
        np.log(law.take(slice(0, 1)).errors(runs)[0]) - np.log([row.error for row in table.rows])
        for law in fit.laws
    ]
    assert np.sqrt(np.mean(np.square(gaps))) < 0.02
    assert not any(
        finding.verdict is Verdict.NOT_CONVERGED for report in fit.reports for finding in report.findings
    )


def test_a_fit_says_what_it_is_made_of():
    fit = fit_law(RANKED, draws=5)
    assert (fit.law, fit.metric, fit.unit, fit.chance) == (
        LawKind.DEFAULT,
        "imagenet1k_zeroshot_error",
        "fraction",
        0.999,
    )
    assert [pool.name for pool in fit.pools] == list(RANKED.pools)
    assert fit.ranked == fit.mixable == fit.pools
    assert fit.reach.largest_run == 128e6
    assert fit.reach.most_epochs == pytest.approx(10.0)
    assert fit.reach.widest_mixture == 1
    assert fit.noise_sd == pytest.approx(max(fit.rmse, 0.003))


def test_the_noise_of_one_run_is_that_of_its_repeats():
    rows = [
        Measurement("a", N, e * N, "x_error", 0.3 + 0.5 * e**-0.3 + by, seed=str(seed))
        for e in (1, 3, 9)
        for seed, by in enumerate((-0.01, 0.01))
    ]
    assert fit_law(with_rows(*rows), draws=0).noise_sd == pytest.approx(0.01 * np.sqrt(2))


def test_an_unranked_pool_is_fitted_and_stands_in_no_mixture():
    fit = fit_law(TMARS, draws=0)
    assert fit.pools[-1].rank is None
    assert fit.mixable == fit.ranked == fit.pools[:-1]
