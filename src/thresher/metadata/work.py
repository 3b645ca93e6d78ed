"""The folder where long work keeps what is finished, so that a killed command goes on where it was."""

import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thresher.errors import FileFormatError, InputError, LostEngineError
from thresher.stored import DamageError, checked, load_json

DIGEST = "sha256"
"""The key of the digest of all other keys."""


def is_full_disk(error: OSError) -> bool:
    """Whether writing failed because the disk or the quota is full."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT) or "No space left" in str(error)


@dataclass(frozen=True)
class WorkFolder:
    """A folder for one job; a file in it is either whole or has a temporary name."""

    path: Path

    def file(self, name: str) -> Path:
        """The path of `name` in the folder."""
        return self.path / name

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """A temporary path that becomes `name` when the block ends without an error."""
        temporary = self.path / f"{name}.part"
        yield temporary
        temporary.replace(self.path / name)

    def put(self, name: str, content: Mapping[str, Any]) -> None:
        """Keep a small JSON object under `name`, with a digest of it."""
        with self.writing(name) as path:
            path.write_text(json.dumps({**content, DIGEST: fingerprint(content)}))

    def get(self, name: str, kind: str) -> dict[str, Any] | None:
        """The JSON object kept under `name`, or None.

        Args:
            name: Of the file.
            kind: What it must hold; a name in `work_model.SCHEMAS`.

        Raises:
            FileFormatError: It holds something else.
        """
        path = self.path / name
        if not path.exists():
            return None
        from thresher.metadata.work_model import SCHEMAS

        try:
            found = load_json(path, "unfinished work")
            if not isinstance(found, dict) or found.pop(DIGEST, None) != fingerprint(found):
                raise DamageError("it is not what was written")
            return checked(found, SCHEMAS[kind]).model_dump()
        except DamageError as error:
            raise damaged_work(path, error) from error

    def bytes(self) -> int:
        """Bytes in the folder."""
        return sum(p.stat().st_size for p in self.path.iterdir() if p.is_file())

    def remove(self) -> None:
        """Delete the folder and all in it."""
        shutil.rmtree(self.path, ignore_errors=True)


def damaged_work(path: Path, error: DamageError) -> FileFormatError:
    """The error for unfinished work that cannot be gone on from; `work_folder` then removes it all."""
    return FileFormatError(
        f"{path} is damaged: {error}. This unfinished work is removed now; run the command again, which begins anew."
    )


def fingerprint(job: Mapping[str, Any]) -> str:
    """A digest of everything that decides the result of a job."""
    return hashlib.sha256(json.dumps(job, sort_keys=True, default=str).encode()).hexdigest()


@contextmanager
def work_folder(path: Path, job: Mapping[str, Any]) -> Iterator[WorkFolder]:
    """The work folder of a job, with what an earlier, killed run of the same job left there.

    A folder of another job is emptied. It stays after an interruption, a kill or a lost engine, to go on from, and goes
    away with success or any other error. Two commands never share one.

    Raises:
        InputError: The folder cannot be made, the disk is full, or another command is using the folder.
    """
    mark = fingerprint(job)
    try:
        path.mkdir(exist_ok=True)
        lock = (path / "lock").open("w")
    except OSError as error:
        raise InputError(f"{path.parent} cannot be written: {error.strerror or error}.") from error
    folder = WorkFolder(path)
    keep = False
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InputError(
                f"Another thresher command is writing in {path}; wait for it, or stop it."
            ) from error
        try:
            _take_over(folder, mark)
            yield folder
        except (KeyboardInterrupt, LostEngineError):
            keep = job.get("once") is None  # else no later command can prove that it reads the same rows
            raise
        except OSError as error:
            if is_full_disk(error):
                raise InputError(
                    f"The disk of {path.parent} is full; nothing was written. Free some space, "
                    "or give another folder with --spill."
                ) from error
            raise
        finally:
            if not keep:
                folder.remove()


def _take_over(folder: WorkFolder, mark: str) -> None:
    found = folder.get("job.json", "job")
    if found is None or found.get("fingerprint") != mark:
        for path in folder.path.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != "lock":
                path.unlink()
        folder.put("job.json", {"fingerprint": mark})
    for path in folder.path.glob("*.part"):
        path.unlink()


def free_bytes(path: Path) -> int:
    """Bytes free on the disk of `path`, for this user."""
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize
