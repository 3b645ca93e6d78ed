"""The default law on beds of real runs: predictions to the prototype's digits, and what they are worth."""

import csv
import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from thresher import fit_law, load_example, predict_mixtures
from thresher.examples.published import example_path
from thresher.pools import Mixture, union
from thresher.runs import Measurement, RunTable

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "one_law.json").read_text())
BEDS = {
    "datacomp_medium_tmars": (0.999, 0.98),
    "icon_lab": (1 - 1 / 212, 0.98),
    "icon_lab_small_buckets": (1 - 1 / 241, 1.45),
    "icon_lab_weak_buckets": (1 - 1 / 241, 0.98),
}
"""Error of guessing, and the bucket epochs from which pilot runs enter."""
PARTS = ("beds", "beds_with_one_joint_run")
DIGITS = 2e-3
"""How far a prediction may lie from the prototype's."""
LIMITS = {  # mean regret, RMSE of all candidates, interval score of joint runs
    "datacomp_medium_tmars": (0.0020, 0.0128, 0.130),
    "icon_lab": (0.0010, 0.0213, 0.150),
    "icon_lab_small_buckets": (0.0020, 0.0306, 0.160),
    "icon_lab_weak_buckets": (0.0010, 0.0637, 0.190),
}
"""Regret and RMSE are the limits of the law's specification. Interval scores vary between seeds of the draws by 0.005: the
prototype's own are 0.119, 0.151, 0.152 and 0.193 in the mean of ten seeds."""


def pilots(name):
    table = load_example(name)
    first = BEDS[name][1]
    return [
        row for row in table.rows if row.rank is not None and row.samples_seen >= first * row.unique_samples
    ]


def one_joint_run(name):
    """The best three buckets at about five bucket epochs, the mean of its seeds."""
    ranks = load_example(name).ranks
    pool = "+".join(sorted(ranks, key=ranks.__getitem__)[:3])
    size = pilots(name)[0].unique_samples
    rows = [row for row in load_example(name, "joint").rows if row.pool == pool]
    n = min((row.samples_seen for row in rows), key=lambda n: abs(n - 5 * size))
    rows = [row for row in rows if row.samples_seen == n]
    return replace(rows[0], error=float(np.mean([row.error for row in rows])))


@cache
def fitted(name, part):
    rows = pilots(name) + ([one_joint_run(name)] if part != "beds" else [])
    return fit_law(RunTable(tuple(rows), name), chance=BEDS[name][0])


@cache
def forecasts(name, part):
    """Predictions beside the golden ones: error, low, high, and what was measured."""
    fit = fitted(name, part)
    pools = {pool.name: pool for pool in fit.pools}
    found = []
    for golden in GOLDEN[part][name]["predictions"]:
        mixture = union([pools[pool] for pool in golden["pool"].split("+")])
        (one,) = predict_mixtures(fit, [mixture], [golden["samples_seen"]])[0]
        found.append((one.error, one.low, one.high))
    return np.array(found)


def golden(name, part, key):
    return np.array([one[key] for one in GOLDEN[part][name]["predictions"]])


def mean_regret(name, part):
    errors, measured, budgets = (
        forecasts(name, part)[:, 0],
        golden(name, part, "measured"),
        golden(name, part, "samples_seen"),
    )
    regrets = [
        measured[budgets == n][np.argmin(errors[budgets == n])] - measured[budgets == n].min()
        for n in np.unique(budgets)
    ]
    return float(np.mean(regrets))


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", BEDS)
def test_predictions_are_the_prototype_s(name, part):
    found = forecasts(name, part)
    assert found[:, 0] == pytest.approx(golden(name, part, "error"), abs=DIGITS)
    assert np.all(found[:, 1] < found[:, 0])
    assert np.all(found[:, 0] < found[:, 2])


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", BEDS)
def test_regret_and_error_are_those_of_the_golden_table(name, part):
    gap = forecasts(name, part)[:, 0] - golden(name, part, "measured")
    assert np.sqrt(np.mean(gap**2)) == pytest.approx(GOLDEN[part][name]["rmse_all"], abs=2e-4)
    assert mean_regret(name, part) == pytest.approx(GOLDEN[part][name]["mean_regret"], abs=1e-6)


@pytest.mark.parametrize("name", BEDS)
def test_joint_runs_that_no_fit_has_seen_are_predicted_within_the_stated_limits(name):
    regret, rmse, score = LIMITS[name]
    found, measured = forecasts(name, "beds"), golden(name, "beds", "measured")
    assert mean_regret(name, "beds") <= regret
    assert np.sqrt(np.mean((found[:, 0] - measured) ** 2)) <= rmse
    joint = np.array(["+" in one["pool"] for one in GOLDEN["beds"][name]["predictions"]])
    _, low, high = found[joint].T
    t = measured[joint]
    scores = high - low + 20 * np.maximum(low - t, 0) + 20 * np.maximum(t - high, 0)
    assert np.mean(scores) <= score
    assert np.mean((t >= low) & (t <= high)) >= 0.84


def test_one_joint_run_halves_the_error_of_forecasts_on_weak_buckets():
    late = {
        (one["pool"], one["samples_seen"])
        for one in GOLDEN["beds_with_one_joint_run"]["icon_lab_weak_buckets"]["predictions"]
    }
    gaps = {}
    for part in PARTS:
        rows = GOLDEN[part]["icon_lab_weak_buckets"]["predictions"]
        found = forecasts("icon_lab_weak_buckets", part)[:, 0]
        gaps[part] = [
            e - one["measured"]
            for e, one in zip(found, rows, strict=True)
            if (one["pool"], one["samples_seen"]) in late
        ]
    without, with_one = (np.sqrt(np.mean(np.square(gaps[part]))) for part in PARTS)
    assert with_one < 0.5 * without


def judged(table, fitted_rows, tested, **options):
    """RMSE and share inside of single-pool rows that the fit has not seen; every row is a size of one quality."""
    one_quality = [replace(row, quality="all") for row in fitted_rows]
    fit = fit_law(RunTable(tuple(one_quality), table.name), **options)
    like = {pool.name: pool for pool in fit.pools}
    gaps, inside = [], []
    for row in tested:
        pool = like.get(row.pool) or replace(fit.pools[0], unique_samples=row.unique_samples)
        (one,) = predict_mixtures(fit, [union([pool])], [row.samples_seen])[0]
        gaps.append(one.error - row.error)
        inside.append(one.low <= row.error <= one.high)
    return np.sqrt(np.mean(np.square(gaps))), np.mean(inside)


@pytest.mark.parametrize("model", ["2.8B", "4.2B"])
def test_language_models_of_2_epochs_predict_the_later_ones(model):
    table = load_example("datablations")
    rows = [row for row in table.rows if model in row.model]
    early = [row for row in rows if row.epochs <= 2.05]
    rmse, inside = judged(table, early, [row for row in rows if row.epochs > 2.05])
    assert rmse <= GOLDEN["datablations_to_2_epochs"][f"gpt-{model}"]["rmse"] + 2e-4
    assert inside >= 0.9


@pytest.mark.parametrize("model", ["ViT-B-32", "ViT-B-16"])
@pytest.mark.parametrize("what", ["34B from the rest", "400M left out"])
def test_clip_models_predict_longer_runs_and_pools_of_another_size(model, what):
    table = load_example("laion_openclip")
    rows = [row for row in table.rows if row.model == model]
    left_out = [
        row for row in rows if (row.samples_seen > 2e10 if "34B" in what else 3e8 < row.unique_samples < 5e8)
    ]
    rmse, _ = judged(table, [row for row in rows if row not in left_out], left_out)
    assert rmse <= GOLDEN["laion_openclip"][f"{model}, {what}"]["rmse"] + 2e-4


TARGETS = (
    "pile_cc",
    "github",
    "wikipedia_en",
    "stackexchange",
    "arxiv",
    "pubmed_central",
    "freelaw",
    "hackernews",
)


def test_64_runs_of_a_swarm_rank_256_mixtures_that_they_have_not_seen():
    tables = [
        list(csv.DictReader(example_path(name).read_text().splitlines()))
        for name in ("regmix_shares", "regmix_losses")
    ]
    shares, losses = ({row["run"]: row for row in table} for table in tables)
    pools = [name for name in next(iter(shares.values())) if name != "run"]
    train, test = ([run for run in shares if run.startswith(kind)] for kind in ("train", "test"))

    def weights(run):
        w = np.array([float(shares[run][pool]) for pool in pools])
        return tuple(map(float, w / w.sum()))

    correlations = []
    for target in TARGETS[:4]:
        metric = next(name for name in losses[train[0]] if target in name)
        rows = [
            Measurement(
                "+".join(pools), np.inf, 1e9, "x_loss", float(losses[run][metric]), run=run, weights=weights(run),
                pool_sizes=(np.inf,) * len(pools),
            )
            for run in np.random.default_rng(0).permutation(train)[:64].tolist()
        ]  # fmt: skip
        fit = fit_law(RunTable(tuple(rows), "swarm"), draws=0)
        known = {pool.name: pool for pool in fit.pools}
        mixtures = [Mixture(tuple(known[pool] for pool in pools), weights(run)) for run in test]
        predicted = [one[0].error for one in predict_mixtures(fit, mixtures, [1e9])]
        actual = [float(losses[run][metric]) for run in test]
        ranks = [np.argsort(np.argsort(values)) for values in (predicted, actual)]
        correlations.append(np.corrcoef(*ranks)[0, 1])
    assert np.mean(correlations) >= GOLDEN["regmix_spearman_at_1M"]["64"] - 0.01
