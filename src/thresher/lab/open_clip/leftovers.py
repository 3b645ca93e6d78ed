"""What an interrupted run left in a job's folder: whether it is ours, and what of it is half-written."""

import hashlib
import re
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from thresher.errors import InputError
from thresher.files import write_json
from thresher.lab.jobs import Job
from thresher.lab.pairs import Pairs
from thresher.runs.open_clip import OUT, RESULTS
from thresher.stored import read_stored

JOB, JOB_VERSION = "job.json", 1
CHECKPOINTS = "checkpoints"
_EPOCH = re.compile(r"epoch_(\d+)\.pt")


def claim(folder: Path, job: Job, pairs: Pairs, arguments: Sequence[str]) -> bool:
    """Whether the folder holds an earlier attempt at this very job.

    Raises:
        InputError: It holds another job, or a run that thresher did not start.
    """
    marker = folder / JOB
    if not marker.exists():
        if (folder / OUT).exists():
            raise InputError(
                f"{folder} holds a run of open_clip that has no {JOB}; remove it or train elsewhere."
            )
        return False
    from thresher.lab.lab_model import SavedJob

    remedy = f"remove {folder}, and that run is done again"
    found = read_stored(
        marker, SavedJob, "lab-job", JOB_VERSION, "thresher lab run", remedy=remedy
    ).model_dump()
    different = [name for name, value in _content(job, pairs, arguments).items() if found.get(name) != value]
    if different:
        raise InputError(
            f"{folder} holds another run: its {' and '.join(different)} differ from what {job.name} has now. Remove it or "
            "train elsewhere."
        )
    return True


def mark(folder: Path, job: Job, pairs: Pairs, arguments: Sequence[str]) -> None:
    """Say in the folder which job it holds.

    Raises:
        InputError: It cannot be written.
    """
    write_json(folder / JOB, "lab-job", JOB_VERSION, _content(job, pairs, arguments))


def remove_half_written(folder: Path) -> None:
    """Remove checkpoints that are not whole, and a line of results that has no end."""
    for path in _checkpoints(folder).values():
        if not zipfile.is_zipfile(path):  # its directory is written last
            path.unlink()
    results = folder / CHECKPOINTS / RESULTS
    if results.exists():
        text = results.read_bytes()
        whole = text[: text.rfind(b"\n") + 1]
        if whole != text:
            results.write_bytes(whole)


def keep_checkpoints(folder: Path, planned: Iterable[int], newest: int) -> None:
    """Remove checkpoints that were not planned, but for the newest few, from which a run can go on."""
    found = _checkpoints(folder)
    spared = {*planned, *(sorted(found)[-newest:] if newest else ())}
    for epoch, path in found.items():
        if epoch not in spared:
            path.unlink(missing_ok=True)


def _content(job: Job, pairs: Pairs, arguments: Sequence[str]) -> dict[str, object]:
    ids = hashlib.md5("\n".join(pairs.ids).encode()).hexdigest()
    return {"pairs": ids, "checkpoints": list(job.checkpoints), "arguments": list(arguments)}


def _checkpoints(folder: Path) -> dict[int, Path]:
    found = ((_EPOCH.fullmatch(path.name), path) for path in (folder / CHECKPOINTS).glob("*.pt"))
    return {int(match[1]): path for match, path in found if match}
