"""The plan as plain YAML, for any other trainer."""

from typing import Any

from thresher.plans.saved import SavedChoice
from thresher.quoting import yaml_document
from thresher.recipes.recipe import Recipe, RecipeError, checked


def yaml_recipe(choice: SavedChoice) -> Recipe:
    """Budget, weights, epochs and sizes, one entry per pool.

    Args:
        choice: What to train on.

    Raises:
        RecipeError: The text does not give the plan back.
    """
    columns = zip(choice.pools, choice.weights, choice.epochs, choice.unique_samples, strict=True)
    text = yaml_document({
        "samples_seen": _number(choice.samples_seen, 15),
        "choice": choice.choice,
        "pools": [
            {"name": name, "weight": _number(w), "epochs": _number(e), "unique_samples": _number(n)}
            for name, w, e, n in columns
        ],
    })  # fmt: skip
    names, found, samples_seen = read_back(text)
    if names != choice.pools:
        raise RecipeError("The yaml recipe does not give the names of the pools back; it is not printed.")
    return checked(Recipe("yaml", text, found, samples_seen, True), choice)


def read_back(text: str) -> tuple[tuple[str, ...], tuple[float, ...], float]:
    """Names, weights and samples seen that the text holds."""
    import yaml

    content: dict[str, Any] = yaml.safe_load(text)
    pools = content["pools"]
    names, weights = tuple(pool["name"] for pool in pools), tuple(float(pool["weight"]) for pool in pools)
    return names, weights, float(content["samples_seen"])


def _number(value: float, digits: int = 12) -> int | float:
    """To so many digits, without a point where it is whole."""
    rounded = float(f"{value:.{digits}g}")
    return int(rounded) if rounded == int(rounded) else rounded
