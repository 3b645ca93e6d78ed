"""The folder where long work keeps what is finished, so that a killed command goes on where it was."""

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thresher.arguments import argument
from thresher.errors import FileFormatError, InputError, LostEngineError
from thresher.files import OWN, is_full_disk, locked, make_new, own_name
from thresher.stored import DamageError, checked, load_json

DIGEST = "sha256"
"""The key of the digest of all other keys."""

MARK, LOCK, INSIDE = "thresher.json", "lock", "work"
"""All that a work folder holds: whose it is, its lock, and the folder of everything else."""
LONGEST_NAME = 255
"""Bytes of a file's name."""


@dataclass(frozen=True)
class WorkFolder:
    """A folder for one job; a file in it is either whole or has a temporary name.

    Attributes:
        path: Where the job's own files lie, and nobody else's.
        mark: The file that remembers what lies outside; None for a part of another work folder.
    """

    path: Path
    mark: Path | None = None

    @property
    def disk(self) -> Path:
        """The folder that the user knows, on whose disk the work lies."""
        return self.path.parent if self.mark is None else self.mark.parent.parent

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

    def beside(self, what: str, output: Path, *, folder: bool = False) -> Path:
        """What grows beside `output` until it is whole: made under a name that nobody can guess, the same when resumed.

        Args:
            what: Tells several of them apart.
            output: What it will become.
            folder: Make a folder instead of a file.
        """
        if self.mark is None:
            raise RuntimeError("a part of a work folder has nothing outside of it")
        if (known := self.known(what)) is not None and known.parent == output.absolute().parent:
            return known
        made = own_name(output.absolute())
        marked = _read_mark(self.mark) or {"beside": {}}
        _write_mark(self.mark, marked | {"beside": marked["beside"] | {what: str(made)}})
        if folder:
            made.mkdir()
        else:
            make_new(made)
        return made

    def known(self, what: str) -> Path | None:
        """What `beside` made, by this command or an earlier one, if it is still there."""
        marked = (_read_mark(self.mark) if self.mark is not None else None) or {"beside": {}}
        path = Path(marked["beside"].get(what, ""))
        return path if what in marked["beside"] and _is_plain(path) else None

    def empty(self) -> None:
        """Delete everything that was made for the job, inside and beside; nothing else."""
        if self.mark is not None:
            for what in (_read_mark(self.mark) or {"beside": {}})["beside"]:
                path = self.known(what)
                if path is not None and path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                elif path is not None:
                    path.unlink(missing_ok=True)
            for left in self.mark.parent.glob(f"{OWN}*"):  # by a kill while the mark was written
                left.unlink()
        shutil.rmtree(self.path, ignore_errors=True)

    def remove(self) -> None:
        """Delete the folder and what was made for the job; files of others in it stay, and so does the folder then."""
        self.empty()
        if self.mark is not None:
            for path in (self.mark, self.mark.with_name(LOCK)):
                path.unlink(missing_ok=True)
            with suppress(OSError):
                self.mark.parent.rmdir()


def damaged_work(path: Path, error: DamageError) -> FileFormatError:
    """The error for unfinished work that cannot be gone on from; `work_folder` then removes it all."""
    return FileFormatError(
        f"{path} is damaged: {error}. This unfinished work is removed now; run the command again, which begins anew."
    )


def fingerprint(job: Mapping[str, Any]) -> str:
    """A digest of everything that decides the result of a job."""
    return hashlib.sha256(json.dumps(job, sort_keys=True, default=str).encode()).hexdigest()


def work_path(output: Path, spill: Path | None = None) -> Path:
    """Where the work of a command lies, the same each time it is run: beside its output, or in `spill`.

    Raises:
        InputError: There is no folder `spill`.
    """
    name = output.name
    if spill is not None:
        if not spill.is_dir():
            raise InputError(f"{spill}: no such folder. Give an existing one with {argument('spill')}.")
        name = f"{name}.{fingerprint({'output': str(output.absolute())})[:12]}"
    if len(os.fsencode(f".{name}.thresher")) > LONGEST_NAME:
        name = fingerprint({"output": name})[:32]
    return (spill if spill is not None else output.parent) / f".{name}.thresher"


@contextmanager
def work_folder(path: Path, job: Mapping[str, Any]) -> Iterator[WorkFolder]:
    """The work folder of a job, with what an earlier, killed run of the same job left there.

    Work of another job is removed. The folder stays after an interruption, a kill or a lost engine, to go on from, and goes
    away with success or any other error. Two commands never share one. Only folders that this user's commands made are
    used: in a shared folder anybody can make one of that name.

    Raises:
        InputError: The folder cannot be made or is not ours, the disk is full, or another command is using the folder.
    """
    _make_or_check(path)
    folder = WorkFolder(path / INSIDE, path / MARK)
    keep = False
    try:
        with locked(path / LOCK, f"Another thresher command is writing in {path}; wait for it, or stop it."):
            try:
                _take_over(folder, path / MARK, fingerprint(job))
                yield folder
            except (KeyboardInterrupt, LostEngineError):
                keep = job.get("once") is None  # else no later command can prove that it reads the same rows
                raise
            finally:
                if not keep:
                    folder.remove()
    except OSError as error:
        if is_full_disk(error):
            raise InputError(
                f"The disk of {path.parent} is full; nothing was written. Free some space, "
                f"or give another folder with {argument('spill')}."
            ) from error
        if str(path) in str(error):
            raise InputError(f"{path} cannot be written: {error.strerror or error}.") from error
        raise


def _make_or_check(path: Path) -> None:
    """Make a folder that only this user can read or write, or make sure that it is one."""
    try:
        path.mkdir(mode=0o700)
        return
    except FileExistsError:
        pass
    except OSError as error:
        raise InputError(f"{path.parent} cannot be written: {error.strerror or error}.") from error
    remedy = f"Unfinished work is kept there: remove it, or give another folder with {argument('spill')}."
    there = path.lstat()
    if not stat.S_ISDIR(there.st_mode):
        raise InputError(f"{path} is {'a link' if path.is_symlink() else 'no folder'}. {remedy}")
    if os.name == "posix" and (there.st_uid != os.geteuid() or there.st_mode & 0o022):
        raise InputError(f"{path} belongs to other users, or they can write in it. {remedy}")
    others = sorted(one.name for one in path.iterdir() if one.name != LOCK and not one.name.startswith(OWN))
    if others and _read_mark(path / MARK) is None:
        raise InputError(f"{path} holds files of something else ({others[0]}). {remedy}")


def _is_plain(path: Path) -> bool:
    """Whether there is a file or a folder, and no link."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)


def _read_mark(mark: Path) -> dict[str, Any] | None:
    """What a work folder says of itself; None where it is no work folder's."""
    try:
        with open(os.open(mark, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), encoding="utf-8") as file:  # noqa: PTH123
            found = json.load(file)
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not isinstance(found.get("beside"), dict):
        return None
    names = found["beside"].values()
    whole = all(isinstance(one, str) and Path(one).name.startswith(OWN) for one in names)
    return found if whole else None


def _write_mark(mark: Path, content: Mapping[str, Any]) -> None:
    temporary = own_name(mark)
    try:
        with temporary.open("x", encoding="utf-8") as file:
            json.dump(content, file)
        temporary.replace(mark)
    finally:
        temporary.unlink(missing_ok=True)


def _take_over(folder: WorkFolder, path: Path, mark: str) -> None:
    """Go on with the work in a folder if it is of this job, else remove it."""
    found = _read_mark(path)
    if found is None or found.get("job") != mark:
        folder.empty()
        _write_mark(path, {"job": mark, "beside": {}})
    if folder.path.is_symlink():
        raise InputError(f"{folder.path} is a link, which no thresher command made. Remove it.")
    folder.path.mkdir(mode=0o700, exist_ok=True)
    for part in folder.path.glob("*.part"):
        part.unlink()


def free_bytes(path: Path) -> int:
    """Bytes free on the disk of `path`, for this user."""
    return shutil.disk_usage(path).free
