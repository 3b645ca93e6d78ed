"""The dry run beside open_clip's own data pipeline, on 50 tiny shards."""

import argparse
import io
import json
import sys
import tarfile
import warnings

import numpy as np
import pytest

from thresher.recipes import Loader, ShardSet, dry_run

INSTALL = 'pip install "thresher[open-clip]"'
SHARDS = {"a": (20, 20), "b": (30, 12)}
"""Shards and samples of each, of two buckets: 50 shards in all."""
FACTORS = {"a": 2.5, "b": 1.0}
SAMPLES_SEEN = {True: 768, False: 384}
"""With replacement, of 760 samples; and without, of the 400 of bucket a."""
BATCH = 32
CHECKPOINTS = 2
REPEATS = 24


@pytest.fixture(scope="module")
def data():
    """`open_clip_train.data`, or a skip that names the install line."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import torchvision  # noqa: F401
        except RuntimeError as error:  # beside a CPU build of torch it lacks its compiled operators
            if "does not exist" not in str(error):
                raise
            _declare_operators()
        except ImportError:
            pass
        try:
            import open_clip_train.data as data
        except ImportError as error:
            pytest.skip(f"open_clip is not installed ({error.name} is missing): {INSTALL}")
    return data


def _declare_operators():
    """Declare the operators that torchvision looks up at import; none of them runs here."""
    import torch

    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _KEPT.append(library)


_KEPT = []


@pytest.fixture(scope="module")
def shards(data, tmp_path_factory):
    """50 tar files; each sample's caption is its bucket and number, its image one pixel."""
    from PIL import Image

    pixel = io.BytesIO()
    Image.new("RGB", (1, 1)).save(pixel, "png")
    folder = tmp_path_factory.mktemp("shards")
    for bucket, (count, size) in SHARDS.items():
        for shard in range(count):
            with tarfile.open(folder / f"{bucket}{shard:03d}.tar", "w") as tar:
                for at in range(size):
                    number = shard * size + at
                    for suffix, content in (
                        ("png", pixel.getvalue()),
                        ("txt", json.dumps([bucket, number]).encode()),
                    ):
                        member = tarfile.TarInfo(f"{bucket}{number:06d}.{suffix}")
                        member.size = len(content)
                        tar.addfile(member, io.BytesIO(content))
    return folder


def views_by_open_clip(folder, data, seed, *, resampled):
    """How often open_clip's loader hands out each sample of each bucket."""
    import torch

    arguments = argparse.Namespace(
        train_data="::".join(f"{folder}/{b}{{000..{count - 1:03d}}}.tar" for b, (count, _) in SHARDS.items()),
        train_data_upsampling_factors="::".join(str(FACTORS[b]) for b in SHARDS) if resampled else None,
        train_num_samples=SAMPLES_SEEN[resampled] // CHECKPOINTS,
        dataset_resampled=resampled,
        batch_size=BATCH,
        workers=0,
        world_size=1,
        seed=seed,
    )
    torch.manual_seed(seed)
    if not resampled:  # without replacement, one worker passes through shards in order of a seed of its own
        arguments.train_data = arguments.train_data.split("::")[0]
    loaded = data.get_wds_dataset(
        arguments, lambda image: np.zeros(1), is_train=True, tokenizer=lambda text: [text]
    )
    views = {bucket: np.zeros(count * size, dtype=int) for bucket, (count, size) in SHARDS.items()}
    for checkpoint in range(CHECKPOINTS):
        loaded.set_epoch(checkpoint)
        for _, captions in loaded.dataloader:
            for caption in captions:
                bucket, number = json.loads(caption)
                views[bucket][number] += 1
    return views


def seeds_seen(monkeypatch, data):
    """Make the seed of the shards follow torch's, which open_clip sets in every worker."""
    import torch

    monkeypatch.setattr(
        data, "pytorch_worker_seed", lambda increment=0: torch.initial_seed() * 1000 + increment
    )


@pytest.mark.parametrize("resampled", [True, False], ids=["with replacement", "without"])
def test_the_dry_run_agrees_with_open_clip(data, shards, monkeypatch, resampled, capsys):
    monkeypatch.setattr(data, "_SAMPLE_SHUFFLE_SIZE", 100)
    monkeypatch.setattr(data, "_SAMPLE_SHUFFLE_INITIAL", 40)
    seeds_seen(monkeypatch, data)
    names = list(SHARDS) if resampled else ["a"]
    buckets = [ShardSet(b, np.full(*SHARDS[b]), FACTORS[b] if resampled else 1.0) for b in names]
    loader = Loader(replacement=resampled, batch_size=BATCH, checkpoints=CHECKPOINTS, buffer=100, initial=40)
    samples_seen = SAMPLES_SEEN[resampled]
    epochs = [samples_seen / len(names) / bucket.samples for bucket in buckets]
    real, simulated = [], []
    for seed in range(REPEATS):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            views = views_by_open_clip(shards, data, seed, resampled=resampled)
        total = sum(views[name].sum() for name in names)
        assert total == samples_seen
        real.append([(views[name].sum() / total, np.mean(views[name] == 0)) for name in names])
        found = dry_run(buckets, samples_seen, loader=loader, epochs=epochs, seed=seed)
        simulated.append([(one.share, one.unseen) for one in found])
    real, simulated = np.array(real), np.array(simulated)
    difference = real.mean(axis=0) - simulated.mean(axis=0)
    error = np.sqrt((real.var(axis=0, ddof=1) + simulated.var(axis=0, ddof=1)) / REPEATS)
    with capsys.disabled():
        for name, row, se, a, b in zip(
            names, difference, error, real.mean(axis=0), simulated.mean(axis=0), strict=True
        ):
            for what, d, s, x, y in zip(("share", "unseen"), row, se, a, b, strict=True):
                print(
                    f"\n{name} {what}: open_clip {x:.4f}, dry run {y:.4f}, {abs(d) / max(s, 1e-12):.2f} SE",
                    end="",
                )
    assert np.all(np.abs(difference) <= 3 * error + 1e-9)
