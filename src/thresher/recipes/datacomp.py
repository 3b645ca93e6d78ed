"""DataComp: a subset file with repeats, its resharder, and its trainer."""

import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType

from thresher.arguments import argument
from thresher.errors import InputError
from thresher.plans.saved import SavedChoice
from thresher.quoting import as_path, shell_command
from thresher.recipes.recipe import Recipe, checked, shares
from thresher.recipes.shards import Loader
from thresher.units import format_count


@dataclass(frozen=True)
class Scale:
    """What DataComp's train.py fixes at a `--scale`: samples seen, open_clip's name of the model, and the whole batch."""

    samples_seen: float
    model: str
    batch_size: int


SCALES: Mapping[str, Scale] = MappingProxyType({
    "small": Scale(12.8e6, "ViT-B-32", 4096),
    "medium": Scale(128e6, "ViT-B-32", 4096),
    "large": Scale(1.28e9, "ViT-B-16", 8192),
    "xlarge": Scale(12.8e9, "ViT-L-14", 90112),
})  # fmt: skip
"""From DataComp's scale_configs.py."""
USUAL_MODEL = SCALES["medium"].model
"""What is trained where nobody says: the model of pilots (`Trainer.model`) and of the small scales."""
RESHARD_BUFFER = 100_000
"""Samples that the resharder shuffles: copies of a sample are written one after another, and 10 shards of 10,000 part them."""
SAME_EPOCHS = 1e-9


@dataclass(frozen=True)
class Folders:
    """What the commands read and write.

    Attributes:
        plan: The PLAN file.
        metadata: Metadata of the pool.
        buckets: buckets.json of that metadata.
        shards: The pool's shards.
        subset: Subset file to write.
        resharded: Folder of shards to write.
    """

    plan: str
    metadata: str = "metadata"
    buckets: str = "buckets.json"
    shards: str = "shards"
    subset: str = "subset.npy"
    resharded: str = "resharded"


def datacomp_recipe(
    choice: SavedChoice, loader: Loader, folders: Folders, *, model: str | None = None
) -> Recipe:
    """Commands that cut the subset, copy its samples into new shards and train on them.

    A sample of pool i is written e_i / passes times and the trainer draws from what is written, so pool i gets the share
    e_i N_i / sum_j e_j N_j = w_i. Where all pools have the same epochs, each sample is written once.

    Args:
        choice: What to train on.
        loader: Checkpoints and workers.
        folders: Files and folders to name.
        model: What is to be trained, as open_clip names it; `USUAL_MODEL` if None.

    Raises:
        InputError: train.py has no scale of about this budget that trains the model.
        RecipeError: The text does not give the plan back.
    """
    scale = scale_of(choice.samples_seen)
    _check_model(choice.samples_seen, scale, model)
    _check_resharded(folders.resharded)
    passes = default_passes(choice)
    cut = [
        *["thresher", "cut", as_path(folders.metadata), "--plan", as_path(folders.plan)],
        *["--budget", f"{choice.samples_seen:.15g}", "--choice", choice.choice],
        *["--buckets", as_path(folders.buckets), "--passes", f"{passes:.12g}", "-o", as_path(folders.subset)],
    ]
    reshard = [
        *["python", "resharder.py", "-i", as_path(folders.shards), "-o", as_path(folders.resharded)],
        *["-s", as_path(folders.subset), "--shuffle-bufsize", str(RESHARD_BUFFER)],
    ]
    train = [
        *["torchrun", "--nproc_per_node", str(loader.gpus), "train.py", "--scale", scale],
        *["--data_dir", as_path(folders.resharded), "--output_dir", "runs", "--workers", str(loader.workers)],
        *["--num_checkpoints", str(loader.checkpoints), "--save_frequency", "1"],
    ]
    text = "".join(f"{shell_command(words)}\n" for words in (cut, reshard, train))
    found, samples_seen = read_back(text, choice)
    rows = choice.samples_seen / passes
    notes = [
        f"The subset has about {rows:,.0f} rows: samples are written "
        + ", ".join(f"{name} {e / passes:.4g}x" for name, e in zip(choice.pools, choice.epochs, strict=True))
        + f", and the trainer draws {passes:.4g} times as many.",
        "train.py keeps only its last checkpoint unless --save_frequency is set; here it is.",
    ]
    fixed = SCALES[scale]
    if fixed.samples_seen != choice.samples_seen:
        notes.append(
            f"train.py fixes samples seen by --scale: {scale} sees {format_count(fixed.samples_seen)}, not the plan's "
            f"{format_count(choice.samples_seen)}; set train_num_samples in scale_configs.py, or make a recipe for open_clip."
        )
    if fixed.batch_size != loader.batch_size:
        notes.append(
            f"train.py fixes the batch by --scale: {fixed.batch_size:,} samples, not the {loader.batch_size:,} of the simulated "
            f"sampler; give {argument('batch_size', fixed.batch_size)}."
        )
    return checked(Recipe("datacomp", text, found, samples_seen, True, tuple(notes)), choice)


def default_passes(choice: SavedChoice) -> float:
    """How often the trainer should go through the subset: the pools' epochs where they agree, else the fewest, at least one."""
    least, most = min(choice.epochs), max(choice.epochs)
    return least if most - least <= SAME_EPOCHS * most else max(1.0, least)


def scale_of(samples_seen: float) -> str:
    """The DataComp scale that sees as many samples, or the nearest by ratio.

    >>> scale_of(128e6), scale_of(640e6)
    ('medium', 'large')
    """
    return min(SCALES, key=lambda scale: abs(math.log(SCALES[scale].samples_seen / samples_seen)))


def _check_model(samples_seen: float, scale: str, model: str | None) -> None:
    """Refuse a scale that would train another model than the plan is for."""
    wanted, fixed = model or USUAL_MODEL, SCALES[scale].model
    if wanted == fixed:
        return
    said = f"not {wanted}" if model else f"not {wanted}, which is taken to be meant"
    raise InputError(
        f"At {format_count(samples_seen)} samples train.py's --scale is {scale}, which trains {fixed}, {said}. Make the recipe "
        f"for open_clip to train {wanted}, or give {argument('model', fixed)} if the runs behind the plan were of {fixed}."
    )


def _check_resharded(folder: str) -> None:
    """Refuse a folder whose name train.py, which hands it to open_clip, would read as several."""
    strange = next((text for text in ("::", "{", "}", ",", "\\", "*", "?") if text in folder), None)
    if strange is not None:
        raise InputError(
            f"{argument('resharded')} is {folder!r}, but train.py takes {strange} in it for a pattern; give another folder."
        )


def read_back(text: str, choice: SavedChoice) -> tuple[tuple[float, ...], float]:
    """Shares and samples seen that the commands ask for: rows of each pool in the subset, times passes."""
    words = shlex.split(text)
    given = {flag: value for flag, value in pairwise(words) if flag.startswith("--")}
    passes = float(given["--passes"])
    rows = []
    for epochs, size in zip(choice.epochs, choice.unique_samples, strict=True):
        copies = epochs / passes
        whole = int(copies + SAME_EPOCHS)
        # each sample is written `whole` times, and once more with the rest as its probability
        rows.append(size * whole + size * max(copies - whole, 0.0))
    return shares(rows), sum(rows) * passes
