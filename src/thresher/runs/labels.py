"""Which pool each logged run was trained on: what no trainer's log says."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from thresher.errors import FileFormatError, InputError
from thresher.files import check_readable
from thresher.runs.measurement import EXPOSURES, SCHEDULES
from thresher.units import parse_samples

REQUIRED = ("run", "pool", "unique_samples")
OPTIONAL = (
    "rank", "quality", "seed", "model", "schedule", "exposure", "weights", "subset_of", "samples_per_epoch",
    "batch_size",
)  # fmt: skip


@dataclass(frozen=True)
class RunLabel:
    """What is known of the runs that a pattern matches; None leaves a fact to the logs.

    Attributes:
        pattern: Name of a run, or of several with `*` and `?`.
        pool: As in the run table; `a+b` for a joint run.
        unique_samples: Distinct samples of the pool, or of all pools of a joint run.
        samples_per_epoch: What the trainer calls an epoch, in samples.
        batch_size: Samples of a batch over all devices.
    """

    pattern: str
    pool: str
    unique_samples: float
    rank: int | None = None
    quality: str | None = None
    seed: str | None = None
    model: str | None = None
    schedule: str | None = None
    exposure: str | None = None
    weights: tuple[float, ...] | None = None
    subset_of: str | None = None
    samples_per_epoch: float | None = None
    batch_size: float | None = None


def find_label(labels: Sequence[RunLabel], run: str) -> RunLabel | None:
    """The label of a run: the one of exactly that name, or else the first pattern that matches."""
    exact = next((label for label in labels if label.pattern == run), None)
    return exact or next((label for label in labels if fnmatchcase(run, label.pattern)), None)


def read_labels(path: Path) -> tuple[RunLabel, ...]:
    """Labels from a CSV with columns run, pool and unique_samples, and optional ones.

    Raises:
        FileFormatError: A required column is missing, or one is not known.
        InputError: A cell that cannot be what its column says.
    """
    check_readable(path, "a CSV with columns run, pool, unique_samples")
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        header = list(reader.fieldnames or ())
        missing = [name for name in REQUIRED if name not in header]
        strange = [name for name in header if name not in (*REQUIRED, *OPTIONAL)]
        if missing or strange:
            raise FileFormatError(
                f"{path} needs the columns {', '.join(REQUIRED)}, and may have {', '.join(OPTIONAL)}; "
                + (f"it lacks {missing[0]}." if missing else f"it has {strange[0]!r}.")
            )
        return tuple(_label(row, f"{path} row {number}") for number, row in enumerate(reader, start=2))


def _label(row: dict[str, str | None], place: str) -> RunLabel:
    cells = {name: (cell or "").strip() for name, cell in row.items() if name is not None}
    for name in REQUIRED:
        if not cells[name]:
            raise InputError(
                f"{place}: {name} is empty; every row names runs, their pool and its unique_samples."
            )
    for name, accepted in (("schedule", SCHEDULES), ("exposure", EXPOSURES)):
        if cells.get(name) and cells[name] not in accepted:
            raise InputError(
                f"{place}: {name} is {cells[name]!r}; it can be {', '.join(accepted)}, or empty."
            )
    try:
        rank = int(cells["rank"]) if cells.get("rank") else None
        weights = tuple(float(w) for w in cells["weights"].split(",")) if cells.get("weights") else None
    except ValueError as error:
        raise InputError(
            f"{place}: rank is a whole number and weights are numbers such as 0.7,0.3."
        ) from error

    def word(name: str) -> str | None:
        return cells.get(name) or None

    def samples(name: str) -> float | None:
        return parse_samples(cells[name], f"{place}: {name}") if cells.get(name) else None

    return RunLabel(
        pattern=cells["run"],
        pool=cells["pool"],
        unique_samples=parse_samples(cells["unique_samples"], f"{place}: unique_samples"),
        rank=rank,
        quality=word("quality"),
        seed=word("seed"),
        model=word("model"),
        schedule=word("schedule"),
        exposure=word("exposure"),
        weights=weights,
        subset_of=word("subset_of"),
        samples_per_epoch=samples("samples_per_epoch"),
        batch_size=samples("batch_size"),
    )
