import json

import pytest

from ensembles import ensemble, runs
from thresher.cli.app import run
from thresher.fits.saved import write_fit
from thresher.plans import borrowed as borrowing
from thresher.runs import write_runs

PRIOR = ["--prior", "datacomp_medium_tmars", "--pool-size", "128M"]


@pytest.fixture
def fit(tmp_path):
    path = tmp_path / "fit.json"
    write_fit(ensemble(), path)
    return str(path)


@pytest.mark.slow
def test_a_plan_without_pilots_is_called_borrowed(capsys):
    assert run(["plan", *PRIOR, "--budget", "640M", "--json", "--quiet"]) == 0
    (plan,) = json.loads(capsys.readouterr().out)["plans"]
    assert plan["verdict"].startswith("Borrowed, not measured")
    assert 0 < plan["best"]["keep"] <= 0.4


def test_a_prior_passes_its_verdict_to_every_budget(monkeypatch, capsys):
    monkeypatch.setattr(borrowing, "borrow", lambda name, pool_size, progress: ensemble())
    assert run(["plan", *PRIOR, "--budget", "32M", "--budget", "640M", "--json", "--quiet"]) == 0
    plans = json.loads(capsys.readouterr().out)["plans"]
    assert [plan["samples_seen"] for plan in plans] == [32e6, 640e6]
    assert all(plan["verdict"].startswith("Borrowed, not measured: ") for plan in plans)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--prior", "mine", "--pool-size", "1B"], "There is no prior 'mine'. Priors are: "),
        (["--prior", "datacomp_medium_tmars"], "--prior needs --pool-size, the rows of your metadata table"),
        (["FIT", *PRIOR], "Give a FIT file, or --prior NAME to borrow published curves; one of the two."),
        ([], "Give a FIT file, or --prior NAME to borrow published curves; one of the two."),
        (["FIT", "--exposure", "sometimes"], "--exposure is 'sometimes'; it is epochs or resampled."),
        (["FIT", "--model-parameters", "-1"], "--model-parameters is -1"),
    ],
)
def test_wrong_options_end_with_status_2_one_sentence_and_no_file(fit, tmp_path, capsys, options, message):
    output = tmp_path / "plan.json"
    words = [fit if word == "FIT" else word for word in options]
    assert run(["plan", *words, "--budget", "640M", "-o", str(output), "--quiet"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert message in printed.err
    assert len(printed.err.splitlines()) == 1
    assert not output.exists()


@pytest.mark.parametrize("budget", ["0", "nan", "-1", "inf", "much"])
def test_a_budget_that_is_none_is_refused(fit, capsys, budget):
    assert run(["plan", fit, "--budget", budget]) == 2
    assert capsys.readouterr().err.startswith("Error: --budget is ")


def test_plan_has_the_keys_of_the_contract(fit, capsys):
    assert run(["plan", fit, "--budget", "640M", "--pool-size", "128M", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    (plan,) = answer["plans"]
    keys = {"samples_seen", "best", "candidates", "mixture", "baselines", "verdict"}
    assert keys <= set(plan)
    choice = [
        "pools",
        "weights",
        "epochs",
        "keep",
        "error",
        "low",
        "high",
        "probability_best",
        "expected_regret",
    ]
    assert all(list(one) == choice for one in (plan["best"], *plan["candidates"]))
    assert sum(one["probability_best"] for one in plan["candidates"]) == pytest.approx(1.0)
    assert plan["best"]["expected_regret"] == min(one["expected_regret"] for one in plan["candidates"])
    assert answer["warnings"]


def test_frontier_has_the_keys_of_the_contract(fit, capsys):
    assert run(["frontier", fit, "--from", "16M", "--to", "2B", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert list(answer) == ["points", "crossovers"]
    point = ["samples_seen", "pools", "keep", "error", "low", "high", "probability_best"]
    assert all(list(one) == point for one in answer["points"])
    assert answer["crossovers"]
    for one in answer["crossovers"]:
        assert list(one) == ["samples_seen", "low", "high", "from", "to"]
        assert (one["low"] or 0) <= one["samples_seen"] <= (one["high"] or 1e18)


def test_the_default_fit_is_an_ensemble_in_its_json_and_its_file(tmp_path, capsys):
    table, output = tmp_path / "runs.csv", tmp_path / "fit.json"
    write_runs(runs(), table)
    assert run(["fit", str(table), "-o", str(output), "--json", "--quiet"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["kernel"], answer["mixing"]) == ("ensemble", "ensemble")
    assert [answer[name] for name in ("amplitude", "onset", "floor", "kappa")] == [None] * 4
    keys = "pool unique_samples utility utility_interval worth half_life half_life_interval runs verdicts"
    assert all(list(pool) == keys.split() for pool in answer["pools"])
    for pool in answer["pools"]:
        low, high = pool["half_life_interval"]
        assert low <= pool["half_life"] <= high
    saved = json.loads(output.read_text())
    assert (saved["format"], saved["version"]) == ("thresher-fit", 1)
    assert sum(member["weight"] for member in saved["members"]) == pytest.approx(1.0)
    assert output.stat().st_size <= 10e6
