"""The trainer's process: started, followed by its log, ended with us, and asked why it failed."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import thresher
from thresher.errors import InputError, MissingExtraError
from thresher.lab.open_clip.operators import EXIT_MISSING_EXTRA
from thresher.runs.open_clip import OUT

TRAINER_LOG = "trainer.log"
"""What the process prints, its last words among it; out.log is open_clip's own."""
POLL_SECONDS = 0.25
LEAST_SPACE = 100 * 2**20
"""Bytes free on a disk below which a failure is put down to it: a checkpoint takes 43 MB."""
OF_MANY_TASKS = ("SLURM_", "OMPI_", "PMI_", "MPI_LOCAL", "WORLD_SIZE", "RANK", "LOCAL_RANK")
"""Variables from which open_clip takes it that it is one of several processes."""
_STEP = re.compile(rb"Train Epoch: (\d+) \[\s*(\d+)/(\d+) ")


def run_child(
    command: Sequence[str], folder: Path, progress: Callable[[int], None], tidy: Callable[[], None]
) -> None:
    """Run the trainer beside a job's folder until it ends; it is killed if we are interrupted.

    Args:
        command: What to run, in the folder above `folder`.
        folder: Of the job; what the process prints goes there, and open_clip's log is there.
        progress: Called with samples seen, which that log tells.
        tidy: Called now and then while it trains.

    Raises:
        InputError: It failed; the sentence has its last words.
        MissingExtraError: It cannot import open_clip.
    """
    log = folder / TRAINER_LOG
    follow = _follower(folder / OUT, progress)
    with (
        log.open("ab") as printed,
        subprocess.Popen(
            command,
            cwd=folder.parent,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=printed,
            stderr=printed,
        ) as child,
    ):
        try:
            while True:
                try:
                    status = child.wait(timeout=POLL_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    follow()
                    tidy()
        finally:
            child.kill()  # nothing, where it has ended
    follow()
    if status == EXIT_MISSING_EXTRA:
        raise MissingExtraError("Training by open_clip", "open-clip")
    if status:
        raise InputError(f"open_clip's trainer {_ending(status)}{_reason(log)} Its log is {log}.")


def environment() -> dict[str, str]:
    """Our own, for one thread and this very thresher, alone: in a job of several tasks open_clip would wait for the others."""
    here = str(Path(thresher.__file__).parents[1])
    paths = os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))
    alone = {name: value for name, value in os.environ.items() if not name.startswith(OF_MANY_TASKS)}
    return {**alone, "OMP_NUM_THREADS": "1", "PYTHONPATH": paths}


def _follower(path: Path, progress: Callable[[int], None]) -> Callable[[], None]:
    """Something that reads what a log has gained since the last time."""
    at = path.stat().st_size if path.exists() else 0

    def follow() -> None:
        nonlocal at
        if not path.exists():
            return
        with path.open("rb") as log:
            log.seek(at)
            found = log.read()
        whole = found[: found.rfind(b"\n") + 1]
        at += len(whole)
        steps = _STEP.findall(whole)
        if steps:
            epoch, samples, each = map(int, steps[-1])
            progress(epoch * each + samples)

    return follow


def _ending(status: int) -> str:
    return f"was ended by signal {-status}" if status < 0 else f"stopped with status {status}"


def _reason(log: Path) -> str:
    """What the process said last; on a full disk that is cut off, and the disk is the reason."""
    free = shutil.disk_usage(log.parent).free
    if free < LEAST_SPACE:
        space = f"{free / 1e6:.0f} MB free on its disk"
        return f", with {space}. Make space and start again; it goes on from its last whole checkpoint."
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return f": {lines[-1].strip().rstrip('.') if lines else 'it said nothing'}."
