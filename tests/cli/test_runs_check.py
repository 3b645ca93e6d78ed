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
        (["--where", "rank <= 0"], "none of its 25 rows passes --where 'rank <= 0'"),
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


def written(tmp_path, *rows):
    path = tmp_path / "runs.csv"
    path.write_text(
        "\n".join(["pool,rank,unique_samples,samples_seen,metric,error,weights", *rows]), encoding="utf-8"
    )
    return str(path)


def test_pools_that_never_repeat_are_shown_and_are_null_in_json(tmp_path, capsys):
    path = written(tmp_path, "a,,inf,1B,x_loss,3.5,", 'a+b,,inf+1B,2B,x_loss,3.4,"0.2,0.8"')
    assert run(["runs", "check", path, "--json"]) == 0
    pools = json.loads(capsys.readouterr().out)["pools"]
    assert [pool["pool"] for pool in pools] == ["a", "a+b"]
    assert all((pool["unique_samples"], pool["epochs"]) == (None, [0.0, 0.0]) for pool in pools)
    assert run(["runs", "check", path]) == 0
    shown = capsys.readouterr().out
    assert "2 rows of 1 pool and 1 mixture, x_loss" in shown
    assert [line.split()[-3:] for line in shown.splitlines()[2:4]] == [
        ["inf", "0", "3.5"],
        ["inf", "0", "3.4"],
    ]


def test_a_contradicting_rank_is_the_first_line(tmp_path, capsys):
    rows = [
        f"{pool},{rank},1M,{k}M,x_error,{error - 0.1 * k:.2f},"
        for pool, rank, error in (("good", 2, 0.8), ("bad", 1, 0.9))
        for k in (1, 2, 3)
    ]
    path = written(tmp_path, *rows)
    assert run(["runs", "check", path]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("blocking: Ranks contradict the runs: bad (rank 1) has a larger error than good")
    assert run(["runs", "check", path, "--json"]) == 0
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert [finding["severity"] for finding in findings].count("blocking") == 1
    assert findings[0]["severity"] == "blocking"


def test_accuracies_end_with_status_2_and_the_remedy(tmp_path, capsys):
    path = written(tmp_path, *(f"{pool},,1M,{k}M,x_error,0.{k}," for pool in "ab" for k in (1, 2, 3)))
    assert run(["runs", "check", path]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "replace each value by 1 - error" in printed.err


def test_a_swarm_is_shown_in_a_few_lines(tmp_path, capsys):
    names = [f"d{k}" for k in range(17)]
    rows = [
        f"{'+'.join(names[k % 8 :])},,{'+'.join(['inf'] * len(names[k % 8 :]))},1B,x_loss,{3 + k / 1000},"
        f'"{",".join([str(0.5 + k / 1000), str(0.5 - k / 1000), *["0"] * (len(names[k % 8 :]) - 2)])}"'
        for k in range(200)
    ]
    assert run(["runs", "check", written(tmp_path, *rows)]) == 0
    shown = capsys.readouterr().out
    assert "200 rows of 8 mixtures, x_loss" in shown
    assert "d0+d1+d2+d3 and 13 more pools" in shown
    assert len(shown.splitlines()) < 40
    many = [f'{names[k % 17]}+other{k},,inf+inf,1B,x_loss,{3 + k / 1000},"0.5,0.5"' for k in range(200)]
    assert run(["runs", "check", written(tmp_path, *many)]) == 0
    shown = capsys.readouterr().out
    assert "and 188 more mixtures; --json lists all." in shown
    assert len(shown.splitlines()) < 40


def test_help_shows_an_example(capsys):
    assert run(["runs", "check", "--help"]) == 0
    assert "Example: thresher runs check" in capsys.readouterr().out
