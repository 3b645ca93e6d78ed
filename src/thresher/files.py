"""Files and folders: which there are, and how they are written whole or not at all; JSON that says what it is."""

import errno
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from thresher.arguments import argument
from thresher.errors import InputError

HIDDEN = (".",)
OWN = ".thresher-"
"""How names of unfinished files begin; they go on at random."""
LONGEST_SUFFIX = 32
_WRITING_FAILED = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


def is_full_disk(error: OSError) -> bool:
    """Whether writing failed because the disk or the quota is full."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT) or "No space left" in str(error)


def check_readable(path: Path, what: str) -> None:
    """Refuse a path that is not a file one can read.

    Raises:
        InputError: No such file, a folder, or no permission.
    """
    try:
        path.stat()
    except FileNotFoundError as error:
        gone = f"{path} is a link to {path.readlink()}, which is not there" if path.is_symlink() else ""
        raise InputError(f"{gone or f'{path}: no such file'}. Give the path of {what}.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}. Give the path of {what}.") from error
    if path.is_dir():
        raise InputError(f"{path} is a folder; give the path of {what}.")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path} cannot be read: permission denied.")


def walk(
    folder: Path,
    wanted: Callable[[Path], bool],
    *,
    hidden: tuple[str, ...] = HIDDEN,
    passed: Callable[[Path, str], None] | None = None,
) -> list[Path]:
    """The wanted files below a folder, at any depth, sorted; each real file once.

    Links are followed, and no folder is read twice, so links in a circle end. A file or a folder that is reached in
    several ways has the name without a link, if it has one, else the first one.

    Args:
        folder: Where to look.
        wanted: Whether a file of this path is looked for.
        hidden: How the names of files and folders begin that are passed over.
        passed: Told of each link that leads nowhere, device and pipe, and what it is; without it they are refused.

    Raises:
        InputError: A folder cannot be listed, a link leads nowhere, or a wanted name is that of a device or a pipe.
    """
    found: dict[str, Path] = {}
    links: list[Path] = []
    read: set[str] = set()

    def take(path: Path, real: str) -> None:
        if os.path.isfile(real):  # noqa: PTH113 - unlike Path.is_file it never raises
            found.setdefault(real, path)
        elif passed is None:
            raise InputError(f"{path} is a device or a pipe. Give files, or remove it.")
        else:
            passed(path, "a device or a pipe")

    def look_into(top: Path) -> None:
        folders = [top]
        while folders:
            here = folders.pop()
            real = os.path.realpath(here)
            if real in read:
                continue
            read.add(real)
            try:
                with os.scandir(here) as entries:
                    inside = [entry for entry in entries if not entry.name.startswith(hidden)]
            except OSError as error:
                raise InputError(f"{here} cannot be listed: {error.strerror}.") from error
            for entry in inside:
                if entry.is_symlink():
                    links.append(here / entry.name)
                elif entry.is_dir():
                    folders.append(here / entry.name)
                elif wanted(here / entry.name):
                    take(here / entry.name, os.path.join(real, entry.name))  # noqa: PTH118

    look_into(folder)
    while links:  # after all folders proper, so that their own names win
        links.sort(reverse=True)
        link = links.pop()
        if os.path.isdir(link):  # noqa: PTH112 - unlike Path.is_dir it never raises
            look_into(link)
        elif os.path.exists(link):  # noqa: PTH110
            if wanted(link):
                take(link, os.path.realpath(link))
        elif passed is not None:
            passed(link, f"a link to {link.readlink()}, which is not there")
        else:
            raise InputError(
                f"{link} is a link to {link.readlink()}, which is not there. Mend the link, or remove it."
            )
    return sorted(found.values())


def own_name(path: Path) -> Path:
    """A name beside `path`, with its suffix, that nobody can know or have taken."""
    suffix = path.suffix if len(os.fsencode(path.suffix)) <= LONGEST_SUFFIX else ""
    return path.with_name(f"{OWN}{secrets.token_hex(8)}{suffix}")


def make_new(path: Path) -> None:
    """Make an empty file, never through a link and never over anything.

    Raises:
        FileExistsError: There is something of that name.
    """
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))


def check_writable(path: Path) -> None:
    """Refuse a path that cannot become a file.

    Raises:
        InputError: It is a folder, a device or a pipe, its folder does not exist, or its name is too long.
    """
    try:
        there = path.stat() if path.exists() else None
    except OSError as error:
        raise _unwritable(path, error) from error
    if there is not None and path.is_dir():
        raise InputError(f"{path} is a folder; give the path of a file to write.")
    if there is not None and not path.is_file():  # renaming over a device or a pipe would take it away
        raise InputError(f"{path} is a device or a pipe; give the path of a file to write.")
    if not path.parent.is_dir():
        raise InputError(
            f"{path.parent}: no such folder. Make it first, or write elsewhere with {argument('path')}."
        )


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that becomes `path` when the block ends without an error.

    A link of that name is replaced; what it leads to stays as it is.

    Raises:
        InputError: The folder does not exist or cannot be written, or the disk is full.
    """
    check_writable(path)
    temporary = own_name(path)
    try:
        make_new(temporary)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        if not _is_of(error, temporary):  # of something that the block reads
            raise
        raise _unwritable(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def folder_written_whole(folder: Path) -> Iterator[Path]:
    """A temporary folder that becomes `folder` when the block ends without an error, unless another process was first.

    Folders above it are made.

    Raises:
        InputError: It cannot be written, for example for want of space.
    """
    temporary = own_name(folder)
    try:
        try:
            temporary.parent.mkdir(parents=True, exist_ok=True)
            temporary.mkdir()
        except OSError as error:
            raise _unwritable(folder, error) from error
        yield temporary
        try:
            temporary.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    except OSError as error:
        if not _is_of(error, temporary):
            raise
        raise _unwritable(folder, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _is_of(error: OSError, temporary: Path) -> bool:
    """Whether an error is one of writing to `temporary`, or below it."""
    return error.errno in _WRITING_FAILED or is_full_disk(error) or temporary.name in str(error)


def _unwritable(path: Path, error: OSError) -> InputError:
    return InputError(f"{path} cannot be written: {error.strerror or error}.")


@contextmanager
def locked(path: Path, busy: str) -> Iterator[None]:
    """Hold the lock that a file stands for; the system lets go of it however the process ends.

    Args:
        path: The file, made if there is none, and left.
        busy: What to say where another process holds the lock.

    Raises:
        InputError: Another process holds it, or the file is a link.
        OSError: The file cannot be opened.
    """
    from filelock import FileLock, Timeout

    if path.is_symlink():
        raise InputError(f"{path} is a link, so it is no lock of thresher's. Remove it, or write elsewhere.")
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise InputError(busy) from error
    try:
        yield
    finally:
        lock.release()


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8, whole or not at all.

    Raises:
        InputError: The path cannot be written.
    """
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, kind: str, version: int, content: Mapping[str, Any]) -> None:
    """Write `content` as JSON that opens with its format and version.

    Raises:
        InputError: The path cannot be written.
    """
    document = {"format": f"thresher-{kind}", "version": version, **content}
    write_text(path, json.dumps(document, allow_nan=False, separators=(",", ":")) + "\n")
