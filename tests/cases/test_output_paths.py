"""What a command writes is what the name of its output says, and is refused before the work."""

import pytest

from thresher.cli.app import run
from thresher.runs import Measurement, RunTable, write_runs


@pytest.fixture
def fit(tmp_path):
    rows = tuple(
        Measurement(name, 1e6, 1e6 * k, "x_error", round(0.2 + worse * k**-0.15, 4), rank=rank)
        for rank, (name, worse) in enumerate([("a", 0.6), ("b", 0.65)], start=1) for k in (1, 2, 4, 8)
    )  # fmt: skip
    write_runs(RunTable(rows, "made"), tmp_path / "runs.csv")
    assert run(["fit", str(tmp_path / "runs.csv"), "-o", str(tmp_path / "fit.json"), "--quiet"]) == 0
    return tmp_path / "fit.json"


@pytest.mark.parametrize(
    ("words", "output", "said"),
    [
        (["plan", "--budget", "5M"], "plan.png", "a plan is written as JSON; give -o a name that ends in .json."),
        (["plan", "--budget", "5M"], "no/plan.json", "no such folder"),
        (["frontier"], "chart.xyz", "a chart is written as .png, .svg, .html, .json; give a name that ends so."),
        (["frontier"], "no/chart.png", "no such folder"),
    ],
)  # fmt: skip
def test_an_output_that_cannot_be_is_refused_before_the_work(words, output, said, fit, capsys, monkeypatch):
    """No plan in a .png, and no 12 s of work for a chart that no program opens."""

    def never(*_, **__):
        raise AssertionError("the work began")

    monkeypatch.setattr("thresher.plans.plan.choose_plans", never)
    monkeypatch.setattr("thresher.plans.frontier.trace_frontier", never)
    capsys.readouterr()
    assert run([words[0], str(fit), *words[1:], "-o", str(fit.parent / output)]) == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert not (fit.parent / output).exists()


def test_a_fit_in_a_table_is_refused(fit, capsys):
    """`fit -o runs.csv` would write JSON over the run table."""
    table = fit.parent / "runs.csv"
    before = table.read_bytes()
    assert run(["fit", str(table), "-o", str(table)]) == 2
    assert "a fit is written as JSON" in capsys.readouterr().err
    assert table.read_bytes() == before
