import json

import pytest

from thresher.cli.app import run
from thresher.examples import load_example
from thresher.runs import write_runs


@pytest.fixture
def pilot(tmp_path):
    path = tmp_path / "pilot.csv"
    write_runs(load_example("datacomp_medium_tmars"), path)
    return str(path)


def test_json_is_one_object_with_the_contracts_keys(pilot, capsys):
    assert run(["runs", "check", pilot, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert list(answer) == ["rows", "pools", "metrics", "models", "findings"]
    assert answer["rows"] == 25
    assert answer["pools"][0]["pool"] == "top_0_10"
    assert answer["pools"][0]["epochs"] == [2.0, 10.0]
    assert answer["models"] == ["ViT-B-32"]
    assert {finding["severity"] for finding in answer["findings"]} == {"warning", "note"}


def test_people_see_pools_and_doubts(pilot, capsys):
    assert run(["runs", "check", pilot, "--where", "rank <= 2"]) == 0
    shown = capsys.readouterr().out
    assert "10 rows of 2 pools, imagenet1k_zeroshot_error, 1 model" in shown
    assert "top_10_20" in shown
    assert "note: No run is repeated with another seed" in shown


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--where", "rank <= 0"], "none of its 25 rows passes --where rank <= 0"),
        (["--where", "rank 2"], "--where: cannot read 'rank 2'"),
        (["--unit", "percent"], "--unit is 'percent'; it can be fraction or loss"),
        (["--unit", "loss"], "--unit loss contradicts imagenet1k_zeroshot_error"),
    ],
)
def test_wrong_options_end_with_status_2_and_one_sentence(pilot, capsys, options, message):
    assert run(["runs", "check", pilot, *options]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("Error: ")
    assert message in printed.err


def test_a_percent_is_refused_with_its_row(tmp_path, capsys):
    path = tmp_path / "runs.csv"
    path.write_text("pool,unique_samples,samples_seen,metric,error\na,100,200,top1_error,63.2\n")
    assert run(["runs", "check", str(path)]) == 2
    assert (
        f"Error: {path} row 2: error 63.2 is not a fraction in [0, 1]. If it is percent"
        in capsys.readouterr().err
    )


def test_help_shows_an_example(capsys):
    assert run(["runs", "check", "--help"]) == 0
    assert "Example: thresher runs check" in capsys.readouterr().out
