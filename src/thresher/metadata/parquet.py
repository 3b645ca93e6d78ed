"""Parquet files, local or behind a URL: which there are, whether they changed, and what is wrong with them."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from thresher.errors import FileFormatError, InputError, MissingExtraError
from thresher.files import walk

HIDDEN = (".", "_")
"""How the names of files and folders begin that are no data: those of unfinished jobs, and of what writers keep beside."""
LOCAL_SCHEMES = ("file://", "local://")
FOOTER_END = 8
"""Bytes after a Parquet footer: its length and a mark."""


@dataclass(frozen=True)
class InputFile:
    """One Parquet file as it was when the work began.

    Attributes:
        path: A local path, or a URL for fsspec.
        size: Bytes.
        stamp: Time of change in nanoseconds; for a URL its etag or date.
        rows: Rows.
        row_groups: Rows of each row group, in order.
        footer: A digest of the Parquet footer, which tells of every column's pages and their statistics; it stays the same
            when a file is copied or touched. Empty behind a URL.
    """

    path: str
    size: int
    stamp: str
    rows: int
    row_groups: tuple[int, ...]
    footer: str = field(default="", compare=False)

    def check_unchanged(self) -> None:
        """Refuse to go on with a file that is no longer the one described here.

        Raises:
            InputError: The file is gone or was changed.
        """
        try:
            now = file_stamp(self.path)
        except OSError as error:
            raise InputError(
                f"{self.path} vanished while it was being read; run the command again."
            ) from error
        if now != (self.size, self.stamp):
            raise InputError(
                f"{self.path} changed while it was being read, so counts no longer fit; run the command again."
            )


def list_files(paths: Sequence[str | Path]) -> list[str]:
    """Every Parquet file under the paths, each real file once, sorted.

    Names are names: no character in them is a wildcard. Links are followed.

    Raises:
        InputError: A path that does not exist, none that holds Parquet files, or a link that leads nowhere.
    """
    found: dict[str, str] = {}
    for given in map(str, paths):
        if given.startswith(LOCAL_SCHEMES):
            given = given.split("://", 1)[1]
        if "://" in given:
            found.update((url, url) for url in _list_url(given))
            continue
        path = Path(given)
        _check_there(path)
        files = walk(path, is_parquet, hidden=HIDDEN) if path.is_dir() else [path]
        if not files:
            raise InputError(f"{given} holds no .parquet files at any depth.")
        for file in files:
            _check_name(file)
            found.setdefault(os.path.realpath(file), str(file))
    return sorted(found.values())


def is_parquet(path: Path | str) -> bool:
    """Whether a file's name says that it is Parquet."""
    return str(path).lower().endswith(".parquet")


def _check_there(path: Path) -> None:
    wanted = "Give the metadata's Parquet files or their folder."
    try:
        path.stat()
    except FileNotFoundError as error:
        if path.is_symlink():
            raise InputError(
                f"{path} is a link to {path.readlink()}, which is not there. {wanted}"
            ) from error
        raise InputError(f"{path}: no such file or folder. {wanted}") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}. {wanted}") from error


def _check_name(path: Path) -> None:
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{str(path)!r} is no UTF-8, which Parquet readers need. Rename it.") from error


def lasting_path(path: str) -> str:
    """A path or URL as it is known from any folder."""
    return path if "://" in path else os.path.abspath(path)  # noqa: PTH100 - links stay as they are


def _list_url(url: str) -> list[str]:
    system, path = _url(url)
    scheme = url.split("://", 1)[0]
    try:
        files = [path] if system.isfile(path) else _below(system.find(path), path)
    except OSError as error:
        raise InputError(f"{url} cannot be listed: {error}.") from error
    if not files:
        raise InputError(f"{url} holds no .parquet files at any depth.")
    return [p if p.startswith(f"{scheme}://") else f"{scheme}://{p}" for p in files]


def _below(found: Sequence[str], root: str) -> list[str]:
    """The Parquet files among what a file system found below a folder."""
    parts = ((p, p.removeprefix(root).strip("/").split("/")) for p in found if is_parquet(p))
    return [p for p, names in parts if not any(name.startswith(HIDDEN) for name in names)]


def _url(url: str) -> tuple[Any, str]:
    try:
        import fsspec  # type: ignore[import-untyped, unused-ignore]

        system, path = fsspec.core.url_to_fs(url)
    except ImportError as error:
        raise MissingExtraError(f"Reading {url.split('://', 1)[0]}:// URLs", "cloud") from error
    except (ValueError, OSError) as error:
        raise InputError(f"{url} cannot be opened: {error}.") from error
    return system, path


def file_stamp(path: str) -> tuple[int, str]:
    """Size and time of change of a file; for a URL its etag or date."""
    if "://" not in path:
        found = Path(path).stat()
        return found.st_size, str(found.st_mtime_ns)
    system, inner = _url(path)
    system.invalidate_cache()
    info = system.info(inner)
    stamp = next((info[k] for k in ("ETag", "etag", "LastModified", "mtime", "created") if info.get(k)), "")
    return int(info["size"]), str(stamp)


def footer_digest(path: str) -> str:
    """A digest of a Parquet file's footer, the same for every copy of the file; empty behind a URL, whose stamp lasts.

    Raises:
        InputError: The file cannot be read.
    """
    if "://" in path:
        return ""
    try:
        with Path(path).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - FOOTER_END))
            length = int.from_bytes(file.read(FOOTER_END)[:4], "little")
            file.seek(max(0, size - FOOTER_END - length))
            return hashlib.sha256(file.read(length + FOOTER_END)).hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error


@contextmanager
def open_parquet(path: str) -> Iterator[Any]:
    """An open Parquet file that streams its columns; what is wrong with it becomes one sentence.

    Raises:
        FileFormatError: The file is not Parquet, truncated or corrupted; also when reading it shows so later.
        InputError: The file cannot be opened.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    source = None
    try:
        if "://" in path:
            system, inner = _url(path)
            source = system.open(inner, "rb")
        # Not memory-mapped: a file cut short while mapped kills the process.
        with pq.ParquetFile(
            source or path, pre_buffer=False, buffer_size=1 << 20, page_checksum_verification=True
        ) as parquet:
            yield parquet
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise FileFormatError(_broken(path, error)) from error
    except OSError as error:
        if isinstance(error, FileNotFoundError | PermissionError):
            raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
        raise FileFormatError(_broken(path, error)) from error
    finally:
        if source is not None:
            source.close()


def _broken(path: str, error: Exception) -> str:
    first = str(error).strip().splitlines()[0][:160] if str(error).strip() else type(error).__name__
    return f"{path} is not whole Parquet ({first.rstrip('.')}). Fetch or write this file again; no output was written."
