"""Small metadata tables for tests, and the slow and obvious way to cut them."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SCORE = "score"


def hex_ids(number: int, seed: int = 0) -> list[str]:
    rng = np.random.default_rng([seed, 77])
    return [rng.bytes(16).hex() for _ in range(number)]


def scores(number: int, seed: int = 0, *, ties: float = 0.3, missing: float = 0.02) -> np.ndarray:
    rng = np.random.default_rng([seed, 5])
    values = rng.normal(0.2, 0.05, number).astype(np.float32)
    tied = rng.random(number) < ties
    values[tied] = np.round(values[tied], 2)
    values[rng.random(number) < missing] = np.nan
    return values


def write_table(folder: Path, ids, values, files: int = 3, rows_per_group: int = 50, **columns) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    table = pa.table({"uid": ids, SCORE: values, **columns})
    bounds = np.linspace(0, len(table), files + 1).astype(int)
    for number, (first, last) in enumerate(pairwise(bounds)):
        pq.write_table(
            table.slice(first, last - first), folder / f"{number:04d}.parquet", row_group_size=rows_per_group
        )
    return folder


def ranked(ids, values) -> list:
    """Ids, best first: by score, ties by id, missing last."""
    numbers = [
        (np.isnan(v), -float(v) if not np.isnan(v) else 0.0, i) for i, v in zip(ids, values, strict=True)
    ]
    return [i for *_, i in sorted(numbers)]


def expected_npy(ids) -> np.ndarray:
    pairs = sorted((int(i[:16], 16), int(i[16:], 16)) for i in ids)
    return np.array(pairs, dtype="u8,u8")
