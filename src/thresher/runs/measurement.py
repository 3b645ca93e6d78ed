"""One row of a run table: what one training run measured after some number of samples."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from thresher.units import format_number

REQUIRED_COLUMNS = ("pool", "unique_samples", "samples_seen", "metric", "error")
OPTIONAL_COLUMNS = (
    "run", "model", "seed", "rank", "quality", "schedule", "exposure", "standard_error", "weights",
    "subset_of", "source",
)  # fmt: skip
COLUMNS = REQUIRED_COLUMNS + OPTIONAL_COLUMNS

SCHEDULES = ("constant", "finished", "mid-run")
EXPOSURES = ("epochs", "resampled", "unknown")


@dataclass(frozen=True, slots=True)
class Measurement:
    """The error of one run after `samples_seen` samples of one pool, or of several trained jointly.

    Attributes:
        pool: The pool's name; `a+b+c` when several were trained jointly.
        unique_samples: Distinct samples in the pool, or in all pools of a joint run; `inf` for one that never repeats.
        samples_seen: Samples processed, repeats counted.
        metric: What `error` measures, for example `imagenet1k_zeroshot_error` or `c4_val_loss`.
        error: A fraction for metrics ending in `_error`, a positive number for those ending in `_loss`.
        run: Name of the training run; None when pool, model, seed and schedule tell runs apart.
        model: The model trained.
        seed: The seed of the run.
        rank: Place of the pool in the quality order; 1 is best. None: fitted, but never a candidate.
        quality: Pools of one quality at several sizes share this word.
        schedule: `constant`, `finished` or `mid-run`, or None when not stated.
        exposure: `epochs`, `resampled` or `unknown`, or None when not stated.
        standard_error: Of `error`, in the same unit.
        weights: Share of samples seen from each pool of a joint run; None is in proportion to size.
        pool_sizes: Distinct samples of each pool of a joint run, where the row lists them.
        subset_of: The pool that this one is a random sample of.
        source: Where the number comes from.
        other: Columns that thresher does not know, kept as text.
        file: The file the row was read from; not compared.
        line: The row of that file, counted from 1 with the header of a CSV included; 0 is none; not compared.
    """

    pool: str
    unique_samples: float
    samples_seen: float
    metric: str
    error: float
    run: str | None = None
    model: str | None = None
    seed: str | None = None
    rank: int | None = None
    quality: str | None = None
    schedule: str | None = None
    exposure: str | None = None
    standard_error: float | None = None
    weights: tuple[float, ...] | None = None
    pool_sizes: tuple[float, ...] | None = None
    subset_of: str | None = None
    source: str | None = None
    other: Mapping[str, str] = field(default_factory=dict, hash=False)
    file: str = field(default="", compare=False)
    line: int = field(default=0, compare=False)

    @property
    def pools(self) -> tuple[str, ...]:
        """Names of the pools trained on, in the order written: ('a', 'b', 'c') for `a+b+c`."""
        return tuple(name.strip() for name in self.pool.split("+")) if self.is_joint else (self.pool.strip(),)

    @property
    def is_joint(self) -> bool:
        """Whether several pools were trained jointly."""
        return "+" in self.pool

    @property
    def epochs(self) -> float:
        """Passes over the unique samples, n/N."""
        return self.samples_seen / self.unique_samples

    @property
    def run_key(self) -> tuple[str | None, ...]:
        """What makes rows belong to one run: `run`, or else pool with its weights, model, seed and schedule.

        The pools of a joint run are sorted, so that `a+b` and `b+a` are one run.
        """
        if self.run is not None:
            return ("run", self.run)
        parts = (name if share is None else f"{share!r} {name}" for name, share in self.shares)
        return ("row", "+".join(parts), self.model, self.seed, self.schedule)

    @property
    def shares(self) -> tuple[tuple[str, float | None], ...]:
        """Pools trained on and the weight stated for each, sorted: `a+b` and `b+a` are one mixture."""
        if not self.is_joint:
            return ((self.pool.strip(), None),)
        weights = self.weights or (None,) * len(self.pools)
        return tuple(sorted(zip(self.pools, weights, strict=False), key=lambda share: share[0]))

    @property
    def place(self) -> str:
        """Where the row stands, for messages: `runs.csv row 17`."""
        where = (
            f"row {self.line}"
            if self.line
            else f"run of pool {self.pool!r} at {format_number(self.samples_seen, 6)} samples"
        )
        return f"{self.file} {where}" if self.file else where

    def value(self, column: str) -> object:
        """What the row holds in `column`, for comparisons; None when it is empty or has no such column."""
        if column in COLUMNS:
            found: object = getattr(self, column)
            return ",".join(map(repr, found)) if isinstance(found, tuple) else found
        return self.other.get(column)
