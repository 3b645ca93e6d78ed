"""Shards on disk, the loader that reads them, and the shuffle buffer that samples leave it through."""

import math
from dataclasses import dataclass

import numpy as np

from thresher.errors import InputError
from thresher.shapes import Float, Int

OPEN_CLIP_BUFFER = 5000
"""Samples in the shuffle buffer of each open_clip worker: `_SAMPLE_SHUFFLE_SIZE` in open_clip_train/data.py."""
OPEN_CLIP_INITIAL = 1000
"""Samples in that buffer before the first one leaves it: `_SAMPLE_SHUFFLE_INITIAL`."""
FORGOTTEN = 20
"""Buffer lengths after which a sample that is still in the buffer is one in e^20, which is none."""


@dataclass(frozen=True)
class ShardSet:
    """The shards of one bucket.

    Attributes:
        name: Of the bucket.
        sizes: Samples in each shard.
        factor: How often one of its shards is drawn, relative to a shard of factor 1.
    """

    name: str
    sizes: Int[np.ndarray, " shards"]
    factor: float = 1.0

    def __post_init__(self) -> None:
        if not len(self.sizes) or int(self.sizes.min()) < 1:
            raise InputError(f"{self.name!r} has no shard, or an empty one; every shard needs a sample.")
        if not (math.isfinite(self.factor) and self.factor > 0):
            raise InputError(
                f"{self.name!r} has an upsampling factor of {self.factor:g}; it must be positive."
            )

    @property
    def samples(self) -> int:
        """Samples in all its shards."""
        return int(self.sizes.sum())


@dataclass(frozen=True)
class Loader:
    """How a trainer turns shards into batches.

    Attributes:
        replacement: Whether shards are drawn with replacement, as `--dataset-resampled` does.
        batch_size: Samples of one step over all GPUs: what a contrastive loss compares.
        gpus: Each fills its part of a batch from one worker.
        workers: Of one GPU; each reads shards of its own.
        checkpoints: Times that reading starts anew; open_clip calls them epochs.
        buffer: Samples that each worker shuffles.
        initial: Samples it collects before the first leaves.
    """

    replacement: bool = True
    batch_size: int = 4096
    gpus: int = 1
    workers: int = 1
    checkpoints: int = 1
    buffer: int = OPEN_CLIP_BUFFER
    initial: int = OPEN_CLIP_INITIAL

    def __post_init__(self) -> None:
        for name in ("batch_size", "gpus", "workers", "checkpoints", "buffer", "initial"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}; it must be at least 1.")
        if self.batch_size % self.gpus:
            raise InputError(
                f"A batch of {self.batch_size} cannot be shared by {self.gpus} GPUs; give a multiple of them."
            )

    @property
    def streams(self) -> int:
        """Separate sequences of shards that are read in the whole of training."""
        return self.gpus * self.workers * self.checkpoints


@dataclass(frozen=True)
class Buffered:
    """What happens to the samples that one worker reads until it stops.

    Attributes:
        read: Samples read.
        first: Place of the first read sample that may still be in the buffer at the end.
        kept: Expected count of samples that left the buffer, of those from `first` up to each place.
    """

    read: int
    first: int
    kept: Float[np.ndarray, " places"]

    def leaving(
        self, start: Int[np.ndarray, " reads"], end: Int[np.ndarray, " reads"]
    ) -> Float[np.ndarray, " reads"]:
        """Expected samples that leave the buffer, of those read at places from `start` to below `end`."""
        before = np.maximum(np.minimum(end, self.first) - start, 0)
        places = [np.clip(at, self.first, self.read) - self.first for at in (start, end)]
        return before + self.kept[places[1]] - self.kept[places[0]]


def through_buffer(emitted: int, buffer: int, initial: int) -> Buffered:
    """The fate of each sample that a worker reads to emit `emitted`.

    The buffer holds min(initial + k, buffer) samples when the k-th leaves it, each as likely as another (webdataset's
    `shuffle`), so one that entered at k is still inside at the end with probability prod_{t=k}^{emitted-1} (1 - 1/B_t).

    Args:
        emitted: Samples that leave the buffer.
        buffer: Most samples inside.
        initial: Samples inside when the first leaves.
    """
    initial = min(initial, buffer)
    growing = min(buffer - initial, emitted - 1)
    read = initial + 2 * growing + (emitted - 1 - growing)
    first = max(0, read - (FORGOTTEN + 2) * buffer)
    place = np.arange(first, read)
    # a growing buffer takes in two samples for each that leaves
    entered = np.where(place < initial, 0, (place - initial) // 2 + 1)
    entered = np.where(entered > growing, place - initial - growing + 1, entered)
    in_growth = np.minimum(entered, growing)
    staying = (
        (initial + in_growth - 1) / (initial + growing - 1) if initial + growing > 1 else np.zeros(len(place))
    )
    full = emitted - np.maximum(entered, growing)
    staying = staying * (1.0 - 1.0 / (initial + growing)) ** full
    return Buffered(read, first, np.concatenate([[0.0], np.cumsum(1.0 - staying)]))
