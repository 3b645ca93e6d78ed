"""What open_clip reads: webdataset shards of pairs, and a folder of labelled images with its classes."""

import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from thresher.errors import InputError, MissingExtraError
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


def write_shards(pairs: Pairs, folder: Path) -> Shards:
    """Write pairs as tar files of `ID.png` and `ID.txt`; the same pairs give the same bytes.

    Raises:
        InputError: There are no pairs, or the folder cannot be written.
        MissingExtraError: Pillow, which comes with open_clip, is not installed.
    """
    if not len(pairs):
        raise InputError(f"No pairs to write to {folder}; open_clip needs at least one batch.")
    count = -(-len(pairs) // A_SHARD)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for shard in range(count):
            with tarfile.open(folder / f"{shard:05d}.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
                for name, content in _members(pairs, range(shard * A_SHARD, len(pairs))[:A_SHARD]):
                    entry = tarfile.TarInfo(name)  # its time, owner and rights are constants
                    entry.size = len(content)
                    tar.addfile(entry, io.BytesIO(content))
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror or error}.") from error
    pattern = f"{{00000..{count - 1:05d}}}.tar" if count > 1 else "00000.tar"
    return Shards(str(folder / pattern), count, len(pairs))


def write_evaluation(labelled: Labelled, folder: Path) -> tuple[Path, Path]:
    """Write labelled images as open_clip's `--imagenet-val` takes them, one folder a class, and the classes' names.

    Folders are numbered since open_clip sorts their names and takes the class at that place. Classes without an image
    come last: a folder may not be empty.

    Returns:
        The folder of images, and the JSON file for `--classes`.

    Raises:
        InputError: There are too few classes for top-5 accuracy, or the folder cannot be written.
        MissingExtraError: Pillow, which comes with open_clip, is not installed.
    """
    if len(labelled.classes) < FEWEST_CLASSES:
        raise InputError(
            f"There are {len(labelled.classes)} evaluation classes; open_clip measures top-5 accuracy and needs at least "
            f"{FEWEST_CLASSES}."
        )
    held = np.bincount(labelled.labels, minlength=len(labelled.classes)) > 0
    order = [*np.flatnonzero(held), *np.flatnonzero(~held)]
    place = {int(label): at for at, label in enumerate(order)}
    images, classes = folder / "images", folder / "classes.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for at, (image, label) in enumerate(zip(labelled.images, labelled.labels, strict=True)):
            own = images / f"{place[int(label)]:04d}"
            own.mkdir(parents=True, exist_ok=True)
            (own / f"{at:06d}.png").write_bytes(_png(image))
        names = [labelled.classes[label] for label in order]
        classes.write_text(json.dumps({"classes": names, "templates": [PROMPT]}), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror or error}.") from error
    return images, classes


def _members(pairs: Pairs, rows: range) -> Iterator[tuple[str, bytes]]:
    for row in rows:
        yield f"{pairs.ids[row]}.png", _png(pairs.images[row])
        yield f"{pairs.ids[row]}.txt", pairs.captions[row].encode()


def _png(ink: UInt8[np.ndarray, "side side"]) -> bytes:
    """A grey PNG, black ink on white."""
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingExtraError("Writing shards for open_clip", "open-clip") from error
    buffer = io.BytesIO()
    Image.fromarray(255 - ink).save(buffer, "png", compress_level=1)
    return buffer.getvalue()
