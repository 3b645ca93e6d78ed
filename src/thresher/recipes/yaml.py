"""The plan as plain YAML, for any other trainer."""

import json

from thresher.plans.saved import SavedChoice
from thresher.recipes.recipe import Recipe, checked


def yaml_recipe(choice: SavedChoice) -> Recipe:
    """Budget, weights, epochs and sizes, one pool an entry; strings are quoted as in JSON, which YAML reads.

    Args:
        choice: What to train on.

    Raises:
        RecipeError: The text does not give the plan back.
    """
    pools = "".join(
        f"  - name: {json.dumps(name)}\n    weight: {w:.12g}\n    epochs: {e:.12g}\n    unique_samples: {n:.12g}\n"
        for name, w, e, n in zip(
            choice.pools, choice.weights, choice.epochs, choice.unique_samples, strict=True
        )
    )
    text = f"samples_seen: {choice.samples_seen:.15g}\nchoice: {choice.choice}\npools:\n{pools}"
    found, samples_seen = read_back(text)
    return checked(Recipe("yaml", text, found, samples_seen, True), choice)


def read_back(text: str) -> tuple[tuple[float, ...], float]:
    """Weights and samples seen that the text holds."""
    pairs = [line.strip().removeprefix("- ").split(": ", 1) for line in text.splitlines()]
    weights = [float(pair[1]) for pair in pairs if pair[0] == "weight"]
    (samples_seen,) = [float(pair[1]) for pair in pairs if pair[0] == "samples_seen"]
    return tuple(weights), samples_seen
