"""The trainer around a stand-in for open_clip's; test_real_training.py runs the real one."""

import subprocess
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from thresher.errors import InputError, MissingExtraError
from thresher.lab.jobs import Job
from thresher.lab.open_clip import OpenClipTrainer, operators
from thresher.lab.open_clip.child import environment
from thresher.lab.open_clip.command import Settings

BY_125 = Settings(batch_size=125)


def measured(found):
    return [(one.samples_seen, pytest.approx(one.error)) for one in found]


PLANNED = [(250, 1 - 1 / 40), (500, 1 - 2 / 40), (1000, 1 - 4 / 40)]


def test_planned_checkpoints_are_measured_and_kept(data, job, stand_in, tmp_path):
    seen = []
    found = OpenClipTrainer(BY_125).train(data, job, tmp_path / job.name, seen.append)
    assert measured(found) == PLANNED
    assert found[0].standard_error == pytest.approx((1 / 40 * 39 / 40 / 60) ** 0.5)
    kept = {path.name for path in (tmp_path / job.name / "checkpoints").glob("*.pt")}
    assert kept == {"epoch_1.pt", "epoch_2.pt", "epoch_4.pt"}
    assert seen == sorted(seen)
    assert seen[-1] == 1000


def test_a_job_that_is_done_is_not_trained_again(data, job, stand_in, tmp_path):
    first = OpenClipTrainer(BY_125).train(data, job, tmp_path / job.name)
    stand_in("fail=1")
    assert OpenClipTrainer(BY_125).train(data, job, tmp_path / job.name) == first


def test_epochs_are_rounded_up_to_whole_steps(data, stand_in, tmp_path, job):
    uneven = replace(job, rows=np.arange(260), checkpoints=(260, 520))
    found = OpenClipTrainer(BY_125).train(data, uneven, tmp_path / job.name)
    assert [one.samples_seen for one in found] == [375, 750]


def test_a_failure_is_one_sentence_with_the_last_words_and_the_log(data, job, stand_in, tmp_path):
    stand_in("fail=3")
    with pytest.raises(InputError) as failed:
        OpenClipTrainer(BY_125).train(data, job, tmp_path / job.name)
    log = tmp_path / job.name / "trainer.log"
    assert str(failed.value) == (
        f"open_clip's trainer stopped with status 1: OSError: [Errno 28] No space left on device. Its log is {log}."
    )
    assert "Traceback" in log.read_text()


def test_a_failure_on_a_full_disk_says_so(data, job, stand_in, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=2e6))
    stand_in("fail=3")
    with pytest.raises(
        InputError, match=r"stopped with status 1, with 2 MB free on its disk\. Make space and start again"
    ):
        OpenClipTrainer(BY_125).train(data, job, tmp_path / job.name)


def test_a_run_goes_on_from_its_last_whole_checkpoint(data, job, stand_in, tmp_path):
    stand_in("fail=3")
    with pytest.raises(InputError):
        OpenClipTrainer(BY_125).train(data, job, tmp_path / job.name)
    results = tmp_path / job.name / "checkpoints" / "results.jsonl"
    results.write_text(results.read_text() + '{"imagenet-zero')
    stand_in()
    assert measured(OpenClipTrainer(BY_125).train(data, job, tmp_path / job.name)) == PLANNED
    log = (tmp_path / job.name / "out.log").read_text()
    assert log.count("(epoch 2)") == 1


def test_an_interruption_ends_the_child_and_leaves_its_checkpoints(
    data, job, stand_in, tmp_path, monkeypatch
):
    started = []

    class Noted(subprocess.Popen):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            started.append(self)

    def interrupt(seen):
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "Popen", Noted)
    stand_in("hang=2")
    with pytest.raises(KeyboardInterrupt):
        OpenClipTrainer(BY_125).train(data, job, tmp_path / job.name, interrupt)
    assert started[0].poll() == -9
    assert (tmp_path / job.name / "checkpoints" / "epoch_1.pt").exists()
    stand_in()
    assert measured(OpenClipTrainer(BY_125).train(data, job, tmp_path / job.name)) == PLANNED


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seed": 1}, "arguments"), ({"rows": np.arange(1, 251)}, "pairs"),
        ({"checkpoints": (250, 750, 1000)}, "checkpoints"),
    ],
)  # fmt: skip
def test_another_job_in_the_folder_is_refused(data, job, stand_in, tmp_path, change, named):
    OpenClipTrainer(BY_125).train(data, job, tmp_path / job.name)
    with pytest.raises(InputError, match=f"holds another run: its {named} differ"):
        OpenClipTrainer(BY_125).train(data, replace(job, **change), tmp_path / job.name)


def test_a_run_of_someone_elses_is_refused(data, job, stand_in, tmp_path):
    (tmp_path / job.name).mkdir()
    (tmp_path / job.name / "out.log").write_text("")
    with pytest.raises(InputError, match=r"holds a run of open_clip that has no job\.json"):
        OpenClipTrainer(BY_125).train(data, job, tmp_path / job.name)


def test_checkpoints_within_an_epoch_and_folders_of_another_name_are_refused(data, job, stand_in, tmp_path):
    with pytest.raises(
        InputError, match="a checkpoint at 300 samples is not a whole number of epochs of 250 pairs"
    ):
        OpenClipTrainer(BY_125).train(data, replace(job, checkpoints=(250, 300)), tmp_path / job.name)
    with pytest.raises(InputError, match="names a run after its folder"):
        OpenClipTrainer(BY_125).train(data, job, tmp_path / "elsewhere")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("pairs", "workers", "least"), [(100, 0, 100), (120, 1, 120), (250, 2, 50), (100, 4, 0)]
)
def test_workers_that_could_never_fill_a_batch_are_refused(data, stand_in, tmp_path, pairs, workers, least):
    small = Job("b0-s0", np.arange(pairs), (pairs,), 0)
    with pytest.raises(InputError, match=f"one worker may get only {least}, below a batch of 125"):
        OpenClipTrainer(Settings(batch_size=125, workers=workers)).train(data, small, tmp_path / "b0-s0")
    assert not list(tmp_path.iterdir())


def test_a_job_of_several_tasks_is_not_waited_for(monkeypatch):
    monkeypatch.setenv("SLURM_NTASKS", "8")
    monkeypatch.setenv("WORLD_SIZE", "8")
    assert not {"SLURM_NTASKS", "WORLD_SIZE"} & environment().keys()
    assert environment()["OMP_NUM_THREADS"] == "1"


def test_the_script_calls_what_was_called(data, job, stand_in, tmp_path):
    OpenClipTrainer(Settings(model="ViT-B-32", batch_size=50)).train(data, job, tmp_path / job.name)
    script = tmp_path / job.name / "train.sh"
    subprocess.run(["bash", "-n", script], check=True)
    text = script.read_text()
    assert "--train-data 'b0-s0/shards/{00000..00002}.tar' \\\n" in text
    assert "--model ViT-B-32 \\\n" in text
    assert "--dataset-resampled" not in text


def test_what_is_missing_is_named_with_its_install_line(monkeypatch):
    monkeypatch.setattr(operators, "NEEDED", ("json", "surely_not_installed"))
    with pytest.raises(MissingExtraError) as missing:
        OpenClipTrainer()
    assert str(missing.value) == (
        'Training by open_clip (surely_not_installed is missing) needs an extra: pip install "thresher[open-clip]".'
    )
