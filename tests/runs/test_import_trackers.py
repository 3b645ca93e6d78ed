import sys
from pathlib import Path

import pytest

from thresher.errors import InputError, MissingExtraError
from thresher.examples import load_example
from thresher.runs import write_runs
from thresher.runs.importing import ImportOptions, import_runs
from thresher.runs.labels import RunLabel

LABELS = (RunLabel("b0*", "b0", 1e6, rank=1), RunLabel("*", "b1", 1e6, rank=2))
SAMPLES = Path(__file__).parent / "samples"


def test_a_wandb_chart_is_read_without_its_extremes(tmp_path):
    path = tmp_path / "wandb_export.csv"
    path.write_text(
        '"Step","b0-s0 - val/imagenet-zeroshot-val-top1","b0-s0 - val/imagenet-zeroshot-val-top1__MIN",'
        '"b0-s0 - val/imagenet-zeroshot-val-top1__MAX","b1 - val/imagenet-zeroshot-val-top1"\n'
        '"100","0.1","0.1","0.1",""\n"200","0.15","0.15","0.15","0.08"\n'
    )
    rows = import_runs([path], LABELS, ImportOptions(batch_size=4096)).table.rows
    assert [(row.pool, row.run, row.samples_seen, row.error) for row in rows] == [
        ("b0", "b0-s0", 409600, 0.9), ("b0", "b0-s0", 819200, 0.85), ("b1", "b1", 819200, 0.92),
    ]  # fmt: skip
    with pytest.raises(
        InputError, match=r"counts batches, and nothing says how large one is. Give batch_size"
    ):
        import_runs([path], LABELS)
    rows = import_runs([path], LABELS, ImportOptions(step="samples")).table.rows
    assert rows[0].samples_seen == 100


def test_mlflow_histories_and_run_lists_are_read(tmp_path):
    history = tmp_path / "metrics.csv"
    history.write_text(
        "run_id,key,value,timestamp,step\n"
        "b0,val/imagenet-zeroshot-val-top1,0.1,1700000000000,1\nb0,val/imagenet-zeroshot-val-top1,0.2,1600000000000,2\n"
    )
    options = ImportOptions(samples_per_epoch=1e6)
    assert [row.error for row in import_runs([history], LABELS, options).table.rows] == [0.9, 0.8]
    runs = tmp_path / "runs.csv"
    runs.write_text(
        "Start Time,Duration,Run ID,Name,Source Type,Source Name,User,Status,model,epoch,imagenet-zeroshot-val-top1\n"
        "2024-05-20 10:00:00,1h,0123,b0,LOCAL,main.py,me,FINISHED,ViT-B-32,4,0.25\n"
    )
    (row,) = import_runs([runs], LABELS, options).table.rows
    assert (row.samples_seen, row.error, row.model) == (4e6, 0.75, "ViT-B-32")


def test_a_run_table_passes_through_and_joins_the_rest(tmp_path):
    path = tmp_path / "pilot.csv"
    table = load_example("datacomp_medium_tmars")
    write_runs(table, path)
    assert import_runs([path], ()).table.rows == table.rows


def test_a_csv_of_another_kind_is_refused_when_named_and_passed_over_in_a_folder(tmp_path):
    path = tmp_path / "prices.csv"
    path.write_text("shop,price\na,1\n")
    with pytest.raises(InputError, match="a CSV of no kind that is known: its header is shop, price"):
        import_runs([path], LABELS)
    with pytest.raises(InputError, match=r"holds no measurement that is known"):
        import_runs([tmp_path], LABELS)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"holds no measurement that is known. Known are: eval_results"):
        import_runs([tmp_path], LABELS)
    with pytest.raises(InputError, match="no such file or folder"):
        import_runs([tmp_path / "nothing"], LABELS)


def test_event_files_without_tensorboard_name_the_install_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard.backend.event_processing.event_accumulator", None)
    with pytest.raises(MissingExtraError, match=r'pip install "thresher\[tensorboard\]"'):
        import_runs([SAMPLES / "tensorboard"], LABELS)
