"""Files and folders that are written whole or not at all, and JSON that says what it is."""

import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from thresher.errors import InputError


def check_readable(path: Path, what: str) -> None:
    """Refuse a path that is not a file one can read.

    Raises:
        InputError: No such file, a folder, or no permission.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file. Give the path of {what}.")
    if path.is_dir():
        raise InputError(f"{path} is a folder; give the path of {what}.")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path} cannot be read: permission denied.")


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that becomes `path` when the block ends without an error.

    Raises:
        InputError: The folder does not exist or cannot be written, or the disk is full.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder; give the path of a file to write.")
    if path.exists() and not path.is_file():  # renaming over a device or a pipe would take it away
        raise InputError(f"{path} is a device or a pipe; give the path of a file to write.")
    if not path.parent.is_dir():
        raise InputError(f"{path.parent}: no such folder. Make it first, or write elsewhere with -o.")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def folder_written_whole(folder: Path) -> Iterator[Path]:
    """A temporary folder that becomes `folder` when the block ends without an error, unless another process was first.

    Folders above it are made.

    Raises:
        InputError: It cannot be written, for example for want of space.
    """
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.tmp")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        try:
            temporary.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


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
