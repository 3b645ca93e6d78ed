"""The sample table: exact ranks, buckets and sorted ids, on any engine."""

from thresher.metadata.buckets import Bucket, Buckets, make_buckets, read_buckets, write_buckets
from thresher.metadata.engine import Engine
from thresher.metadata.local import Local
from thresher.metadata.table import Table, open_table

__all__ = [
    "Bucket",
    "Buckets",
    "Engine",
    "Local",
    "Table",
    "make_buckets",
    "open_table",
    "read_buckets",
    "write_buckets",
]
