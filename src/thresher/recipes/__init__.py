"""What to paste into a trainer, and what its sampler will then do."""

from thresher.recipes.dry_run import Exposure, dry_run
from thresher.recipes.shards import Loader, ShardSet

__all__ = ["Exposure", "Loader", "ShardSet", "dry_run"]
