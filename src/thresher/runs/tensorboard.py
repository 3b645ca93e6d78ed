"""TensorBoard event files, read with tensorboard's own accumulator."""

import logging
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from thresher.errors import MissingExtraError
from thresher.runs.logged import Checkpoint, Logs, after_resumes, sorted_metrics
from thresher.runs.passed import Passed
from thresher.runs.texts import number_of

READER = "tensorboard"
EVENTS = "events.out.tfevents."
OPEN_CLIP = re.compile(
    r"(?:val/)?(?:imagenet\w*-zeroshot-val-top[15]|clip_val_loss|clip_loss|val_generative_loss"
    r"|(?:image_to_text|text_to_image)_(?:mean_rank|median_rank|R@\d+)|num_samples)"
)
"""What open_clip measures at the end of an epoch, and logs with the number of epochs as its step."""


def steps_of(name: str) -> str | None:
    """What the steps of a logged series count, where its name says it: open_clip's are epochs."""
    return "epochs" if OPEN_CLIP.fullmatch(name) else None


def read_tensorboard(folder: Path) -> Logs:
    """The scalars in one folder of event files, a checkpoint for each step.

    A run that was resumed begins a new file. Of a step that was written again the later value counts, and what the earlier
    file says of later steps is left out.

    Raises:
        MissingExtraError: tensorboard is not installed.
    """
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    except ImportError as error:
        raise MissingExtraError("Reading TensorBoard event files", "tensorboard") from error
    series: dict[str, list[tuple[float, float]]] = {}
    passed = []
    for file in sorted(_event_files(folder), key=_written):
        logging.getLogger("tensorboard").setLevel(logging.ERROR)
        events = EventAccumulator(str(file), {"scalars": 0, "tensors": 0}, purge_orphaned_data=False)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                events.Reload()
                found = list(_scalars(events))
        except Exception as error:  # whatever its parser of damaged records raises
            passed.append(Passed(str(file), f"no whole event file: {type(error).__name__}"))
            continue
        if not found:
            passed.append(Passed(str(file), "an event file without any scalar"))
        for tag, step, value in found:
            series.setdefault(tag, []).append((step, value))
    values: dict[tuple[str | None, float], dict[str, object]] = {}
    for tag, written in series.items():
        for step, value in after_resumes(written).items():
            values.setdefault((steps_of(tag), step), {})[tag] = value
    home = folder.parent if folder.name == "tensorboard" else folder
    checkpoints = []
    for (counts, step), measured in sorted(values.items(), key=lambda item: (item[0][0] or "", item[0][1])):
        tasks, logged = sorted_metrics(measured)
        checkpoints.append(
            Checkpoint(
                home.name or home.resolve().name, f"{folder} step {step:g}", READER, steps=step, axis="step", counts=counts,
                tasks=tasks, logged=logged, home=str(home),
            )
        )  # fmt: skip
    return Logs(tuple(checkpoints), passed=tuple(passed))


def _event_files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name.startswith(EVENTS) and path.is_file()]


def _written(path: Path) -> tuple[float, str]:
    """When a file was begun, which its name says, and its name."""
    begun = path.name.removeprefix(EVENTS).split(".", 1)[0]
    return (float(begun) if begun.isdigit() and len(begun) < 16 else 0.0, path.name)


def _scalars(events: Any) -> Iterator[tuple[str, float, float]]:  # noqa: ANN401
    """Tag, step and value of every scalar, in the old form and in the tensors of newer writers."""
    tags = events.Tags()
    for tag in tags["scalars"]:
        yield from ((tag, float(one.step), float(one.value)) for one in events.Scalars(tag))
    if tags["tensors"]:
        from tensorboard.util import tensor_util

        for tag in tags["tensors"]:
            for event in events.Tensors(tag):
                value = tensor_util.make_ndarray(event.tensor_proto)
                if value.ndim == 0 and value.dtype.kind in "fiu" and number_of(float(event.step)) is not None:
                    yield tag, float(event.step), float(value)
