"""Legal but extreme input: a finite answer or a sentence, never a number that is none, never a warning of numpy."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from simulated import N, measured, settings, simulated_runs, singles, true_law
from thresher import fit_law, load_example, predict_mixtures, read_fit, write_fit
from thresher.errors import FitError, InputError
from thresher.pools import union
from thresher.runs import Measurement, RunTable

pytestmark = pytest.mark.filterwarnings("error")
TMARS = load_example("datacomp_medium_tmars")
LAWS = ("default", "paper")


def table(change):
    return RunTable(tuple(change(i, row) for i, row in enumerate(TMARS.rows)), "changed")


def loss(row, factor=1.0):
    return replace(row, metric="x_loss", error=factor * row.error)


def assert_finite(fit, folder):
    """Predictions far and near, reports, and the file are all numbers."""
    numbers = [fit.rmse, fit.misfit, fit.noise_sd]
    for pool in fit.pools:
        for found in predict_mixtures(fit, [union([pool])], [1.0, 1e6, 1e8, 1e12, 1e18])[0]:
            assert found.low <= found.high
            numbers += [found.error, found.low, found.high]
    for report in fit.reports:
        for value in (
            report.worth,
            report.worth_interval,
            report.half_life,
            report.half_life_interval,
            report.utility,
        ):
            numbers += list(np.ravel(value)) if value is not None else []
        numbers += report.worth_by_pass
    for part in fit.shared:
        numbers += [part.value, *part.interval]
    assert np.all(np.isfinite(numbers))
    write_fit(fit, folder / "fit.json")
    assert read_fit(folder / "fit.json").pools == fit.pools


TABLES = {
    "losses of 1e-9": lambda i, row: loss(row, 1e-9),
    "losses of 1e-90": lambda i, row: loss(row, 1e-90),
    "losses of 1e90": lambda i, row: loss(row, 1e90),
    "standard errors of 1e-300": lambda i, row: replace(row, standard_error=1e-300),
    "standard errors of 1e-12": lambda i, row: replace(row, standard_error=1e-12),
    "standard errors of 1e12": lambda i, row: replace(row, standard_error=1e12),
    "standard errors of 1e300": lambda i, row: replace(row, standard_error=1e300),
    "one standard error of 1e-300": lambda i, row: replace(row, standard_error=1e-300 if i == 3 else None),
    "one standard error of 1e-12": lambda i, row: replace(row, standard_error=1e-12 if i == 3 else None),
    "one standard error of 1e12": lambda i, row: replace(row, standard_error=1e12 if i == 3 else None),
    "losses with tiny standard errors": lambda i, row: replace(loss(row), standard_error=1e-200),
    "one error of 1e-12": lambda i, row: replace(row, error=1e-12 if i == 7 else row.error),
    "errors at guessing": lambda i, row: replace(row, error=min(0.9999, 0.995 + i * 1e-4)),
    "errors that rise": lambda i, row: replace(row, error=1.0 - row.error),
    "errors that hardly differ": lambda i, row: replace(row, error=0.5 + 1e-12 * i),
    "pools of one sample": lambda i, row: replace(row, unique_samples=1.0),
    "pools of 1e18 samples": lambda i, row: replace(row, unique_samples=1e18),
    "pools without end": lambda i, row: replace(row, unique_samples=np.inf),
    "one pool without end": lambda i, row: replace(
        row, unique_samples=np.inf if row.pool == "top_0_10" else row.unique_samples
    ),
    "pools of one quality, one without end": lambda i, row: replace(
        row, quality="web", unique_samples=np.inf if row.pool == "top_0_10" else row.unique_samples
    ),
    "samples from 1 to 1e18": lambda i, row: replace(row, samples_seen=10.0 ** (i % 19)),
    "samples drawn": lambda i, row: replace(row, exposure="resampled"),
}


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("name", TABLES)
def test_extreme_tables_have_a_finite_answer(name, law, tmp_path):
    assert_finite(fit_law(table(TABLES[name]), law=law, draws=15), tmp_path)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("error", [1e300, 1e-300])
def test_errors_that_no_computer_can_square_are_refused(error, law):
    with pytest.raises(
        FitError, match=r"is out of range; errors between 10\^-100 and 10\^100 can be fitted. Correct it"
    ):
        fit_law(table(lambda i, row: loss(row, error)), law=law)


@pytest.mark.parametrize(
    ("law", "options"),
    [
        *product(LAWS, ({"onset": 1e300}, {"onset": 1e-300}, {"floor": 0.0}, {"floor": 0.5}, {"kappa": 0.0}, {"kappa": 3.0},
                        {"draws": 0}, {"draws": 1}, {"chance": 1.0})),
        ("default", {"power": 0.05}), ("default", {"power": 4.0}),
        ("paper", {"amplitude": 1e300}), ("paper", {"amplitude": 0.87}),
    ],
)  # fmt: skip
def test_extreme_options_have_a_finite_answer(law, options, tmp_path):
    assert_finite(fit_law(TMARS, law=law, **{"draws": 10, **options}), tmp_path)


@pytest.mark.parametrize("law", LAWS)
def test_the_least_that_can_be_fitted_is_three_different_runs(law, tmp_path):
    assert_finite(fit_law(RunTable(TMARS.rows[:3], "three"), law=law, draws=10), tmp_path)
    with pytest.raises(FitError, match=r"at least 3. Add pilot runs"):
        fit_law(RunTable(TMARS.rows[:2], "two"), law=law)
    with pytest.raises(FitError, match=r"The error is 0.5 in every run"):
        fit_law(table(lambda i, row: replace(row, error=0.5)), law=law)


@pytest.mark.parametrize("law", LAWS)
def test_a_pool_with_one_run_is_fitted(law, tmp_path):
    assert_finite(fit_law(RunTable(TMARS.rows[:6], "one of the second"), law=law, draws=10), tmp_path)


def test_an_error_of_exactly_0_is_refused_with_its_row():
    with pytest.raises(
        FitError, match="row 2: error 0 cannot be fitted, because laws describe the logarithm of the error"
    ):
        fit_law(table(lambda i, row: replace(row, error=0.0 if i == 0 else row.error)))


@pytest.mark.parametrize("law", LAWS)
def test_all_runs_worse_than_guessing_are_fitted_below_it(law, tmp_path):
    worse = table(lambda i, row: replace(row, error=1.0 - 0.0005 * i))
    fit = fit_law(worse, chance=0.95, law=law, draws=10)
    assert_finite(fit, tmp_path)
    assert predict_mixtures(fit, [union(fit.pools[:1])], [1e8])[0][0].error <= 0.95


def test_a_swarm_of_one_dominant_pool_is_fitted(tmp_path):
    weights = np.array([[1.0 - 1e-9, 1e-9], [1.0 - 1e-6, 1e-6], [0.5, 0.5], [0.1, 0.9]])
    fit = fit_law(
        measured(true_law(2, unit="loss"), settings(weights, np.inf, 9 * N), noise=0.003, listed=True),
        draws=10,
    )
    assert_finite(fit, tmp_path)


def test_weights_of_0_in_a_row_are_no_part_of_it():
    rows = [
        *simulated_runs().rows,
        Measurement("a+b+c", 3 * N, 4 * N, "x_error", 0.3, weights=(0.5, 0.5, 0.0)),
    ]
    fit = fit_law(RunTable(tuple(rows), "zero"), draws=0)
    assert fit.reach.widest_mixture == 2


@pytest.mark.parametrize("kernel", ["utility", "utility_smooth", "muennighoff", "saturating", "resampled"])
def test_ten_thousand_epochs_are_fitted(kernel, tmp_path):
    fit = fit_law(
        measured(true_law(2), singles(2, (1, 10, 100, 10_000)), noise=0.01), kernel=kernel, draws=10
    )
    assert_finite(fit, tmp_path)


def test_bad_numbers_of_a_table_are_refused_one_by_one():
    for error in (float("nan"), float("inf"), -0.1):
        with pytest.raises(InputError, match=r"cannot be fitted|errors reach inf"):
            fit_law(table(lambda i, row, error=error: replace(row, error=error if i == 2 else row.error)))
