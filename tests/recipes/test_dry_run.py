"""The dry run reads shards as a trainer does."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thresher.errors import InputError
from thresher.recipes import Loader, ShardSet, dry_run
from thresher.recipes.dry_run import assumed, duplicate_odds
from thresher.recipes.shards import through_buffer

DIRECT = {"buffer": 1, "initial": 1}


def shuffled(emitted, buffer, initial, rng):
    """Places that leave webdataset's shuffle buffer, and how many it read."""
    inside, left, source = [], [], iter(range(10**9))
    for place in source:
        inside.append(place)
        if len(inside) < buffer:
            inside.append(next(source))
        if len(inside) >= initial:
            left.append(inside.pop(rng.randrange(len(inside))))
            if len(left) == emitted:
                return left, len(left) + len(inside)
    raise AssertionError


@pytest.mark.parametrize(
    ("emitted", "buffer", "initial"), [(30, 50, 10), (200, 50, 10), (5, 50, 50), (40, 2, 2)]
)
def test_the_buffer_keeps_back_what_webdataset_keeps_back(emitted, buffer, initial):
    found, repeats, rng = through_buffer(emitted, buffer, initial), 3000, random.Random(1)
    seen = np.zeros(found.read)
    for _ in range(repeats):
        left, read = shuffled(emitted, buffer, initial, rng)
        assert read == found.read
        seen[left] += 1
    places = np.arange(found.read)
    kept = found.leaving(places, places + 1)
    error = np.sqrt(np.maximum(kept * (1 - kept), 1e-6) / repeats)
    assert kept.sum() == pytest.approx(emitted)
    assert np.all(np.abs(seen / repeats - kept) < 5 * error + 1e-9)


@given(st.integers(1, 400), st.integers(1, 60), st.integers(1, 60))
def test_exactly_what_is_emitted_leaves_the_buffer(emitted, buffer, initial):
    found = through_buffer(emitted, buffer, initial)
    everything = found.leaving(np.array([0]), np.array([found.read]))
    assert everything[0] == pytest.approx(emitted)


def test_one_nominal_pass_with_replacement_leaves_36_8_percent_unseen():
    shards = ShardSet("all", np.full(20_000, 100))
    (found,) = dry_run([shards], 2e6, loader=Loader(batch_size=64), epochs=[1.0])
    assert found.unseen == pytest.approx(np.exp(-1), abs=0.01)
    assert found.assumed.unseen == 0.0
    assert (found.low, found.high) == (0, 3)


def test_one_pass_without_replacement_sees_everything_once():
    shards = ShardSet("all", np.arange(1, 60))
    (found,) = dry_run(
        [shards], shards.samples, loader=Loader(replacement=False, batch_size=2, **DIRECT), epochs=[1.0]
    )
    assert (found.unseen, found.low, found.high, found.passes) == (0.0, 1, 1, 1.0)


def test_reading_that_starts_anew_at_a_checkpoint_forgets_what_it_saw():
    shards = ShardSet("all", np.full(1000, 10))
    loader = Loader(replacement=False, batch_size=2, checkpoints=2)
    (found,) = dry_run([shards], shards.samples, loader=loader, epochs=[1.0])
    assert found.unseen == pytest.approx(0.25, abs=0.03)


def test_shares_follow_factor_times_samples():
    buckets = [ShardSet("a", np.full(500, 20), 3.0), ShardSet("b", np.full(1500, 20), 1.0)]
    found = dry_run(buckets, 2e6, loader=Loader(batch_size=64, **DIRECT), epochs=[100.0, 33.3])
    assert [one.share for one in found] == pytest.approx([0.5, 0.5], abs=0.01)
    assert sum(one.share for one in found) == pytest.approx(1.0)


def test_the_same_seed_gives_the_same_answer_and_another_does_not():
    buckets = [ShardSet("a", np.full(50, 20)), ShardSet("b", np.full(50, 20))]

    def run(seed):
        return dry_run(buckets, 1e4, loader=Loader(batch_size=8), epochs=[5.0, 5.0], seed=seed)

    assert run(3) == run(3)
    assert run(3) != run(4)


def test_views_are_counted_the_same_whether_shards_are_read_whole_or_in_parts():
    buckets = [ShardSet("a", np.full(400, 25))]
    runs = [
        dry_run(buckets, 40_000, loader=Loader(batch_size=8, workers=w, buffer=b, initial=b), epochs=[4.0])[0]
        for w, b in ((1, 1), (40, 1), (8, 50))
    ]
    for found in runs:
        assert found.passes == pytest.approx(4.0, rel=0.01)
        assert found.unseen == pytest.approx(np.exp(-4), abs=0.02)


@pytest.mark.parametrize(("shards", "size", "batch", "buffer"), [(40, 25, 32, 30), (400, 25, 32, 300)])
def test_duplicates_in_a_batch_are_those_of_a_simulation(shards, size, batch, buffer):
    rng, pick, batches = np.random.default_rng(0), random.Random(0), 4000

    def samples():
        while True:
            shard = int(rng.integers(shards))
            yield from ((shard, i) for i in range(size))

    inside, stream, doubled, pairs = [], samples(), 0, 0
    for _ in range(batches):
        found = []
        while len(found) < batch:
            inside.append(next(stream))
            if len(inside) >= buffer:
                found.append(inside.pop(pick.randrange(len(inside))))
        pairs += batch - len(set(found))
        doubled += len(set(found)) < batch
    loader = Loader(batch_size=batch, buffer=buffer, initial=buffer)
    (odds,) = duplicate_odds([ShardSet("a", np.full(shards, size))], 1e6, loader)
    assert -np.log1p(-odds) == pytest.approx(pairs / batches, rel=0.2)  # the expected pairs are right
    assert doubled / batches < odds  # they come in clumps, so fewer batches than that hold one


def test_what_a_law_assumes():
    assert assumed(2.0, "epochs") == assumed(2.0 + 1e-12, "epochs")
    assert assumed(0.4, "epochs").unseen == pytest.approx(0.6)
    assert assumed(3.0, "resampled").unseen == pytest.approx(np.exp(-3))
    assert (assumed(4.0, "resampled").low, assumed(4.0, "resampled").high) == (1, 8)


def test_a_hundred_thousand_shards_take_seconds():
    buckets = [ShardSet("a", np.full(60_000, 10_000)), ShardSet("b", np.full(40_000, 10_000), 2.0)]
    loader = Loader(batch_size=32_768, gpus=64, workers=4, checkpoints=8)
    found = dry_run(buckets, 1.28e9, loader=loader, epochs=[0.9, 1.8], exposure="resampled")
    assert [one.unseen for one in found] == pytest.approx([one.assumed.unseen for one in found], abs=0.02)


def test_what_cannot_be_simulated_is_refused():
    one = ShardSet("a", np.full(5, 5))
    with pytest.raises(InputError, match="below one batch of 4096"):
        dry_run([one], 100, loader=Loader(), epochs=[4.0])
    with pytest.raises(InputError, match="exposure is 'often'"):
        dry_run([one], 5000, loader=Loader(), epochs=[4.0], exposure="often")
    with pytest.raises(InputError, match="'a' has no shard, or an empty one"):
        ShardSet("a", np.array([3, 0]))
    with pytest.raises(InputError, match="upsampling factor of 0"):
        ShardSet("a", np.array([3]), 0.0)
    with pytest.raises(InputError, match="workers is 0"):
        Loader(workers=0)
    with pytest.raises(InputError, match="cannot be shared by 3 GPUs"):
        Loader(batch_size=4, gpus=3)
