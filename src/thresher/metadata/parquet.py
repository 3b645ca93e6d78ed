"""Parquet files, local or behind a URL: which there are, whether they changed, and what is wrong with them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thresher.errors import FileFormatError, InputError, MissingExtraError


@dataclass(frozen=True)
class InputFile:
    """One Parquet file as it was when the work began.

    Attributes:
        path: A local path, or a URL for fsspec.
        size: Bytes.
        stamp: Time of change in nanoseconds; for a URL its etag or date.
        rows: Rows.
        row_groups: Rows of each row group, in order.
    """

    path: str
    size: int
    stamp: str
    rows: int
    row_groups: tuple[int, ...]

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
    """Every Parquet file under the paths, once, sorted.

    Raises:
        InputError: A path that does not exist, or none that holds Parquet files.
    """
    found: set[str] = set()
    for given in map(str, paths):
        if "://" in given:
            found.update(_list_url(given))
            continue
        path = Path(given)
        if not path.exists():
            raise InputError(
                f"{given}: no such file or folder. Give the metadata's Parquet files or their folder."
            )
        inside = path.rglob("*.parquet") if path.is_dir() else [path]
        files = [str(p) for p in inside if p.is_file() and not _hidden(p, path)]
        if not files:
            raise InputError(f"{given} holds no .parquet files at any depth.")
        found.update(files)
    return sorted(found)


def _hidden(path: Path, root: Path) -> bool:
    return path != root and any(part.startswith((".", "_")) for part in path.relative_to(root).parts)


def _list_url(url: str) -> list[str]:
    system, path = _url(url)
    scheme = url.split("://", 1)[0]
    try:
        files = [path] if system.isfile(path) else [p for p in system.find(path) if p.endswith(".parquet")]
    except OSError as error:
        raise InputError(f"{url} cannot be listed: {error}.") from error
    if not files:
        raise InputError(f"{url} holds no .parquet files at any depth.")
    return [f"{scheme}://{p}" for p in files]


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
