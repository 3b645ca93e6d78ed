"""A recipe for one trainer: text to paste, and the mixture that this very text asks for."""

from collections.abc import Sequence
from dataclasses import dataclass

from thresher.plans.saved import SavedChoice

SHARE_TOLERANCE = 1e-6
"""Shares that come back from a recipe's own text within this are the plan's: what is left of printing ten digits."""


class RecipeError(RuntimeError):
    """A recipe whose own text does not give the plan's mixture back; a fault of ours, and it is not printed."""


@dataclass(frozen=True)
class Recipe:
    """What to paste into a trainer.

    Attributes:
        trainer: `open_clip`, `datacomp`, `mosaicml` or `yaml`.
        text: Commands or configuration.
        weights: Share of each pool that `text` asks for, read back from it.
        samples_seen: Samples that `text` asks for, read back from it.
        replacement: Whether the trainer draws with replacement.
        notes: What to know before pasting.
    """

    trainer: str
    text: str
    weights: tuple[float, ...]
    samples_seen: float
    replacement: bool
    notes: tuple[str, ...] = ()


def checked(recipe: Recipe, choice: SavedChoice) -> Recipe:
    """The recipe, once its text has given back the mixture and budget of the plan.

    Raises:
        RecipeError: A share or the budget differs.
    """
    pairs = list(zip(choice.pools, recipe.weights, choice.weights, strict=True))
    wrong = [(name, found, wanted) for name, found, wanted in pairs if abs(found - wanted) > SHARE_TOLERANCE]
    if wrong:
        name, found, wanted = wrong[0]
        raise RecipeError(
            f"The {recipe.trainer} recipe would give {name!r} a share of {found:.6g}, not the plan's {wanted:.6g}; it is not "
            "printed. Please report this with the PLAN file."
        )
    if abs(recipe.samples_seen - choice.samples_seen) > 0.001 * choice.samples_seen + 1000:
        raise RecipeError(
            f"The {recipe.trainer} recipe would train on {recipe.samples_seen:g} samples, not {choice.samples_seen:g}; it is not "
            "printed. Please report this with the PLAN file."
        )
    return recipe


def shares(amounts: Sequence[float]) -> tuple[float, ...]:
    """Amounts as shares that sum to 1.

    >>> shares([1.0, 3.0])
    (0.25, 0.75)
    """
    total = sum(amounts)
    return tuple(amount / total for amount in amounts)
