"""Spark standalone on this machine's loopback: a master and workers, each a process that may be killed."""

import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

READY_SECONDS = 60
STOP_SECONDS = 15
PACKAGE = "org.apache.spark.deploy"


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def children(process: int) -> list[int]:
    """The processes that a process started."""
    found: list[int] = []
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            found += map(int, path.read_text().split())
        except OSError:
            continue
    return found


@dataclass(frozen=True)
class Cluster:
    """A running cluster; `workers` are in the order in which they were started."""

    folder: Path
    master: subprocess.Popen[bytes]
    workers: tuple[subprocess.Popen[bytes], ...]
    port: int
    page: int

    @property
    def url(self) -> str:
        """What `spark.master` must say."""
        return f"spark://127.0.0.1:{self.port}"

    def executors(self) -> list[int]:
        """Process ids of the executors, those of the first worker first."""
        return [child for worker in self.workers for child in children(worker.pid)]

    def alive(self) -> int:
        """Workers that the master counts on."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.page}/json/", timeout=5) as answer:
            return int(json.load(answer)["aliveworkers"])


@contextmanager
def cluster(folder: Path, workers: int, *, cores: int = 1, memory: str = "4g") -> Iterator[Cluster]:
    """Start a master and workers, wait until they know each other, and end them afterwards.

    Args:
        folder: For their logs and the executors' own folders.
        workers: How many.
        cores: Of each.
        memory: That the executors of each may have.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port, page = free_port(), free_port()
    given = ["--host", "127.0.0.1", "--port", str(port), "--webui-port", str(page)]
    started = [_start(folder, "master", "master.Master", given)]
    try:
        _wait(lambda: _listens(page), "the master's page")
        given = [
            "--host",
            "127.0.0.1",
            "--webui-port",
            str(free_port()),
            "--cores",
            str(cores),
            "--memory",
            memory,
        ]
        for number in range(workers):
            own = [*given, "--work-dir", str(folder / f"work{number}"), f"spark://127.0.0.1:{port}"]
            started.append(_start(folder, f"worker{number}", "worker.Worker", own))
        made = Cluster(folder, started[0], tuple(started[1:]), port, page)
        _wait(lambda: made.alive() == workers, "the workers")
        yield made
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _start(folder: Path, name: str, what: str, given: list[str]) -> subprocess.Popen[bytes]:
    """One of Spark's daemons; `spark-class` becomes Java, so the process id is the daemon's own."""
    import pyspark

    home = Path(str(pyspark.__file__)).parent
    environment = os.environ | {
        "SPARK_HOME": str(home),
        "SPARK_DAEMON_MEMORY": "256m",
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    environment.pop("SPARK_CONF_DIR", None)
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            [str(home / "bin" / "spark-class"), f"{PACKAGE}.{what}", *given],
            env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip


def _listens(port: int) -> bool:
    with socket.socket() as trying:
        return trying.connect_ex(("127.0.0.1", port)) == 0


def _wait(ready: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until:
        try:
            if ready():
                return
        except OSError:
            pass
        time.sleep(0.2)
    raise SystemExit(f"{what} did not answer within {READY_SECONDS} s")


def configuration(folder: Path, options: dict[str, str]) -> Path:
    """A folder for SPARK_CONF_DIR that holds `options` as spark-defaults.conf, and nothing chatty."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = "".join(f"{key} {value}\n" for key, value in options.items())
    (folder / "spark-defaults.conf").write_text(lines)
    return folder
