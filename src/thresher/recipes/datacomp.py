"""DataComp: a subset file with repeats, its resharder, and its trainer."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType

from thresher.plans.saved import SavedChoice
from thresher.recipes.recipe import Recipe, checked, shares
from thresher.recipes.shards import Loader

SCALES: Mapping[str, float] = MappingProxyType(
    {"small": 12.8e6, "medium": 128e6, "large": 1.28e9, "xlarge": 12.8e9}
)
"""Samples that DataComp's train.py sees at each `--scale` (scale_configs.py)."""
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


def datacomp_recipe(choice: SavedChoice, loader: Loader, folders: Folders) -> Recipe:
    """Commands that cut the subset, copy its samples into new shards and train on them.

    A sample of pool i is written e_i / passes times and the trainer draws from what is written, so pool i gets the share
    e_i N_i / sum_j e_j N_j = w_i. Where all pools have the same epochs, each sample is written once.

    Args:
        choice: What to train on.
        loader: Checkpoints and workers.
        folders: Files and folders to name.

    Raises:
        RecipeError: The text does not give the plan back.
    """
    passes = default_passes(choice)
    cut = [
        *[
            "thresher",
            "cut",
            folders.metadata,
            "--plan",
            folders.plan,
            "--budget",
            f"{choice.samples_seen:.15g}",
        ],
        *["--choice", choice.choice, "--buckets", folders.buckets, "--passes", f"{passes:.12g}"],
        *["-o", folders.subset],
    ]
    reshard = [
        *["python", "resharder.py", "-i", folders.shards, "-o", folders.resharded, "-s", folders.subset],
        *["--shuffle-bufsize", str(RESHARD_BUFFER)],
    ]
    scale = scale_of(choice.samples_seen)
    train = [
        *["torchrun", "--nproc_per_node", str(loader.gpus), "train.py", "--scale", scale],
        *["--data_dir", folders.resharded, "--output_dir", "runs", "--workers", str(loader.workers)],
        *["--num_checkpoints", str(loader.checkpoints), "--save_frequency", "1"],
    ]
    text = "".join(f"{shlex.join(words)}\n" for words in (cut, reshard, train))
    found, samples_seen = read_back(text, choice)
    rows = choice.samples_seen / passes
    notes = [
        f"The subset has about {rows:,.0f} rows: samples are written "
        + ", ".join(f"{name} {e / passes:.4g}x" for name, e in zip(choice.pools, choice.epochs, strict=True))
        + f", and the trainer draws {passes:.4g} times as many.",
        "train.py keeps only its last checkpoint unless --save_frequency is set; here it is.",
    ]
    if SCALES[scale] != choice.samples_seen:
        notes.append(
            f"train.py fixes samples seen by --scale: {scale} sees {SCALES[scale]:.4g}, not the plan's "
            f"{choice.samples_seen:.4g}; set train_num_samples in scale_configs.py, or train with --for open_clip."
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
    return min(
        SCALES, key=lambda scale: abs(1 - max(SCALES[scale], samples_seen) / min(SCALES[scale], samples_seen))
    )


def read_back(text: str, choice: SavedChoice) -> tuple[tuple[float, ...], float]:
    """Shares and samples seen that the commands ask for: rows of each pool in the subset, times passes."""
    words = shlex.split(text.splitlines()[0])
    given = {flag: value for flag, value in pairwise(words) if flag.startswith("--")}
    passes = float(given["--passes"])
    rows = []
    for epochs, size in zip(choice.epochs, choice.unique_samples, strict=True):
        copies = epochs / passes
        whole = int(copies + SAME_EPOCHS)
        # each sample is written `whole` times, and once more with the rest as its probability
        rows.append(size * whole + size * max(copies - whole, 0.0))
    return shares(rows), sum(rows) * passes
