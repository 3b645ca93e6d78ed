import json

import numpy as np
import pytest

from metadata_tables import SCORE, expected_npy, hex_ids, ranked, scores, write_table
from thresher.cli.app import run


@pytest.fixture
def metadata(tmp_path):
    ids, values = hex_ids(400), scores(400)
    write_table(tmp_path / "m", ids, values)
    return str(tmp_path / "m"), ranked(ids, values)


def test_keep_prints_one_json_object(tmp_path, metadata, capsys):
    folder, order = metadata
    output = tmp_path / "s.npy"
    assert run(["cut", folder, "--keep", "30%", "--score", SCORE, "-o", str(output), "--json"]) == 0
    shown = capsys.readouterr()
    answer = json.loads(shown.out)
    assert list(answer)[:7] == ["rows_in", "rows_out", "unique_out", "path", "sha256", "engine", "seconds"]
    assert (answer["rows_in"], answer["rows_out"], answer["path"]) == (400, 120, str(output))
    assert shown.err == ""
    np.testing.assert_array_equal(np.load(output), expected_npy(order[:120]))
    assert run(["cut", "--verify", str(output), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verified"] is True


def test_from_scores_to_a_pool_s_pilot_sample(tmp_path, metadata, capsys):
    folder, order = metadata
    made, output = str(tmp_path / "b.json"), str(tmp_path / "b0.txt")
    assert run(["buckets", folder, "--score", SCORE, "--buckets", "4", "-o", made]) == 0
    assert (
        run(
            ["cut", folder, "--buckets", made, "--pool", "b0", "--sample", "0.5", "--seed", "1", "-o", output]
        )
        == 0
    )
    assert "b0.txt" in capsys.readouterr().out
    chosen = set((tmp_path / "b0.txt").read_text().split())
    assert 0 < len(chosen) < 98
    assert chosen < set(order[:98])


def test_a_plan_is_cut(tmp_path, metadata, capsys):
    folder, _ = metadata
    made, plan = str(tmp_path / "b.json"), tmp_path / "plan.json"
    best = {"pools": ["b0"], "weights": [1.0], "epochs": [2.0], "keep": 0.25}
    document = {
        "format": "thresher-plan",
        "version": 1,
        "plans": [{"samples_seen": 1.28e9, "best": best, "mixture": None}],
    }
    plan.write_text(json.dumps(document))
    assert run(["buckets", folder, "--score", SCORE, "--buckets", "4", "-o", made]) == 0
    output = str(tmp_path / "s.npy")
    assert (
        run(
            [
                "cut",
                folder,
                "--plan",
                str(plan),
                "--budget",
                "1.28B",
                "--buckets",
                made,
                "-o",
                output,
                "--json",
            ]
        )
        == 0
    )
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert answer["rows_out"] == 2 * answer["unique_out"] == len(np.load(output))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--keep", "30"], "--keep is 30, not a share above 0 and up to 1. For 30 percent write 30%."),
        (["--keep", "0"], "--keep is 0, not a share"),
        (["--keep", "lots"], "--keep is 'lots', not a number"),
        ([], "Give exactly one of --keep, --threshold, --plan, --pool; this has none."),
        (["--keep", "0.3", "--threshold", "0.2"], "this has --keep and --threshold"),
        (["--pool", "b0"], "--pool needs --buckets"),
        (["--keep", "0.3", "--sample", "0.1"], "--sample goes with --pool"),
        (["--keep", "0.3", "--memory", "10M"], "--memory is 10M; at least 256M"),
        (["--keep", "0.3", "--workers", "0"], "--workers is 0"),
        (["--keep", "0.3", "--engine", "quantum"], "--engine is 'quantum'"),
        (["--keep", "0.3", "--where", "score >"], "--where: cannot read"),
        (["--keep", "0.3", "--id", "key"], "no column 'key'"),
    ],
)
def test_bad_requests_are_one_sentence_and_write_nothing(tmp_path, metadata, capsys, arguments, said):
    folder, _ = metadata
    output = tmp_path / "s.npy"
    assert run(["cut", folder, "--score", SCORE, "-o", str(output), *arguments]) == 2
    message = capsys.readouterr().err
    assert message.startswith("Error: ")
    assert said in message
    assert len(message.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m"]


def test_missing_score_and_metadata_are_said(tmp_path, metadata, capsys):
    folder, _ = metadata
    assert run(["cut", folder, "--keep", "0.3", "-o", str(tmp_path / "s.npy")]) == 2
    assert "--score is missing" in capsys.readouterr().err
    assert run(["cut", "--keep", "0.3"]) == 2
    assert "Give the metadata and an output" in capsys.readouterr().err
    assert run(["cut", "--verify", str(tmp_path / "none.npy")]) == 2
    assert "no such file" in capsys.readouterr().err
