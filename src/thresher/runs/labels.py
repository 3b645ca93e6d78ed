"""Which pool each logged run was trained on: what no trainer's log says."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePath

from thresher.errors import FileFormatError, InputError
from thresher.files import check_readable
from thresher.runs.measurement import EXPOSURES, SCHEDULES
from thresher.runs.texts import listed, read_table
from thresher.units import parse_samples

REQUIRED = ("run", "pool", "unique_samples")
OPTIONAL = (
    "rank", "quality", "seed", "model", "schedule", "exposure", "weights", "subset_of", "samples_per_epoch",
    "batch_size", "samples_seen",
)  # fmt: skip


@dataclass(frozen=True)
class RunLabel:
    """What is known of the runs that a pattern matches; None leaves a fact to the logs.

    Attributes:
        pattern: Name of a run, or of several with `*` and `?`. With slashes it is the end of the run's path: `b0/medium_scale`.
        pool: As in the run table; `a+b` for a joint run.
        unique_samples: Distinct samples of the pool, or of all pools of a joint run.
        samples_per_epoch: What the trainer calls an epoch, in samples.
        batch_size: Samples of a batch over all devices.
        samples_seen: Samples at the end of the run, for an evaluation that does not say when it was made.
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
    samples_seen: float | None = None


def find_label(labels: Sequence[RunLabel], run: str) -> RunLabel | None:
    """The label of a run: the one of exactly that name, or else the first pattern that matches."""
    exact = next((label for label in labels if label.pattern == run), None)
    return exact or next((label for label in labels if fnmatchcase(run, label.pattern)), None)


def idle_labels(labels: Sequence[RunLabel], runs: Sequence[str]) -> tuple[str, ...]:
    """Patterns that name none of the runs."""
    names = set(runs)
    return tuple(
        label.pattern
        for label in labels
        if label.pattern not in names and not any(fnmatchcase(run, label.pattern) for run in names)
    )


def name_by_path(labels: Sequence[RunLabel], home: str) -> str | None:
    """The end of a run's path that a pattern with slashes names; None where none does.

    >>> name_by_path([RunLabel("b0/*", "b0", 1e6)], "/exp/b0/medium_scale")
    'b0/medium_scale'
    """
    parts = PurePath(home).parts
    with_slash = [label for label in labels if "/" in label.pattern.strip("/")]
    for exact in (True, False):
        for label in with_slash:
            pattern = label.pattern.strip("/")
            end = "/".join(parts[-pattern.count("/") - 1 :])
            if end == pattern if exact else fnmatchcase(end, pattern):
                return end
    return None


def read_labels(path: Path) -> tuple[RunLabel, ...]:
    """Labels from a CSV with columns run, pool and unique_samples, and optional ones.

    Raises:
        FileFormatError: A required column is missing, or one is not known.
        InputError: A cell that cannot be what its column says.
    """
    check_readable(path, "a CSV with columns run, pool, unique_samples")
    table = read_table(path)
    missing = [name for name in REQUIRED if name not in table.header]
    strange = [name for name in table.header if name not in (*REQUIRED, *OPTIONAL)]
    if missing or strange:
        raise FileFormatError(
            f"{path} needs the columns {', '.join(REQUIRED)}, and may have {', '.join(OPTIONAL)}; "
            + (
                f"it lacks {missing[0]} and has {listed(table.header)}."
                if missing
                else f"it has {strange[0]!r}."
            )
        )
    if table.passed:
        raise FileFormatError(
            f"{table.passed[0].place} has {table.passed[0].reason}. Fill them in, or remove the row."
        )
    columns = [(name, table.at(name)) for name in table.header]
    found: dict[str, tuple[str, RunLabel]] = {}
    for number, cells in table.rows:
        place = table.place(number)
        label = _label({name: cells[at].strip() for name, at in columns}, place)
        first, _ = found.setdefault(label.pattern, (place, label))
        if first != place:
            raise InputError(f"{place}: {label.pattern!r} is labelled in {first} too. Remove one.")
    return tuple(label for _, label in found.values())


def _label(cells: dict[str, str], place: str) -> RunLabel:
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
        rank = int(cells["rank"].removesuffix(".0")) if cells.get("rank") else None
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
        pattern=cells["run"].rstrip("/"),
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
        samples_seen=samples("samples_seen"),
    )
