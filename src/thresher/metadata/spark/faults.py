"""What goes wrong in Spark, as one sentence each."""

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from thresher.arguments import argument
from thresher.errors import InputError, LostEngineError, ThresherError

SHOWN_CHARACTERS = 300
LONGEST_CHAIN = 8

CLOSED = (
    "SparkContext was shut down", "stopped SparkContext", "SparkContext has been shutdown", "SESSION_CLOSED", "SESSION_NOT_FOUND",
    "Answer from Java side is empty", "An error occurred while trying to connect to the Java server", "Connection refused",
    "Error while sending or receiving", "NoneType' object has no attribute 'sc'", "failed to connect to all addresses",
    "Socket closed", "cancelled because SparkContext", "INVALID_HANDLE", "SparkSession is closed", "Cannot invoke RPC",
    "session was closed", "StatusCode.UNAVAILABLE", "NO_ACTIVE_SESSION", "Connection reset by peer",
)  # fmt: skip
"""Words of Spark's many ways to say that nobody is there any more."""
NO_ANSWER = re.compile(r"An error occurred while calling \S+(\n(?!:)|\Z)")
"""All that Py4J says when Java dies during a call; an exception of Java's would follow."""
NO_MEMORY = (
    "OutOfMemoryError",
    "maxResultSize",
    "exited with code 137",
    "Container killed by YARN for exceeding",
    "OOMKilled",
)
TWO_COLUMNS = ("COLUMN_ALREADY_EXISTS", "AMBIGUOUS_REFERENCE", "duplicate field(s)", "DUPLICATED_FIELD")
OTHER_TYPES = (
    "PARQUET_TYPE_ILLEGAL",
    "PARQUET_COLUMN_DATA_TYPE_MISMATCH",
    "Fail to merge schema field",
    "CANNOT_MERGE_SCHEMAS",
)
OTHER_VERSION = ("local class incompatible", "UnsupportedClassVersion", "INVALID_VERSION")


@contextmanager
def spark_faults(
    session: Any, doing: str, *, goes_on: bool = True  # noqa: ANN401 - PySpark's session
) -> Iterator[None]:  # fmt: skip
    """Turn what Spark raises inside the block into one sentence.

    Args:
        session: Whose versions an odd failure is told with.
        doing: What was going on, for the message.
        goes_on: Whether the same command, run again, goes on from what was finished.

    Raises:
        InputError: What was asked for cannot be done; the message says why and what to do.
        LostEngineError: Spark failed or went away; what was finished before is worth keeping.
    """
    root = logging.getLogger()
    root.addFilter(_not_py4js)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"\[RETRIES_EXCEEDED\]")
            yield
    except ThresherError:
        raise
    except Exception as error:
        if not is_sparks(error):
            raise
        raise explained(_whole(error), doing, session, goes_on=goes_on) from error
    finally:
        root.removeFilter(_not_py4js)


def _not_py4js(record: logging.LogRecord) -> bool:
    """Py4J logs the trace of a lost connection to the root logger before it raises."""
    return "py4j" not in Path(record.pathname).parts


def _whole(error: BaseException) -> str:
    """The message of an error, and of those that led to it: Py4J hides a lost connection behind an empty one."""
    found: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(found) < LONGEST_CHAIN:
        found.append(str(cause))
        cause = cause.__cause__ or cause.__context__
    return "\n".join(found)


def is_sparks(error: BaseException) -> bool:
    """Whether an exception comes from PySpark, from what it talks through, or from using a closed session."""
    module = type(error).__module__
    return (
        module.startswith(("pyspark", "py4j", "grpc"))
        or isinstance(error, ConnectionError)
        or any(words in str(error) for words in CLOSED)
    )


def explained(text: str, doing: str, session: Any, *, goes_on: bool = True) -> ThresherError:  # noqa: ANN401
    """What Spark's message means for the user."""
    if found := re.search(r"\[PATH_NOT_FOUND\] Path does not exist: (\S+)", text):
        return InputError(
            f"Spark cannot see {_plain_path(found[1])}: every one of its machines reads the metadata itself. "
            "Give a folder that they share, or a URL."
        )
    if found := re.search(
        r"\[TABLE_OR_VIEW_NOT_FOUND\] .*?(?:(`[^ ]+`)|not found: (\S+?)\.?$)", text, re.MULTILINE
    ):
        name = (found[1] or found[2]).replace("`", "")
        return InputError(
            f"There is no file or folder {name}, and Spark knows no table of that name; give Parquet files, their folder, "
            "a URL, a table of this session, or from Python a DataFrame."
        )
    if any(words in text for words in TWO_COLUMNS):
        return InputError(
            "Two columns of the metadata have the same name, or names that differ in case only, which Spark takes for one. "
            "Rename one of them, or leave Spark out."
        )
    if any(words in text for words in OTHER_TYPES):
        return InputError(
            f"Spark does not read a column in the types that the files hold: {first_line(text)} Write it with one type in all "
            f"files, scores as double, or use {argument('engine', 'local')}."
        )
    if found := re.search(r"URISyntaxException: Relative path in absolute URI: (\S+)", text):
        return InputError(f"Spark reads no file whose name holds a colon ({found[1]}). Rename it.")
    if "with invalid path" in text:  # Sail's answer to what stands for itself in a pattern
        return InputError(
            f"This Spark takes characters in the files' names for patterns ({first_line(text)}) Rename them, or use "
            f"{argument('engine', 'local')}."
        )
    if any(words in text for words in OTHER_VERSION):
        return InputError(
            f"This PySpark {_client()} and the cluster's Spark{_of(session)} are of different versions; install the PySpark "
            "of that release."
        )
    return LostEngineError(_lost(text, doing, session, goes_on=goes_on))


def _lost(text: str, doing: str, session: Any, *, goes_on: bool) -> str:  # noqa: ANN401
    """What went wrong with Spark itself."""
    if re.search(r"AccessControl|Permission ?denied|AccessDenied|403 Forbidden", text, re.IGNORECASE):
        path = r"((?:[a-z0-9]+:)?/[^\s,:()]+)"
        denied = re.search(rf"{path} \(Permission denied|(?:denied|for)[^/\n]*{path}", text, re.IGNORECASE)
        where = _plain_path(denied[1] or denied[2]) if denied else "a path"
        return f"Spark may not read or write {where} (permission denied); give its user the right, or another path."
    if found := re.search(r"Mkdirs failed to create (\S+)", text):
        return f"Spark's executors cannot write {_plain_path(found[1])}; give a URI that all can with {argument('spark_work')}."
    if "No space left on device" in text:
        places = f"spark.local.dir, {argument('spark_work')}"
        return f"A disk of Spark's executors is full; free some space ({places}) and run the command again."
    if any(words in text for words in NO_MEMORY):
        return (
            f"Spark ran out of memory while {doing}; raise spark.executor.memory (in local mode spark.driver.memory) and run "
            "the command again."
        )
    if any(words in text for words in CLOSED) or NO_ANSWER.match(text):
        again = "the same command, which goes on from what was finished" if goes_on else "the command again"
        return f"The Spark session was closed while {doing}; start Spark again and run {again}."
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


def _of(session: Any) -> str:  # noqa: ANN401
    try:
        return f" {session.version}"
    except Exception:  # a session that died tells no version; why it died is told already
        return ""


def _versions(session: Any) -> str:  # noqa: ANN401
    server = _of(session)
    if not server or server == f" {_client()}":
        return ""
    return f" (PySpark {_client()} speaks to Spark{server})"
