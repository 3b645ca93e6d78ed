"""A recipe carried out in simulation, before anybody pays for it."""

import math
from collections.abc import Sequence

import numpy as np

from thresher.arguments import argument
from thresher.budget import check_batch
from thresher.errors import InputError
from thresher.laws.kernels import EXPOSURES
from thresher.plans.saved import SavedChoice
from thresher.recipes.dry_run import Exposure, assumed, dry_run, views_of, views_range
from thresher.recipes.open_clip import upsampling_factors
from thresher.recipes.recipe import Recipe, RecipeError
from thresher.recipes.shards import Loader, ShardSet
from thresher.recipes.sources import Source, shard_sets

RESHARD_ROWS = 10_000
"""Rows of a shard that DataComp's resharder writes (`--shard-size`)."""
LARGEST_DEVIATION = 5.0
"""Standard errors that a simulated share may be off by; 1 in 2 million by chance."""


def rehearse(
    recipe: Recipe,
    choice: SavedChoice,
    loader: Loader,
    *,
    sources: Sequence[Source] = (),
    passes: float = 1.0,
    exposure: str | None = None,
    seed: int = 0,
) -> tuple[Exposure, ...]:
    """What the trainer's sampler will do to each pool of a recipe; empty for one that names no trainer.

    Args:
        recipe: Whose own text has given the plan's mixture back.
        choice: The plan.
        loader: Batch, GPUs, workers and checkpoints.
        sources: Shards of each pool, for open_clip and MosaicML.
        passes: For DataComp, how often the trainer goes through the subset.
        exposure: What the law assumed; see `assumed_exposure`.
        seed: Of the simulation.

    Raises:
        InputError: A budget below one batch, or an exposure that the plan contradicts.
        RecipeError: A simulated share is off by more than chance can explain.
    """
    exposure = assumed_exposure(choice, exposure)
    if recipe.trainer == "yaml":
        return ()
    check_batch(choice.samples_seen, loader.batch_size)
    if recipe.trainer == "datacomp":
        return _of_copies(choice, loader, passes, exposure, seed)
    if recipe.replacement:
        sets = shard_sets(choice, sources, upsampling_factors(choice.weights, sources))
    else:
        sets = _by_proportion(choice, sources)
    found = dry_run(
        sets, choice.samples_seen, loader=loader, epochs=choice.epochs, exposure=exposure, seed=seed
    )
    _check_shares(found, choice, sets)
    return found


def assumed_exposure(choice: SavedChoice, exposure: str | None) -> str:
    """What the law behind a plan assumed: what the plan says, or else what is given, or else whole epochs.

    Raises:
        InputError: No such exposure, or one that the plan contradicts.
    """
    if exposure not in (None, *EXPOSURES):
        raise InputError(f"{argument('exposure')} is {exposure!r}; give {' or '.join(EXPOSURES)}.")
    if None not in (exposure, choice.exposure) and exposure != choice.exposure:
        raise InputError(
            f"{argument('exposure')} is {exposure}, but the plan was made for {choice.exposure}. Leave it out, or make the plan "
            f"with {argument('exposure', exposure)}."
        )
    return exposure or choice.exposure or "epochs"


def _by_proportion(choice: SavedChoice, sources: Sequence[Source]) -> tuple[ShardSet, ...]:
    """Sets whose samples, times their factor, are in the plan's proportion: a stream is read so often, whole."""
    sets = []
    for source, size, epochs in zip(sources, choice.unique_samples, choice.epochs, strict=True):
        sizes = np.full(source.shards, max(1, round(size / source.shards)))
        sets.append(ShardSet(source.name, sizes, epochs))
    return tuple(sets)


def _of_copies(
    choice: SavedChoice, loader: Loader, passes: float, exposure: str, seed: int
) -> tuple[Exposure, ...]:
    """Resharded rows of all pools lie mixed in every shard; a sample is seen as often as all its copies together."""
    rows = choice.samples_seen / passes
    shards = max(1, math.ceil(rows / RESHARD_ROWS))
    sizes = np.full(shards, max(1, round(rows / shards)))
    (views,) = views_of([ShardSet("subset", sizes)], choice.samples_seen, loader, seed)
    views = views / views.sum()
    pairs = loader.batch_size * (loader.batch_size - 1) / 2
    found = []
    for name, weight, epochs, size in zip(
        choice.pools, choice.weights, choice.epochs, choice.unique_samples, strict=True
    ):
        copies = epochs / passes
        whole = int(copies + 1e-9)
        counts = np.ones(1)
        for _ in range(whole):
            counts = np.convolve(counts, views)
        rest = max(copies - whole, 0.0)
        counts = np.concatenate([counts, np.zeros(len(views) - 1)]) * (1 - rest) + rest * np.convolve(
            counts, views
        )
        low, high = views_range(counts)
        odds = -math.expm1(-pairs * size * (copies / rows) ** 2)
        mean = float(counts @ np.arange(len(counts)))
        found.append(
            Exposure(name, weight, mean, float(counts[0]), low, high, odds, assumed(epochs, exposure))
        )
    return tuple(found)


def _check_shares(found: Sequence[Exposure], choice: SavedChoice, sets: Sequence[ShardSet]) -> None:
    shards = sum(len(one.sizes) for one in sets)
    drawn = choice.samples_seen / (sum(one.samples for one in sets) / shards)
    for one, weight in zip(found, choice.weights, strict=True):
        error = math.sqrt(weight * (1 - weight) / max(drawn, 1.0))
        if abs(one.share - weight) > LARGEST_DEVIATION * error + 1.0 / choice.samples_seen + 1e-6:
            raise RecipeError(
                f"In simulation {one.name!r} got a share of {one.share:.4g}, not the plan's {weight:.4g}; the recipe is not "
                "printed. Please report this with the PLAN file."
            )
