"""How many pairs a second one core trains on in the laboratory, at the batch it trains with.

python benchmarks/lab.py    (needs the extra `lab`; seconds of CPU, so a busy machine disturbs it little)
"""

import platform
import time

import numpy as np

from thresher.lab.jobs import BATCH
from thresher.lab.pairs import Labelled, Pairs
from thresher.lab.training import train

PAIRS, SAMPLES, TIMES = 2000, 20_000, 5


def main() -> None:
    """Train on random images with captions of two words, and measure on one image, several times."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (PAIRS, 24, 24), dtype=np.uint8)
    captions = tuple(f"w{first} w{second}" for first, second in random.integers(0, 3000, (PAIRS, 2)))
    pairs = Pairs(images, captions, tuple(f"{at:032x}" for at in range(PAIRS)))
    evaluation = Labelled(images[:1], np.zeros(1, dtype=np.int64), ("w0",))
    rates = []
    for seed in range(TIMES):
        start = time.process_time()
        train(pairs, (SAMPLES,), evaluation, seed=seed)
        rates.append(SAMPLES / (time.process_time() - start))
    print(
        f"{platform.machine()}, batch {BATCH}: {', '.join(f'{rate:,.0f}' for rate in rates)} pairs a CPU second"
    )


if __name__ == "__main__":
    main()
