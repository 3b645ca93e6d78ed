"""Run tables: what training runs measured, read, refused or doubted, and written."""

from thresher.runs.faults import refuse_faults
from thresher.runs.findings import Finding, check_runs
from thresher.runs.measurement import (
    COLUMNS,
    EXPOSURES,
    OPTIONAL_COLUMNS,
    REQUIRED_COLUMNS,
    SCHEDULES,
    Measurement,
)
from thresher.runs.noise import repeat_noise
from thresher.runs.reading import concatenate_runs, read_csv_rows, read_runs
from thresher.runs.run_table import RunTable, metric_unit
from thresher.runs.selecting import select_runs
from thresher.runs.summary import PoolSummary, RunSummary, summarise_runs
from thresher.runs.writing import write_runs

__all__ = [
    "COLUMNS",
    "EXPOSURES",
    "OPTIONAL_COLUMNS",
    "REQUIRED_COLUMNS",
    "SCHEDULES",
    "Finding",
    "Measurement",
    "PoolSummary",
    "RunSummary",
    "RunTable",
    "check_runs",
    "concatenate_runs",
    "metric_unit",
    "read_csv_rows",
    "read_runs",
    "refuse_faults",
    "repeat_noise",
    "select_runs",
    "summarise_runs",
    "write_runs",
]
