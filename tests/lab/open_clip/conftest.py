"""Pairs and evaluation images drawn here, and a stand-in for open_clip's trainer that needs no torch."""

import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest

from thresher.lab.jobs import Job
from thresher.lab.open_clip import trainer
from thresher.lab.pairs import SIDE, LabData, Labelled, Pairs

CLASSES = ("anchor", "bell", "cloud", "drop", "eye", "flag")
STAND_IN = Path(__file__).with_name("stand_in.py")


def drawn(kinds, rng):
    """An image for each kind: a few blocks of its own, moved a little, with some noise."""
    shapes = np.random.default_rng(0).random((len(CLASSES), 6, 6)) < 0.4
    images = np.zeros((len(kinds), SIDE, SIDE), np.uint8)
    for image, kind in zip(images, kinds, strict=True):
        down, right = rng.integers(0, 5, 2)
        image[down : down + 18, right : right + 18] = 200 * np.kron(shapes[kind], np.ones((3, 3)))
    return images + rng.integers(0, 40, images.shape, dtype=np.uint8)


def made_data(pairs=300, images=60, seed=0):
    rng = np.random.default_rng(seed)
    kinds, labels = rng.integers(0, len(CLASSES), pairs), np.arange(images) % len(CLASSES)
    pool = Pairs(
        drawn(kinds, rng),
        tuple(CLASSES[kind] for kind in kinds),
        tuple(hashlib.md5(str(at).encode()).hexdigest() for at in range(pairs)),
    )
    return LabData(
        "iconify", pool, pool.take(np.arange(0)), Labelled(drawn(labels, rng), labels, CLASSES), (), 0
    )


@pytest.fixture
def data():
    return made_data()


@pytest.fixture
def job():
    """250 pairs, measured after epochs 1, 2 and 4."""
    return Job("b0-s0", np.arange(250), (250, 500, 1000), 0)


@pytest.fixture
def stand_in(monkeypatch):
    """Train by the stand-in; what it is told to do besides is set by the function that this gives."""

    def told(*orders):
        command = [sys.executable, "-I", str(STAND_IN), *orders, "--"]
        monkeypatch.setattr(trainer, "child_command", lambda classes, arguments: [*command, *arguments])

    monkeypatch.setattr(trainer, "check_installed", lambda: None)
    told()
    return told
