import os
import shutil
import subprocess

import pytest

from thresher.pilots.design import PilotRun
from thresher.pilots.launch import Trainer, datacomp_script, open_clip_script, slurm_script

RUNS = (
    PilotRun("b0-s0", ("b0",), 1000, (2, 4, 8), "constant", 0),
    PilotRun("b0+b1-s0", ("b0", "b1"), 2000, (3,), "finished", 5),
)
pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="launch files are bash scripts")


def launched(tmp_path, text, arguments=(), **variables):
    """The commands that a script runs, with programs that only print how they were called."""
    for pool in ("b0", "b1"):
        (tmp_path / "shards" / pool).mkdir(parents=True, exist_ok=True)
        for number in range(3):
            (tmp_path / "shards" / pool / f"{number:08d}.tar").touch()
    programs = tmp_path / "bin"
    programs.mkdir(exist_ok=True)
    for name in ("torchrun", "python"):
        (programs / name).write_text(f'#!/bin/sh\necho {name} "$@"\n')
        (programs / name).chmod(0o755)
    script = tmp_path / "launch.sh"
    script.write_text(text)
    done = subprocess.run(
        ["bash", str(script), *arguments], check=False, capture_output=True, text=True, cwd=tmp_path,
        env={"PATH": f"{programs}:{os.environ['PATH']}", "SHARDS": "shards", **variables},
    )  # fmt: skip
    return done.returncode, done.stdout.splitlines(), done.stderr


def test_open_clip_trains_every_run_with_an_epoch_a_pass(tmp_path):
    status, lines, _ = launched(tmp_path, open_clip_script(RUNS, Trainer()), IMAGENET="/data/val")
    assert status == 0
    single, joint = lines
    assert "--train-data shards/b0/{00000000..00000002}.tar " in single
    assert "--train-num-samples 1000 --epochs 8 --lr-scheduler const " in single
    assert "--save-frequency 2 " in single
    assert "--zeroshot-frequency 2 --imagenet-val /data/val" in single
    assert "--batch-size 512" in single
    assert "--dataset-resampled" in single
    assert "--train-data shards/b0/{00000000..00000002}.tar::shards/b1/{00000000..00000002}.tar " in joint
    assert "--epochs 3 --lr-scheduler cosine" in joint
    assert "--seed 5" in joint
    assert all("--resume latest" in line for line in lines)  # `pilot collect` counts on it


def test_one_run_can_be_launched_alone_and_an_unknown_one_is_refused(tmp_path):
    text = open_clip_script(RUNS, Trainer(exposure="epochs"))
    status, lines, _ = launched(tmp_path, text, ["b0+b1-s0"], IMAGENET="x")
    assert (status, len(lines)) == (0, 1)
    assert "--dataset-resampled" not in lines[0]
    status, _, errors = launched(tmp_path, text, ["b7"], IMAGENET="x")
    assert (status, errors.strip()) == (2, "there is no run b7")


def test_datacomp_evaluates_every_planned_checkpoint(tmp_path):
    status, lines, _ = launched(tmp_path, datacomp_script(RUNS, Trainer()), ["b0-s0"])
    assert status == 0
    assert lines[0].startswith("torchrun --nproc_per_node 8 -m open_clip_train.main")
    assert [line.split("--use_model ")[1] for line in lines[1:]] == [
        f"ViT-B-32 logs/b0-s0/checkpoints/epoch_{epoch}.pt" for epoch in (2, 4, 8)
    ]
    assert "--output_dir evals/b0-s0/epoch_4 " in lines[2]
    status, lines, _ = launched(tmp_path, datacomp_script(RUNS, Trainer()), ["evaluate", "b0-s0", "4"])
    assert (status, len(lines)) == (0, 1)


def test_slurm_has_a_job_a_run(tmp_path):
    text = slurm_script(RUNS, Trainer(gpus=4))
    assert "#SBATCH --array=0-1\n" in text
    assert "#SBATCH --gres=gpu:4\n" in text
    (tmp_path / "open_clip.sh").write_text('echo "launched $@"\n')
    status, lines, _ = launched(tmp_path, text, SLURM_ARRAY_TASK_ID="1")
    assert (status, lines) == (0, ["launched b0+b1-s0"])
