import json

import pytest

from thresher.cli.app import run
from thresher.examples import load_example
from thresher.runs import RunTable, write_runs

SCORES = {"heldout_rmse", "joint_rmse", "picks_right", "picks", "mean_regret"}


@pytest.fixture
def tables(tmp_path, monkeypatch):
    from thresher.fits.heldout import folds

    monkeypatch.setattr("thresher.fits.ensemble.KERNEL_PRIOR", {"fresh": 1.0, "utility": 1.0})
    monkeypatch.setattr("thresher.fits.ensemble.FRACTION_FLOORS", {0.1: 1.0})
    monkeypatch.setattr("thresher.backtests.splits.folds", lambda observations: folds(observations)[:1])
    pilots = load_example("datacomp_medium_tmars").where("rank <= 2")
    joint = load_example("datacomp_medium_tmars", "joint")
    kept = tuple(row for row in joint.rows if set(row.pools) <= {"top_0_10", "top_10_20"})
    write_runs(pilots, tmp_path / "pilots.csv")
    write_runs(RunTable(kept, "joint"), tmp_path / "joint.csv")
    return [str(tmp_path / "pilots.csv"), "--joint", str(tmp_path / "joint.csv")]


def test_json_is_one_object_with_the_contracts_keys(tables, capsys):
    assert run(["backtest", *tables, "--json", "--quiet", "--pool-size", "128M", "--where", "rank <= 2"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert list(answer)[:3] == ["members", "ensemble", "baselines"]
    for member in answer["members"]:
        assert {"kernel", "mixing", "kappa", "floor", "weight"} | SCORES <= set(member)
    assert set(answer["ensemble"]) >= SCORES
    assert all({"name"} | SCORES <= set(baseline) for baseline in answer["baselines"])
    thirty = next(one for one in answer["baselines"] if one["name"] == "keep 30 %")
    assert thirty["mean_regret"] is None  # the best 30 % was not among these pools
    assert answer["joint_rows"] == 7  # of 8 rows one is inferred
    assert answer["ensemble"]["picks"] == 4


def test_people_see_scores_hold_outs_and_choices(tables, capsys):
    assert run(["backtest", *tables, "--quiet"]) == 0
    shown = capsys.readouterr().out
    for words in (
        "ensemble",
        "copy-nearest",
        "RMSE held out",
        "mean regret",
        "last epochs: 128M samples",
        "top_0_10",
    ):
        assert words in shown
    assert "A choice is right when its measured error is within the noise of one run" in shown


def test_several_models_are_refused_naming_where(tmp_path, capsys):
    write_runs(load_example("laion_openclip"), tmp_path / "runs.csv")
    assert run(["backtest", str(tmp_path / "runs.csv")]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "has 2 models: ViT-B-16, ViT-B-32. Choose one with --where" in printed.err
