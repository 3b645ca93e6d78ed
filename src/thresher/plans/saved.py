"""PLAN files, and what a plan takes from buckets.json."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from thresher.errors import FileFormatError, InputError
from thresher.files import read_json, write_json
from thresher.units import parse_samples

PLAN_VERSION = 1
BUCKETS_VERSION = 1


def write_plans(document: Mapping[str, Any], path: Path) -> None:
    """Write plans, as `thresher plan --json` prints them, to a PLAN file.

    Raises:
        InputError: The path cannot be written.
    """
    write_json(path, "plan", PLAN_VERSION, document)


def read_pool_size(pool_size: str | None, buckets: Path | None) -> float | None:
    """Rows of the metadata table, from `--pool-size` or a buckets.json; None where neither is given.

    Raises:
        InputError: Both are given, or the number or file cannot be read.
    """
    if pool_size is not None and buckets is not None:
        raise InputError(
            "--pool-size and --buckets both say how many rows the metadata has; give one of them."
        )
    if pool_size is not None:
        return parse_samples(pool_size, "--pool-size")
    if buckets is None:
        return None
    rows = _buckets(buckets).get("rows")
    if not isinstance(rows, int) or rows < 1:
        raise FileFormatError(
            f"{buckets}: rows is {rows!r}, not a count. Make the file again with `thresher buckets`."
        )
    return float(rows)


def read_bucket_sizes(path: Path) -> dict[str, float]:
    """Rows of each bucket of a buckets.json, by name.

    Raises:
        FileFormatError: Not such a file, or one without bucket sizes.
        InputError: The file cannot be read.
    """
    buckets = _buckets(path).get("buckets")
    try:
        return {str(bucket["name"]): float(bucket["rows"]) for bucket in buckets or []}
    except (KeyError, TypeError, ValueError) as error:
        raise FileFormatError(
            f"{path}: its buckets have no name or rows. Make the file again with `thresher buckets`."
        ) from error


def _buckets(path: Path) -> dict[str, Any]:
    return read_json(path, "buckets", BUCKETS_VERSION, made_by="thresher buckets METADATA --score COL")
