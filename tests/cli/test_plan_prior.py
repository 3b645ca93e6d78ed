import json

import pytest

from made_fits import known_fit
from thresher.cli.app import run
from thresher.fits.fit_file import write_fit
from thresher.plans import borrowed as borrowing

PRIOR = ["--prior", "datacomp_medium_tmars", "--pool-size", "128M"]
CHOICE = ["pools", "weights", "epochs", "keep", "error", "low", "high", "probability_best", "expected_regret"]


@pytest.fixture(scope="module")
def fit(tmp_path_factory):
    path = tmp_path_factory.mktemp("plan") / "fit.json"
    write_fit(known_fit(), path)
    return str(path)


def test_a_plan_without_pilots_is_called_borrowed(capsys):
    assert run(["plan", *PRIOR, "--budget", "640M", "--json", "--quiet"]) == 0
    (plan,) = json.loads(capsys.readouterr().out)["plans"]
    assert plan["verdict"].startswith("Borrowed, not measured")
    assert 0 < plan["best"]["keep"] <= 0.4


def test_a_prior_passes_its_verdict_to_every_budget(monkeypatch, capsys):
    monkeypatch.setattr(borrowing, "borrow", lambda name, pool_size: known_fit())
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
        (["FIT", "--exposure", "sometimes"], "exposure is 'sometimes'; it is epochs or resampled."),
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
    assert list(plan)[:4] == ["samples_seen", "best", "candidates", "mixture"]
    assert {"baselines", "verdict"} <= set(plan)
    assert all(list(one) == CHOICE for one in (plan["best"], plan["mixture"], *plan["candidates"]))
    assert all(list(one) == ["name", "error"] for one in plan["baselines"])
    assert sum(one["probability_best"] for one in plan["candidates"]) == pytest.approx(1.0)
    assert plan["best"]["expected_regret"] == min(one["expected_regret"] for one in plan["candidates"])
    assert [one["pools"] for one in plan["candidates"]] == [["p0"], ["p0", "p1"], ["p0", "p1", "p2"]]
    for one in (plan["mixture"], *plan["candidates"]):
        assert len(one["pools"]) == len(one["weights"]) == len(one["epochs"])
        assert sum(one["weights"]) == pytest.approx(1.0)
    assert answer["warnings"]


@pytest.mark.parametrize("exposure", ["epochs", "resampled"])
def test_a_plan_for_another_exposure_says_so_and_predicts_otherwise(fit, capsys, exposure):
    def plan(*flags):
        assert run(["plan", fit, "--budget", "128M", "--json", *flags]) == 0
        printed = capsys.readouterr()
        return json.loads(printed.out), printed.err

    (as_run, _), (planned, said) = plan(), plan("--exposure", exposure)
    assert f"The runs were trained with an unknown exposure, the plan is for {exposure}: every kernel" in said
    assert planned["warnings"][-1] in said
    differs = as_run["plans"][0]["best"]["error"] != planned["plans"][0]["best"]["error"]
    assert differs is (exposure == "resampled")


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


def test_predict_has_the_keys_of_the_contract(fit, capsys):
    words = [
        "predict",
        fit,
        "--pools",
        "p0+p2",
        "--weights",
        "0.7,0.3",
        "--samples-seen",
        "32M",
        "--samples-seen",
        "64M",
    ]
    assert run([*words, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert list(answer) == ["predictions"]
    assert [one["samples_seen"] for one in answer["predictions"]] == [32e6, 64e6]
    for one in answer["predictions"]:
        assert list(one) == ["pools", "weights", "samples_seen", "epochs", "error", "low", "high"]
        assert one["low"] <= one["error"] <= one["high"]
        assert one["epochs"] == pytest.approx([one["samples_seen"] * w / 12.8e6 for w in (0.7, 0.3)])


def test_a_plan_for_people_is_at_most_100_columns_wide(fit, capsys):
    assert run(["plan", fit, "--budget", "640M", "--pool-size", "128M"]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 100
    for words in ("Simple rules, predicted error", "the paper's law", "No joint run was fitted"):
        assert words in " ".join(shown.split())
