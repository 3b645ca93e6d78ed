import json

import pytest

from ensembles import ensemble, with_noise
from thresher.cli.app import run
from thresher.fits.saved import write_fit


@pytest.fixture
def fit(tmp_path):
    path = tmp_path / "fit.json"
    write_fit(with_noise(ensemble(), 0.0005), path)
    return str(path)


def test_json_has_the_keys_of_the_contract(fit, capsys):
    assert run(["next", fit, "--budget", "640M", "--recover", "0", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert {"runs", "stop", "verdict"} <= set(answer)
    assert answer["half_lives_identified"] is None
    for one in answer["runs"]:
        assert list(one) == ["pools", "unique_samples", "samples_seen", "cost", "regret_reduction"]
        assert one["regret_reduction"] >= 0
    assert isinstance(answer["stop"], bool)


def test_recovery_says_for_each_pool_whether_its_half_life_can_be_known(fit, capsys):
    assert run(["next", fit, "--budget", "640M", "--recover", "1", "--json", "--quiet"]) == 0
    identified = json.loads(capsys.readouterr().out)["half_lives_identified"]
    assert set(identified) == {"now", "with_runs_twice_as_long"}
    assert set(identified["now"]) == {"a", "b", "c"}


def test_people_see_runs_and_a_verdict(fit, capsys):
    assert run(["next", fit, "--budget", "640M", "--recover", "0"]) == 0
    shown = capsys.readouterr().out
    assert "Runs that would help to choose at 640M samples" in shown
    assert "Next, train on " in shown or "Stop: " in shown


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--budget", "0"], "--budget is 0; a number of samples"),
        (["--budget", "nan"], "--budget is 'nan', not a number"),
        (["--budget", "640M", "--recover", "-3"], "Invalid value for '--recover'"),
        (["--budget", "640M", "--seed", "-1"], "Invalid value for '--seed'"),
        (["--budget", "640M", "--most-samples", "10"], "--most-samples 10 allows no run: the shortest"),
    ],
)
def test_wrong_options_end_with_status_2_and_one_sentence(fit, capsys, options, message):
    assert run(["next", fit, *options]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert message in printed.err
    assert len(printed.err.splitlines()) == 1
