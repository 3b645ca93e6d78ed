"""Which assumption a choice hangs on: what would be chosen if one part of the ensemble were true."""

from collections.abc import Sequence

import numpy as np

from thresher.fits.fit import Fit
from thresher.shapes import Float, Int

AXES = {
    "kernel": "the kernel is",
    "mixing": "the mixing rule is",
    "kappa": "kappa is",
    "floor": "the floor is",
}
SMALLEST_SHARE = 0.02
"""Values with less weight than this are not worth a word."""


def draw_members(fit: Fit) -> Int[np.ndarray, " draws"]:
    """Index of the member that each draw of `draw_errors` belongs to."""
    return np.repeat(np.arange(len(fit.members)), [len(member.replicates) for member in fit.members])


def sensitivity(
    fit: Fit,
    errors: Float[np.ndarray, "draws candidates"],
    weights: Float[np.ndarray, " draws"],
    labels: Sequence[str],
    best: int,
) -> tuple[str, ...]:
    """Sentences on what the choice would be under each value of kernel, mixing rule, kappa and floor.

    Args:
        fit: The ensemble.
        errors: Noise-free errors of the candidates at one budget.
        weights: Weights of the draws.
        labels: Names of the candidates.
        best: The candidate that is chosen.
    """
    if len(fit.members) < 2 or len(labels) < 2:
        return ()
    member = draw_members(fit)
    sentences = []
    for axis, words in AXES.items():
        values = [_value(fit, i, axis) for i in range(len(fit.members))]
        others: dict[int, list[str]] = {}
        for value in sorted(set(values), key=str):
            mine = np.isin(member, [i for i, found in enumerate(values) if found == value])
            if weights[mine].sum() < SMALLEST_SHARE:
                continue
            choice = int(np.argmin(weights[mine] @ errors[mine]))
            if choice != best:
                others.setdefault(choice, []).append(str(value))
        for choice, found in others.items():
            sentences.append(f"It would be {labels[choice]} if {words} {' or '.join(found)}.")
    return tuple(sentences) or (
        f"It is {labels[best]} under every kernel, mixing rule, kappa and floor that has weight.",
    )


def _value(fit: Fit, index: int, axis: str) -> object:
    member = fit.members[index]
    return f"{member.parameters.floor[0]:.3g}" if axis == "floor" else getattr(member, axis)
