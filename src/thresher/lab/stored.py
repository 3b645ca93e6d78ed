"""The laboratory's data on disk: arrays as npz, words as JSON, written whole or not at all."""

import zipfile
from dataclasses import asdict
from pathlib import Path

import numpy as np

from thresher.errors import FileFormatError
from thresher.files import folder_written_whole, read_json, write_json
from thresher.lab.pairs import IconSet, LabData, Labelled, Pairs

DATA_VERSION = 1


def write_lab_data(data: LabData, folder: Path) -> None:
    """Write the data to a new folder, unless another process was first.

    Raises:
        InputError: It cannot be written, for example for want of space.
    """
    words = {
        "source": data.source, "near_duplicates": data.near_duplicates, "classes": data.evaluation.classes,
        "sets": [asdict(one) for one in data.sets],
        **{
            name: {"ids": pairs.ids, "captions": pairs.captions}
            for name, pairs in (("pool", data.pool), ("teacher", data.teacher))
        },
    }  # fmt: skip
    with folder_written_whole(folder) as temporary:
        with (temporary / "images.npz").open("wb") as file:
            np.savez(
                file, pool=data.pool.images, teacher=data.teacher.images, evaluation=data.evaluation.images,
                labels=data.evaluation.labels,
            )  # fmt: skip
        write_json(temporary / "words.json", "lab-data", DATA_VERSION, words)


def read_lab_data(folder: Path) -> LabData | None:
    """The data in a folder; None where there is no such folder.

    Raises:
        FileFormatError: The folder holds something else, or half of it.
    """
    if not folder.exists():
        return None
    try:
        words = read_json(folder / "words.json", "lab-data", DATA_VERSION, "thresher lab run")
        with (folder / "images.npz").open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            pool, teacher = (
                Pairs(arrays[name], tuple(words[name]["captions"]), tuple(words[name]["ids"]))
                for name in ("pool", "teacher")
            )
            evaluation = Labelled(arrays["evaluation"], arrays["labels"], tuple(words["classes"]))
        sets = tuple(IconSet(**one) for one in words["sets"])
        return LabData(words["source"], pool, teacher, evaluation, sets, words["near_duplicates"])
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise FileFormatError(f"{folder} is damaged ({error}); delete it, and it is made again.") from error
