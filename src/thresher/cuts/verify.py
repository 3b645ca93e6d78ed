"""Proof that a subset file is what its manifest says, and what the metadata gives."""

import tempfile
from pathlib import Path
from typing import Any

from thresher.arguments import argument
from thresher.cuts.cut import write_ids
from thresher.cuts.formats import file_sha256, format_of
from thresher.cuts.manifest import (
    MADE_BY,
    Manifest,
    describe_slices,
    find_inputs,
    manifest_path,
    read_manifest,
    slices_from,
)
from thresher.cuts.requests import Keep, Threshold, selection_of
from thresher.errors import FileFormatError, InputError
from thresher.metadata.engine import Engine
from thresher.metadata.id_sets import check_same_sets, known_sets
from thresher.metadata.joined import open_joined
from thresher.metadata.local import Local
from thresher.metadata.ranks import take_census
from thresher.metadata.selection import Selection
from thresher.metadata.table import Table, open_table
from thresher.metadata.work import WorkFolder, work_folder
from thresher.stored import DamageError


def verify(subset: Path, *, engine: Engine | None = None, spill: Path | None = None) -> Manifest:
    """Prove a subset file against its manifest, then against the metadata, by cutting it again.

    Args:
        subset: The file; its manifest lies beside it.
        engine: Where the metadata is queried; any engine must give the same bytes.
        spill: Folder for the second cut; the system's temporary folder by default.

    Returns:
        The manifest, proven.

    Raises:
        InputError: The file, the manifest or the metadata is not what it was; says which.
    """
    path = manifest_path(subset)
    if spill is not None and not spill.is_dir():
        raise InputError(f"{spill}: no such folder. Give an existing one with {argument('spill')}.")
    if not subset.is_file():
        raise InputError(f"{subset}: no such file. Give a subset written by `thresher cut`.")
    if not path.is_file():
        raise InputError(f"{subset} has no manifest ({path.name}), so nothing says what it should be.")
    manifest = read_manifest(path)
    if file_sha256(subset) != manifest.sha256:
        raise InputError(
            f"{subset} is not the file that its manifest describes: its sha256 differs. Cut it again."
        )
    with tempfile.TemporaryDirectory(prefix="thresher-verify-", dir=spill) as folder:
        table = open_again(manifest, subset.parent, Path(folder))
        again = Path(folder) / subset.name
        with work_folder(Path(folder) / "work", {}) as work:
            try:
                sha256, found = _cut_again(manifest, table, again, engine or Local(), work)
            except DamageError as error:
                raise FileFormatError(
                    f"{path} is damaged: {error}; make it again with `{MADE_BY}`."
                ) from error
    if sha256 != manifest.sha256:
        raise InputError(
            f"{subset} is not what its metadata gives: a second cut has another sha256. Cut it again."
        )
    wrong = next((name for name, value in found.items() if getattr(manifest, name) != value), None)
    if wrong is not None or manifest.job["format"] != subset.suffix.lower():
        raise FileFormatError(
            f"{path} is damaged: {wrong or 'job.format'} is not what a second cut gives; make it again with `{MADE_BY}`."
        )
    return manifest


def open_again(manifest: Manifest, beside: Path, folder: Path) -> Table:
    """The table that a manifest names, with every file as it was, from whatever folder this is run.

    Args:
        manifest: Of the subset.
        beside: Where the subset lies.
        folder: For joined scores, if there are any.

    Raises:
        InputError: A file is gone or was changed since.
    """
    job = manifest.job
    if any(one["size"] is None for one in job["inputs"]):
        raise InputError(
            f"The subset was cut from {', '.join(one['path'] for one in job['inputs'])}, which Spark alone knows; its sha256 is "
            "right. To prove more, cut it again to another file, and compare."
        )
    paths = find_inputs(manifest, job["inputs"], beside)
    scores = find_inputs(manifest, job["scores"], beside)
    within, without = known_sets(job, "within"), known_sets(job, "without")
    columns = {
        "score": job["score"], "id_column": job["id"], "where": job["where"],
        "within": [one.path for one in within], "without": [one.path for one in without],
    }  # fmt: skip
    table = open_joined(paths, scores, folder, **columns) if scores else open_table(paths, **columns)
    check_same_sets(table.sets, within, without, "The subset was cut")
    return table


def _cut_again(
    manifest: Manifest, table: Table, output: Path, engine: Engine, work: WorkFolder
) -> tuple[str, dict[str, Any]]:
    """The sha256 of a second cut, and what a manifest of it would say."""
    census = take_census(engine, table, work)
    if (census.rows, census.missing) != (manifest.rows_in, manifest.missing):
        raise InputError(
            f"The metadata has {census.rows:,} rows, {census.missing:,} of them without a score; when the subset was cut it "
            f"had {manifest.rows_in:,} and {manifest.missing:,}. Cut it again."
        )
    request: dict[str, Any] = manifest.job["request"]
    if "keep" in request:
        selection = selection_of(Keep(request["keep"]), table, census, engine, work)
    elif "threshold" in request:
        selection = selection_of(Threshold(request["threshold"]), table, census, engine, work)
    else:
        selection = Selection(slices_from(manifest.slices, table), request["seed"])
    ids = engine.select(table, selection, work)
    chosen = format_of(output, table.id_kind)
    sha256, unique, duplicates = write_ids(ids, table, output, chosen, bool(manifest.job["unique"]), work)
    tally = ids.tally
    rows = zip((s.name for s in selection.slices), tally.samples, tally.copies, strict=True)
    return sha256, {
        "slices": describe_slices(selection.slices, table),
        "counts": {name: {"samples": samples, "rows": copies} for name, samples, copies in rows},
        "rows_in": census.rows, "missing": census.missing, "rows_out": sum(tally.copies), "unique_out": unique,
        "duplicates": duplicates,
    }  # fmt: skip
