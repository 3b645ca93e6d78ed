import json

import pytest

from thresher.cli.app import run
from thresher.examples import load_example
from thresher.runs import RunTable, write_runs

SCORES = {
    "heldout_rmse",
    "heldout_inside",
    "joint_rmse",
    "inside",
    "interval_score",
    "picks_right",
    "picks",
    "mean_regret",
}


@pytest.fixture
def tables(tmp_path):
    pilots = load_example("datacomp_medium_tmars").where("rank <= 2 and samples_seen >= 50M")
    joint = load_example("datacomp_medium_tmars", "joint")
    kept = tuple(row for row in joint.rows if set(row.pools) <= {"top_0_10", "top_10_20"})
    write_runs(pilots, tmp_path / "pilots.csv")
    write_runs(RunTable(kept, "joint"), tmp_path / "joint.csv")
    return [str(tmp_path / "pilots.csv"), "--joint", str(tmp_path / "joint.csv"), "--quiet"]


def test_json_is_one_object_with_the_contracts_keys(tables, capsys):
    flags = ["--json", "--pool-size", "128M", "--where", "rank <= 2", "--kernel", "utility", "--kappa", "0"]
    assert run(["backtest", *tables, *flags]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert list(answer)[:2] == ["laws", "baselines"]
    assert [one["name"] for one in answer["laws"]] == ["default", "paper", "default, kernel utility, kappa 0"]
    assert all({"name"} | SCORES <= set(one) for one in (*answer["laws"], *answer["baselines"]))
    assert all(one["inside"] is not None and one["picks"] == 4 for one in answer["laws"])
    thirty = next(one for one in answer["baselines"] if one["name"] == "keep 30 %")
    assert thirty["mean_regret"] is None  # the best 30 % was not among these pools
    (last,) = [one for one in answer["budgets"] if one["samples_seen"] == 640e6]
    assert last["best"] == "top_0_10+top_10_20"
    assert last["chosen"]["best pool at the largest pilot run"] == "top_0_10"


def test_people_see_scores_hold_outs_and_choices(tables, capsys):
    assert run(["backtest", *tables]) == 0
    shown = capsys.readouterr().out
    for words in (
        "copy the nearest runs",
        "interval",
        "last epochs: 128M samples",
        "top_0_10 +",
        "Joint runs are scored",
    ):
        assert words in shown
    assert "A choice is right if its regret is within the noise" in " ".join(shown.split())


def test_several_models_are_refused_naming_where(tmp_path, capsys):
    write_runs(load_example("laion_openclip"), tmp_path / "runs.csv")
    assert run(["backtest", str(tmp_path / "runs.csv")]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "has 2 models: ViT-B-16, ViT-B-32. Choose one with --where" in printed.err
