"""open_clip's own trainer on pairs drawn in the test: what the laboratory measures is what its logs say."""

import shlex
import subprocess
from importlib.util import find_spec

import numpy as np
import pytest

from thresher.cli.app import run
from thresher.errors import InputError
from thresher.lab.jobs import Job
from thresher.lab.open_clip import OpenClipTrainer
from thresher.lab.open_clip.child import environment
from thresher.lab.open_clip.command import Settings, child_command, trainer_arguments
from thresher.lab.open_clip.operators import NEEDED
from thresher.lab.open_clip.shards import shards_of
from thresher.pilots.design import PilotRun
from thresher.pilots.launch import Trainer, train_arguments
from thresher.runs import read_runs

MISSING = [name for name in NEEDED if find_spec(name) is None]
pytestmark = pytest.mark.skipif(
    bool(MISSING),
    reason=f'open_clip is not installed ({", ".join(MISSING)} missing): pip install "thresher[open-clip]"',
)
QUICK = Settings(batch_size=25, warmup=5)
JOB = Job("b0-s0", np.arange(250), (250, 500, 1000), 0)


def test_every_flag_that_is_written_for_open_clip_is_one_of_its_own():
    from open_clip_train.params import parse_args

    ours = parse_args(trainer_arguments(JOB, shards_of("b0-s0/shards", 250), "images", (1, 2, 4), QUICK))
    assert (ours.lr_scheduler, ours.dataset_resampled, ours.epochs, ours.resume) == (
        "const",
        False,
        4,
        "latest",
    )
    run = PilotRun("b0-s0", ("b0",), 1000, (2, 4, 8), "constant", 0)
    pilots = parse_args(shlex.split(" ".join(train_arguments(run, Trainer()))))
    assert (pilots.lr_scheduler, pilots.dataset_resampled, pilots.epochs, pilots.resume) == (
        "const",
        True,
        8,
        "latest",
    )


def test_a_run_that_was_interrupted_goes_on_and_is_imported_as_it_was_measured(data, tmp_path):
    def interrupt(seen):
        if seen > 500:
            raise KeyboardInterrupt

    folder = tmp_path / JOB.name
    with pytest.raises(KeyboardInterrupt):
        OpenClipTrainer(QUICK).train(data, JOB, folder, interrupt)
    found = OpenClipTrainer(QUICK).train(data, JOB, folder)
    assert "=> resuming checkpoint" in (folder / "out.log").read_text()
    assert [one.samples_seen for one in found] == [250, 500, 1000]
    assert found[-1].error < 0.7  # of six classes; chance is 5/6
    assert {path.name for path in (folder / "checkpoints").glob("*.pt")} == {
        "epoch_1.pt", "epoch_2.pt", "epoch_4.pt",
    }  # fmt: skip

    table = tmp_path / "runs.csv"
    command = ["runs", "import", str(folder), "--pool", "b0", "--unique-samples", "250", "-o", str(table)]
    assert run([*command, "--quiet"]) == 0
    rows = {row.samples_seen: row for row in read_runs(table).rows}
    assert set(rows) == {250, 500, 750, 1000}
    for one in found:
        row = rows[one.samples_seen]
        assert row.error == pytest.approx(one.error, abs=1e-9)
        assert (row.run, row.model, row.schedule, row.exposure) == (
            "b0-s0",
            "icon-clip",
            "constant",
            "epochs",
        )


def test_a_model_that_open_clip_does_not_know_is_one_sentence(data, tmp_path):
    with pytest.raises(InputError, match=r"stopped with status 1: .*ViT-Z-1.*Its log is .*trainer\.log\.$"):
        OpenClipTrainer(Settings(model="ViT-Z-1")).train(data, JOB, tmp_path / JOB.name)


def test_the_trainer_ends_when_its_parent_is_gone(tmp_path):
    synthetic = ["--dataset-type", "synthetic", "--train-num-samples", "1000000", "--model", "icon-clip"]
    command = child_command(
        "classes.json", [*synthetic, "--epochs", "1", "--logs", "none", "--precision", "fp32"]
    )
    (tmp_path / "classes.json").write_text('{"classes": [], "templates": []}')
    child = subprocess.Popen(
        command, cwd=tmp_path, env=environment(), stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert any("Train Epoch" in line for line in child.stderr)
    child.stdin.close()  # as when the process that holds it is killed
    assert child.wait(timeout=20) == 1
    child.stderr.close()
