"""Streams for MosaicML's StreamingDataset."""

import ast
import math
from collections.abc import Sequence

from thresher.errors import InputError
from thresher.plans.saved import SavedChoice
from thresher.quoting import encoded_name, python_literal
from thresher.recipes.recipe import Recipe, checked, shares
from thresher.recipes.shards import Loader
from thresher.recipes.sources import Source
from thresher.recipes.urls import count_shards


def mosaicml_recipe(choice: SavedChoice, sources: Sequence[Source], loader: Loader) -> Recipe:
    """A StreamingDataset whose streams have the plan's shares, and one epoch of the plan's length.

    Args:
        choice: What to train on.
        sources: Folder of each of its pools, in order.
        loader: The batch.

    Raises:
        InputError: A path that names several files; a stream is one folder.
        RecipeError: The text does not give the plan back.
    """
    for source in sources:
        if "::" in source.path or count_shards(source.path) != 1:
            raise InputError(
                f"{source.name!r}: MosaicML does not expand {source.path}; give the one folder that holds its shards and their "
                "index.json."
            )
    streams = "".join(
        f"    Stream(remote={python_literal(source.path)}, local={python_literal(f'cache/{encoded_name(source.name)}')}, "
        f"proportion={weight:.12g}),\n"
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
