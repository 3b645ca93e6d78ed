"""From teachers' scores to buckets: a metadata table as any other, cut by the machinery that cuts any other."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from thresher.cuts.members import write_members
from thresher.files import written_whole
from thresher.lab.pairs import LabData
from thresher.metadata.buckets import Buckets, make_buckets, write_buckets
from thresher.metadata.local import Local
from thresher.metadata.table import open_table
from thresher.metadata.work import work_folder
from thresher.shapes import Float, Int

METADATA, BUCKETS, MEMBERS = "metadata.parquet", "buckets.json", "members.parquet"
SCORE = "clip_score"


def write_metadata(data: LabData, scores: Float[np.ndarray, " pairs"], path: Path) -> None:
    """Write the pool as a metadata table: id, caption and score of each pair.

    Raises:
        InputError: The path cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"uid": data.pool.ids, "text": data.pool.captions, SCORE: scores.astype(np.float32)}
    with written_whole(path) as temporary:
        pq.write_table(pa.table(columns), temporary)


def cut_pool(
    data: LabData, scores: Float[np.ndarray, " pairs"], number: int, folder: Path
) -> tuple[Buckets, dict[str, Int[np.ndarray, " rows"]]]:
    """Rank the pool by score and cut it into buckets of equal size, best first.

    Args:
        data: Whose pool.
        scores: One for each of its pairs; higher is better.
        number: How many buckets.
        folder: Where metadata, buckets and members are written.

    Returns:
        The buckets, and the rows of the pool that are in each, by name.

    Raises:
        InputError: The folder cannot be written.
    """
    import pyarrow.parquet as pq

    write_metadata(data, scores, folder / METADATA)
    table, engine = open_table([folder / METADATA], score=SCORE), Local()
    job = {"command": "lab run", "files": [vars(file) for file in table.sources], "buckets": number}
    with work_folder(folder / ".buckets.thresher", job) as work:
        made = make_buckets(engine, table, number, work)
        write_members(engine, table, made, folder / MEMBERS, work, share=None, seed=0)
    write_buckets(folder / BUCKETS, made)
    members = pq.ParquetFile(folder / MEMBERS).read().to_pydict()
    row_of = {uid: row for row, uid in enumerate(data.pool.ids)}
    return made, {
        name: np.sort(_rows(name, members["uid"], members["bucket"], row_of)) for name in made.names
    }


def _rows(
    name: str, ids: Sequence[str], buckets: Sequence[str], row_of: dict[str, int]
) -> Int[np.ndarray, " rows"]:
    return np.array(
        [row_of[uid] for uid, bucket in zip(ids, buckets, strict=True) if bucket == name], dtype=np.int64
    )
