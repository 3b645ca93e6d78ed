"""What goes wrong in Spark, as one sentence each."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from thresher.errors import InputError

SHOWN_CHARACTERS = 300

CLOSED = (
    "SparkContext was shut down", "stopped SparkContext", "SparkContext has been shutdown", "SESSION_CLOSED", "SESSION_NOT_FOUND",
    "Answer from Java side is empty", "An error occurred while trying to connect to the Java server", "Connection refused",
    "Error while sending or receiving", "NoneType' object has no attribute 'sc'", "failed to connect to all addresses",
    "Socket closed", "cancelled because SparkContext", "INVALID_HANDLE", "SparkSession is closed", "Cannot invoke RPC",
    "session was closed", "StatusCode.UNAVAILABLE", "NO_ACTIVE_SESSION", "Connection reset by peer",
)  # fmt: skip
"""Words of Spark's many ways to say that nobody is there any more."""


@contextmanager
def spark_faults(session: Any, doing: str) -> Iterator[None]:  # noqa: ANN401 - PySpark's session
    """Turn what Spark raises inside the block into one sentence.

    Args:
        session: Whose versions an odd failure is told with.
        doing: What was going on, for the message.

    Raises:
        InputError: Spark could not do it; the message says why and what to do.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        if not is_sparks(error):
            raise
        raise InputError(sentence(str(error), doing, session)) from error


def is_sparks(error: BaseException) -> bool:
    """Whether an exception comes from PySpark, from what it talks through, or from using a closed session."""
    module = type(error).__module__
    return (
        module.startswith(("pyspark", "py4j", "grpc"))
        or isinstance(error, ConnectionError)
        or any(words in str(error) for words in CLOSED)
    )


def sentence(text: str, doing: str, session: Any) -> str:  # noqa: ANN401
    """What Spark's message means for the user."""
    if found := re.search(r"\[PATH_NOT_FOUND\] Path does not exist: (\S+)", text):
        return (
            f"Spark cannot see {_plain_path(found[1])}: every one of its machines reads the metadata itself. "
            "Give a folder that they share, or a URL."
        )
    if found := re.search(r"\[TABLE_OR_VIEW_NOT_FOUND\] .*?(`[^ ]+`)", text):
        return f"Spark knows no table {found[1].replace('`', '')}; give the name of a table of this session, or a DataFrame."
    if re.search(r"AccessControl|Permission ?denied|AccessDenied|403 Forbidden", text, re.IGNORECASE):
        denied = re.search(r"(?:denied|for)[^/\n]*((?:[a-z0-9]+:)?/[^\s,:)]+)", text, re.IGNORECASE)
        where = _plain_path(denied[1]) if denied else "a path"
        return f"Spark may not read or write {where} (permission denied); give its user the right, or another path."
    if found := re.search(r"Mkdirs failed to create (\S+)", text):
        return f"Spark's executors cannot write {_plain_path(found[1])}; give a URI that all of them can with --spark-work."
    if "No space left on device" in text:
        return "A disk of Spark's executors is full; free some space (spark.local.dir, --spark-work) and run the command again."
    if "local class incompatible" in text or "UnsupportedClassVersion" in text or "INVALID_VERSION" in text:
        return f"This PySpark {_client()} and the cluster's Spark are of different versions; install the PySpark of that release."
    if any(words in text for words in CLOSED):
        return f"The Spark session was closed while {doing}; start Spark again and run the same command."
    return f"Spark failed while {doing}: {first_line(text)}{_versions(session)}"


def first_line(text: str) -> str:
    """The line of a message that says most, without Java's class names and traces."""
    lines = [
        line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("at ")
    ]
    causes = [line for line in lines if line.startswith(("Caused by:", ":"))]
    chosen = re.sub(
        r"^(Caused by: |: )?([a-z]\w*\.)+[A-Z]\w*: ", "", (causes or lines or ["no reason given"])[0]
    )
    chosen = chosen if len(chosen) <= SHOWN_CHARACTERS else chosen[:SHOWN_CHARACTERS] + ".."
    return chosen.rstrip(".") + "."


def _plain_path(text: str) -> str:
    return re.sub(r"^file:/+", "/", text).rstrip(".,;")


def _client() -> str:
    import pyspark

    return str(pyspark.__version__)


def _versions(session: Any) -> str:  # noqa: ANN401
    try:
        server = str(session.version)
    except Exception:
        return ""
    return "" if server == _client() else f" (PySpark {_client()} speaks to Spark {server})"
