"""Recipes as the JSON that scripts rely on."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from thresher.plans.saved import SavedChoice
from thresher.recipes.dry_run import Exposure
from thresher.recipes.recipe import Recipe


def recipe(made: Recipe, choice: SavedChoice, found: Sequence[Exposure]) -> dict[str, Any]:
    """`recipe --json`."""
    return {
        "for": made.trainer,
        "text": made.text,
        "samples_seen": made.samples_seen,
        "pools": list(choice.pools),
        "weights": list(made.weights),
        "planned_weights": list(choice.weights),
        "replacement": made.replacement if made.trainer != "yaml" else None,
        "exposure": [asdict(one) for one in found],
        "notes": list(made.notes),
    }
