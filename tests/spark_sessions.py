"""Spark for tests: a session of this machine's Java, Spark Connect to the same, and Sail's server; or why not."""

import importlib.util
import os
import socket
from functools import cache

import pytest

QUIET = ("ignore:unclosed <socket", "ignore::pytest.PytestUnraisableExceptionWarning")
"""PySpark leaves a socket to the garbage collector for every answer in Arrow."""
INSTALL = 'pip install ".[test,spark]" pysail and Java 17 (apt-get install openjdk-17-jre-headless)'
CLASSIC, CONNECT, SAIL = "spark", "spark connect", "sail"
NAMES = (CLASSIC, CONNECT, SAIL)


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def why_not(name: str) -> str | None:
    """What is missing for a kind of Spark, or None."""
    if importlib.util.find_spec("pyspark") is None:
        return f"needs PySpark: {INSTALL}"
    if name == SAIL:
        return None if importlib.util.find_spec("pysail") else f"needs pysail: {INSTALL}"
    from thresher.metadata.spark.session import find_java

    return None if find_java() else f"needs Java: {INSTALL}"


@cache
def session_of(name: str):
    """One session of each kind for all tests of a process."""
    reason = why_not(name)
    if reason:
        pytest.skip(reason)
    if name == CLASSIC:
        return _classic()[0]
    from pyspark.sql.connect.session import SparkSession

    if name == SAIL:
        return SparkSession.builder.remote(f"sc://127.0.0.1:{_sail()}").create()
    return SparkSession.builder.remote(f"sc://127.0.0.1:{_classic()[1]}").create()


def connect_port() -> int:
    """Where Spark's own Connect server listens."""
    reason = why_not(CONNECT)
    if reason:
        pytest.skip(reason)
    return _classic()[1]


@cache
def _classic():
    """A local session whose JVM serves Spark Connect as well."""
    from pyspark.sql import SparkSession

    from thresher.metadata.spark.session import find_java, quiet_launch

    java = find_java()
    if "JAVA_HOME" not in os.environ and java is not None:
        os.environ["JAVA_HOME"] = str(java)
    port = free_port()
    options = {
        "spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "1", "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.sql.codegen.wholeStage": "false", "spark.log.level": "ERROR", "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1", "spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin",
        "spark.connect.grpc.binding.port": str(port), "spark.connect.grpc.binding.address": "127.0.0.1",
    }  # fmt: skip
    builder = SparkSession.builder.master("local[2]").appName("thresher tests")
    for key, value in options.items():
        builder = builder.config(key, value)
    with quiet_launch():
        return builder.getOrCreate(), port


@cache
def _sail() -> int:
    from pysail.spark import SparkConnectServer

    server = SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    _KEPT.append(server)
    return server.listening_address[1]


_KEPT: list = []
