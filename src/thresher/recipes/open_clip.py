"""Arguments for open_clip's trainer."""

import math
import shlex
from collections.abc import Sequence
from itertools import pairwise

from thresher.arguments import argument
from thresher.errors import InputError
from thresher.plans.saved import SavedChoice
from thresher.quoting import check_name, option, shell_command
from thresher.recipes.recipe import Recipe, checked, shares
from thresher.recipes.shards import Loader
from thresher.recipes.sources import Source, shard_doubts
from thresher.recipes.urls import check_opened, count_shards, opened_by_open_clip

PROGRAM = "python -m open_clip_train.main"


def open_clip_recipe(
    choice: SavedChoice, sources: Sequence[Source], loader: Loader, *, model: str | None = None
) -> Recipe:
    """Arguments that make open_clip sample each pool as the plan says.

    A factor of `--train-data-upsampling-factors` is the weight of each single shard, and shards are read whole: source i
    with S_i shards of M_i samples gets the share f_i S_i M_i / sum_j f_j S_j M_j. Solved for f_i, and scaled so that the mean
    shard has factor 1. Without `samples`, every M is taken to be the same.

    Args:
        choice: What to train on.
        sources: Shards of each of its pools, in order.
        loader: Batch, GPUs, workers and checkpoints.
        model: As open_clip names it; left to the user if None.

    Raises:
        InputError: The budget is below one batch at each checkpoint, or a path is no list of shards to open_clip.
        RecipeError: The text does not give the plan back.
    """
    if model is not None:
        check_name(model, "Model")
    for source in sources:
        check_opened(source.path, source.shards, source.name)
    factors = upsampling_factors(choice.weights, sources)
    paths, weights = [], []
    for source, factor in zip(sources, factors, strict=True):
        parts = source.path.split("::")
        paths += [opened_by_open_clip(part) for part in parts]
        weights += [f"{factor:.10g}"] * len(parts)
    each = math.ceil(choice.samples_seen / loader.checkpoints)
    if each < loader.batch_size:
        raise InputError(
            f"{choice.samples_seen:g} samples in {loader.checkpoints} parts are below one batch of {loader.batch_size}; give "
            f"fewer {argument('checkpoints')} or a smaller {argument('batch_size')}."
        )
    options = [
        ("--train-data", "::".join(paths)),
        ("--train-data-upsampling-factors", "::".join(weights)),
        ("--train-num-samples", str(each)),
        ("--epochs", str(loader.checkpoints)),
        ("--save-frequency", "1"),
        ("--dataset-type", "webdataset"),
        ("--batch-size", str(loader.batch_size // loader.gpus)),
        ("--workers", str(loader.workers)),
        *([("--model", model)] if model is not None else []),
    ]
    lines = [
        PROGRAM,
        *[shell_command(option(flag, value)) for flag, value in options],
        "--dataset-resampled",
    ]
    text = " \\\n  ".join(lines) + "\n"
    found, samples_seen = read_back(text, sources)
    notes = [
        *shard_doubts(choice, sources),
        f"open_clip calls {each:,} samples an epoch; all {loader.checkpoints} checkpoints are kept. Only the last is at the end "
        "of the learning-rate schedule.",
        f"--batch-size is for each of {loader.gpus} GPUs; start with torchrun --nproc_per_node for more than one.",
    ]
    return checked(Recipe("open_clip", text, found, samples_seen, True, tuple(notes)), choice)


def upsampling_factors(weights: Sequence[float], sources: Sequence[Source]) -> tuple[float, ...]:
    """Weight of each shard of each source, with a mean of 1 over shards.

    >>> upsampling_factors([0.5, 0.5], [Source("a", 1, "a.tar"), Source("b", 3, "b{0..2}.tar")])
    (2.0, 0.6666666666666666)
    """
    size = [1.0 if source.samples is None else source.samples / source.shards for source in sources]
    raw = [w / (source.shards * m) for w, source, m in zip(weights, sources, size, strict=True)]
    shards = [source.shards for source in sources]
    mean = sum(f * s for f, s in zip(raw, shards, strict=True)) / sum(shards)
    return tuple(f / mean for f in raw)


def read_back(text: str, sources: Sequence[Source]) -> tuple[tuple[float, ...], float]:
    """Shares of the sources and samples seen that a command asks for, by open_clip's own rules."""
    words = [
        word for word in shlex.split(text) if word != "\n"
    ]  # what a backslash at the end of a line leaves
    given = {flag: value for flag, value in pairwise(words) if flag.startswith("--")}
    paths = given["--train-data"].split("::")
    factors = [float(factor) for factor in given["--train-data-upsampling-factors"].split("::")]
    drawn = dict(zip(paths, factors, strict=True))
    amounts = []
    for source in sources:
        held = 1.0 if source.samples is None else source.samples / source.shards
        parts = [opened_by_open_clip(part) for part in source.path.split("::")]
        amounts.append(sum(drawn[part] * count_shards(part) * held for part in parts))
    return shares(amounts), float(given["--train-num-samples"]) * int(given["--epochs"])
