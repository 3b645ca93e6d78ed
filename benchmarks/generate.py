"""Metadata like DataComp's, from a seed: hex uids, CLIP scores with ties and missing values, image sizes.

python benchmarks/generate.py FOLDER --rows 20M [--seed 0] [--rows-per-file 1M] [--text]
"""

import argparse
import binascii
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from thresher.units import parse_samples

MISSING_SHARE = 0.002
"""Images that could not be downloaded again have no score; a few in a thousand is usual."""
TIED_SHARE = 0.01
"""Near-duplicate captions and images share a score to the last bit; these rows take rounded scores."""
ROW_GROUP_ROWS = 128 * 1024


def clip_scores(rng: np.random.Generator, rows: int, mean: float, deviation: float) -> pa.Array:
    """Cosine similarities as float32: a bell with a heavier left tail, some tied, some missing (null or NaN)."""
    scores = rng.normal(mean, deviation, rows) - rng.exponential(0.02, rows)
    tied = rng.random(rows) < TIED_SHARE
    scores[tied] = np.round(scores[tied], 2)
    missing = rng.random(rows) < MISSING_SHARE
    scores[missing] = np.nan
    null = missing & (rng.random(rows) < 0.5)
    return pa.array(scores.astype(np.float32), mask=null)


def hex_ids(rng: np.random.Generator, rows: int) -> pa.Array:
    """Random 32-digit lower-case hex strings, as an Arrow string array made without a Python loop."""
    digits = binascii.hexlify(rng.bytes(16 * rows))
    offsets = np.arange(rows + 1, dtype=np.int32) * 32
    return pa.StringArray.from_buffers(rows, pa.py_buffer(offsets), pa.py_buffer(digits))


def metadata(rng: np.random.Generator, rows: int, text: bool = False) -> pa.Table:
    """One file's table."""
    columns = {
        "uid": hex_ids(rng, rows),
        "original_width": pa.array(rng.integers(50, 3000, rows).astype(np.int32)),
        "original_height": pa.array(rng.integers(50, 3000, rows).astype(np.int32)),
        "clip_b32_similarity_score": clip_scores(rng, rows, 0.25, 0.05),
        "clip_l14_similarity_score": clip_scores(rng, rows, 0.20, 0.05),
    }
    if text:
        number = rng.integers(0, 10**9, rows)
        columns["url"] = pa.array([f"https://images.example/{n}.jpg" for n in number])
        columns["text"] = pa.array([f"a photo of thing {n}" for n in number])
    return pa.table(columns)


def generate(
    folder: Path, rows: int, seed: int = 0, rows_per_file: int = 1_000_000, text: bool = False
) -> None:
    """Write `rows` rows into files of `rows_per_file`; file i depends on the seed and i alone."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, start in enumerate(range(0, rows, rows_per_file)):
        table = metadata(np.random.default_rng([seed, number]), min(rows_per_file, rows - start), text)
        pq.write_table(table, folder / f"{number:08d}.parquet", row_group_size=ROW_GROUP_ROWS)


def main() -> None:
    """Read the arguments and write the files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", default="1M")
    parser.add_argument("--rows-per-file", default="1M")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--text", action="store_true")
    given = parser.parse_args()
    rows, per_file = (int(parse_samples(x, "--rows")) for x in (given.rows, given.rows_per_file))
    generate(given.folder, rows, given.seed, per_file, given.text)


if __name__ == "__main__":
    main()
