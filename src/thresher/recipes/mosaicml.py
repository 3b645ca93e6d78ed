"""Streams for MosaicML's StreamingDataset."""

import ast
import math
from collections.abc import Sequence

from thresher.plans.saved import SavedChoice
from thresher.recipes.recipe import Recipe, checked, shares
from thresher.recipes.shards import Loader
from thresher.recipes.sources import Source


def mosaicml_recipe(choice: SavedChoice, sources: Sequence[Source], loader: Loader) -> Recipe:
    """A StreamingDataset whose streams have the plan's shares, and one epoch of the plan's length.

    Args:
        choice: What to train on.
        sources: Folder of each of its pools, in order.
        loader: The batch.

    Raises:
        RecipeError: The text does not give the plan back.
    """
    streams = "".join(
        f"    Stream(remote={_quoted(source.path)}, local={_quoted(f'cache/{source.name}')}, proportion={weight:.12g}),\n"
        for source, weight in zip(sources, choice.weights, strict=True)
    )
    text = (
        "from streaming import Stream, StreamingDataset\n\n"
        f"streams = [\n{streams}]\n"
        "dataset = StreamingDataset(\n"
        "    streams=streams,\n"
        f"    epoch_size={math.ceil(choice.samples_seen)},\n"
        f"    batch_size={loader.batch_size // loader.gpus},\n"
        "    shuffle=True,\n"
        ")\n"
    )
    found, samples_seen = read_back(text)
    notes = (
        "Train for one epoch: epoch_size is the whole budget. Within it each stream repeats its samples in whole passes, so "
        "exposure is by epochs, not with replacement.",
        f"batch_size is for each of {loader.gpus} GPUs.",
    )
    return checked(Recipe("mosaicml", text, found, samples_seen, False, notes), choice)


def read_back(text: str) -> tuple[tuple[float, ...], float]:
    """Shares and epoch size that a snippet asks for, from its syntax; nothing is run."""
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    named = [(call, {one.arg: one.value for one in call.keywords}) for call in calls]
    proportions = [
        float(ast.literal_eval(arguments["proportion"]))
        for _, arguments in named
        if "proportion" in arguments
    ]
    (epoch,) = [
        ast.literal_eval(arguments["epoch_size"]) for _, arguments in named if "epoch_size" in arguments
    ]
    return shares(proportions), float(epoch)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
