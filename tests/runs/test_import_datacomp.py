from pathlib import Path

import pytest

from logs import write_datacomp, write_open_clip
from thresher.errors import InputError
from thresher.runs.importing import ImportOptions, import_runs
from thresher.runs.labels import RunLabel
from thresher.runs.tasks import DATACOMP_TASKS, PAPER_TASKS

LABEL = (RunLabel("b0*", "b0", 12.8e6, rank=1),)
PER_EPOCH = ImportOptions(samples_per_epoch=12.8e6)


def errors(found):
    return {row.samples_seen: row.error for row in found.table.rows}


@pytest.mark.parametrize(
    "name",
    ["b0/eval_results_epoch_{}_step_-1.jsonl", "b0/epoch_{}/eval_results.jsonl", "b0_{}x/eval_results.jsonl"],
)
def test_every_way_of_naming_checkpoints_gives_the_same_rows(tmp_path, name):
    for epoch, value in ((2, 0.1), (4, 0.15), (6, 0.175)):
        write_datacomp(tmp_path / name.format(epoch), value)
    found = import_runs([tmp_path], LABEL, PER_EPOCH)
    assert errors(found) == {25.6e6: 0.9, 51.2e6: 0.85, 76.8e6: 0.825}
    assert {row.metric for row in found.table.rows} == {"imagenet1k_zeroshot_error"}
    assert {(row.pool, row.rank, row.source) for row in found.table.rows} == {("b0", 1, "datacomp")}


def test_an_evaluation_beside_params_is_of_the_last_epoch(tmp_path):
    write_open_clip(tmp_path / "b0", {1: 0.1, 4: 0.3}, samples=12_800_000, scheduler="cosine")
    (tmp_path / "b0" / "checkpoints" / "results.jsonl").unlink()
    write_datacomp(tmp_path / "b0" / "eval_results.jsonl", 0.25)
    (row,) = import_runs([tmp_path], LABEL).table.rows
    assert (row.samples_seen, row.error, row.schedule, row.exposure) == (51.2e6, 0.75, "finished", "epochs")


def test_averages_are_the_means_over_their_tasks(tmp_path):
    path = write_datacomp(tmp_path / "b0" / "epoch_1" / "eval_results.jsonl", 0.2)
    found = import_runs([path], LABEL, ImportOptions(("paper18", "average38", "cars"), samples_per_epoch=1e6))
    rows = {row.metric: row.error for row in found.table.rows}
    value = {
        key: 0.2 if key == "imagenet1k" else 0.2 + 0.01 * (i % 5) for i, key in enumerate(DATACOMP_TASKS)
    }
    assert len(DATACOMP_TASKS) == 38
    assert len(PAPER_TASKS) == 18
    assert rows["datacomp_38_tasks_error"] == pytest.approx(1 - sum(value.values()) / 38)
    assert rows["paper_18_tasks_error"] == pytest.approx(1 - sum(value[k] for k in PAPER_TASKS) / 18)
    assert rows["cars_error"] == pytest.approx(1 - value["cars"])


def test_an_average_with_tasks_missing_is_refused_by_name(tmp_path):
    path = write_datacomp(tmp_path / "b0" / "epoch_1" / "eval_results.jsonl", leave_out=("cars", "sun397"))
    with pytest.raises(
        InputError,
        match=r"eval_results.jsonl: 2 of the 38 tasks of metric='average38' are missing \(cars, sun397\)",
    ):
        import_runs([path], LABEL, ImportOptions(("average38",), samples_per_epoch=1e6))
    with pytest.raises(InputError, match="1 of the 18 tasks"):
        import_runs([path], LABEL, ImportOptions(("paper18",), samples_per_epoch=1e6))
    assert len(import_runs([path], LABEL, PER_EPOCH).table) == 1


def test_an_average_is_not_stopped_by_a_task_that_is_not_datacomps(tmp_path):
    path = write_datacomp(tmp_path / "b0" / "epoch_1" / "eval_results.jsonl", extra=("our/own",))
    options = ImportOptions(("average38",), samples_per_epoch=1e6)
    found = import_runs([path], LABEL, options).table.rows
    write_datacomp(path)
    assert found == import_runs([path], LABEL, options).table.rows


def test_an_unknown_metric_is_answered_with_the_nearest(tmp_path):
    path = write_datacomp(tmp_path / "b0" / "epoch_1" / "eval_results.jsonl")
    with pytest.raises(InputError, match=r"'imagnet1k' is in none of the logs. Did you mean imagenet1k"):
        import_runs([path], LABEL, ImportOptions(("imagnet1k",), samples_per_epoch=1e6))


def test_a_half_written_line_of_another_task_is_passed_over_and_listed(tmp_path):
    path = write_datacomp(tmp_path / "b0" / "epoch_1" / "eval_results.jsonl")
    path.write_text(path.read_text()[:-40])
    found = import_runs([path], LABEL, PER_EPOCH)
    assert len(found.table) == 1
    assert [(one.place, one.reason) for one in found.passed] == [
        (f"{path} line 40", "not whole JSON: its writer was stopped")
    ]


def test_a_half_written_line_of_the_task_itself_is_refused_with_its_number(tmp_path):
    path = write_datacomp(tmp_path / "b0" / "epoch_1" / "eval_results.jsonl")
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0][:60], *lines[1:]]) + "\n")
    with pytest.raises(
        InputError, match=r"eval_results.jsonl line 1 is not whole JSON: its writer was stopped"
    ):
        import_runs([path], LABEL, PER_EPOCH)
    assert len(import_runs([path], LABEL, ImportOptions(("cars",), samples_per_epoch=1e6)).table) == 1


def test_two_results_for_one_task_are_refused(tmp_path):
    path = write_datacomp(tmp_path / "b0" / "epoch_1" / "eval_results.jsonl", 0.2)
    text = path.read_text()
    path.write_text(text + text)
    assert len(import_runs([path], LABEL, PER_EPOCH).table) == 1
    path.write_text(text + text.replace('"main_metric": 0.2}', '"main_metric": 0.3}'))
    with pytest.raises(InputError, match="line 41 and line 1 give different results for task 'imagenet1k'"):
        import_runs([path], LABEL, PER_EPOCH)


def test_two_runs_in_one_folder_are_refused(tmp_path):
    write_datacomp(tmp_path / "b0" / "eval_results_epoch_2_step_-1.jsonl", 0.1)
    write_datacomp(tmp_path / "b0" / "epoch_2" / "eval_results.jsonl", 0.2)
    with pytest.raises(InputError, match="give different imagenet1k_zeroshot_error of run 'b0'"):
        import_runs([tmp_path], LABEL, PER_EPOCH)


def test_a_percent_is_refused(tmp_path):
    path = write_datacomp(tmp_path / "b0" / "epoch_1" / "eval_results.jsonl")
    path.write_text(path.read_text().replace('"main_metric": 0.2}', '"main_metric": 20.0}'))
    with pytest.raises(
        InputError,
        match=r"imagenet1k is 20, not an accuracy in \[0, 1\]. If it is percent, give percent=True",
    ):
        import_runs([path], LABEL, PER_EPOCH)


def test_missing_epochs_and_changed_task_sets_are_said(tmp_path):
    for epoch in (1, 2, 3, 5, 6):
        write_datacomp(
            tmp_path / "b0" / f"eval_results_epoch_{epoch}_step_-1.jsonl",
            0.05 * epoch,
            leave_out=("cars",) if epoch == 6 else (),
        )
    messages = [finding.message for finding in import_runs([tmp_path], LABEL, PER_EPOCH).findings]
    assert any("Epochs without an evaluation: b0 (epoch 4)" in message for message in messages)
    assert any("The set of tasks changed" in message and "cars" in message for message in messages)


def test_a_pool_that_shrank_is_said(tmp_path):
    write_datacomp(tmp_path / "b0" / "epoch_1" / "eval_results.jsonl")
    (tmp_path / "shards" / "b0").mkdir(parents=True)
    (tmp_path / "shards" / "b0" / "meta.json").write_text(
        '{"input_dir": "x", "output_count": 11776000, "output_shard_count": 1178, "output_shard_format": "{:08d}.tar"}'
    )
    (finding,) = import_runs([tmp_path], LABEL, PER_EPOCH).findings
    assert "b0 has 11,776,000 of 12,800,000 samples" in finding.message


def test_a_pickle_is_never_opened(tmp_path):
    write_datacomp(tmp_path / "b0" / "epoch_1" / "eval_results.jsonl")
    bomb = tmp_path / "b0" / "epoch_1" / "info.pkl"
    bomb.write_bytes(b"cos\nsystem\n(S'touch PWNED'\ntR.")
    import_runs([tmp_path], LABEL, PER_EPOCH)
    assert not Path("PWNED").exists()
    with pytest.raises(InputError, match="is no kind of log that is known"):
        import_runs([bomb], LABEL, PER_EPOCH)


def test_an_epoch_of_unknown_length_is_refused(tmp_path):
    write_datacomp(tmp_path / "b0" / "epoch_3" / "eval_results.jsonl")
    with pytest.raises(InputError, match="after 3 epochs of the trainer, and nothing says how many samples"):
        import_runs([tmp_path], LABEL)


def test_a_run_that_no_label_names_is_refused(tmp_path):
    write_datacomp(tmp_path / "other" / "epoch_3" / "eval_results.jsonl")
    with pytest.raises(InputError, match="Nothing says which pool run 'other' was trained on"):
        import_runs([tmp_path], LABEL, PER_EPOCH)
