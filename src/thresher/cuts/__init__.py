"""Subset files: what a plan, a share or a threshold asks for, written exactly, with proof."""

from thresher.cuts.cut import Cut, cut
from thresher.cuts.from_index import FromIndex
from thresher.cuts.index import Index, make_index, open_index
from thresher.cuts.manifest import Manifest, read_manifest
from thresher.cuts.requests import FromBuckets, Keep, Threshold, from_plan
from thresher.cuts.verify import verify

__all__ = [
    "Cut",
    "FromBuckets",
    "FromIndex",
    "Index",
    "Keep",
    "Manifest",
    "Threshold",
    "cut",
    "from_plan",
    "make_index",
    "open_index",
    "read_manifest",
    "verify",
]
