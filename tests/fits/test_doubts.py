"""Doubts that a number cannot show: each is named where it applies, and only there."""

from dataclasses import replace

import numpy as np
import pytest

from simulated import N, measured, settings, singles, together, true_law
from thresher import fit_law
from thresher.fits.doubts import (
    Limit,
    blocking_doubts,
    model_warnings,
    overfitting_warnings,
    run_warnings,
    untrained_shares,
)
from thresher.fits.observations import observe
from thresher.pools import Mixture, union
from thresher.runs import RunTable

LAW = true_law(3)
TABLE = measured(LAW, singles(3, (1, 2, 4, 8, 14)), noise=0.003)
FIT = fit_law(TABLE, draws=5)


def warned(rows, chance=0.999, kernels=("muennighoff",)):
    rows = tuple(rows)
    return run_warnings(rows, observe(rows), kernels, chance)


def with_columns(**columns):
    return [replace(row, **columns) for row in TABLE.rows]


def test_runs_of_one_kind_raise_no_doubt():
    assert warned(with_columns(schedule="constant")) == ()


def test_mixed_schedules_are_named():
    (text,) = warned([*with_columns(schedule="finished")[:5], *with_columns(schedule="constant")[5:]])
    assert text.startswith("Runs of different schedules are mixed (constant, finished)")


def test_checkpoints_of_a_decaying_schedule_are_doubted_even_alone():
    (text,) = warned(with_columns(schedule="mid-run"))
    assert text.startswith(f"{Limit.EARLY_CHECKPOINTS}: All rows are checkpoints in the middle of a schedule")
    (_, text) = warned([*with_columns(schedule="mid-run")[:5], *with_columns(schedule="finished")[5:]])
    assert "5 of 15 rows are checkpoints" in text


def test_mixed_exposures_are_named_but_an_unknown_one_is_no_mixture():
    rows = with_columns(exposure="epochs")
    (text,) = warned([*rows[:5], *(replace(row, exposure="resampled") for row in rows[5:])])
    assert text.startswith("Runs of different exposure are mixed (epochs, resampled)")
    assert warned([*rows[:5], *(replace(row, exposure="unknown") for row in rows[5:])]) == ()


def test_pools_that_hardly_learn_alone_are_named_as_weak():
    law = true_law(3, worth=[2.0, 1.0, 0.002])
    fit = fit_law(measured(law, singles(3, (1, 2, 4, 8, 14)), noise=0.003), draws=0)
    (text,) = [text for text in fit.warnings if text.startswith(Limit.WEAK_BUCKETS)]
    assert text.startswith(f"{Limit.WEAK_BUCKETS}: p2 alone hardly learn")
    assert not any(text.startswith(Limit.WEAK_BUCKETS) for text in FIT.warnings)


def test_losses_have_no_guessing_to_be_near():
    law = true_law(3, unit="loss", worth=[2.0, 1.0, 0.002])
    assert warned(measured(law, singles(3, (1, 2, 4, 8, 14))).rows, chance=None) == ()


@pytest.mark.parametrize(("by", "named"), [(0.05, True), (-0.01, False)])
def test_an_error_that_rises_in_the_end_is_named(by, named):
    rows = list(TABLE.rows)
    last = rows[4]
    assert (last.pool, last.samples_seen) == ("p0", 14 * N)
    rows[4] = replace(last, error=rows[3].error + by)
    texts = [text for text in warned(rows) if text.startswith(Limit.OVERFITTING)]
    assert bool(texts) is named
    assert all("the error of p0 rises in the end" in text for text in texts)


def test_pools_with_the_same_measurements_are_called_copies():
    copies = [replace(row, pool="twin", rank=None) for row in TABLE.rows if row.pool == "p1"]
    (text,) = warned([*TABLE.rows, *copies])
    assert text.startswith("Pools p1 and twin have the same errors")


@pytest.mark.parametrize(("epochs", "expected"), [(14, False), (27, False), (29, True), (200, True)])
def test_plans_far_beyond_the_epochs_of_any_run_risk_over_fitting(epochs, expected):
    found = overfitting_warnings(FIT, union(FIT.pools[:1]), epochs * N)
    assert bool(found) is expected
    assert all(text.startswith(f"{Limit.OVERFITTING}: the plan needs {epochs} epochs") for text in found)


def test_losses_are_held_to_the_epochs_that_language_models_tolerate():
    fit = replace(FIT, unit="loss", chance=None)
    mixture = union(fit.pools[:1])
    assert overfitting_warnings(fit, mixture, 14 * N, 1e6) == ()
    (text,) = overfitting_warnings(fit, mixture, 14 * N, 1e9)
    assert "losses of language models were seen to rise after 0.576 to 1.47 epochs" in text
    assert overfitting_warnings(FIT, mixture, 14 * N, 1e9) == ()


def test_shares_beyond_those_that_were_trained_are_named():
    runs = settings(
        np.array([[0.2, 0.3, 0.5], [0.4, 0.3, 0.3], [0.1, 0.6, 0.3], [0.3, 0.4, 0.3]]), np.inf, 9 * N
    )
    fit = fit_law(measured(true_law(3), runs, noise=0.003, listed=True), draws=0)
    assert untrained_shares(fit, Mixture(fit.pools, (0.4, 0.35, 0.25))) == ()
    (text,) = untrained_shares(fit, Mixture(fit.pools, (0.8, 0.1, 0.1)))
    assert text.startswith(f"{Limit.UNTRAINED_SHARES}: ")
    assert "p0 (80 %, at most 40 % in any run)" in text
    assert untrained_shares(FIT, union(FIT.pools[:1])) == ()


def test_another_model_than_that_of_the_runs_is_warned_of():
    fit = replace(FIT, rows=tuple(with_columns(model="ViT-B-32")))
    (text,) = model_warnings(fit, "ViT-L-14")
    assert text.startswith("The runs are of ViT-B-32, the plan is for ViT-L-14")
    assert model_warnings(fit, "ViT-B-32") == ()
    assert model_warnings(fit, None) == ()


def test_ranks_that_run_against_the_measured_order_block():
    assert blocking_doubts(FIT) == ()
    turned = fit_law(
        RunTable(tuple(replace(row, rank=4 - row.rank) for row in TABLE.rows), "turned"), draws=0
    )
    (text,) = blocking_doubts(turned)
    assert text.startswith("Ranks contradict the runs")


def test_a_joint_run_that_rises_is_named_by_its_pools():
    joint = settings([[0.5, 0.5, 0.0]] * 3, N, [4 * N, 8 * N, 14 * N])
    rows = list(measured(LAW, together(singles(3, (1, 2, 4, 8, 14)), joint), noise=0.0).rows)
    rows[-1] = replace(rows[-1], error=rows[-2].error + 0.05)
    (text,) = warned(rows)
    assert "the error of p0+p1 rises in the end" in text
