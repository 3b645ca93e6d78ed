import pytest

from logs import write_clip_benchmark, write_datacomp, write_open_clip
from thresher.errors import InputError
from thresher.runs.importing import ImportOptions, import_runs
from thresher.runs.labels import RunLabel, read_labels

LABEL = (RunLabel("b0*", "b0", 1.28e6, rank=1),)


def test_the_epoch_is_recovered_from_the_log(tmp_path):
    write_open_clip(tmp_path / "b0", {1: 0.05123456, 2: 0.1, 4: 0.1512345})
    rows = import_runs([tmp_path], LABEL).table.rows
    assert [(row.samples_seen, row.error) for row in rows] == [
        (1.28e6, pytest.approx(0.94876544)), (2.56e6, 0.9), (5.12e6, pytest.approx(0.8487655)),
    ]  # fmt: skip
    assert {(row.model, row.seed, row.schedule, row.exposure, row.run) for row in rows} == {
        ("ViT-B-32", "0", "constant", "epochs", "b0")
    }


def test_an_epoch_in_the_results_needs_no_log(tmp_path):
    write_open_clip(tmp_path / "b0", {1: 0.05, 2: 0.1}, with_epoch=True, log=False)
    found = import_runs([tmp_path], LABEL, ImportOptions(("imagenet1k", "clip_val_loss")))
    assert sorted({(row.metric, row.samples_seen) for row in found.table.rows}) == [
        ("clip_val_loss", 1.28e6), ("clip_val_loss", 2.56e6),
        ("imagenet1k_zeroshot_error", 1.28e6), ("imagenet1k_zeroshot_error", 2.56e6),
    ]  # fmt: skip


def test_an_epoch_that_nothing_names_is_refused(tmp_path):
    write_open_clip(tmp_path / "b0", {1: 0.05, 2: 0.1}, log=False)
    with pytest.raises(InputError, match=r"results.jsonl line 1 names no epoch, and the missing out.log"):
        import_runs([tmp_path], LABEL)


def test_samples_of_an_epoch_come_from_the_log_where_they_were_not_given(tmp_path):
    folder = write_open_clip(tmp_path / "b0", {1: 0.05, 2: 0.1})
    params = folder / "params.txt"
    params.write_text(params.read_text().replace("train_num_samples: 1280000", "train_num_samples: None"))
    assert import_runs([tmp_path], LABEL).table.rows[0].samples_seen == 1.28e6


def test_a_decaying_schedule_makes_middle_checkpoints_mid_run(tmp_path):
    write_open_clip(tmp_path / "b0", {1: 0.05, 2: 0.1, 3: 0.2}, scheduler="cosine", resampled=True)
    found = import_runs([tmp_path], LABEL)
    assert [row.schedule for row in found.table.rows] == ["mid-run", "mid-run", "finished"]
    assert {row.exposure for row in found.table.rows} == {"resampled"}
    assert any("Schedules are mixed (finished, mid-run)" in finding.message for finding in found.findings)


def test_two_runs_that_wrote_into_one_folder_are_refused(tmp_path):
    folder = write_open_clip(tmp_path / "b0", {1: 0.05, 2: 0.1}, with_epoch=True)
    results = folder / "checkpoints" / "results.jsonl"
    text = results.read_text()
    results.write_text(text + text)
    assert len(import_runs([tmp_path], LABEL).table) == 2
    results.write_text(text + text.replace("0.1,", "0.11,"))
    with pytest.raises(
        InputError, match=r"line 4 and .* line 2 give different results for epoch 2: two runs wrote into"
    ):
        import_runs([tmp_path], LABEL)


def test_two_runs_of_one_name_are_refused(tmp_path):
    write_open_clip(tmp_path / "monday" / "b0", {1: 0.05})
    write_open_clip(tmp_path / "tuesday" / "b0", {1: 0.06})
    with pytest.raises(InputError, match="Two runs are called 'b0'"):
        import_runs([tmp_path], LABEL)


def test_clocks_and_paths_do_not_matter(tmp_path):
    first = write_open_clip(tmp_path / "here" / "b0", {1: 0.05, 2: 0.1, 3: 0.12})
    before = import_runs([first], LABEL).table
    moved = tmp_path / "there" / "b0"
    moved.parent.mkdir()
    first.rename(moved)
    log = moved / "out.log"
    log.write_text(log.read_text().replace("2024-05", "1970-01").replace("/mnt/old", "/data/new"))
    assert import_runs([moved], LABEL).table.rows == before.rows


def test_a_run_that_ends_early_and_a_changed_evaluation_set_are_said(tmp_path):
    write_open_clip(tmp_path / "b0-s0", {1: 0.05, 2: 0.1}, epochs=4)
    write_open_clip(tmp_path / "b0-s1", {1: 0.05, 2: 0.1}, seed=1, imagenet="/data/imagenet-v2")
    messages = [finding.message for finding in import_runs([tmp_path], LABEL).findings]
    assert any("last epoch is not evaluated: b0-s0 (2 of 4)" in message for message in messages)
    assert any("The evaluation set changed between runs" in message for message in messages)


def test_epochs_that_the_trainer_lengthened_are_said_where_the_label_counts_less(tmp_path):
    folder = write_open_clip(tmp_path / "b0", {1: 0.05, 2: 0.1})
    log = folder / "out.log"
    log.write_text(log.read_text().replace("4096/1280000", "4096/1310720"))
    said = "Epochs were longer than they are counted: b0 (1,310,720 samples, counted as 1,280,000)"
    labels = (RunLabel("b0", "b0", 1.28e6, rank=1, samples_per_epoch=1.28e6),)
    assert any(said in finding.message for finding in import_runs([tmp_path], labels).findings)
    assert not any("longer" in finding.message for finding in import_runs([tmp_path], LABEL).findings)


def test_evaluations_of_another_model_are_refused(tmp_path):
    write_open_clip(tmp_path / "logs" / "b0", {1: 0.05, 2: 0.1})
    write_clip_benchmark(tmp_path / "cb" / "x.json", "b0", 2, model="ViT-L-14")
    with pytest.raises(InputError, match=r"evaluates ViT-L-14|evaluates ViT-B-32"):
        import_runs([tmp_path], LABEL)


def test_several_models_need_a_choice(tmp_path):
    write_open_clip(tmp_path / "b0-small", {1: 0.05})
    write_open_clip(tmp_path / "b0-large", {1: 0.15}, model="ViT-L-14")
    with pytest.raises(InputError, match=r"2 models \(ViT-B-32, ViT-L-14\).*Choose one with model"):
        import_runs([tmp_path], LABEL)
    (row,) = import_runs([tmp_path], LABEL, ImportOptions(model="ViT-L-14")).table.rows
    assert row.error == 0.85
    with pytest.raises(InputError, match="'RN50' is in none of the logs"):
        import_runs([tmp_path], LABEL, ImportOptions(model="RN50"))


def test_a_tasks_own_evaluation_is_preferred_to_the_trainers(tmp_path):
    write_open_clip(tmp_path / "logs" / "b0", {1: 0.05, 2: 0.1})
    write_datacomp(tmp_path / "evals" / "b0" / "epoch_2" / "eval_results.jsonl", 0.1002)
    rows = import_runs([tmp_path], LABEL).table.rows
    assert [(row.samples_seen, row.error, row.source) for row in rows] == [
        (1.28e6, 0.95, "open_clip"), (2.56e6, 0.8998, "datacomp"),
    ]  # fmt: skip


def test_clip_benchmark_json_and_csv_say_the_same(tmp_path):
    for epoch, value in ((1, 0.2), (2, 0.3)):
        write_clip_benchmark(tmp_path / "json" / f"in_{epoch}.json", "b0", epoch, acc1=value)
        write_clip_benchmark(tmp_path / "json" / f"pets_{epoch}.json", "b0", epoch, "vtab/pets", acc1=value)
    options = ImportOptions(("imagenet1k", "vtab/pets"), samples_per_epoch=1.28e6)
    rows = import_runs([tmp_path / "json"], LABEL, options).table.rows
    assert [(row.metric, row.samples_seen, row.error) for row in rows] == [
        ("imagenet1k_zeroshot_error", 1.28e6, 0.8), ("imagenet1k_zeroshot_error", 2.56e6, 0.7),
        ("vtab/pets_error", 1.28e6, 0.79), ("vtab/pets_error", 2.56e6, 0.69),
    ]  # fmt: skip
    table = tmp_path / "benchmark.csv"
    lines = ["dataset,model,pretrained,task,acc1,mean_per_class_recall,language,model_fullname"]
    for epoch, value in ((1, 0.2), (2, 0.3)):
        where = f"logs/b0/checkpoints/epoch_{epoch}.pt"
        for name in ("imagenet1k", "vtab/pets"):
            lines.append(
                f"wds/{name},ViT-B-32,{where},zeroshot_classification,{value},{value + 0.01},en,ViT-B-32 {where}"
            )
    table.write_text("\n".join(lines) + "\n")
    assert import_runs([table], LABEL, options).table.rows == rows


def test_labels_are_read_from_a_csv(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text(
        "run,pool,unique_samples,rank,seed,samples_per_epoch\nb0-*,b0,12.8M,1,,\nb0+b1,b0+b1,25.6M,,3,12.8M\n"
    )
    first, second = read_labels(path)
    assert first == RunLabel("b0-*", "b0", 12.8e6, rank=1)
    assert (second.seed, second.samples_per_epoch, second.rank) == ("3", 12.8e6, None)
    path.write_text("run,pool\nb0,b0\n")
    with pytest.raises(InputError, match="lacks unique_samples"):
        read_labels(path)
