"""The laboratory's data on disk: arrays as npz, words as JSON, written whole or not at all."""

from dataclasses import asdict
from pathlib import Path

import numpy as np

from thresher.errors import FileFormatError
from thresher.files import check_readable, folder_written_whole, write_json
from thresher.lab.pairs import SIDE, IconSet, LabData, Labelled, Pairs
from thresher.stored import DamageError, read_stored
from thresher.stored_arrays import load_arrays

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
    from thresher.lab.lab_model import SavedData

    remedy = f"delete {folder}, and it is made again"
    words = read_stored(
        folder / "words.json", SavedData, "lab-data", DATA_VERSION, "thresher lab run", remedy=remedy
    )
    images = folder / "images.npz"
    check_readable(images, "the laboratory's images")
    try:
        arrays = load_arrays(
            images,
            {
                "pool": ("uint8", (len(words.pool.ids), SIDE, SIDE)),
                "teacher": ("uint8", (len(words.teacher.ids), SIDE, SIDE)),
                "evaluation": ("uint8", (-1, SIDE, SIDE)),
                "labels": ("int64", (-1,)),
            },
        )
        labels = arrays["labels"]
        if len(labels) != len(arrays["evaluation"]):
            raise DamageError("labels are not as many as images to evaluate on")
        if len(labels) and not (labels.min() >= 0 and labels.max() < len(words.classes)):
            raise DamageError("a label is of no class")
    except DamageError as error:
        raise FileFormatError(f"{images} is damaged: {error}; {remedy}.") from error
    pool, teacher = (
        Pairs(arrays[name], tuple(texts.captions), tuple(texts.ids))
        for name, texts in (("pool", words.pool), ("teacher", words.teacher))
    )
    evaluation = Labelled(arrays["evaluation"], labels, tuple(words.classes))
    sets = tuple(IconSet(**vars(one)) for one in words.sets)
    return LabData(words.source, pool, teacher, evaluation, sets, words.near_duplicates)
