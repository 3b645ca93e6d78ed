import json
from dataclasses import replace

import pytest

from made_fits import known_fit
from thresher.cli.app import run
from thresher.fits.fit_file import write_fit


@pytest.fixture(scope="module")
def fit(tmp_path_factory):
    path = tmp_path_factory.mktemp("next") / "fit.json"
    write_fit(replace(known_fit(), noise_sd=0.0005), path)
    return str(path)


def test_json_has_the_keys_of_the_contract(fit, capsys):
    assert run(["next", fit, "--budget", "640M", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert list(answer) == ["runs", "stop", "verdict"]
    for one in answer["runs"]:
        assert list(one)[:5] == ["pools", "unique_samples", "samples_seen", "cost", "regret_reduction"]
        assert set(one) - {"weights"} == set(list(one)[:5])
        assert one["regret_reduction"] >= 0
    assert isinstance(answer["stop"], bool)


def test_people_see_runs_and_a_verdict(fit, capsys):
    assert run(["next", fit, "--budget", "640M"]) == 0
    shown = capsys.readouterr().out
    assert "Runs that would help to choose at 640M samples" in shown
    assert "Next, train on " in shown
    assert max(map(len, shown.splitlines())) <= 100


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--budget", "0"], "--budget is 0; a number of samples"),
        (["--budget", "nan"], "--budget is 'nan', not a number"),
        (["--budget", "640M", "--recover", "3"], "No such option: --recover"),
        (["--budget", "640M", "--most-samples", "10"], "--most-samples of 10 allows no run: the shortest"),
        (["--budget", "640M", "--most-samples", "x"], "--most-samples is 'x', not a number"),
    ],
)
def test_wrong_options_end_with_status_2_and_one_sentence(fit, capsys, options, message):
    assert run(["next", fit, *options]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert message in printed.err
    assert len(printed.err.splitlines()) == 1
