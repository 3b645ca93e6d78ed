"""The `where` condition: one grammar, one meaning, for run tables, Parquet files and frames of any engine."""

from thresher.where.bound import Bound
from thresher.where.columns import Columns, of_arrow, of_files
from thresher.where.parsing import Where, as_column, as_text, parse_where

__all__ = ["Bound", "Columns", "Where", "as_column", "as_text", "of_arrow", "of_files", "parse_where"]
