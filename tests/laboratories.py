"""A laboratory without torch or icons: random images, and a trainer whose errors follow a known law."""

import hashlib
import os
import time
from dataclasses import dataclass, field

import numpy as np

from thresher.lab.jobs import Measured
from thresher.lab.pairs import IconSet, LabData, Labelled, Pairs

CLASSES = 20


def pairs(number, seed=0):
    images = np.random.default_rng(seed).integers(0, 256, (number, 24, 24), dtype=np.uint8)
    ids = tuple(hashlib.md5(f"{seed}:{at}".encode()).hexdigest() for at in range(number))
    return Pairs(images, tuple(f"icon {at % CLASSES}" for at in range(number)), ids)


def lab_data(pool=4000, teacher=2000):
    labels = np.arange(100) % CLASSES
    evaluation = Labelled(pairs(100, seed=2).images, labels, tuple(f"icon {at}" for at in range(CLASSES)))
    sets = (
        IconSet("one", "1.0", "MIT", "one", "pool", pool),
        IconSet("two", "1.0", "MIT", "two", "teacher", teacher),
        IconSet("three", "1.0", "CC-BY-4.0", "three", "evaluation", 100),
    )
    return LabData("wheels", pairs(pool), pairs(teacher, seed=1), evaluation, sets, 7)


@dataclass
class LawfulTrainer:
    """Buckets of utility -0.5, -0.4, .. whose repeats are worth less and less; counts what it was asked to train."""

    name: str = "own"
    whole_epochs: bool = False
    noise: float = 0.002
    trained: list = field(default_factory=list)
    fails_at: str | None = None

    def train(self, data, job, folder, progress=None):
        if job.name == self.fails_at:
            raise KeyboardInterrupt
        self.trained.append(job.name)
        random = np.random.default_rng([job.seed, len(job.rows)])
        buckets = [int(name[1:]) for name in job.name.partition("-")[0].split("+")]
        worth = np.mean([0.75**bucket for bucket in buckets])
        measured = []
        for seen in job.checkpoints:
            once = min(seen, len(job.rows))
            effective = worth * (once + 3 * len(job.rows) * (1 - np.exp(-(seen - once) / len(job.rows) / 3)))
            error = 0.1 + 0.8 * (effective / 100) ** -0.3 + random.normal(0, self.noise)
            measured.append(Measured(seen, float(error), 0.01))
        if progress:
            progress(job.checkpoints[-1])
        return tuple(measured)


@dataclass(frozen=True)
class Count:
    """A task for any process: leaves a mark, and says how often it was done."""

    name: str
    samples: int
    fault: str = ""

    def do(self, data, folder, progress):
        folder.mkdir(exist_ok=True)
        marks = folder / f"{self.name}.marks"
        marks.write_text(marks.read_text() + "x" if marks.exists() else "x")
        progress(self.samples // 2)
        if self.fault == "input":
            from thresher.errors import InputError

            raise InputError("the sentence")
        if self.fault == "killed":
            os._exit(9)
        if self.fault == "bug":
            raise ZeroDivisionError("a fault of ours")
        if self.fault == "slow":
            (folder / f"{self.name}.pid").write_text(str(os.getpid()))
            for step in range(600):
                time.sleep(0.1)
                progress(step)
        return {"times": len(marks.read_text()), "pairs": len(data.pool)}
