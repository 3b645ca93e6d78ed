"""What a trainer's sampler will do to each bucket: simulated shard by shard, beside what the law assumed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import pdtr

from thresher.arguments import argument
from thresher.errors import InputError
from thresher.fits.quantiles import INTERVAL
from thresher.laws.kernels import EXPOSURES
from thresher.recipes.shards import Loader, ShardSet, through_buffer
from thresher.shapes import Float, Int

DRAWS_AT_ONCE = 2**22
"""Shards drawn in one block, to bound memory."""
CELLS_AT_ONCE = 2**24
"""Numbers in one block of view counts."""


@dataclass(frozen=True)
class Assumed:
    """What a law assumes of a bucket: share never seen, and the 5-95 % range of views of a sample."""

    unseen: float
    low: int
    high: int


@dataclass(frozen=True)
class Exposure:
    """What happens to one bucket.

    Attributes:
        name: Of the bucket.
        share: Of all samples seen.
        passes: Mean views of a sample.
        unseen: Share of its samples never seen.
        low: Views of a sample, 5 % point.
        high: 95 % point.
        duplicate: Probability that one batch holds some sample of the bucket twice; see `duplicate_odds`.
        assumed: What the law assumed.
    """

    name: str
    share: float
    passes: float
    unseen: float
    low: int
    high: int
    duplicate: float
    assumed: Assumed


def dry_run(
    buckets: Sequence[ShardSet],
    samples_seen: float,
    *,
    loader: Loader,
    epochs: Sequence[float],
    exposure: str = "epochs",
    seed: int = 0,
) -> tuple[Exposure, ...]:
    """What a trainer's sampler will do to each bucket.

    Args:
        buckets: Their shards, and how often each is drawn.
        samples_seen: Samples of the whole training.
        loader: How shards become batches.
        epochs: Planned passes over each bucket.
        exposure: What the law assumed: `epochs`, or `resampled` for Poisson views.
        seed: Of the simulation.

    Raises:
        InputError: Less than one batch, or an unknown exposure.
    """
    if exposure not in EXPOSURES:
        raise InputError(f"{argument('exposure')} is {exposure!r}; give {' or '.join(EXPOSURES)}.")
    if samples_seen < loader.batch_size:
        raise InputError(
            f"{samples_seen:g} samples are below one batch of {loader.batch_size}; raise the budget or lower the batch."
        )
    views = views_of(buckets, samples_seen, loader, seed)
    seen = np.array([float(counts @ np.arange(len(counts))) for counts in views])
    duplicates = duplicate_odds(buckets, samples_seen, loader)
    found = []
    for i, bucket in enumerate(buckets):
        low, high = views_range(views[i] / bucket.samples)
        found.append(
            Exposure(
                bucket.name,
                float(seen[i] / seen.sum()),
                float(seen[i] / bucket.samples),
                float(views[i][0] / bucket.samples),
                low,
                high,
                float(duplicates[i]),
                assumed(epochs[i], exposure),
            )
        )
    return tuple(found)


def views_of(
    buckets: Sequence[ShardSet], samples_seen: float, loader: Loader, seed: int
) -> list[Float[np.ndarray, " views"]]:
    """Expected samples of each bucket that are seen 0, 1, 2, .. times, in one simulated training."""
    rng = np.random.default_rng(seed)
    return (_resampled if loader.replacement else _in_passes)(buckets, samples_seen, loader, rng)


def assumed(epochs: float, exposure: str) -> Assumed:
    """What a law assumes at some number of epochs: whole passes, or views that are Poisson.

    >>> assumed(2.5, "epochs"), round(assumed(1.0, "resampled").unseen, 3)
    (Assumed(unseen=0.0, low=2, high=3), 0.368)
    """
    if exposure == "resampled":
        most = int(epochs + 20 * np.sqrt(epochs) + 20)
        return Assumed(
            float(np.exp(-epochs)), *views_range(np.diff(pdtr(np.arange(most + 1), epochs), prepend=0.0))
        )
    whole = int(epochs + 1e-9)
    part = max(epochs - whole, 0.0)
    counts = np.zeros(whole + 2)
    counts[whole : whole + 2] = 1.0 - part, part
    return Assumed(float(counts[0]), *views_range(counts))


def duplicate_odds(
    buckets: Sequence[ShardSet], samples_seen: float, loader: Loader
) -> Float[np.ndarray, " buckets"]:
    """Probability, for each bucket, that one batch holds a sample of it twice.

    Two samples of a batch from different GPUs come from shards drawn apart. Two from one worker are about a buffer's
    length apart in its sequence, exponentially, and cannot be equal when one reading of a shard gave both. Read in
    passes, only a batch across the end of a pass can hold a sample twice. The expected count of pairs m is exact to
    about a tenth; the probability is taken as 1 - exp(-m), an upper bound where pairs come in clumps, as they do when
    one worker draws a shard twice in a row.
    """
    batch, part = loader.batch_size, loader.batch_size // loader.gpus
    drawn = np.array([bucket.factor * bucket.samples for bucket in buckets])
    total = float(drawn.sum())
    if not loader.replacement:
        share = drawn / total
        sizes = np.array([bucket.samples for bucket in buckets])
        ends = np.maximum(share * samples_seen / sizes - loader.checkpoints, 0.0)
        crossing = np.minimum(ends * batch / samples_seen, 1.0)
        return np.asarray(crossing * -np.expm1(-((share * batch) ** 2) / (6 * sizes)))
    within = loader.gpus * part * (part - 1) / 2
    across = batch * (batch - 1) / 2 - within
    pairs = []
    for bucket in buckets:
        size = bucket.sizes.astype(float)
        match = (bucket.factor * size / total) ** 2 / size
        apart = loader.buffer / size * -np.expm1(-size / loader.buffer)
        pairs.append(float(match @ (across + within * apart)))
    return -np.expm1(-np.array(pairs))


def _resampled(
    buckets: Sequence[ShardSet], samples_seen: float, loader: Loader, rng: np.random.Generator
) -> list[Float[np.ndarray, " views"]]:
    """Samples of each bucket by views, when each worker draws shards with replacement."""
    sizes = np.concatenate([bucket.sizes for bucket in buckets]).astype(np.int64)
    chance = np.cumsum(np.concatenate([np.full(len(b.sizes), b.factor) for b in buckets]))
    buffered = through_buffer(max(1, round(samples_seen / loader.streams)), loader.buffer, loader.initial)
    whole = np.zeros(len(sizes), dtype=np.int64)
    shards, shares = [], []
    for drawn in _sequences(sizes, chance / chance[-1], buffered.read, loader.streams, rng):
        end = np.cumsum(sizes[drawn], axis=1)
        start = end - sizes[drawn]
        complete = end <= buffered.first
        whole += np.bincount(drawn[complete], minlength=len(sizes))
        part = ~complete & (start < buffered.read)
        shards.append(drawn[part])
        shares.append(
            buffered.leaving(start[part], np.minimum(end[part], buffered.read)) / sizes[drawn[part]]
        )
    return _views(buckets, sizes, whole, np.concatenate(shards), np.concatenate(shares))


def _sequences(
    sizes: Int[np.ndarray, " shards"],
    chance: Float[np.ndarray, " shards"],
    length: int,
    streams: int,
    rng: np.random.Generator,
) -> Iterator[Int[np.ndarray, "streams draws"]]:
    """Shards drawn for every stream, enough for `length` samples each, in blocks of streams."""
    weight = np.diff(chance, prepend=0.0)
    mean, square = float(weight @ sizes), float(weight @ sizes.astype(float) ** 2)
    steps = int(length / mean + 6 * np.sqrt(length / mean * max(square / mean**2 - 1.0, 0.0)) + 8)
    at_once = max(1, DRAWS_AT_ONCE // steps)
    for first in range(0, streams, at_once):
        rows = min(at_once, streams - first)
        drawn = _draw(chance, rng, rows, steps)
        while int(sizes[drawn].sum(axis=1).min()) < length:
            drawn = np.concatenate([drawn, _draw(chance, rng, rows, max(8, steps // 4))], axis=1)
        yield drawn


def _draw(
    chance: Float[np.ndarray, " shards"], rng: np.random.Generator, rows: int, steps: int
) -> Int[np.ndarray, "streams draws"]:
    found = np.searchsorted(chance, rng.random((rows, steps)), side="right")
    return np.minimum(found, len(chance) - 1)


def _in_passes(
    buckets: Sequence[ShardSet], samples_seen: float, loader: Loader, rng: np.random.Generator
) -> list[Float[np.ndarray, " views"]]:
    """Samples of each bucket by views, when every pass takes all its shards in a new order."""
    drawn = np.array([bucket.factor * bucket.samples for bucket in buckets])
    found = []
    for bucket, share in zip(buckets, drawn / drawn.sum(), strict=True):
        wanted = share * samples_seen / loader.checkpoints
        whole = np.full(len(bucket.sizes), int(wanted / bucket.samples + 1e-9) * loader.checkpoints)
        rest = max(wanted - bucket.samples * int(wanted / bucket.samples + 1e-9), 0.0)
        shards, shares = [], []
        for _ in range(loader.checkpoints):
            order = rng.permutation(len(bucket.sizes))
            end = np.cumsum(bucket.sizes[order])
            taken = np.clip(rest - (end - bucket.sizes[order]), 0, bucket.sizes[order]) / bucket.sizes[order]
            shards.append(order[taken > 0])
            shares.append(taken[taken > 0])
        found += _views([bucket], bucket.sizes, whole, np.concatenate(shards), np.concatenate(shares))
    return found


def _views(
    buckets: Sequence[ShardSet],
    sizes: Int[np.ndarray, " shards"],
    whole: Int[np.ndarray, " shards"],
    shards: Int[np.ndarray, " reads"],
    shares: Float[np.ndarray, " reads"],
) -> list[Float[np.ndarray, " views"]]:
    """Expected samples of each bucket by views, from readings of whole shards and of parts of shards.

    Args:
        buckets: Whose shards follow one another in `sizes`.
        sizes: Samples of each shard.
        whole: Readings of each whole shard.
        shards: Which shard each partial reading was of.
        shares: Share of its samples that the reading passed on, each as likely as another.
    """
    order = np.argsort(shards, kind="stable")
    shards, shares = shards[order], shares[order]
    readings = np.bincount(shards, minlength=len(sizes))
    nth = np.arange(len(shards)) - (np.cumsum(readings) - readings)[shards]
    owner = np.repeat(np.arange(len(buckets)), [len(bucket.sizes) for bucket in buckets])
    most = int((whole + readings).max()) + 2
    counts = np.zeros((len(buckets), most))
    untouched = readings == 0
    np.add.at(counts, (owner[untouched], whole[untouched]), sizes[untouched])
    touched = np.flatnonzero(~untouched)
    widest = int(readings.max(initial=0))
    at_once = max(1, CELLS_AT_ONCE // (widest + 1))
    for first in range(0, len(touched), at_once):
        rows = touched[first : first + at_once]
        place = np.full(len(sizes), -1)
        place[rows] = np.arange(len(rows))
        mine = place[shards] >= 0
        part = np.zeros((len(rows), widest))
        part[place[shards[mine]], nth[mine]] = shares[mine]
        spread = np.zeros((len(rows), widest + 1))
        spread[:, 0] = 1.0
        for column in part.T:  # one more reading of each shard: a sample was passed on, or not
            spread[:, 1:] = spread[:, 1:] * (1 - column[:, None]) + spread[:, :-1] * column[:, None]
            spread[:, 0] *= 1 - column
        at = np.minimum(whole[rows][:, None] + np.arange(widest + 1), most - 1)
        np.add.at(counts, (owner[rows][:, None], at), spread * sizes[rows][:, None])
    return list(counts)


def views_range(shares: Float[np.ndarray, " views"]) -> tuple[int, int]:
    """The 5 % and 95 % points of views whose probabilities are given."""
    cumulative = np.cumsum(shares) / shares.sum()
    low, high = (int(np.searchsorted(cumulative, share - 1e-12)) for share in INTERVAL)
    return low, high
