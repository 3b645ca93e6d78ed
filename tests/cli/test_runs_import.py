import json

import pytest

from logs import write_datacomp, write_open_clip
from thresher.cli.app import run
from thresher.runs import read_runs

BOTH = ["--pool", "b0", "--unique-samples", "1.28M"]


def test_logs_become_a_run_table(tmp_path, capsys):
    write_open_clip(tmp_path / "logs" / "b0", {1: 0.05, 2: 0.1})
    out = tmp_path / "runs.csv"
    assert run(["runs", "import", str(tmp_path / "logs"), *BOTH, "-o", str(out), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["rows"], answer["runs"], answer["pools"], answer["models"]) == (2, 1, ["b0"], ["ViT-B-32"])
    assert [row.error for row in read_runs(out).rows] == [0.95, 0.9]


def test_doubts_are_printed(tmp_path, capsys):
    write_open_clip(tmp_path / "logs" / "b0", {1: 0.05, 2: 0.1}, scheduler="cosine")
    assert run(["runs", "import", str(tmp_path / "logs"), *BOTH, "-o", str(tmp_path / "runs.csv")]) == 0
    assert "warning: Schedules are mixed (finished, mid-run)" in capsys.readouterr().out


def broken_jsonl(tmp_path):
    path = write_datacomp(tmp_path / "logs" / "b0" / "epoch_1" / "eval_results.jsonl")
    path.write_text(path.read_text()[:60])


def missing_tasks(tmp_path):
    write_datacomp(tmp_path / "logs" / "b0" / "epoch_1" / "eval_results.jsonl", leave_out=("cars",))


def empty(tmp_path):
    (tmp_path / "logs").mkdir()


def fine(tmp_path):
    write_open_clip(tmp_path / "logs" / "b0", {1: 0.05, 2: 0.1})


@pytest.mark.parametrize(
    ("prepare", "options", "message"),
    [
        (broken_jsonl, BOTH, "line 1 is not whole JSON"),
        (missing_tasks, [*BOTH, "--metric", "average38", "--samples-per-epoch", "1M"], "1 of the 38 tasks"),
        (empty, BOTH, "holds no measurement that is known"),
        (fine, [], "Nothing says which pool run 'b0' was trained on"),
        (fine, ["--pool", "b0"], "--pool and --unique-samples go together"),
        (fine, [*BOTH, "--metric", "imagenet1"], "Did you mean imagenet1k"),
        (fine, [*BOTH, "--model", "RN50"], "--model 'RN50' is in none of the logs"),
        (fine, [*BOTH, "--labels", "x.csv"], "Give --labels or --pool, not both"),
        (fine, ["--pool", "b0", "--unique-samples", "many"], "--unique-samples is 'many', not a number"),
    ],
)
def test_what_cannot_be_imported_is_one_sentence_and_writes_nothing(
    tmp_path, capsys, prepare, options, message
):
    prepare(tmp_path)
    out = tmp_path / "runs.csv"
    assert run(["runs", "import", str(tmp_path / "logs"), *options, "-o", str(out)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("Error: ")
    assert len(printed.err.splitlines()) == 1
    assert message in printed.err
    assert not out.exists()
