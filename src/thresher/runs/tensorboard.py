"""TensorBoard event files, read with tensorboard's own accumulator."""

from pathlib import Path

from thresher.errors import FileFormatError, InputError, MissingExtraError
from thresher.runs.logged import Checkpoint, sorted_metrics

READER = "tensorboard"
EVENTS = "events.out.tfevents."
STEPS = ("epochs", "batches", "samples")
"""What a step counts: open_clip writes validation scalars at epochs, other trainers at batches or samples."""
VALIDATION = "val/"
"""open_clip puts this before the scalars it measures at an epoch's end; with none of them, all scalars are taken."""


def read_tensorboard(folder: Path, step: str) -> tuple[Checkpoint, ...]:
    """The scalars in one folder of event files, a checkpoint for each step.

    Args:
        folder: Holds the event files of one run.
        step: What their steps count, one of `STEPS`.

    Raises:
        MissingExtraError: tensorboard is not installed.
        FileFormatError: The files hold no scalars.
        InputError: One step has two values: two runs wrote into the folder.
    """
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    except ImportError as error:
        raise MissingExtraError("Reading TensorBoard event files", "tensorboard") from error
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0})
    events.Reload()
    values: dict[float, dict[str, float]] = {}
    for tag, at, value in _scalars(events):
        known = values.setdefault(at, {}).setdefault(tag, value)
        if known != value:
            raise InputError(
                f"{folder}: {tag} has two values at step {at:g} ({known:g} and {value:g}): two runs wrote into this folder. "
                "Give each its own folder."
            )
    if not values:
        raise FileFormatError(
            f"{folder} has event files without any scalar. Was the run stopped at its start?"
        )
    run = folder.parent.name if folder.name == "tensorboard" else folder.name
    checkpoints = []
    for at, measured in sorted(values.items()):
        place = f"{folder} step {at:g}"
        tasks, logged = sorted_metrics(measured, place)
        checkpoints.append(at_step(Checkpoint(run, place, READER, tasks=tasks, logged=logged), step, at))
    return tuple(checkpoints)


def at_step(checkpoint: Checkpoint, step: str, at: float) -> Checkpoint:
    """`checkpoint` with its place in training, a number of `step`.

    Raises:
        InputError: `step` is none of `STEPS`.
    """
    from dataclasses import replace

    if step == "epochs":
        return replace(checkpoint, epoch=at)
    if step == "batches":
        return replace(checkpoint, batches=at)
    if step == "samples":
        return replace(checkpoint, samples_seen=at)
    raise InputError(f"--step is {step!r}; it can be {', '.join(STEPS)}.")


def _scalars(events: object) -> list[tuple[str, float, float]]:
    """Tag, step and value of every scalar, in the old form and in the tensors of newer writers."""
    found = []
    tags = events.Tags()  # type: ignore[attr-defined]
    for tag in tags["scalars"]:
        found += [(tag, float(e.step), float(e.value)) for e in events.Scalars(tag)]  # type: ignore[attr-defined]
    if tags["tensors"]:
        from tensorboard.util import tensor_util

        for tag in tags["tensors"]:
            for event in events.Tensors(tag):  # type: ignore[attr-defined]
                value = tensor_util.make_ndarray(event.tensor_proto)
                if value.ndim == 0 and value.dtype.kind in "fiu":
                    found.append((tag, float(event.step), float(value)))
    validation = [one for one in found if one[0].startswith(VALIDATION)]
    return validation or found
