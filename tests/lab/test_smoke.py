"""The command as a person runs it, on real icons: fetched with pip, drawn, trained on, reported."""

import json

import pytest

from thresher.cli.app import run


@pytest.fixture(autouse=True)
def installed():
    for module in ("torch", "resvg_py", "PIL", "fontTools"):
        pytest.importorskip(module, reason='a real run needs: pip install "thresher[lab]"')


@pytest.mark.slow
def test_half_a_minute_on_wheels_tells_the_whole_story(tmp_path, capsys):
    arguments = [
        "lab",
        "run",
        "--minutes",
        "0.5",
        "--source",
        "wheels",
        "-o",
        str(tmp_path / "out"),
        "--json",
    ]
    assert run(arguments) == 0
    first = json.loads(capsys.readouterr().out)
    assert len(first["budgets"]) == len(first["best_by_budget"]) == 3
    assert {size for one in first["budgets"] for size in one["measured"]} == {"1", "2", "3", "4"}
    assert max(first["budgets"][0]["measured"].values()) > first["budgets"][-1]["measured"]["1"]
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    licences = {one["licence"] for one in report["sets"]}
    assert licences <= {"Apache-2.0", "CC-BY-4.0", "CC0-1.0", "ISC", "MIT", "OFL-1.1"}
    assert {one["role"] for one in report["sets"]} == {"pool", "teacher", "evaluation"}
    assert (tmp_path / "out" / "lab.png").stat().st_size > 10_000

    assert run(arguments) == 0  # nothing is trained again, and the answer is the same
    again = json.loads(capsys.readouterr().out)
    assert {**again, "seconds": 0} == {**first, "seconds": 0}
