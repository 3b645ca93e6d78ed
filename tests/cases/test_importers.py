"""Logs that were imported wrongly, each as its user typed it, and neighbours of each kind."""

import json
import os
import shlex
import shutil
from pathlib import Path

import pytest

from thresher.cli.app import run
from thresher.runs import read_runs

CASES = Path(__file__).parent
POOL = ["--pool", "b0", "--unique-samples", "1M"]
EPOCHS = [*POOL, "--samples-per-epoch", "1M"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def case(folder, capsys):
    """Run a stored case: its status, its rows as (pool, samples, metric, error), and what it said."""

    def ran(name):
        (stored,) = CASES.glob(f"{name}_*")
        shutil.copytree(stored, folder, dirs_exist_ok=True)
        words = shlex.split((folder / "cmd").read_text())[1:]
        return outcome(capsys, words)

    return ran


@pytest.fixture
def imported(folder, capsys):
    """Run an import with -o out.csv: as `case`."""

    def ran(*words):
        (folder / "out.csv").unlink(missing_ok=True)
        return outcome(capsys, ["runs", "import", *map(str, words), "-o", "out.csv"])

    return ran


def outcome(capsys, words):
    status = run(words)
    printed = capsys.readouterr()
    if status:
        assert status == 2, printed.err
        assert printed.out == ""
        assert len(printed.err.splitlines()) == 1, printed.err
        assert printed.err.startswith("Error: ")
        assert not Path("out.csv").exists()
        return status, [], printed.err
    rows = [
        (row.pool, row.samples_seen, row.metric, round(row.error, 6))
        for row in read_runs("out.csv", unit=None).rows
    ]
    return status, rows, printed.err


IMAGENET = "imagenet1k_zeroshot_error"


def imagenet(*errors):
    return [("b0", seen, IMAGENET, error) for seen, error in errors]


def write(path, text):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def write_clip_benchmark(path, dataset="imagenet1k", **changes):
    content = {
        "dataset": dataset, "model": "ViT-B-32", "pretrained": "runs/b0/checkpoints/epoch_4.pt",
        "task": "zeroshot_classification", "metrics": {"acc1": 0.31, "mean_per_class_recall": 0.31}, "language": "en",
    }  # fmt: skip
    return write(path, json.dumps({**content, **changes}))


def write_open_clip(folder, lines, log=(), **params):
    """A run folder: lines of results.jsonl, lines of out.log, and its parameters."""
    given = {"epochs": 4, "lr_scheduler": "const", "model": "ViT-B-32", "train_num_samples": 1000, **params}
    write(Path(folder) / "params.txt", "".join(f"{name}: {value}\n" for name, value in given.items()))
    write(Path(folder) / "checkpoints" / "results.jsonl", "".join(f"{line}\n" for line in lines))
    if log:
        write(Path(folder) / "out.log", "".join(f"2026-01-01,00:00:00 | INFO | {line}\n" for line in log))


def result(top1, **more):
    return json.dumps({"imagenet-zeroshot-val-top1": top1, **more})


def evaluated(epoch, top1):
    return f"Eval Epoch: {epoch} imagenet-zeroshot-val-top1: {top1:.4f}"


# what was not asked for


def test_a_multi_label_result_does_not_stop_an_import_and_is_listed(case):
    status, rows, said = case("01")
    assert (status, rows) == (0, imagenet((4e6, 0.69)))
    assert "Passed over: 1 evaluation, evals/b.json (not evaluated on imagenet1k)." in said


def test_a_parquet_of_another_kind_is_passed_over_and_its_statistics_are_read(case):
    status, rows, said = case("16")
    assert (status, rows) == (0, imagenet((2000, 0.8)))
    assert "Passed over: 1 file, exp/data/b0/00000.parquet (Parquet, but no run table)." in said


UNRELATED = {
    "half.json": b'{"dataset": "x", "mod',
    "deep.json": b"[" * 100_000,
    "huge_number.json": b'{"a": ' + b"9" * 5000 + b"}",
    "list.json": b"[1, 2, 3]",
    "bytes.json": b"\xff\xfe\x00\x01",
    "captions.jsonl": b'{"caption": "a dog", "url": "u"}\n',
    "numbers.jsonl": b"1\n2\n",
    "empty.jsonl": b"",
    "half.parquet": b"PAR1\x00\x00",
    "empty.parquet": b"",
    "prices.csv": b"shop,price\na,1\n",
    "bytes.csv": b"\x80\x81\n",
    "wide.csv": b'"' + b"x" * 200_000 + b'"\n1\n',
    "utf16.csv": "Name,epoch\n".encode("utf-16"),
    "params.txt": b"this is another program's list\n",
    "results.jsonl": b"\x00\x01\x02",
    "eval_results.jsonl.gz": b"\x1f\x8b\x08\x00",
    "notes.md": b"# notes\n",
    "wandb.csv": b'"Relative Time","b1 - other/thing"\n"1.5","3"\n',
    "linear.json": json.dumps({"dataset": "x", "model": "m", "pretrained": "a/b/c.pt", "task": "linear_probe",
                               "metrics": {"acc1": 7}}).encode(),
    "baseline.json": json.dumps({"dataset": "imagenet1k", "model": "ViT-L-14", "pretrained": "laion2b_s34b",
                                 "task": "zeroshot_classification", "metrics": {"acc1": 0.7}}).encode(),
    "percent.json": json.dumps({"dataset": "cars", "model": "ViT-B-32", "pretrained": "runs/b0/checkpoints/epoch_4.pt",
                                "task": "zeroshot_classification", "metrics": {"acc1": 55.0}}).encode(),
}  # fmt: skip


@pytest.mark.parametrize("name", UNRELATED)
def test_an_unrelated_file_beside_evaluations_is_passed_over_and_listed(imported, name):
    write_clip_benchmark("evals/b0.json")
    path = Path("evals/other") / name
    path.parent.mkdir()
    path.write_bytes(UNRELATED[name])
    status, rows, said = imported("evals", *EPOCHS)
    assert (status, rows) == (0, imagenet((4e6, 0.69)))
    assert "Passed over: 1 " in said
    assert name in said


def test_empty_folders_and_dangling_links_do_not_stop_an_import(imported):
    write_clip_benchmark("evals/b0.json")
    Path("evals/nothing").mkdir()
    Path("evals/gone.json").symlink_to("nowhere.json")
    Path("empty").mkdir()
    status, rows, said = imported("evals", "empty", *EPOCHS)
    assert (status, rows) == (0, imagenet((4e6, 0.69)))
    assert "empty (holds no measurement that is known)" in said


def test_what_an_import_wrote_among_the_logs_is_not_read_by_the_next(folder, capsys):
    write_clip_benchmark("evals/b0.json")
    for _ in range(2):
        status = run(["runs", "import", "evals", *EPOCHS, "-o", "evals/out.csv"])
        assert status == 0, capsys.readouterr().err
    assert "evals/out.csv (the file that this import writes)" in capsys.readouterr().err
    assert len(read_runs("evals/out.csv")) == 1


def test_a_run_without_the_metric_and_one_without_a_label_are_listed(imported):
    write_open_clip("logs/b0", [result(0.2, epoch=2)])
    write_open_clip("logs/b1", ['{"clip_val_loss": 2.5, "epoch": 2}'])
    write_open_clip("logs/other", [result(0.3, epoch=2)])
    labels = write("labels.csv", "run,pool,unique_samples\nb0,b0,1M\nb1,b1,1M\nb2,b2,1M\n")
    status, rows, said = imported("logs", "--labels", labels)
    assert (status, rows) == (0, imagenet((2000, 0.8)))
    assert "logs/b1/checkpoints/results.jsonl line 1 (not evaluated on imagenet1k)" in said
    assert "Passed over: 1 run, other (no row of --labels names it)." in said


def test_many_files_that_are_no_logs_are_one_line(imported):
    write_clip_benchmark("evals/b0.json")
    for at in range(20):
        write(f"evals/images/{at:02}.jpg", "")
    said = imported("evals", *EPOCHS)[2]
    assert said == "Passed over: 20 files, e.g. evals/images/00.jpg (no log by its name).\n"


def test_a_pipe_among_the_logs_is_not_waited_for(imported):
    write_clip_benchmark("evals/b0.json")
    for name in ("a.json", "a.parquet", "a.csv", "results.jsonl", "events.out.tfevents.1.x"):
        os.mkfifo(f"evals/{name}")
    assert imported("evals", *EPOCHS)[1] == imagenet((4e6, 0.69))


def test_two_labels_for_one_name_are_refused(imported):
    write_open_clip("logs/b0", [result(0.2, epoch=2)])
    labels = write("labels.csv", "run,pool,unique_samples\nb0,b0,1M\nb0,b1,1M\n")
    said = imported("logs", "--labels", labels)[2]
    assert "labels.csv row 3: 'b0' is labelled in labels.csv row 2 too. Remove one." in said


def test_a_label_that_names_no_run_is_said(folder, capsys):
    write_open_clip("logs/b0", [result(0.2, epoch=2)])
    write("labels.csv", "run,pool,unique_samples\nb0,b0,1M\nbO,b0,1M\n")
    assert run(["runs", "import", "logs", "--labels", "labels.csv", "-o", "out.csv"]) == 0
    assert "warning: Labels that name no imported run: bO. Is a name misspelt?" in capsys.readouterr().out


def test_what_was_passed_over_is_in_the_json(folder, capsys):
    write_clip_benchmark("evals/b0.json")
    write("evals/list.json", "[1]")
    assert run(["runs", "import", "evals", *EPOCHS, "-o", "out.csv", "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["passed_over"] == {
        "count": 1,
        "first": [{"place": "evals/list.json", "reason": "JSON of another kind", "kind": "file", "count": 1}],
    }
    assert "Passed over" in printed.err


def test_a_file_that_was_named_is_refused_where_it_is_of_another_kind(imported):
    for name, words in (
        ("list.json", "JSON of no kind that is known"),
        ("captions.jsonl", "holds no DataComp result"),
        ("prices.csv", "a CSV of no kind that is known"),
        ("bytes.json", "text in UTF-16"),
        ("eval_results.jsonl.gz", "Unpack it first"),
    ):
        Path(name).write_bytes(UNRELATED[name])
        status, _, said = imported(name, *EPOCHS)
        assert status == 2
        assert words in said


def test_averages_are_taken_over_the_files_of_clip_benchmarks_tasks(imported):
    from thresher.runs.tasks import PAPER_TASKS

    for at, task in enumerate(PAPER_TASKS):
        kind = {
            "task": "zeroshot_retrieval",
            "metrics": {f"{side}_retrieval_recall@1": 0.4 for side in ("image", "text")},
        }
        write_clip_benchmark(f"evals/{at}.json", task, **(kind if task.startswith("retrieval") else {}))
    write_open_clip("logs/b0", [result(0.2, epoch=4)])
    status, rows, _ = imported("evals", "logs", *EPOCHS, "--metric", "paper18")
    assert (status, rows) == (
        0,
        [("b0", 4000, "paper_18_tasks_error", round(1 - (16 * 0.31 + 2 * 0.4) / 18, 6))],
    )
    Path("evals/3.json").unlink()
    status, _, said = imported("evals", "logs", *EPOCHS, "--metric", "paper18")
    assert "1 of the 18 tasks of --metric paper18 are missing (vtab/cifar100)" in said


# language


def test_class_names_in_another_language_are_another_metric(case):
    status, _, said = case("03")
    assert status == 2
    assert "They hold imagenet1k_it" in said


@pytest.mark.parametrize("form", ["json", "csv"])
def test_each_language_is_a_metric_of_its_own(imported, form):
    if form == "json":
        write_clip_benchmark("evals/en.json")
        write_clip_benchmark("evals/it.json", language="it", metrics={"acc1": 0.12})
    else:
        row = "wds/imagenet1k,ViT-B-32,runs/b0/checkpoints/epoch_4.pt,zeroshot_classification,{},{}\n"
        write(
            "evals/a.csv",
            "dataset,model,pretrained,task,acc1,language\n" + row.format(0.31, "en") + row.format(0.12, "it"),
        )
    assert imported("evals", *EPOCHS)[1] == imagenet((4e6, 0.69))
    assert imported("evals", *EPOCHS, "--metric", "imagenet1k_it")[1] == [
        ("b0", 4e6, "imagenet1k_it_error", 0.88)
    ]


# direction


def test_a_loss_stays_a_loss(case):
    status, rows, _ = case("05")
    assert (status, rows) == (0, [("b0", 1e6, "eval_loss", 0.83), ("b0", 2e6, "eval_loss", 0.71)])


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("eval/loss", ("eval_loss", 0.5)),
        ("val/loss", ("val_loss", 0.5)),
        ("loss", ("logged_loss", 0.5)),
        ("c4/perplexity", ("c4/perplexity_loss", 0.5)),
        ("val_bpb", ("val_bpb_loss", 0.5)),
        ("eval/nll", ("eval/nll_loss", 0.5)),
        ("evalLoss", ("evalLoss_loss", 0.5)),
        ("eval/accuracy", ("eval/accuracy_error", 0.5)),
        ("hellaswag_acc_norm", ("hellaswag_acc_norm_error", 0.5)),
        ("val/mAP", ("mAP_error", 0.5)),
        ("F1", ("F1_error", 0.5)),
        ("image_to_text_R@5", ("image_to_text_R@5_error", 0.5)),
        ("top1_err", ("top1_err_error", 0.5)),
    ],
)
def test_names_that_say_their_direction_are_believed(imported, metric, expected):
    write("w.csv", f'"Step","r - {metric}"\n"1","0.5"\n')
    assert imported("w.csv", *POOL, "--batch-size", "10000", "--metric", metric)[1] == [
        ("b0", 1e4, *expected)
    ]


@pytest.mark.parametrize("metric", ["hellaswag", "score", "loss_acc", "reward", "topology", "mean_rank"])
def test_a_name_that_does_not_say_its_direction_asks(imported, metric):
    write("w.csv", f'"Step","r - {metric}"\n"1","0.5"\n"2","0.4"\n')
    words = ["w.csv", *POOL, "--batch-size", "10000", "--metric", metric]
    status, _, said = imported(*words)
    assert status == 2
    assert "Say it with --direction higher or --direction lower." in said
    lower = imported(*words, "--direction", "lower")[1]
    assert [row[3] for row in lower] == [0.5, 0.4]
    assert lower[0][2].endswith("_loss")
    write("w.csv", f'"Step","r - {metric}"\n"1","0.4"\n"2","0.5"\n')
    assert [row[3] for row in imported(*words, "--direction", "higher")[1]] == [0.6, 0.5]


def test_a_direction_that_contradicts_a_task_is_refused(imported):
    write_clip_benchmark("evals/b0.json")
    assert "Leave --direction out" in imported("evals", *EPOCHS, "--direction", "lower")[2]
    assert "it can be higher or lower" in imported("evals", *EPOCHS, "--direction", "up")[2]


# unit


@pytest.mark.parametrize(
    ("values", "flags", "expected"),
    [
        ((20, 31), [], "is 20, not an accuracy in [0, 1]. If it is percent, give --percent."),
        ((0.2, 31), [], "is 31, not an accuracy in [0, 1]. If it is percent, give --percent."),
        ((20, 31), ["--percent"], [0.8, 0.69]),
        ((0.6, 1.7), ["--percent"], [0.994, 0.983]),
        ((0.31, 45), ["--percent"], "fractions and percent are mixed"),
        ((45, 0.46), ["--percent"], "fractions and percent are mixed"),
        ((0.2, 0.31), ["--percent"], "looks like a fraction, not percent"),
        ((20, 131), ["--percent"], "is 131, not a percentage from 0 to 100"),
    ],
)
def test_percent_is_said_and_never_guessed(imported, values, flags, expected):
    write(
        "w.csv",
        '"Step","r - top1"\n' + "".join(f'"{at}","{value}"\n' for at, value in enumerate(values, start=1)),
    )
    status, rows, said = imported("w.csv", *POOL, "--batch-size", "10000", "--metric", "top1", *flags)
    if isinstance(expected, str):
        assert status == 2
        assert expected in said
    else:
        assert [row[3] for row in rows] == expected


def test_percent_of_a_loss_is_refused(imported):
    write("w.csv", '"Step","r - loss"\n"1","2.5"\n')
    said = imported("w.csv", *POOL, "--batch-size", "1000", "--metric", "loss", "--percent")[2]
    assert "--percent is about accuracies, and loss is a loss" in said


# axes


def test_a_time_says_nothing_of_samples(case):
    status, _, said = case("07")
    assert status == 2
    assert "its x axis is a time (Relative Time (Process)), which says nothing of samples" in said


@pytest.mark.parametrize(
    "axis", ["Relative Time (Wall)", "Wall Time", "_timestamp", "timestamp", "_runtime", "Runtime", "Created"]
)
def test_no_flag_makes_samples_of_a_time(imported, axis):
    write("w.csv", f'"{axis}","r - top1"\n"1","0.2"\n"2","0.3"\n')
    for flags in ([], ["--step", "samples"], ["--step", "batches"]):
        said = imported("w.csv", *POOL, "--batch-size", "1000", "--metric", "top1", *flags)[2]
        assert "is a time" in said


@pytest.mark.parametrize(
    ("axis", "flags", "seen"),
    [
        ("Step", ["--batch-size", "1000"], 2000),
        ("_step", ["--batch-size", "1000"], 2000),
        ("trainer/global_step", ["--batch-size", "1000"], 2000),
        ("train/epoch", ["--samples-per-epoch", "5000"], 10_000),
        ("samples_seen", [], 2),
        ("train/tokens", ["--step", "tokens"], 2),
        ("my axis", ["--step", "epochs", "--samples-per-epoch", "5000"], 10_000),
        (
            "train/tokens",
            ["--batch-size", "1000"],
            "nothing says what its x axis (train/tokens) counts. Give --step",
        ),
        ("my axis", ["--batch-size", "1000"], "nothing says what its x axis (my axis) counts. Give --step"),
        ("Step", ["--step", "parsecs"], "--step is 'parsecs'; it can be epochs, batches, samples, tokens."),
    ],
)
def test_an_axis_counts_what_it_says_or_what_the_user_says(imported, axis, flags, seen):
    write("w.csv", f'"{axis}","r - top1"\n"2","0.2"\n')
    status, rows, said = imported("w.csv", *POOL, "--metric", "top1", *flags)
    if isinstance(seen, str):
        assert status == 2
        assert seen in said
    else:
        assert rows == [("b0", seen, "top1_error", 0.8)]


def test_steps_of_a_history_are_epochs_only_where_open_clip_logged_them(imported):
    write("h.csv", "run_id,key,value,step\nr,imagenet-zeroshot-val-top1,0.2,3\nr,eval/loss,2.5,300\n")
    assert imported("h.csv", *EPOCHS)[1] == imagenet((3e6, 0.8))
    assert (
        "nothing says what its x axis (step) counts" in imported("h.csv", *EPOCHS, "--metric", "eval/loss")[2]
    )
    words = ["--metric", "eval/loss", "--step", "batches", "--batch-size", "10"]
    assert imported("h.csv", *EPOCHS, *words)[1] == [("b0", 3000, "eval_loss", 2.5)]


# resumed runs and values that are no numbers


def test_an_epoch_whose_length_changed_on_resume_is_counted_by_the_log(case):
    assert case("09")[:2] == (0, imagenet((1000, 0.9), (2000, 0.8), (4000, 0.7), (6000, 0.65)))


def test_a_null_in_another_metric_is_no_matter(case):
    assert case("10")[:2] == (0, imagenet((1000, 0.9)))


def test_a_sharded_resume_abandons_what_lies_behind_it(case):
    assert case("12")[:2] == (0, imagenet((1000, 0.9), (2000, 0.78), (3000, 0.7)))


@pytest.mark.parametrize("resumed", ["=> resuming checkpoint 'c/epoch_1.pt' (epoch 1)",
                                     "=> loaded checkpoint 'c/epoch_1.pt' (epoch 1)",
                                     "=> Resuming sharded checkpoint c/epoch_1 (epoch 1)"])  # fmt: skip
def test_every_way_of_resuming_is_seen(imported, resumed):
    log = [evaluated(1, 0.1), evaluated(2, 0.2), resumed, evaluated(2, 0.22)]
    write_open_clip("logs/b0", [result(0.1), result(0.2), result(0.22)], log)
    assert imported("logs", *POOL)[1] == imagenet((1000, 0.9), (2000, 0.78))


def test_evaluating_an_earlier_checkpoint_again_abandons_nothing(imported):
    log = [
        evaluated(1, 0.1),
        evaluated(2, 0.2),
        "=> resuming checkpoint 'c/epoch_1.pt' (epoch 1)",
        evaluated(1, 0.1),
    ]
    write_open_clip("logs/b0", [result(0.1), result(0.2), result(0.1)], log)
    assert imported("logs", *POOL)[1] == imagenet((1000, 0.9), (2000, 0.8))


def test_steps_that_were_written_again_after_a_resume_count_later_in_a_history(imported):
    rows = [(1, 0.1), (2, 0.2), (3, 0.3), (2, 0.22)]
    text = "run_id,key,value,step\n" + "".join(f"r,imagenet-zeroshot-val-top1,{v},{s}\n" for s, v in rows)
    write("h.csv", text)
    assert imported("h.csv", *EPOCHS)[1] == imagenet((1e6, 0.9), (2e6, 0.78))


@pytest.mark.parametrize("value", ["null", "NaN", "Infinity", '"0.3"', "true", "[0.3]", "1e999"])
def test_a_value_that_is_no_number_is_passed_over_and_listed(imported, value):
    lines = [result(0.2, epoch=1), '{"imagenet-zeroshot-val-top1": ' + value + ', "epoch": 2}']
    write_open_clip("logs/b0", lines)
    status, rows, said = imported("logs", *POOL)
    assert (status, rows) == (0, imagenet((1000, 0.8)))
    assert "Passed over: 1 value, logs/b0/checkpoints/results.jsonl line 2 (imagenet1k is " in said
    write_open_clip("logs/b0", lines[1:])
    status, _, said = imported("logs", *POOL)
    assert status == 2
    assert "No value of --metric imagenet1k can be used" in said


def test_a_half_written_line_and_a_line_after_it_cost_only_themselves(imported):
    write_open_clip(
        "logs/b0", [result(0.2, epoch=1), '{"imagenet-zeroshot-val-top1": 0.2, "ep', result(0.3, epoch=3)]
    )
    status, rows, said = imported("logs", *POOL)
    assert (status, rows) == (0, imagenet((1000, 0.8), (3000, 0.7)))
    assert "results.jsonl line 2 (not whole JSON: its writer was stopped)" in said


def test_two_results_of_a_metric_that_was_not_asked_for_do_not_matter(imported):
    lines = [result(0.2, clip_val_loss=2.5, epoch=1), result(0.2, clip_val_loss=2.4, epoch=1)]
    write_open_clip("logs/b0", lines)
    assert imported("logs", *POOL)[1] == imagenet((1000, 0.8))
    said = imported("logs", *POOL, "--metric", "clip_val_loss")[2]
    assert "give different results for epoch 1: two runs wrote into logs/b0" in said


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("", None),
        ("NaN", None),
        ("-Infinity", None),
        ("crashed", None),
        ("0,83", "has a comma|a comma may separate"),
        ("1,234.5", "comma"),
    ],
)
def test_cells_of_exports_that_are_no_numbers(imported, cell, words):
    write("w.csv", f'"Step","r - loss"\n"1","0.9"\n"2","{cell}"\n')
    status, rows, said = imported("w.csv", *POOL, "--batch-size", "1000", "--metric", "loss")
    if words is None:
        assert (status, rows) == (0, [("b0", 1000, "logged_loss", 0.9)])
        assert ("Passed over: 1 value" in said) == bool(cell)
    else:
        assert status == 2
        assert "comma" in said


def test_a_step_with_commas_is_refused_only_if_its_value_is_wanted(imported):
    write("w.csv", '"Step","r - loss","r - other_loss"\n"1","0.9",""\n"1,000","","0.8"\n')
    words = ["w.csv", *POOL, "--batch-size", "1000", "--metric"]
    assert imported(*words, "loss")[1] == [("b0", 1000, "logged_loss", 0.9)]
    assert "Step is '1,000', not a number. Write it without commas." in imported(*words, "other_loss")[2]


# names


def test_two_folders_of_one_name_are_two_runs(case):
    status, _, said = case("13")
    assert status == 2
    assert "Two runs are called 'medium_scale' (exp/b0/medium_scale and exp/b1/medium_scale)" in said


@pytest.mark.parametrize("patterns", [("b0/medium_scale", "b1/medium_scale"), ("b0/*", "b1/*")])
def test_labels_name_runs_by_more_of_their_paths(imported, patterns):
    for at in (0, 1):
        line = {"key": "imagenet1k", "metrics": {"main_metric": 0.3 - 0.1 * at}}
        write(f"exp/b{at}/medium_scale/eval_results_epoch_1_step_-1.jsonl", json.dumps(line))
    labels = write(
        "labels.csv",
        "run,pool,unique_samples\n" + "".join(f"{p},b{at},1M\n" for at, p in enumerate(patterns)),
    )
    rows = imported("exp", "--labels", labels, "--samples-per-epoch", "1M")[1]
    assert rows == [("b0", 1e6, IMAGENET, 0.7), ("b1", 1e6, IMAGENET, 0.8)]
    assert {row.run for row in read_runs("out.csv").rows} == {"b0/medium_scale", "b1/medium_scale"}


def test_two_columns_two_rows_and_two_paths_of_one_name_are_two_runs(imported):
    write("w.csv", '"Step","r - loss","r - loss"\n"1","0.9","0.8"\n')
    words = [*POOL, "--batch-size", "1000", "--metric", "loss"]
    assert "two runs are called 'r'" in imported("w.csv", *words)[2]
    write("w.csv", "Name,Created,_step,loss\nr,2026-01-01,1,0.9\nr,2026-01-02,2,0.8\n")
    assert "w.csv row 2 and w.csv row 3: two runs are called 'r'" in imported("w.csv", *words)[2]
    write_clip_benchmark("evals/a.json", pretrained="/x/b0/s/checkpoints/epoch_4.pt")
    write_clip_benchmark("evals/b.json", pretrained="/x/b1/s/checkpoints/epoch_5.pt")
    assert "Two runs are called 's' (/x/b0/s and /x/b1/s)" in imported("evals", *EPOCHS)[2]


def test_a_relative_and_an_absolute_path_may_be_of_one_run(imported):
    write_clip_benchmark("evals/a.json", pretrained="/x/runs/b0/checkpoints/epoch_4.pt")
    write_clip_benchmark("evals/b.json", pretrained="runs/b0/checkpoints/epoch_5.pt")
    assert len(imported("evals", *EPOCHS)[1]) == 2


def test_a_folder_that_is_given_twice_is_read_once(imported):
    write_open_clip("logs/b0", [result(0.2, epoch=1)])
    assert imported("logs", "logs/b0", "logs/b0/params.txt", *POOL)[1] == imagenet((1000, 0.8))


def test_the_mean_of_a_group_is_no_run(imported):
    write("w.csv", '"Step","Group: b0 - loss"\n"1","0.9"\n')
    said = imported("w.csv", *POOL, "--batch-size", "1000", "--metric", "loss")[2]
    assert "is the mean of a group of runs. Ungroup the runs" in said


# formats


def test_datacomps_results_under_the_name_of_its_upload(case, imported):
    status, _, said = case("14")
    assert status == 2
    assert "is DataComp's evaluation of run 'medium_scale' and does not say after which epoch" in said
    assert imported("hub/medium_scale/results.jsonl", *POOL, "--samples-seen", "128M")[1] == imagenet(
        (128e6, 0.7)
    )


@pytest.mark.parametrize(
    "name", ["results.jsonl", "eval_results.jsonl", "evaluation.jsonl", "eval-results.json", "x.json"]
)
def test_datacomps_results_are_known_by_their_content(imported, name):
    line = '{"key": "imagenet1k", "dataset": "ImageNet 1k", "metrics": {"acc1": 0.3, "main_metric": 0.3}}\n'
    write(f"evals/b0/epoch_4/{name}", line + line.replace("imagenet1k", "cars"))
    assert imported("evals", *EPOCHS)[1] == imagenet((4e6, 0.7))
    assert imported(f"evals/b0/epoch_4/{name}", *EPOCHS)[1] == imagenet((4e6, 0.7))


def test_a_byte_order_mark_is_skipped(case):
    assert case("15")[:2] == (0, imagenet((4e6, 0.7)))


def test_byte_order_marks_and_windows_line_ends_are_skipped_in_every_text(imported):
    mark = b"\xef\xbb\xbf"
    write_open_clip("logs/b0", [result(0.1), result(0.2)], [evaluated(1, 0.1), evaluated(2, 0.2)])
    write_clip_benchmark("evals/b0.json")
    write("w/w.csv", '"Step","b0 - val/imagenet-zeroshot-val-top1",\n"4","0.25",\n')
    labels = write("labels.csv", "run,pool,unique_samples,samples_per_epoch\nb0,b0,1M,1M\n")
    for path in [path for path in Path().rglob("*") if path.is_file()]:
        path.write_bytes(mark + path.read_bytes().replace(b"\n", b"\r\n"))
    assert imported("logs", "--labels", labels)[1] == imagenet((1e6, 0.9), (2e6, 0.8))
    assert imported("evals", "--labels", labels)[1] == imagenet((4e6, 0.69))
    assert imported("w", "--labels", labels, "--step", "epochs")[1] == imagenet((4e6, 0.75))


def test_semicolons_and_tabs_separate_too(imported):
    for mark in (";", "\t"):
        write("w.csv", f"Step{mark}b0 - loss\n1{mark}0.9\n")
        assert imported("w.csv", *POOL, "--batch-size", "1000", "--metric", "loss")[1] == [
            ("b0", 1000, "logged_loss", 0.9)
        ]


@pytest.mark.parametrize("name", ["logs/b0/checkpoints/results.jsonl", "logs/b0/params.txt"])
def test_logs_in_utf_16_are_one_sentence(imported, name):
    write_open_clip("logs/b0", [result(0.1, epoch=1)])
    Path(name).write_bytes(Path(name).read_text().encode("utf-16"))
    status, _, said = imported("logs", *POOL)
    assert status == 2
    assert "UTF-16" in said or "nothing says how many samples" in said


# messages


def test_a_hint_is_something_that_is_there(case):
    status, _, said = case("18")
    assert status == 2
    assert "Did you mean imagenet1k?" not in said
    assert "Did you mean imagenet1k/acc1? They hold imagenet1k/acc1." in said


@pytest.mark.parametrize(
    ("metric", "hint"), [("paper18", None), ("average_38", None), ("imagenet", "imagenet1k"), ("xyz", None)]
)
def test_a_hint_can_be_followed(imported, metric, hint):
    write_open_clip("logs/b0", [result(0.2, epoch=1)])
    said = imported("logs", *POOL, "--metric", metric)[2]
    assert ("Did you mean" in said) == (hint is not None)
    if hint is not None:
        assert f"Did you mean {hint}?" in said
        assert imported("logs", *POOL, "--metric", hint)[0] == 0
    write_clip_benchmark("evals/a.json", "vtab/clevr_count_all")
    assert "Did you mean paper18" not in imported("evals", *EPOCHS, "--metric", "paper18")[2]


def test_only_an_evaluation_before_training(case):
    status, _, said = case("45")
    assert status == 2
    assert "Run 'r' was evaluated only before training (epoch 0)" in said


def test_an_evaluation_before_training_beside_others_is_listed(imported):
    write_open_clip("logs/b0", [result(0.001, epoch=0)])
    write_open_clip("logs/b1", [result(0.001, epoch=0), result(0.2, epoch=1)])
    status, rows, said = imported("logs", *POOL)
    assert (status, rows) == (0, imagenet((1000, 0.8)))
    assert "Passed over: 1 run, b0 (evaluated only before training (epoch 0))." in said


def test_a_model_that_was_not_chosen_is_listed_in_run_tables_too(imported):
    header = "pool,unique_samples,samples_seen,metric,error,run,model\n"
    write("t.csv", header + f"b0,1M,4M,{IMAGENET},0.7,x,ViT-B-32\nb0,1M,4M,{IMAGENET},0.6,y,ViT-L-14\n")
    status, rows, said = imported("t.csv", "--model", "ViT-L-14")
    assert (status, rows) == (0, imagenet((4e6, 0.6)))
    assert "its model is not ViT-L-14" in said
    assert "is in none of the run tables" in imported("t.csv", "--model", "RN50")[2]
