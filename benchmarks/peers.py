"""What a cut is measured against, each run as a process of its own: peers.py NAME FOLDER OUTPUT.

datacomp  DataComp's clip_score filter with --fraction, written anew from its published behaviour: pandas reads the
          score column of every file in a pool of workers, all are joined and sorted for the threshold; then the pool
          reads ids and scores again, filters, and turns each id with int(); all are joined, sorted and saved.
duckdb    quantile, filter and sort in SQL, ids packed into two integers by DuckDB, streamed to the same .npy.
decode    nothing but reading the two columns with pyarrow, batch by batch: what no tool can avoid.
"""

import sys
from functools import partial
from multiprocessing import Pool
from pathlib import Path

FRACTION = 0.3
SCORE = "clip_l14_similarity_score"
WORKERS = 2


def _score(path: Path):
    import pandas as pd

    return pd.read_parquet(path, columns=[SCORE])


def _uids(path: Path, threshold: float):
    import numpy as np
    import pandas as pd

    frame = pd.read_parquet(path, columns=["uid", SCORE])
    chosen = frame[frame[SCORE] >= threshold]["uid"].values
    return np.array([(int(uid[:16], 16), int(uid[16:32], 16)) for uid in chosen], np.dtype("u8,u8"))


def datacomp(folder: Path, output: Path) -> None:
    """DataComp's own filter. Missing scores are left out first: its sort would put them anywhere."""
    import numpy as np
    import pandas as pd

    paths = sorted(folder.glob("*.parquet"))
    with Pool(WORKERS) as pool:
        scores = pd.concat(list(pool.imap_unordered(_score, paths)))[SCORE]
        threshold = -np.sort(-scores.values)[int(len(scores) * FRACTION)]
        del scores
        uids = np.concatenate(list(pool.imap_unordered(partial(_uids, threshold=threshold), paths)))
    uids.sort()
    np.save(output, uids)


def duckdb(folder: Path, output: Path) -> None:
    """The same question in SQL. quantile_disc is exact; the rank is that of `thresher cut --keep`."""
    import duckdb as engine
    import numpy as np

    files = str(folder / "*.parquet")
    with engine.connect() as connection:
        connection.execute(f"SET threads={WORKERS}")
        (threshold,) = connection.execute(
            f"SELECT quantile_disc(coalesce(nullif({SCORE}, 'nan'::FLOAT), -9), {1 - FRACTION}) FROM read_parquet(?)",
            [files],
        ).fetchone()
        query = (
            "SELECT ('0x' || substr(uid, 1, 16))::UBIGINT AS f0, ('0x' || substr(uid, 17, 16))::UBIGINT AS f1 "
            f"FROM read_parquet(?) WHERE {SCORE} >= ? AND NOT isnan({SCORE}) ORDER BY f0, f1"
        )
        found = connection.execute(query, [files, threshold]).fetchnumpy()
    uids = np.empty(len(found["f0"]), dtype="u8,u8")
    uids["f0"], uids["f1"] = found["f0"], found["f1"]
    np.save(output, uids)


def decode(folder: Path, output: Path) -> None:
    """Read the columns and drop them."""
    import pyarrow.parquet as pq

    rows = 0
    for path in sorted(folder.glob("*.parquet")):
        with pq.ParquetFile(path) as parquet:
            rows += sum(
                len(batch)
                for batch in parquet.iter_batches(1 << 17, columns=["uid", SCORE], use_threads=False)
            )
    output.write_text(f"{rows}\n")


if __name__ == "__main__":
    {"datacomp": datacomp, "duckdb": duckdb, "decode": decode}[sys.argv[1]](
        Path(sys.argv[2]), Path(sys.argv[3])
    )
