"""Which law to fit: its parts, their defaults and why."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from thresher.errors import InputError
from thresher.laws.kernels import find_kernel
from thresher.laws.mixing import MIXING_RULES
from thresher.runs import Measurement

DEFAULT_KERNEL = "utility"
"""The paper's law."""
DEFAULT_MIXING = "sample_worth"
"""Chose better than the paper's rule on joint runs that were kept apart; see docs/laws.md."""
DEFAULT_FLOOR = 0.1
"""The irreducible error that the paper fixes for ImageNet zero-shot error."""
DEFAULT_KAPPA = 1.0
"""Theorem 1: p pools together have p times the half-life."""
IMAGENET_CHANCE = 0.999
"""Error of guessing among ImageNet's 1,000 classes."""

ABOVE_CHANCE = 0.05
"""An untrained model may measure this much worse than guessing, on few classes or few images."""


@dataclass(frozen=True)
class LawChoice:
    """Which law to fit; None leaves a value to its default.

    Attributes:
        kernel: How repeats count.
        mixing: How pools mix.
        floor: Irreducible error in the unit of the metric; `"fit"` bounds it below the smallest error.
        kappa: How half-lives grow with unique samples.
        onset: n0 in samples, if known.
        amplitude: A in the unit of the metric, if known.
        chance: Error of guessing, for fractions.
        unit: `fraction` or `loss`.
    """

    kernel: str = DEFAULT_KERNEL
    mixing: str = DEFAULT_MIXING
    floor: float | str | None = None
    kappa: float = DEFAULT_KAPPA
    onset: float | None = None
    amplitude: float | None = None
    chance: float = IMAGENET_CHANCE
    unit: str = "fraction"

    def __post_init__(self) -> None:
        find_kernel(self.kernel)
        if self.mixing not in MIXING_RULES:
            raise InputError(
                f"There is no mixing rule {self.mixing!r}. Rules are: {', '.join(MIXING_RULES)}."
            )
        if isinstance(self.floor, str) and self.floor != "fit":
            raise InputError(f"The floor is {self.floor!r}; give an error such as 0.1, or 'fit'.")
        for name in ("onset", "amplitude"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise InputError(f"The {name} is {value:g}; it must be positive.")
        if not (math.isfinite(self.kappa) and 0 <= self.kappa <= 3):
            raise InputError(f"kappa is {self.kappa:g}; it lies between 0 (no growth of half-life) and 3.")
        if not 0 < self.chance <= 1:
            raise InputError(
                f"chance is {self.chance:g}; it is the error of guessing, a fraction such as 0.999."
            )


def check_chance(chance: float, rows: Sequence[Measurement]) -> None:
    """Refuse an error of guessing that measured errors lie well above: every prediction is capped at it.

    Raises:
        InputError: Some error does.
    """
    worst = max((row.error for row in rows), default=0.0)
    if worst > chance + ABOVE_CHANCE:
        raise InputError(
            f"chance is {chance:g}, but errors reach {worst:g}; it is the error of guessing, which no prediction exceeds. "
            f"Give --chance of {worst:g} or more."
        )


def check_seed(seed: int) -> None:
    """Refuse a seed that no generator takes.

    Raises:
        InputError: It is negative.
    """
    if seed < 0:
        raise InputError(f"seed is {seed}; give a whole number from 0 up.")
