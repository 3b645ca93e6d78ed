import json

import numpy as np
import pytest
import yaml

from logs import write_datacomp, write_open_clip
from metadata_tables import SCORE, hex_ids, scores, write_table
from thresher.cli.app import run
from thresher.examples import load_example
from thresher.fits.fit_file import write_fit
from thresher.fits.fit_law import fit_law
from thresher.metadata.sampling import digest, digest_limit
from thresher.pilots.pilot_file import read_pilot
from thresher.runs import read_runs


@pytest.fixture(scope="module")
def buckets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("buckets")
    write_table(folder / "metadata", hex_ids(4000), scores(4000, ties=0.0, missing=0.0))
    made = str(folder / "buckets.json")
    assert run(["buckets", str(folder / "metadata"), "--score", SCORE, "-o", made, "--quiet"]) == 0
    write_fit(fit_law(load_example("datacomp_medium_tmars"), draws=10), folder / "prior.json")
    return folder


def planned(buckets, output, *options):
    return run([
        "pilot", "plan", str(buckets / "buckets.json"), "--pool-size", "1.28B", "--budget", "1.28B", "--pilot-budget", "15%",
        "--top", "3", "--replicates", "5", "--prior", str(buckets / "prior.json"), "-o", str(output), "--quiet", *options,
    ])  # fmt: skip


@pytest.fixture(scope="module")
def pilot(buckets, tmp_path_factory):
    output = tmp_path_factory.mktemp("pilot") / "pilots"
    assert planned(buckets, output, "--metadata", str(buckets / "metadata"), "--json") == 0
    return output


def test_the_folder_holds_yaml_launch_files_and_uid_lists(pilot, buckets):
    assert {path.name for path in pilot.iterdir()} == {
        "pilot.yaml", "open_clip.sh", "datacomp.sh", "slurm.sh", "reshard.sh", "uids",
    }  # fmt: skip
    content = yaml.safe_load((pilot / "pilot.yaml").read_text())
    assert (content["format"], content["version"]) == ("thresher-pilot", 1)
    assert content["pilot_samples_seen"] <= 0.15 * 1.28e9
    assert [pool["name"] for pool in content["pools"] if pool["rank"]] == ["b0", "b1", "b2"]
    uids = np.load(pilot / "uids" / "b0.npy")
    limit = digest_limit(content["pools"][0]["share"])
    assert len(uids) > 0
    assert all(digest(0, f"{a:016x}{b:016x}") < limit for a, b in uids)


def test_json_says_cost_and_what_the_simulation_told(buckets, tmp_path, capsys):
    assert planned(buckets, tmp_path / "p", "--json", "--samples-per-gpu-second", "2000") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["gpu_hours"] == pytest.approx(answer["samples_seen"] / 2000 / 3600)
    assert answer["share_of_target"] <= 0.15
    assert 0 <= answer["right"] <= 1
    assert set(answer["half_life"]) == set(answer["worth"]) == {"b0", "b1", "b2"}
    assert answer["worth"]["b0"] is None
    assert set(answer["worth"]["b1"]) == {"inside", "narrow", "factor"}
    assert "utility" not in answer
    assert answer["target_epochs"] == [10.0, 5.0, pytest.approx(10 / 3)]


def joint_runs(answer):
    return [run for run in answer["runs"] if len(run["pools"]) > 1]


def test_a_joint_run_of_the_best_three_is_planned_unless_told_not_to(buckets, tmp_path, capsys):
    assert planned(buckets, tmp_path / "p", "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    run = next(run for run in joint_runs(answer) if run["pools"] == ["b0", "b1", "b2"])
    assert run["samples_seen"] >= 5 * answer["pools"][0]["unique_samples"]
    assert "b0+b1+b2-s0" in (tmp_path / "p" / "open_clip.sh").read_text()
    assert planned(buckets, tmp_path / "alone", "--json", "--no-joint") == 0
    assert joint_runs(json.loads(capsys.readouterr().out)) == []


def test_the_page_says_what_is_trained_jointly_and_what_the_simulation_told(buckets, tmp_path, capsys):
    assert planned(buckets, tmp_path / "p") == 0
    shown = capsys.readouterr().out
    assert "Trained jointly: " in shown
    assert "b0 + b1 + b2" in shown
    assert "worth inside" in shown
    assert planned(buckets, tmp_path / "alone", "--no-joint") == 0
    assert "No run is joint, so how buckets mix stays an assumption." in capsys.readouterr().out


def test_the_same_seed_plans_the_same_pilot(buckets, tmp_path):
    plans = []
    for name in ("first", "again"):
        assert planned(buckets, tmp_path / name, "--seed", "3") == 0
        plans.append((tmp_path / name / "pilot.yaml").read_text())
    assert plans[0] == plans[1]


def write_logs(pilot, folder, skip=(), **options):
    for one in read_pilot(pilot / "pilot.yaml").runs:
        if one.name in skip:
            continue
        accuracies = {epoch: 0.05 + 0.02 * epoch for epoch in one.epochs}
        chosen = {"samples": one.unique_samples, "seed": one.seed, "resampled": True} | options
        write_open_clip(folder / one.name, accuracies, **chosen)


def test_collect_makes_a_complete_run_table(pilot, tmp_path, capsys):
    write_logs(pilot, tmp_path / "logs")
    out = tmp_path / "runs.csv"
    assert (
        run(["pilot", "collect", str(pilot / "pilot.yaml"), str(tmp_path / "logs"), "-o", str(out), "--json"])
        == 0
    )
    answer = json.loads(capsys.readouterr().out)
    assert answer["complete"] is True
    assert answer["missing"] == []
    table = read_runs(out)
    assert len(table) == sum(len(one.epochs) for one in read_pilot(pilot / "pilot.yaml").runs)
    assert {row.schedule for row in table.rows} == {"constant"}
    assert {row.rank for row in table.singles.rows} - {None} == {1, 2, 3}


def test_collect_names_what_is_missing_and_how_to_make_it(pilot, tmp_path, capsys):
    write_logs(pilot, tmp_path / "logs", skip=("b1-s0",))
    results = tmp_path / "logs" / "b0-s0" / "checkpoints" / "results.jsonl"
    results.write_text("".join(results.read_text().splitlines(keepends=True)[:-1]))
    out = tmp_path / "runs.csv"
    assert run(["pilot", "collect", str(pilot / "pilot.yaml"), str(tmp_path / "logs"), "-o", str(out)]) == 0
    shown = capsys.readouterr().out
    assert "bash open_clip.sh b1-s0" in shown
    last = read_pilot(pilot / "pilot.yaml").runs[0].epochs[-1]
    assert f"b0-s0: epoch {last}\n" in shown


def test_collect_of_averages_says_which_checkpoints_to_evaluate(pilot, tmp_path, capsys):
    first = read_pilot(pilot / "pilot.yaml").runs[0]
    for epoch in first.epochs[:-1]:
        write_datacomp(
            tmp_path / "evals" / first.name / f"epoch_{epoch}" / "eval_results.jsonl", 0.1 + 0.01 * epoch
        )
    command = [
        "pilot",
        "collect",
        str(pilot / "pilot.yaml"),
        str(tmp_path / "evals"),
        "--metric",
        "average38",
    ]
    assert run([*command, "-o", str(tmp_path / "runs.csv")]) == 0
    assert f"bash datacomp.sh evaluate {first.name} {first.epochs[-1]}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--pilot-budget", "1M"],
            "--pilot-budget 1M is too small for any design of 3 buckets with 1 seed: about",
        ),
        (["--schedule", "cosine"], "schedule is 'cosine'"),
        (["--top", "11"], "top is 11; the file has 10 buckets"),
        (["--top", "5"], "the prior has 4 ranked pools"),
        (["--exposure", "often"], "exposure is 'often'"),
        (["--gpus", "3"], "--batch-size 4096 cannot be shared by 3 GPUs"),
        (["--prior", "nothing.json"], "nothing.json: no such file"),
        (["--pool-size", "100"], "--pool-size is 100, but the buckets were made from 4,000 rows"),
        (["--replicates", "0"], "replicates is 0"),
        (["--samples-per-gpu-second", "0"], "--samples-per-gpu-second is 0"),
    ],
)
def test_a_plan_that_cannot_be_is_one_sentence_and_writes_nothing(
    buckets, tmp_path, capsys, options, message
):
    assert planned(buckets, tmp_path / "p", *options) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("Error: ")
    assert len(printed.err.splitlines()) == 1
    assert message in printed.err
    assert list(tmp_path.iterdir()) == []


def test_small_buckets_are_refused_with_the_remedy(buckets, tmp_path, capsys):
    command = [
        "pilot",
        "plan",
        str(buckets / "buckets.json"),
        "--budget",
        "640M",
        "--pilot-budget",
        "96M",
        "--quiet",
    ]
    assert run([*command, "-o", str(tmp_path / "p")]) == 2
    assert (
        "Error: The pilots would be larger than their buckets: --pilot-budget is 96M samples"
        in capsys.readouterr().err
    )
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_use_is_not_written_over(buckets, tmp_path, capsys):
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "mine").touch()
    assert planned(buckets, tmp_path / "p") == 2
    assert "exists; give a new or empty folder" in capsys.readouterr().err


def another_model(pilot, folder):
    write_logs(pilot, folder / "logs", model="ViT-L-14")


def another_schedule(pilot, folder):
    write_logs(pilot, folder / "logs", scheduler="cosine")


def another_pilot(pilot, folder):
    write_open_clip(folder / "logs" / "x-s0", {1: 0.1})


def nothing(pilot, folder):
    (folder / "logs").mkdir()


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (another_model, "is of model ViT-L-14, but run 'b0"),
        (another_schedule, "was planned with a constant schedule, but its logs say"),
        (another_pilot, "Nothing says which pool run 'x-s0' was trained on"),
        (nothing, "holds no measurement that is known"),
    ],
)
def test_logs_that_are_not_the_pilots_are_refused(pilot, tmp_path, capsys, prepare, message):
    prepare(pilot, tmp_path)
    out = tmp_path / "runs.csv"
    assert run(["pilot", "collect", str(pilot / "pilot.yaml"), str(tmp_path / "logs"), "-o", str(out)]) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert len(printed.err.splitlines()) == 1
    assert not out.exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "is not YAML"),
        ("format: thresher-fit\nversion: 1\n", "is not a thresher-pilot file (its format is 'thresher-fit')"),
        ("format: thresher-pilot\nversion: 1\nruns: []\n", "is damaged"),
        ("!!python/object/apply:os.system ['true']", "line 1 has the tag"),
    ],
)
def test_a_yaml_that_is_no_pilot_is_refused(tmp_path, capsys, text, message):
    path = tmp_path / "pilot.yaml"
    path.write_text(text)
    assert run(["pilot", "collect", str(path), str(tmp_path), "-o", str(tmp_path / "runs.csv")]) == 2
    assert message in capsys.readouterr().err


def test_all_buckets_are_piloted_where_there_are_fewer_than_the_usual_four(tmp_path, capsys):
    """The refusal named a number that nobody had given."""
    write_table(tmp_path / "m", hex_ids(400), scores(400))
    made = ["--score", SCORE, "--buckets", "3", "-o", str(tmp_path / "three.json"), "--quiet"]
    assert run(["buckets", str(tmp_path / "m"), *made]) == 0
    asked = ["--budget", "640M", "--pilot-budget", "30%", "--pool-size", "128M", "--replicates", "2"]
    assert (
        run(["pilot", "plan", str(tmp_path / "three.json"), *asked, "-o", str(tmp_path / "p"), "--quiet"])
        == 0
    )
    assert "b2" in (tmp_path / "p" / "pilot.yaml").read_text()
