"""The engine for a Spark session that the user owns, PySpark classic or Spark Connect."""

from thresher.metadata.spark.engine import Spark, SparkIds
from thresher.metadata.spark.session import open_session

__all__ = ["Spark", "SparkIds", "open_session"]
