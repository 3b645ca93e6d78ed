"""The manifest beside a subset: what it was cut from, how, and what it must be, so that it can be proven."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from thresher.errors import InputError
from thresher.files import write_json
from thresher.metadata.id_sets import IdSet, describe_sets, known
from thresher.metadata.ids import id_key, id_text
from thresher.metadata.order import from_ordered
from thresher.metadata.parquet import InputFile, file_stamp, footer_digest, lasting_path
from thresher.metadata.selection import Edge, Slice
from thresher.metadata.table import Table
from thresher.metadata.work import fingerprint
from thresher.stored import DamageError, read_stored

VERSION = 1
MADE_BY = "thresher cut"


@dataclass(frozen=True)
class Manifest:
    """What is known of a subset file.

    Attributes:
        job: Everything that decides its bytes: inputs with sizes and times of change, columns, request, format.
        slices: The slices of the ranking that were taken, with their exact edges and copies.
        counts: Samples and rows of each slice.
        rows_in: Rows of the metadata, after the filter.
        missing: Of those, without a score.
        rows_out: Rows of the subset, repeats counted.
        unique_out: Distinct ids among them.
        duplicates: Rows of the metadata that were chosen and repeat an id.
        sha256: Of the subset file.
        engine: Which engine cut it; any other gives the same bytes.
        version: The release of thresher.
        command: As it was typed; None from Python.
        folder: Where the subset was written; inputs are looked for in their own places, and in the same places seen from here.
    """

    job: Mapping[str, Any]
    slices: Sequence[Mapping[str, Any]]
    counts: Mapping[str, Mapping[str, int]]
    rows_in: int
    missing: int
    rows_out: int
    unique_out: int
    duplicates: int
    sha256: str
    engine: str
    version: str
    command: str | None = None
    folder: str | None = None

    @property
    def fingerprint(self) -> str:
        """A digest of the job."""
        return fingerprint(self.job)


def manifest_path(subset: Path) -> Path:
    """Where the manifest of a subset lies."""
    return subset.with_name(subset.name + ".manifest.json")


def describe_inputs(table: Table) -> list[dict[str, Any]]:
    """The metadata as a manifest lists it: its files, or the name of what is no file."""
    if table.origin is not None:
        return [{"path": table.origin, "size": None, "changed": None, "rows": None}]
    return describe_files(table.metadata_files)


def describe_files(files: Sequence[InputFile]) -> list[dict[str, Any]]:
    """Files as a manifest lists them."""
    return [
        {"path": lasting_path(f.path), "size": f.size, "changed": f.stamp, "rows": f.rows, "footer": f.footer}
        for f in files
    ]


def find_inputs(manifest: Manifest, listed: Sequence[Mapping[str, Any]], folder: Path) -> list[str]:
    """Where files that a manifest lists are now: in their own places, or moved together with the subset.

    Args:
        manifest: Of the subset.
        listed: Files of it, as `describe_files` lists them.
        folder: Where the subset lies now.

    Raises:
        InputError: One is not there, or is not what it was; says which.
    """
    return [_find_input(one, manifest.folder, folder.absolute()) for one in listed]


def _find_input(one: Mapping[str, Any], before: str | None, now: Path) -> str:
    path = str(one["path"])
    places = [path]
    if "://" not in path and before is not None and str(now) != before:
        places.append(os.path.normpath(now / os.path.relpath(path, before)))
    there = [place for place in places if "://" in place or os.path.isfile(place)]  # noqa: PTH113
    if not there:
        moved = f", nor {places[1]}" if len(places) > 1 else ""
        raise InputError(
            f"{path} is not there{moved}, so the subset cannot be proven. Put the file back, or cut the subset again."
        )
    found = next((place for place in there if _is_same(one, place)), None)
    if found is None:
        raise InputError(
            f"{there[0]} changed since the subset was cut, so the subset cannot be proven; cut it again."
        )
    return found


def _is_same(one: Mapping[str, Any], place: str) -> bool:
    """Whether a file may hold what it held; a second cut proves that it does. A later time alone says nothing."""
    try:
        size, stamp = file_stamp(place)
        if size != one["size"]:
            return False
        return stamp == one["changed"] or not one.get("footer") or footer_digest(place) == one["footer"]
    except OSError:
        return False


def describe_id_sets(sets: Sequence[IdSet]) -> dict[str, Any]:
    """Sets of ids as a manifest lists them, `within` and `without`; nothing where there are none."""
    return describe_sets(known(sets, inside=True), known(sets, inside=False))


def describe_slices(slices: Sequence[Slice], table: Table) -> list[dict[str, Any]]:
    """Slices as a manifest lists them; `ordered` is the exact score as an integer, `score` the same for people."""
    return [
        {"name": s.name, "above": _edge(s.above, table), "last": _edge(s.last, table), "copies": s.copies}
        for s in slices
    ]


def _edge(edge: Edge | None, table: Table) -> dict[str, Any] | None:
    if edge is None:
        return None
    score = from_ordered(edge.score, table.score_width)
    return {
        "score": score if math.isfinite(score) else str(score), "ordered": edge.score, "ties": edge.ties,
        "tie_id": None if edge.key is None else id_text(edge.key, table.id_kind),
    }  # fmt: skip


def slices_from(described: Sequence[Mapping[str, Any]], table: Table) -> tuple[Slice, ...]:
    """The slices that `describe_slices` described.

    Raises:
        DamageError: An edge is no place in the ranking of this table.
    """
    return tuple(
        Slice(one["name"], _edge_from(one["above"], table), _edge_from(one["last"], table), one["copies"])
        for one in described
    )


def _edge_from(described: Mapping[str, Any] | None, table: Table) -> Edge | None:
    if described is None:
        return None
    score, tie = described["ordered"], described["tie_id"]
    if score >= 1 << 8 * table.score_width:
        raise DamageError(f"ordered is {score}, which no score of {table.score!r} has")
    try:
        key = None if tie is None else id_key(tie, table.id_kind)
    except InputError as error:
        raise DamageError(f"tie_id: {error}") from error
    return Edge(score, key, described["ties"])


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Keep a manifest, whole or not at all.

    Raises:
        InputError: The file cannot be written.
    """
    content = {name: value for name, value in vars(manifest).items() if name != "version"}
    write_json(path, "manifest", VERSION, content | {"thresher": manifest.version})


def read_manifest(path: Path) -> Manifest:
    """The manifest in a file.

    Raises:
        InputError: The file cannot be read, is of another kind, or is damaged.
    """
    from thresher.cuts.manifest_model import SavedManifest

    saved = read_stored(path, SavedManifest, "manifest", VERSION, MADE_BY).model_dump(exclude_unset=True)
    version = saved.pop("thresher")
    return Manifest(**saved, version=version)


def release() -> str:
    """The release of thresher that runs."""
    try:
        return metadata.version("thresher")
    except metadata.PackageNotFoundError:
        return "unknown"
