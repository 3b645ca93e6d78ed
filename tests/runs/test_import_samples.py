"""Every importer on files that the tools themselves wrote; samples/SOURCES.md says how."""

import shutil
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from thresher.errors import InputError
from thresher.runs.importing import ImportOptions, import_runs
from thresher.runs.labels import RunLabel

SAMPLES = Path(__file__).parent / "samples"
LABELS = tuple(RunLabel(f"b{i}*", f"b{i}", 512, rank=i + 1) for i in range(3))


def measured(path, *metrics, **options):
    rows = import_runs([SAMPLES / path], LABELS, ImportOptions(metrics, **options)).table.rows
    return [(row.run, row.samples_seen, row.error) for row in rows]


def accuracies(found):
    return [pytest.approx(1 - value, abs=1e-9) for value in found]


def test_open_clips_results_get_their_epochs_from_its_log():
    found = import_runs([SAMPLES / "open_clip" / "b0-s0"], LABELS)
    assert [row.samples_seen for row in found.table.rows] == [512, 1024, 1536, 2048]
    assert [row.error for row in found.table.rows] == accuracies([32 / 120, 58 / 120, 55 / 120, 54 / 120])
    assert {(row.model, row.seed, row.schedule, row.exposure) for row in found.table.rows} == {
        ("tiny-32", "0", "constant", "epochs")
    }


def test_a_resumed_run_keeps_what_it_went_on_from():
    """Epoch 3 was evaluated, its checkpoint not kept, and the run resumed from epoch 2."""
    found = measured("open_clip/b0-s1", "imagenet1k")
    assert found == [
        ("b0-s1", 512 * (at + 1), error)
        for at, error in enumerate(accuracies([1 / 120, 20 / 120, 4 / 120, 21 / 120]))
    ]


def test_a_run_stopped_before_its_first_checkpoint_starts_anew(tmp_path):
    folder = tmp_path / "b0-s1"
    shutil.copytree(SAMPLES / "open_clip" / "b0-s1", folder)
    log, results = folder / "out.log", folder / "checkpoints" / "results.jsonl"
    lines = log.read_text().splitlines(keepends=True)
    first = next(at for at, line in enumerate(lines) if "Start epoch 1" in line)
    anew = "2026-11-23,03:36:48 | INFO | No latest resume checkpoint found in logs/b0-s1/checkpoints.\n"
    log.write_text("".join(lines[:first]).replace("top1: 0.0083", "top1: 0.0250") + anew + "".join(lines))
    one = results.read_text().splitlines(keepends=True)[0].replace("0.008333333333333333", "0.025", 1)
    results.write_text(one + results.read_text())
    assert [row.error for row in import_runs([folder], LABELS).table.rows] == [
        row.error for row in import_runs([SAMPLES / "open_clip" / "b0-s1"], LABELS).table.rows
    ]


def test_a_resumed_run_without_its_log_is_refused(tmp_path):
    folder = tmp_path / "b0-s1"
    shutil.copytree(SAMPLES / "open_clip" / "b0-s1", folder)
    (folder / "out.log").unlink()
    with pytest.raises(
        InputError, match=r"different results for epoch 3: .*does not tell that it was resumed"
    ):
        import_runs([folder], LABELS)


def test_schedules_and_exposure_of_open_clips_runs():
    folders = [SAMPLES / "open_clip" / run for run in ("b0-s1", "b1-s0", "b2-s0")]
    rows = import_runs(folders, LABELS, ImportOptions(("clip_val_loss",), model="tiny-32"))
    by_run = {}
    for row in rows.table.rows:
        by_run.setdefault(row.run, []).append((row.schedule, row.exposure, round(row.error, 3)))
    assert by_run == {
        "b0-s1": [("constant", "epochs", loss) for loss in (2.378, 2.081, 1.84, 1.788)],
        "b1-s0": [("constant", "resampled", 2.469), ("constant", "resampled", 1.862), ("finished", "resampled", 1.789)],
        "b2-s0": [("mid-run", "epochs", 2.574), ("mid-run", "epochs", 1.931), ("finished", "epochs", 1.869)],
    }  # fmt: skip


def test_samples_of_an_epoch_are_what_the_trainer_made_of_them(tmp_path):
    """500 samples in batches of 32 are 16 batches, and out.log says 512."""
    folder = tmp_path / "b0-s0"
    shutil.copytree(SAMPLES / "open_clip" / "b0-s0", folder)
    params = folder / "params.txt"
    params.write_text(params.read_text().replace("train_num_samples: 512", "train_num_samples: 500"))
    assert [row.samples_seen for row in import_runs([folder], LABELS).table.rows] == [512, 1024, 1536, 2048]


def test_clip_benchmarks_json_and_its_csv_say_the_same(tmp_path):
    (tmp_path / "json").mkdir()
    for file in (SAMPLES / "clip_benchmark").glob("*.json"):
        shutil.copy(file, tmp_path / "json")
    options = {"samples_per_epoch": 512}
    accuracy = accuracies([89 / 120, 113 / 120, 116 / 120])
    recall = accuracies([(0.0625 + 5 / 96) / 2, 0.0625, 0.0625])
    for path in (tmp_path / "json", "clip_benchmark/benchmark.csv"):
        assert measured(path, "imagenet1k", **options) == [
            ("b0-s0", 512 * epoch, error) for epoch, error in zip((1, 2, 4), accuracy, strict=True)
        ]
        assert [one[2] for one in measured(path, "flickr30k", **options)] == [
            pytest.approx(error.expected, abs=1e-7) for error in recall
        ]


def test_mlflows_history_counts_the_later_value_of_a_step():
    found = measured("mlflow/history.csv", "imagenet1k", samples_per_epoch=512)
    assert found == [
        *measured("open_clip/b0-s0", "imagenet1k"),
        *measured("open_clip/b0-s1", "imagenet1k"),
    ]


def test_two_runs_of_one_name_in_a_history_are_refused(tmp_path):
    path = tmp_path / "history.csv"
    header = "run_id,run_name,key,value,step\n"
    row = "{},b0-s0,imagenet-zeroshot-val-top1,0.1,{}\n"
    path.write_text(header + row.format("0123", 1) + row.format("4567", 2))
    with pytest.raises(InputError, match=r"history.csv row 3: two runs are called 'b0-s0'"):
        import_runs([path], LABELS, ImportOptions(samples_per_epoch=512))


def test_mlflows_run_list_is_the_end_of_each_run_under_its_name():
    assert measured("mlflow/runs.csv", "imagenet1k") == [
        measured(f"open_clip/{run}", "imagenet1k")[-1] for run in ("b0-s0", "b0-s1")
    ]


def test_event_files_beside_open_clips_results_are_not_needed(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tensorboard.backend.event_processing.event_accumulator", None)
    folder = tmp_path / "b0-s0"
    shutil.copytree(SAMPLES / "open_clip" / "b0-s0", folder)
    shutil.copytree(SAMPLES / "tensorboard" / "b0-s0" / "tensorboard", folder / "tensorboard")
    assert len(import_runs([folder], LABELS).table) == 4
    (folder / "checkpoints" / "results.jsonl").unlink()
    with pytest.raises(ImportError, match=r'pip install "thresher\[tensorboard\]"'):
        import_runs([folder], LABELS)


@pytest.mark.filterwarnings("ignore")
def test_a_step_of_event_files_that_was_written_again_counts_later():
    pytest.importorskip("tensorboard", reason='pip install "thresher[tensorboard]"')
    folder = Path(__file__).parents[1] / "cases" / "46_tensorboard_resumed" / "logs"
    labels = (RunLabel("*", "b0", 1e6),)
    rows = import_runs([folder], labels, ImportOptions(samples_per_epoch=1e6)).table.rows
    assert [(row.samples_seen, round(row.error, 6)) for row in rows] == [(1e6, 0.9), (2e6, 0.78), (3e6, 0.7)]


@pytest.mark.filterwarnings("ignore")
def test_a_damaged_event_file_is_passed_over(tmp_path):
    pytest.importorskip("tensorboard", reason='pip install "thresher[tensorboard]"')
    folder = tmp_path / "b0-s0" / "tensorboard"
    shutil.copytree(SAMPLES / "tensorboard" / "b0-s0" / "tensorboard", folder)
    (file,) = folder.iterdir()
    whole = len(import_runs([tmp_path], LABELS, ImportOptions(samples_per_epoch=512)).table)
    (folder / "events.out.tfevents.1.x").write_bytes(b"\x00\x01nonsense" * 9)
    found = import_runs([tmp_path], LABELS, ImportOptions(samples_per_epoch=512))
    assert len(found.table) == whole
    assert [one.place for one in found.passed if one.place.endswith(".1.x")] == [
        f"{folder}/events.out.tfevents.1.x"
    ]
    text = file.read_bytes()
    for cut in (20, len(text) // 2, len(text) - 3):
        file.write_bytes(text[:cut])
        with suppress(InputError):
            assert len(import_runs([tmp_path], LABELS, ImportOptions(samples_per_epoch=512)).table) <= whole


@pytest.mark.filterwarnings("ignore")
def test_event_files_say_what_open_clips_results_say():
    pytest.importorskip("tensorboard", reason='pip install "thresher[tensorboard]"')
    found = measured("tensorboard", "imagenet1k", samples_per_epoch=512)
    assert [(run, seen, round(error, 6)) for run, seen, error in found] == [
        (run, seen, round(error, 6)) for run, seen, error in measured("open_clip/b0-s0", "imagenet1k")
    ]
