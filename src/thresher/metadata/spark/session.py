"""A Spark session for the command line: the user's own cluster by a URL, or PySpark with the machine's Java."""

import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from thresher.arguments import argument
from thresher.errors import InputError, MissingExtraError
from thresher.metadata.spark.faults import first_line, spark_faults

LEAST_JAVA, MOST_JAVA = 17, 21
"""What Spark 4 runs on."""
JAVA_FOLDERS = Path("/usr/lib/jvm")
ANSWER_SECONDS = 10
RETRIES = 4
"""Of a call to a Connect server that does not answer; PySpark's own wait is ten minutes."""
NO_JAVA = (
    f"Spark needs Java {LEAST_JAVA} or {MOST_JAVA}, and {{found}}: install one (for example "
    f"`apt-get install openjdk-{LEAST_JAVA}-jre-headless`) and set JAVA_HOME, or give a server with {{remote}}."
)


@contextmanager
def open_session(remote: str | None = None) -> Iterator[Any]:
    """A session for one command, closed afterwards; one that this process had already is used, and left open.

    Without `remote` PySpark starts what spark-defaults.conf says (SPARK_CONF_DIR), this machine by default.

    Args:
        remote: A Spark Connect server, `sc://host:port`; the one that SPARK_REMOTE names by default.

    Raises:
        MissingExtraError: PySpark is not installed.
        InputError: There is no Java, or no server that answers.
    """
    try:
        import pyspark
    except ImportError as error:
        raise MissingExtraError(argument("engine", "spark"), "spark") from error
    source = argument("spark_remote") if remote else "SPARK_REMOTE"
    remote = remote or os.environ.get("SPARK_REMOTE") or None
    with spark_faults(None, "starting"):
        theirs = None if remote is not None else _running()
        session = theirs or (_connected(remote, source) if remote is not None else _started())
    try:
        with spark_faults(None, "starting"):
            check_versions(str(pyspark.__version__), str(session.version))
        yield session
    finally:
        if theirs is None:
            try:
                with warnings.catch_warnings(action="ignore"):
                    session.stop()
            except Exception:  # a session that died is as good as closed
                logging.getLogger(__name__).debug("closing the Spark session failed", exc_info=True)


def _running() -> Any:  # noqa: ANN401 - PySpark's session, or None
    """A classic session that this process has already."""
    from pyspark.util import is_remote_only

    if is_remote_only():
        raise InputError(
            "This PySpark is the Connect client alone (pyspark-client), which starts no Spark; give a server with "
            f'{argument("spark_remote")}, or pip install "thresher[spark]".'
        )
    from pyspark.sql import SparkSession

    return SparkSession.getActiveSession()


def check_versions(client: str, server: str) -> None:
    """Refuse a server of another major release; minor ones understand each other.

    Raises:
        InputError: They differ.
    """
    if client.split(".")[0] != server.split(".")[0]:
        wanted = ".".join(server.split(".")[:2])
        raise InputError(
            f"PySpark {client} cannot speak to Spark {server}; install the client of that release: "
            f'pip install "pyspark[connect]=={wanted}.*".'
        )


def _connected(remote: str, source: str) -> Any:  # noqa: ANN401 - PySpark's session
    """A session of the server at `remote`; `source` is the flag or variable that named it."""
    if not re.fullmatch(r"sc://[^/\s]+(/.*)?", remote):
        raise InputError(
            f"{source} is {remote!r}; give a Spark Connect server, for example sc://localhost:15002."
        )
    try:
        import grpc
        from pyspark.sql.connect.client import DefaultChannelBuilder
        from pyspark.sql.connect.client.retries import DefaultPolicy
        from pyspark.sql.connect.session import SparkSession
    except ImportError as error:
        raise MissingExtraError(source, "spark") from error
    logging.getLogger("pyspark.sql.connect.logging").setLevel(logging.CRITICAL)
    channel = DefaultChannelBuilder(remote).toChannel()
    try:
        grpc.channel_ready_future(channel).result(timeout=ANSWER_SECONDS)
    except grpc.FutureTimeoutError as error:
        raise InputError(
            f"No Spark Connect server answers at {remote} within {ANSWER_SECONDS} s; start it (sbin/start-connect-server.sh), "
            f"or mend {source}."
        ) from error
    finally:
        channel.close()
    session = SparkSession.builder.remote(remote).create()
    session.client.set_retry_policies([DefaultPolicy(max_retries=RETRIES)])
    return session


def _started() -> Any:  # noqa: ANN401 - PySpark's session
    java = find_java()
    if java is None:
        raise InputError(NO_JAVA.format(found=_java_found(), remote=argument("spark_remote")))
    os.environ["JAVA_HOME"] = str(java)
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    with quiet_launch() as said:
        try:
            builder = SparkSession.builder.appName("thresher").config("spark.ui.showConsoleProgress", "false")
            return builder.getOrCreate()
        except (PySparkException, OSError) as error:
            lines = [line for line in said().splitlines() if "rror" in line or "xception" in line]
            raise InputError(
                f"Spark did not start: {first_line(lines[0] if lines else str(error))}"
            ) from error


@contextmanager
def quiet_launch() -> Iterator[Any]:
    """Give Spark's JVM a file for its own messages instead of standard error; yields a function that reads it."""
    sys.stderr.flush()
    log = tempfile.TemporaryFile("w+b")  # noqa: SIM115 - the JVM keeps writing to it
    kept = os.dup(2)
    os.dup2(log.fileno(), 2)

    def said() -> str:
        log.seek(0)
        return log.read().decode(errors="replace")

    try:
        yield said
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def find_java() -> Path | None:
    """The home of a Java that Spark runs on: JAVA_HOME, the one on the PATH, or one in /usr/lib/jvm."""
    given = os.environ.get("JAVA_HOME")
    if given:
        return Path(given) if _release(Path(given)) is not None else None
    on_path = shutil.which("java")
    homes = [Path(on_path).resolve().parents[1]] if on_path else []
    homes += sorted(JAVA_FOLDERS.iterdir()) if JAVA_FOLDERS.is_dir() else []
    return next((home for home in homes if LEAST_JAVA <= (_release(home) or 0) <= MOST_JAVA), None)


def _release(home: Path) -> int | None:
    """The release of a Java; None if there is none."""
    java = home / "bin" / "java"
    try:
        told = subprocess.run(
            [str(java), "-version"], capture_output=True, text=True, timeout=30, check=False
        ).stderr
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r'version "(?:1\.)?(\d+)', told)
    return int(found[1]) if found else None


def _java_found() -> str:
    given = os.environ.get("JAVA_HOME")
    return f"JAVA_HOME, {given}, holds none" if given else "none was found"
