"""One training run of the small CLIP on one core, measured as it goes."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel

from thresher.lab.jobs import BATCH, Measured
from thresher.lab.model import Captions, SmallClip
from thresher.lab.pairs import SIDE, Labelled, Pairs
from thresher.shapes import Float

LEARNING_RATE = 2e-3
WEIGHT_DECAY = 0.05
AVERAGING = 0.99
"""Share of the running average of weights that a step keeps; the average is what is evaluated. Early steps keep less,
(1 + t) / (10 + t) at step t, or the average would still be the random start when a bucket has been seen once."""
MOST_SHIFT = 2
"""Pixels by which a teacher's images are moved at most, each way, anew each time they are seen."""
AT_ONCE = 512


def train(
    pairs: Pairs,
    checkpoints: Sequence[int],
    evaluation: Labelled,
    *,
    seed: int,
    shifted: bool = False,
    progress: Callable[[int], None] | None = None,
) -> tuple[SmallClip, list[Measured]]:
    """Train on pairs, each once an epoch in a new order, at a constant learning rate; measure at checkpoints.

    Args:
        pairs: What to train on; at least one batch.
        checkpoints: Samples seen at which to measure, ascending multiples of `BATCH`; training ends at the last.
        evaluation: What to measure on.
        seed: Decides weights, order and shifts.
        shifted: Whether images are moved a little each time, so that repeats are worth more; a teacher's are.
        progress: Called with samples seen, now and then.

    Returns:
        The averaged model, and a measurement for each checkpoint.
    """
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    model = SmallClip()
    average = AveragedModel(model, multi_avg_fn=_average)
    optimiser = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True)
    images, captions = torch.from_numpy(pairs.images), Captions(pairs.captions)
    measured, marks = [], set(checkpoints)
    order = torch.empty(0, dtype=torch.long)
    for seen in range(BATCH, checkpoints[-1] + 1, BATCH):
        while len(order) < BATCH:
            order = torch.cat([order, torch.randperm(len(pairs))])
        rows, order = order[:BATCH], order[BATCH:]
        optimiser.zero_grad()
        batch = _shifted(images[rows]) if shifted else images[rows]
        model.loss(batch, *captions.take(rows)).backward()
        optimiser.step()
        average.update_parameters(model)
        if seen in marks:
            error = zero_shot_error(average.module, evaluation)
            spread = np.sqrt(error * (1 - error) / len(evaluation))
            measured.append(Measured(seen, error, float(spread)))
        if progress and (seen // BATCH) % 40 == 0:
            progress(seen)
    return average.module, measured


def zero_shot_error(model: SmallClip, evaluation: Labelled) -> float:
    """Share of images whose nearest class name is not their own."""
    with torch.no_grad():
        names = Captions(evaluation.classes).take(torch.arange(len(evaluation.classes)))
        texts = model.encode_texts(*names)
        images = torch.from_numpy(evaluation.images)
        found = [
            (model.encode_images(images[at : at + AT_ONCE]) @ texts.T).argmax(dim=1)
            for at in range(0, len(images), AT_ONCE)
        ]
    return float((torch.cat(found).numpy() != evaluation.labels).mean())


def clip_scores(model: SmallClip, pairs: Pairs) -> Float[np.ndarray, " pairs"]:
    """Cosine of each image with its own caption."""
    images, captions = torch.from_numpy(pairs.images), Captions(pairs.captions)
    scores = []
    with torch.no_grad():
        for at in range(0, len(pairs), AT_ONCE):
            rows = torch.arange(at, min(at + AT_ONCE, len(pairs)))
            texts = model.encode_texts(*captions.take(rows))
            scores.append((model.encode_images(images[rows]) * texts).sum(dim=1))
    return torch.cat(scores).numpy()


@torch.no_grad()
def _average(averages: Any, weights: Any, steps: Tensor | int) -> None:  # noqa: ANN401 - tuples or lists of tensors
    """Move each running average towards the weights that it follows."""
    kept = min(AVERAGING, (1 + int(steps)) / (10 + int(steps)))
    torch._foreach_lerp_(averages, weights, 1 - kept)


def _shifted(images: Tensor) -> Tensor:
    """Each image moved by a few pixels of its own, blank where it moved from."""
    padded = functional.pad(images, (MOST_SHIFT,) * 4)
    down, right = torch.randint(0, 2 * MOST_SHIFT + 1, (2, len(images), 1, 1))
    along = torch.arange(SIDE)
    return padded[torch.arange(len(images))[:, None, None], along[:, None] + down, along + right]
