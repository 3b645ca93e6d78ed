"""Lists of whole shards, for subsets that part none; for others the command of DataComp's resharder."""

import os
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from thresher.arguments import argument
from thresher.cuts.requests import FromBuckets, check_table
from thresher.errors import InputError
from thresher.files import write_text
from thresher.metadata.engine import Engine
from thresher.metadata.selection import Selection
from thresher.metadata.table import Table
from thresher.metadata.work import WorkFolder, work_folder, work_path


def write_shards(request: FromBuckets, table: Table, shards: Path, output: Path, *, engine: Engine) -> int:
    """List the shards that are the subset, one path a line, as often as each is wanted.

    The metadata file `00000012.parquet` describes the shard `00000012.tar`, as in DataComp and img2dataset.

    Args:
        request: Buckets with whole numbers of copies.
        table: The metadata, one file a shard.
        shards: Folder of the shards.
        output: Text file to write.
        engine: Where the metadata is queried.

    Returns:
        How many lines were written.

    Raises:
        InputError: A shard is partly in, wanted a fraction of a time, or not there.
    """
    check_table(request, table)
    if table.sets:
        raise InputError(
            "A set of ids parts shards, so no list of whole ones is the subset. Write a .npy file instead."
        )
    named = shard_files([file.path for file in table.files], shards)
    chosen = [
        request.buckets.slice_of(n, request.copies[n]) for n in request.buckets.names if n in request.copies
    ]
    selection = Selection(tuple(chosen), request.seed)
    lines: list[str] = []
    job = {"shards": str(shards), "output": str(output)}
    with work_folder(work_path(output), job) as work:
        for number, (file, shard) in enumerate(zip(table.files, named, strict=True)):
            alone = replace(table, files=(file,), metadata_files=(file,))
            copies = _copies(selection, alone, engine, _own_folder(work, number), shards)
            if copies and not shard.is_file():
                lost = "is a link that leads nowhere" if shard.is_symlink() else "is no such shard"
                raise InputError(
                    f"{shard} {lost}, though {file.path} has samples in the subset. Put the shard there, or give another "
                    f"folder with {argument('shards')}."
                )
            lines += [str(shard)] * copies
        table.check_unchanged()
    write_text(output, "".join(f"{line}\n" for line in lines))
    return len(lines)


def shard_files(metadata: Sequence[str], shards: Path) -> list[Path]:
    """The shard that each metadata file describes.

    Args:
        metadata: Paths of the files.
        shards: Folder of the shards.

    Raises:
        InputError: Two files would be one shard, or a name cannot stand in a list of lines.
    """
    named = [shards / Path(path).with_suffix(".tar").name for path in metadata]
    owners: dict[str, str] = {}
    for path, shard in zip(metadata, named, strict=True):
        first = owners.setdefault(os.path.realpath(shard), path)
        if first != path:
            raise InputError(
                f"{first} and {path} would both be the shard {shard}. Give metadata files whose names differ, one for each shard."
            )
        if len(str(shard).splitlines()) != 1:
            raise InputError(
                f"{str(shard)!r} holds a line break, and the list has one path a line. Rename it."
            )
    return named


def _copies(selection: Selection, table: Table, engine: Engine, work: WorkFolder, shards: Path) -> int:
    """How often the one file of a table is wanted, whole."""
    (file,) = table.files
    tally = engine.select(table, selection, work).tally
    wanted = sum(tally.copies)
    copies, rest = divmod(wanted, file.rows) if file.rows else (0, 0)
    if rest or (wanted and sum(tally.held) != file.rows) or len(_copies_held(selection, tally.held)) > 1:
        remedy = resharder_command(Path("subset.npy"), shards, Path("new-shards"))
        raise InputError(
            f"{file.path}: {sum(tally.samples):,} of its {file.rows:,} samples are in the subset, so no list of "
            f"shards is exactly the subset. Write a .npy, then make new shards: {remedy}"
        )
    return copies


def _copies_held(selection: Selection, held: list[int]) -> set[float]:
    """The different copies of the slices that hold samples."""
    return {piece.copies for piece, count in zip(selection.slices, held, strict=True) if count}


def _own_folder(work: WorkFolder, number: int) -> WorkFolder:
    path = work.file(f"shard-{number:08d}")
    path.mkdir(exist_ok=True)
    return WorkFolder(path)


def resharder_command(subset: Path, shards: Path, output: Path) -> str:
    """The command of DataComp's resharder.py that makes shards of a `.npy` subset.

    >>> resharder_command(Path("subset.npy"), Path("shards"), Path("out"))
    'python resharder.py --input-dir shards --output-dir out --subset-file subset.npy'
    """
    given = {"--input-dir": shards, "--output-dir": output, "--subset-file": subset}
    return shlex.join(
        ["python", "resharder.py", *(text for flag, path in given.items() for text in (flag, str(path)))]
    )
