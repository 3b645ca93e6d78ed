"""`thresher fit` and `demo`: their JSON, their tables for people, and every kind of run table through every command."""

import json
from functools import cache

import numpy as np
import pytest

from made_fits import SIZE, TRUTH, errors_of, known_runs, one_law, runs_of
from thresher.cli.app import run
from thresher.examples.published import example_path
from thresher.fits.reports import PASSES
from thresher.reports import demo
from thresher.runs import Measurement, RunTable, write_runs

FIT_KEYS = {
    "kernel", "metric", "onset", "floor", "kappa", "pools", "shared", "rmse", "noise_sd", "dropped_rows", "notes", "warnings",
}  # fmt: skip
POOL_KEYS = {
    "pool", "unique_samples", "utility", "utility_interval", "worth", "half_life", "half_life_interval", "runs", "verdicts",
}  # fmt: skip
SHARED_KEYS = ["value", "interval", "prior", "identified"]


def answer(capsys, *words):
    """The JSON of a command that succeeds, without `Infinity` or `NaN`."""
    assert run([*map(str, words), "--json"]) == 0
    printed = capsys.readouterr()
    assert "RuntimeWarning" not in printed.err
    return json.loads(printed.out, parse_constant=pytest.fail)


@pytest.fixture
def runs(tmp_path):
    path = tmp_path / "runs.csv"
    write_runs(known_runs(), path)
    return path


def test_json_has_the_keys_of_the_contract(runs, capsys):
    found = answer(capsys, "fit", runs)
    assert set(found) >= FIT_KEYS
    assert not {"mixing", "amplitude"} & set(found)
    assert found["kernel"] is None
    assert [one["pool"] for one in found["pools"]] == ["p0", "p1", "p2"]
    for one in found["pools"]:
        assert set(one) >= POOL_KEYS
        assert one["utility_interval"][0] < one["utility"] < one["utility_interval"][1] < 0
        assert one["half_life_interval"][0] < one["half_life"] < one["half_life_interval"][1]
        assert one["runs"] == 5
        assert list(one["worth_by_pass"]) == [str(k) for k in PASSES]
        values = list(one["worth_by_pass"].values())
        assert values == sorted(values, reverse=True)
        assert values[0] == pytest.approx(one["worth"], rel=0.01)
    assert list(found["shared"]) == ["kappa", "power", "floor", "onset", "exponent"]
    for part in found["shared"].values():
        assert list(part) == SHARED_KEYS
        assert part["interval"][0] <= part["value"] <= part["interval"][1]
    for name in ("onset", "floor", "kappa"):
        assert found[name] == found["shared"][name]["value"]


def test_the_kernel_is_null_unless_it_is_fixed_and_what_is_fixed_has_no_prior(runs, capsys):
    found = answer(
        capsys, "fit", runs, "--kernel", "saturating", "--kappa", "0.5", "--power", "1", "--floor", "0.3"
    )
    assert found["kernel"] == "saturating"
    for name, value in (("kappa", 0.5), ("power", 1.0), ("floor", 0.3)):
        assert found["shared"][name] == {
            "value": value,
            "interval": [value, value],
            "prior": None,
            "identified": False,
        }
    assert answer(capsys, "fit", runs, "--onset", "2M")["onset"] == pytest.approx(2e6)
    assert answer(capsys, "fit", runs, "--kernel", "fresh")["pools"][0]["half_life"] is None


def test_the_papers_law_is_one_flag_away(runs, capsys):
    found = answer(capsys, "fit", runs, "--law", "paper")
    assert (found["law"], found["kernel"], found["floor"], found["kappa"]) == ("paper", "utility", 0.1, 1.0)
    beside = answer(capsys, "fit", runs)
    for one, other in zip(found["pools"], beside["pools"], strict=True):
        assert one["utility"] == pytest.approx(other["utility"], rel=0.01)


def test_the_fit_file_is_version_2_and_small(runs, tmp_path, capsys):
    path = tmp_path / "fit.json"
    assert run(["fit", str(runs), "-o", str(path), "--quiet"]) == 0
    capsys.readouterr()
    saved = json.loads(path.read_text())
    assert (saved["format"], saved["version"]) == ("thresher-fit", 2)
    assert list(saved["draws"]) == ["muennighoff", "utility_smooth"]
    assert sum(one["weight"] for one in saved["draws"].values()) == pytest.approx(1.0)
    for one in saved["draws"].values():
        assert all(len(row) == len(saved["parameters"]) for row in one["values"])
    assert {"metric", "unit", "noise_sd", "rows", "pools", "priors"} <= set(saved)
    assert path.stat().st_size < 300_000


def test_a_fit_file_of_version_1_is_refused_with_one_sentence(tmp_path, capsys):
    path = tmp_path / "fit.json"
    path.write_text(json.dumps({"format": "thresher-fit", "version": 1, "members": []}))
    for words in (
        ["plan", path, "--budget", "64M"],
        ["next", path, "--budget", "64M"],
        ["predict", path, "--pools", "a", "--samples-seen", "64M"],
        ["frontier", path],
    ):
        assert run(list(map(str, words))) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        (said,) = printed.err.splitlines()
        assert "of version 1; this release reads version 2" in said
        assert "thresher fit RUNS -o FIT" in said


def test_joint_rows_enter_the_fit_and_can_be_left_out(tmp_path, capsys):
    path = tmp_path / "runs.csv"
    write_runs(known_runs(((0, 1, 2),)), path)
    together, apart = answer(capsys, "fit", path), answer(capsys, "fit", path, "--ignore-joint")
    assert (together["joint_rows"], apart["joint_rows"]) == (5, 0)
    assert together["shared"]["power"]["interval"] != apart["shared"]["power"]["interval"]
    assert run(["fit", str(path)]) == 0
    assert "5 joint rows fitted" in " ".join(capsys.readouterr().out.split())


def test_rows_before_the_first_epoch_are_dropped_where_they_are_checkpoints_and_counted(tmp_path, capsys):
    path = tmp_path / "runs.csv"
    for schedule, dropped in (("constant", 3), ("finished", 0)):
        write_runs(runs_of(TRUTH, [SIZE] * 3, (0.5, 1, 2, 4, 8), noise=0.004, schedule=schedule), path)
        assert answer(capsys, "fit", path)["dropped_rows"] == dropped
        assert answer(capsys, "fit", path, "--from-epoch", "0.1")["dropped_rows"] == 0
    assert answer(capsys, "fit", path, "--from-epoch", "50")["dropped_rows"] == 0
    write_runs(runs_of(TRUTH, [SIZE] * 3, noise=0.004, schedule="constant"), path)
    assert run(["fit", str(path), "--from-epoch", "50"]) == 2
    assert "--from-epoch 50 leaves none" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["datacomp_medium_tmars_pilot", "icon_lab_weak_buckets_pilot"])
def test_a_fit_for_people_is_at_most_100_columns_wide_and_names_every_unknown(name, capsys):
    assert run(["fit", str(example_path(name))]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 100
    for words in (
        "worth (90 %)",
        "half-life, epochs",
        "utility b",
        "pass 8",
        "kappa, how half-lives",
        "power, how pools mix",
    ):
        assert words in " ".join(shown.split())


def swarm(path, sizes):
    """24 mixtures of five pools, with weights and lists of sizes."""
    worth = np.array([1.0, 0.5, 1.4, 2.0, 0.8])
    law = one_law(
        worth, [5.0] * 5, chance=None, floor=2.0, exponent=0.4, level=-0.2, largest_run=1e9, typical_size=1e8
    )
    pools = ("web", "code", "books", "wiki", "arxiv")
    rng = np.random.default_rng(1)
    rows = []
    for i in range(24):
        w = np.round(rng.dirichlet(np.ones(5)), 3)
        error = float(errors_of(law, w / w.sum(), sizes, 1e9)[0] * np.exp(0.003 * rng.normal()))
        rows.append(
            Measurement(
                "+".join(pools), float(sum(sizes)), 1e9, "val_loss", error, run=f"m{i}", weights=tuple(map(float, w)),
                pool_sizes=tuple(sizes),
            )
        )  # fmt: skip
    write_runs(RunTable(tuple(rows), "swarm"), path)


@pytest.mark.parametrize(
    "sizes",
    [
        pytest.param((1e9, np.inf, 2e8, 5e7, np.inf), id="mixed", marks=pytest.mark.slow),
        pytest.param((np.inf,) * 5, id="endless"),
        pytest.param((1e9, 2e9, 2e8, 5e7, 4e8), id="finite", marks=pytest.mark.slow),
    ],
)
def test_a_swarm_goes_through_every_command(sizes, tmp_path, capsys):
    table, fit, plan = (tmp_path / name for name in ("runs.csv", "fit.json", "plan.json"))
    swarm(table, sizes)
    found = answer(capsys, "fit", table, "-o", fit, "--quiet")
    for one, size in zip(found["pools"], (sizes[4], sizes[2], sizes[1], sizes[0], sizes[3]), strict=True):
        assert one["unique_samples"] == (size if np.isfinite(size) else None)
        assert one["utility"] is None
    for budget in ("1", "1e18"):
        limits = ["--pool-size", "10B", "--max-epochs", "1e18"]
        (one,) = answer(capsys, "plan", fit, "--budget", budget, *limits, "-o", plan, "--quiet")["plans"]
        assert all(choice["keep"] is None for choice in (one["best"], one["mixture"], *one["candidates"]))
        assert [choice["pools"] for choice in one["candidates"]] == [
            ["arxiv"],
            ["books"],
            ["code"],
            ["web"],
            ["wiki"],
        ]
        assert all(rule["error"] is None for rule in one["baselines"])
        for run_ in answer(capsys, "next", fit, "--budget", budget, *limits[2:])["runs"]:
            assert run_["unique_samples"] is None or np.isfinite(run_["unique_samples"])
        words = ["--pools", "web+code", "--weights", "0.5,0.5", "--samples-seen", budget]
        (one,) = answer(capsys, "predict", fit, *words)["predictions"]
        assert one["epochs"][1] == (
            0.0 if sizes[1] == np.inf else pytest.approx(one["samples_seen"] * 0.5 / 2e9)
        )
    assert answer(capsys, "frontier", fit)["points"]
    assert answer(capsys, "plan", fit, "--target", "2.9")["target"]["samples_seen"] > 0
    for limits in (
        ["--must", "arxiv"],
        ["--never", "code"],
        ["--max-epochs", "4"],
        ["--at-most", "2"],
        ["--max-share", "0.4"],
    ):
        answer(capsys, "plan", fit, "--budget", "1B", *limits)
    for words in (
        ["fit", table],
        ["plan", fit, "--budget", "1B"],
        ["next", fit, "--budget", "1B"],
        ["frontier", fit],
    ):
        assert run(list(map(str, words))) == 0
        assert max(map(len, capsys.readouterr().out.splitlines())) <= 100


def test_a_mixture_of_a_swarm_beats_every_pool_alone_once_good_pools_wear_out(tmp_path, capsys):
    table, fit = tmp_path / "runs.csv", tmp_path / "fit.json"
    swarm(table, (1e9, np.inf, 2e8, 5e7, np.inf))
    answer(capsys, "fit", table, "-o", fit, "--quiet")
    (plan,) = answer(capsys, "plan", fit, "--budget", "1B")["plans"]
    assert plan["mixture"]["error"] < min(one["error"] for one in plan["candidates"]) - 0.02
    assert len(plan["mixture"]["pools"]) >= 3


def test_a_plan_with_a_pool_that_never_repeats_cannot_be_cut_or_rehearsed(tmp_path, capsys):
    table, fit, plan = (tmp_path / name for name in ("runs.csv", "fit.json", "plan.json"))
    swarm(table, (np.inf,) * 5)
    answer(capsys, "fit", table, "-o", fit, "--quiet")
    answer(capsys, "plan", fit, "--budget", "1B", "-o", plan, "--quiet")
    assert run(["recipe", str(plan), "--for", "yaml"]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert "pool 'wiki' never repeats in this plan (inf), so there is nothing to cut or to rehearse" in said


@pytest.mark.parametrize("exposure", ["epochs", "resampled"])
@pytest.mark.parametrize("unit", ["fraction", "loss"])
def test_nested_joint_runs_alone_are_ranked_fitted_and_planned(exposure, unit, tmp_path, capsys):
    """Train on the best 10, 20, 30 %: no pool but the first was ever trained alone."""
    law = one_law([1.0, 0.6, 0.4], [5.0] * 3, **({"chance": None, "floor": 2.0} if unit == "loss" else {}))
    singles = runs_of(
        law, [SIZE] * 3, noise=0.003, joint=((0, 1), (0, 1, 2)), ranked=False, exposure=exposure
    )
    table, fit = tmp_path / "runs.csv", tmp_path / "fit.json"
    write_runs(RunTable(tuple(row for row in singles.rows if row.pool not in ("p1", "p2")), "nested"), table)
    found = answer(capsys, "fit", table, "-o", fit, "--quiet")
    assert [one["unique_samples"] for one in found["pools"]] == [SIZE] * 3
    assert [one["utility"] is None for one in found["pools"]] == [False, True, True]
    (plan,) = answer(capsys, "plan", fit, "--budget", "256M")["plans"]
    assert [one["pools"] for one in plan["candidates"]] == [["p0"], ["p0", "p1"], ["p0", "p1", "p2"]]
    assert "No joint run" not in plan["verdict"]
    assert answer(capsys, "next", fit, "--budget", "256M")["runs"]


def test_the_demo_has_the_keys_of_the_contract_and_fits_100_columns(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(demo, "run_demo", cache(demo.run_demo))
    found = answer(capsys, "demo", "-o", tmp_path / "demo", "--quiet")
    assert list(found) == ["joint_runs", "choices", "rmse", "mean_regret", "chart"]
    assert len(found["joint_runs"]) == 16
    for one in found["joint_runs"]:
        assert list(one) == ["pools", "samples_seen", "measured", "predicted", "low", "high"]
    for one in found["choices"]:
        assert list(one) == ["samples_seen", "chosen", "measured_best", "regret"]
    assert found["mean_regret"] <= 0.002
    assert (tmp_path / "demo" / "demo.png").stat().st_size > 10_000
    assert (tmp_path / "demo" / "demo.html").exists()
    assert run(["demo", "-o", str(tmp_path / "demo"), "--quiet"]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 100
    words = " ".join(shown.split())
    assert "One joint run in the fit (best 3 at 64M samples) would change the difference" in words
    assert "Where the default law is wrong: " in words
    assert "Where the paper's law is wrong: " in words
