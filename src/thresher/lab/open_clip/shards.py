"""What open_clip reads: webdataset shards of pairs, and a folder of labelled images with its classes."""

import hashlib
import io
import json
import struct
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from thresher.errors import InputError
from thresher.files import folder_written_whole
from thresher.lab.pairs import Labelled, Pairs
from thresher.shapes import UInt8

A_SHARD = 100
"""Pairs in a shard: open_clip shuffles shards, so that many small ones give each pass an order of its own."""
PROMPT = "{}"
"""The lab's classes are their own prompts."""
FEWEST_CLASSES = 5
"""open_clip measures top-5 accuracy, and fails below that many classes."""


@dataclass(frozen=True)
class Shards:
    """Shards of pairs.

    Attributes:
        pattern: Their paths, with braces, as open_clip takes them.
        count: How many.
        samples: Pairs in all of them.
    """

    pattern: str
    count: int
    samples: int


def shards_of(folder: str, samples: int) -> Shards:
    """The shards that so many pairs are written to.

    >>> shards_of("b0-s0/shards", 250).pattern
    'b0-s0/shards/{00000..00002}.tar'
    """
    count = -(-samples // A_SHARD)
    pattern = f"{{00000..{count - 1:05d}}}.tar" if count > 1 else "00000.tar"
    return Shards(f"{folder}/{pattern}", count, samples)


def write_shards(pairs: Pairs, folder: Path) -> Shards:
    """Write pairs as tar files of `ID.png` and `ID.txt`, all or none; the same pairs give the same bytes.

    Raises:
        InputError: There are no pairs, or the folder cannot be written.
    """
    if not len(pairs):
        raise InputError(f"No pairs to write to {folder}; open_clip needs at least one batch.")
    shards = shards_of(str(folder), len(pairs))
    with folder_written_whole(folder) as temporary:
        for shard in range(shards.count):
            with tarfile.open(temporary / f"{shard:05d}.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
                for name, content in _members(pairs, range(shard * A_SHARD, len(pairs))[:A_SHARD]):
                    entry = tarfile.TarInfo(name)  # its time, owner and rights are constants
                    entry.size = len(content)
                    tar.addfile(entry, io.BytesIO(content))
    return shards


def write_evaluation(labelled: Labelled, folder: Path) -> tuple[Path, Path]:
    """Write labelled images as open_clip's `--imagenet-val` takes them, one folder a class, and the classes' names.

    They go to a folder named after what they are, once: jobs beside each other share it, whichever is first. Folders of
    classes are numbered since open_clip sorts their names and takes the class at that place. Classes without an image come
    last: a folder may not be empty.

    Returns:
        The folder of images, and the JSON file for `--classes`.

    Raises:
        InputError: There are too few classes for top-5 accuracy, or the folder cannot be written.
    """
    if len(labelled.classes) < FEWEST_CLASSES:
        raise InputError(
            f"There are {len(labelled.classes)} evaluation classes; open_clip measures top-5 accuracy and needs at least "
            f"{FEWEST_CLASSES}."
        )
    shared = folder / f"evaluation-{_digest(labelled)}"
    if not shared.exists():
        held = np.bincount(labelled.labels, minlength=len(labelled.classes)) > 0
        order = [*np.flatnonzero(held), *np.flatnonzero(~held)]
        place = {int(label): at for at, label in enumerate(order)}
        with folder_written_whole(shared) as temporary:
            for at, (image, label) in enumerate(zip(labelled.images, labelled.labels, strict=True)):
                own = temporary / "images" / f"{place[int(label)]:04d}"
                own.mkdir(parents=True, exist_ok=True)
                (own / f"{at:06d}.png").write_bytes(_png(image))
            names = [labelled.classes[label] for label in order]
            content = json.dumps({"classes": names, "templates": [PROMPT]})
            (temporary / "classes.json").write_text(content, encoding="utf-8")
    return shared / "images", shared / "classes.json"


def _digest(labelled: Labelled) -> str:
    found = hashlib.md5(np.ascontiguousarray(labelled.images).tobytes())
    found.update(labelled.labels.astype("<i8").tobytes())
    found.update("\n".join(labelled.classes).encode())
    return found.hexdigest()[:8]


def _members(pairs: Pairs, rows: range) -> Iterator[tuple[str, bytes]]:
    for row in rows:
        yield f"{pairs.ids[row]}.png", _png(pairs.images[row])
        yield f"{pairs.ids[row]}.txt", pairs.captions[row].encode()


def _png(ink: UInt8[np.ndarray, "side side"]) -> bytes:
    """A grey PNG, black ink on white."""
    height, width = ink.shape
    rows = np.zeros((height, width + 1), np.uint8)  # each opens with its filter, 0: none
    rows[:, 1:] = 255 - ink
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )
