"""Cutting: the subset file that a request asks for, the same bytes on any engine, and its manifest."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from thresher.arguments import argument
from thresher.cuts.formats import SubsetFormat, file_sha256, format_of, subset_writer
from thresher.cuts.manifest import (
    Manifest,
    describe_files,
    describe_id_sets,
    describe_inputs,
    describe_slices,
    manifest_path,
    read_manifest,
    release,
    write_manifest,
)
from thresher.cuts.requests import Request, check_held, check_table, selection_of
from thresher.errors import FileFormatError, InputError
from thresher.files import check_writable
from thresher.metadata.engine import Engine, SortedIds
from thresher.metadata.ids import id_text
from thresher.metadata.keys import Keys
from thresher.metadata.local import Local
from thresher.metadata.ranks import Census, take_census
from thresher.metadata.selection import Selection, Slice
from thresher.metadata.table import Table
from thresher.metadata.types import Key
from thresher.metadata.work import WorkFolder, fingerprint, free_bytes, work_folder, work_path

SPILL_BYTES = 21
"""A key in a sorted run: 16 bytes, 4 for what it carries, and some room."""
TEXT_SPILL_BYTES = 48
CHECKPOINT_ROWS = 16_000_000
"""Rows written between two notes of how far the file is: a quarter of a gigabyte, about a second."""


@dataclass(frozen=True)
class Cut:
    """A subset that was written.

    Attributes:
        path: The subset file.
        manifest: What is known of it.
        seconds: Wall time of this command.
        already_done: Whether an earlier run had done it all.
    """

    path: Path
    manifest: Manifest
    seconds: float
    already_done: bool = False

    def to_json(self) -> dict[str, Any]:
        """What `thresher cut --json` prints."""
        made = self.manifest
        return {
            "rows_in": made.rows_in, "rows_out": made.rows_out, "unique_out": made.unique_out, "path": str(self.path),
            "sha256": made.sha256, "engine": made.engine, "seconds": round(self.seconds, 3), "missing": made.missing,
            "duplicates": made.duplicates, "counts": made.counts, "already_done": self.already_done,
        }  # fmt: skip


def cut(
    request: Request,
    table: Table,
    output: Path,
    *,
    engine: Engine | None = None,
    spill: Path | None = None,
    unique: bool = False,
    replace: bool = False,
    command: str | None = None,
) -> Cut:
    """Write the subset that is asked for, and its manifest.

    The bytes depend on the rows and the request alone, not on files' order, workers, memory or engine. A killed
    command, run again, goes on where it was; one that is done is not done again.

    Args:
        request: What to keep.
        table: The metadata.
        output: `.npy`, `.parquet` or `.txt`.
        engine: Where the metadata is queried; this machine by default.
        spill: Folder for unfinished work; beside the output by default.
        unique: Refuse metadata in which a chosen id occurs twice.
        replace: Write over an output that exists.
        command: As it was typed, for the manifest.

    Raises:
        InputError: Something about the request, the metadata or the disk; nothing is left half-written.
    """
    begun = time.monotonic()
    engine = engine if engine is not None else Local()
    check_table(request, table)
    chosen = format_of(output, table.id_kind)
    job = describe_job(request, table, chosen, unique)
    check_writable(output)
    check_writable(manifest_path(output))
    folder = work_path(output, spill)
    known = bool(table.sources)  # only of files can be said that they are still the same
    if known and not folder.exists() and (done := _already_done(output, job, replace)) is not None:
        return Cut(output, done, time.monotonic() - begun, already_done=True)
    if output.exists() and not replace and not folder.exists():
        raise _taken(output)
    with work_folder(folder, job | {"once": table.once}) as work:
        manifest = _finished(work, output)
        if manifest is None:
            if output.exists() and not replace:
                raise _taken(output)
            manifest = _write(request, table, output, engine, chosen, job, unique, command, work)
    return Cut(output, manifest, time.monotonic() - begun)


def describe_job(request: Request, table: Table, chosen: SubsetFormat, unique: bool) -> dict[str, Any]:
    """Everything that decides the bytes of a subset."""
    return {
        "inputs": describe_inputs(table), "scores": describe_files(table.score_files),
        "score": table.score, "id": table.id_column, "where": table.where_text,
        "request": request.to_json(), "format": str(chosen), "unique": unique,
    } | describe_id_sets(table.sets)  # fmt: skip


def _taken(output: Path) -> InputError:
    return InputError(
        f"{output} exists, and no manifest says that it is this cut; give {argument('replace', True)} to write over it."
    )


def _already_done(output: Path, job: dict[str, Any], replace: bool) -> Manifest | None:
    """The manifest of an output that this very job wrote before, once its bytes have been checked."""
    path = manifest_path(output)
    if not (output.is_file() and path.is_file()):
        return None
    try:
        found = read_manifest(path)
    except FileFormatError as error:
        if replace:  # both are about to be written again
            return None
        raise FileFormatError(f"{str(error).removesuffix('.')} and {argument('replace', True)}.") from error
    if found.fingerprint != fingerprint(job):
        return None
    return found if file_sha256(output) == found.sha256 else None


def _write(
    request: Request, table: Table, output: Path, engine: Engine, chosen: SubsetFormat, job: dict[str, Any],
    unique: bool, command: str | None, work: WorkFolder,
) -> Manifest:  # fmt: skip
    """Scan, select, merge, and put the files in place."""
    census = take_census(engine, table, work)
    selection = selection_of(request, table, census, engine, work)
    _check_space(selection, census, table, chosen, output, work)
    ids = engine.select(table, selection, work)
    names = [piece.name for piece in selection.slices]
    tally = ids.tally
    check_held(request, dict(zip(names, tally.held, strict=True)), census)
    if ids.rows_in != census.rows:
        raise InputError("The metadata changed between two scans; run the command again.")
    sha256, unique_out, duplicates = write_ids(ids, table, work.beside("part", output), chosen, unique, work)
    table.check_unchanged()
    counts = {
        n: {"samples": s, "rows": c} for n, s, c in zip(names, tally.samples, tally.copies, strict=True)
    }
    manifest = Manifest(
        job, describe_slices(selection.slices, table), counts, census.rows, census.missing, sum(tally.copies), unique_out,
        duplicates, sha256, engine.name, release(), command, str(output.absolute().parent),
    )  # fmt: skip
    write_manifest(work.file("manifest.json"), manifest)
    _put_in_place(work, output)
    return manifest


def _finished(work: WorkFolder, output: Path) -> Manifest | None:
    """What a run that was killed between its last two steps had finished."""
    path = work.file("manifest.json")
    if not path.exists():
        return None
    manifest = read_manifest(path)
    if work.known("part") is None and not (output.is_file() and file_sha256(output) == manifest.sha256):
        path.unlink()
        return None
    _put_in_place(work, output)
    return manifest


def _put_in_place(work: WorkFolder, output: Path) -> None:
    """Rename, in an order that never leaves a manifest beside a subset it does not describe."""
    part = work.known("part")
    if part is not None:
        manifest_path(output).unlink(missing_ok=True)
        part.replace(output)
    beside = work.beside("manifest", output)
    shutil.copyfile(work.file("manifest.json"), beside)
    beside.replace(manifest_path(output))


def _check_space(
    selection: Selection, census: Census, table: Table, chosen: SubsetFormat, output: Path, work: WorkFolder
) -> None:
    """Refuse to begin what the disk cannot hold."""
    samples = [_at_most(piece, census) for piece in selection.slices]
    rows = sum(count * piece.copies for count, piece in zip(samples, selection.slices, strict=True))
    kept = sum(count * min(1.0, piece.copies) for count, piece in zip(samples, selection.slices, strict=True))
    spilled = kept * (TEXT_SPILL_BYTES if str(table.id_kind) == "text" else SPILL_BYTES) - work.bytes()
    written = rows * chosen.bytes_per_row(table.id_kind)
    same_disk = work.path.stat().st_dev == output.parent.stat().st_dev
    for place, needed in ((work.path, spilled + written * same_disk), (output.parent, written)):
        free = free_bytes(place)
        if needed > free:
            disk = place if place != work.path else work.disk
            raise InputError(
                f"The disk of {disk} has {free / 1e9:.2f} GB free, but this cut needs {needed / 1e9:.2f} GB; free some "
                f"space, or give another folder with {argument('spill')} or {argument('path')}."
            )


def _at_most(piece: Slice, census: Census) -> int:
    """Samples that a slice holds, no fewer than there are; from the census."""
    high = None if piece.above is None else piece.above.score
    bins = [
        found.rows
        for found in census.bins
        if found.high >= piece.lowest and (high is None or found.low <= high)
    ]
    return sum(bins) + (census.missing if piece.lowest == 0 else 0)


def write_ids(
    ids: SortedIds, table: Table, part: Path, chosen: SubsetFormat, unique: bool, work: WorkFolder
) -> tuple[str, int, int]:
    """Stream sorted ids to a file, from where an earlier run was killed.

    Returns:
        The file's sha256, distinct ids, and rows that repeat an id of another row.

    Raises:
        InputError: An id occurs twice and `unique` forbids it, or the disk is full.
    """
    rows = sum(ids.tally.copies)
    state = work.get("written.json", "written") if chosen.appends and part.exists() else None
    if state is not None and part.stat().st_size < state["bytes"]:
        state = None
    after = _plain(state["after"]) if state is not None else None
    distinct, duplicates, written = (
        (state["distinct"], state["duplicates"], state["rows"]) if state else (0, 0, 0)
    )
    size = state["bytes"] if state else None
    with subset_writer(part, chosen, table.id_kind, table.id_column, rows, size) as writer:
        noted = written
        for keys, carried in ids.blocks(after):
            _check_order(keys)
            repeats = keys.same_as_before()
            duplicates += int(repeats.sum())
            distinct += len(keys) - int(repeats.sum())
            if unique and duplicates:
                shown = id_text(keys.key(int(np.flatnonzero(repeats)[0])), table.id_kind)
                raise InputError(f"An id occurs more than once among the chosen rows ({shown}).")
            copied = keys if carried is None else keys.repeat(carried)
            writer.write(copied)
            written += len(copied)
            if written - noted >= CHECKPOINT_ROWS and chosen.appends:
                noted = written
                kept = {"after": _json_key(keys.key(-1)), "bytes": writer.flush(), "rows": written}
                work.put("written.json", kept | {"distinct": distinct, "duplicates": duplicates})
        if written != rows:
            raise InputError(
                f"{written:,} rows came out instead of {rows:,}: the metadata or the spilled runs changed."
            )
        return writer.close(), distinct, duplicates


def _check_order(keys: Keys) -> None:
    if not keys.is_sorted():
        raise RuntimeError("ids came out of order; this is a fault of the engine")


def _json_key(key: Key) -> str | list[int]:
    return key.hex() if isinstance(key, bytes) else list(key)


def _plain(key: str | list[int]) -> Key:
    return bytes.fromhex(key) if isinstance(key, str) else tuple(key)
