"""The subset as a Spark DataFrame, for whoever goes on with it in Spark: no id comes to this machine."""

import tempfile
from pathlib import Path
from typing import Any

from thresher.cuts.requests import Request, check_table, selection_of
from thresher.metadata.ranks import take_census
from thresher.metadata.spark import Spark
from thresher.metadata.table import Table
from thresher.metadata.work import work_folder


def cut_frame(request: Request, table: Table, engine: Spark) -> Any:  # noqa: ANN401 - a Spark DataFrame
    """The samples that `cut` writes, as a DataFrame: the id column, and `copies`, how often each is written.

    Scores are counted at once; ids are chosen when the DataFrame is computed, for example by
    `.write.saveAsTable("subset")`, and come in no order.

    Args:
        request: What to keep.
        table: The metadata.
        engine: The Spark session.

    Raises:
        InputError: Something about the request or the metadata.
    """
    check_table(request, table)
    with (
        tempfile.TemporaryDirectory(prefix="thresher-") as folder,
        work_folder(Path(folder) / "w", {}) as work,
    ):
        census = take_census(engine, table, work)
        return engine.subset(table, selection_of(request, table, census, engine, work))
