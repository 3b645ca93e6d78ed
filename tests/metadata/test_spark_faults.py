"""What a cut on Spark does when something dies under it: one sentence or none, and the same bytes in the end."""

import os
import queue
import re
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

pytest.importorskip("benchmarks.generate", reason="benchmarks are not part of this distribution")

from benchmarks.generate import generate
from benchmarks.spark_cluster import children, cluster, configuration

from spark_sessions import CLASSIC, SAIL, why_not
from thresher.cuts import Keep, cut
from thresher.metadata import open_table

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SCORE = "clip_l14_similarity_score"
ROWS, FILES = 120_000, 60
PATIENCE = 120
OPTIONS = {
    "spark.driver.memory": "512m", "spark.executor.memory": "512m", "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1", "spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "2",
    "spark.sql.files.openCostInBytes": "1g", "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}  # fmt: skip
"""Each file is a task of its own, so that stages last long enough for something to happen in the middle of one."""


@dataclass
class Told:
    """A command that tells how far it is, and what it has told."""

    process: subprocess.Popen
    lines: list[str] = field(default_factory=list)
    coming: queue.Queue = field(default_factory=queue.Queue)

    def __post_init__(self):
        def read():
            for line in self.process.stdout:
                self.coming.put(line.strip())
            self.coming.put(None)

        threading.Thread(target=read, daemon=True).start()

    def wait_for(self, wanted):
        """Read on until `wanted` says yes to a line."""
        while (line := self.coming.get(timeout=PATIENCE)) is not None:
            self.lines.append(line)
            if wanted(line):
                return
        raise AssertionError(f"ended too early: {self.lines[-5:]} {self.process.stderr.read()}")

    def go_on(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def end(self):
        """Status and standard error, once it has ended."""
        while (line := self.coming.get(timeout=PATIENCE)) is not None:
            self.lines.append(line)
        return self.process.wait(PATIENCE), self.process.stderr.read()

    def did(self, stage):
        return any(line.startswith(stage) for line in self.lines)


@pytest.fixture(scope="module")
def metadata(tmp_path_factory):
    """A table, and the bytes that its cut must have."""
    reason = why_not(CLASSIC)
    if reason:
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("metadata")
    generate(folder / "m", ROWS, rows_per_file=ROWS // FILES)
    cut(Keep(0.3), open_table([folder / "m"], score=SCORE), folder / "s.npy")
    return folder / "m", (folder / "s.npy").read_bytes()


@pytest.fixture
def start(tmp_path, metadata):
    """Start the cut on Spark; what is left of it ends with the test."""
    started = []

    def begin(*options, master=None, pause=""):
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")])}
        if master is not None:
            conf = configuration(tmp_path / "conf", OPTIONS | {"spark.master": master})
            environment["SPARK_CONF_DIR"] = str(conf)
        command = [
            sys.executable,
            str(HERE / "told_cut.py"),
            pause,
            "cut",
            str(metadata[0]),
            "--score",
            SCORE,
        ]
        command += ["--keep", "0.3", "-o", str(tmp_path / "s.npy"), "--engine", "spark", *options]
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        told = Told(subprocess.Popen(command, env=environment, text=True, start_new_session=True, **pipes))
        started.append(told.process)
        return told

    yield begin
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            pipe.close()


def in_the_middle_of(stage):
    """Some tasks of a stage are done, and some are not; it is asked twice a second, so a stage must last for a few."""

    def middle(line):
        found = re.fullmatch(rf"{stage} (\d+) (\d+)", line)
        return found is not None and 0 < int(found[1]) < 0.75 * int(found[2])

    return middle


def kill(*processes):
    for process in processes:
        os.kill(process, signal.SIGKILL)


def test_an_executor_killed_and_a_worker_lost_mid_stage_change_nothing(tmp_path, metadata, start):
    with cluster(tmp_path / "cluster", 2, memory="1g") as spark:
        told = start(master=spark.url)
        told.wait_for(in_the_middle_of("counting scores"))
        kill(spark.executors()[0])
        told.wait_for(in_the_middle_of("selecting samples"))
        lost = spark.workers[1]
        executors = children(lost.pid)
        lost.kill()
        kill(*executors)
        status, said = told.end()
    assert (status, said) == (0, "")
    assert (tmp_path / "s.npy").read_bytes() == metadata[1]


def test_a_driver_that_is_killed_goes_on_from_its_counts(tmp_path, metadata, start):
    told = start(master="local[1]")
    told.wait_for(in_the_middle_of("selecting samples"))
    os.killpg(told.process.pid, signal.SIGKILL)
    told.process.wait()
    assert not (tmp_path / "s.npy").exists()
    again = start(master="local[2]")
    status, said = again.end()
    assert (status, said) == (0, "")
    assert not again.did("counting scores")
    assert (tmp_path / "s.npy").read_bytes() == metadata[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["conf", "s.npy", "s.npy.manifest.json"]


def test_a_session_that_dies_is_one_sentence_and_the_same_command_goes_on(tmp_path, metadata, start):
    told = start(master="local[1]")
    told.wait_for(in_the_middle_of("selecting samples"))
    kill(*children(told.process.pid))
    status, said = told.end()
    assert status == 1
    assert said == (
        "Error: The Spark session was closed while selecting samples; start Spark again and run the same command, which "
        "goes on from what was finished.\n"
    )
    assert not (tmp_path / "s.npy").exists()
    again = start(master="local[2]")
    assert again.end() == (0, "")
    assert not again.did("counting scores")
    assert (tmp_path / "s.npy").read_bytes() == metadata[1]


@pytest.mark.parametrize("damage", ["none", "a part is cut short", "a part is gone"])
def test_a_cut_that_was_killed_while_merging_goes_on(tmp_path, metadata, start, damage):
    told = start(master="local[2]", pause="merging sorted ids")
    told.wait_for(lambda line: line.startswith("merging sorted ids"))
    os.killpg(told.process.pid, signal.SIGKILL)
    told.process.wait()
    parts = sorted((tmp_path / ".s.npy.thresher").rglob("*.parquet"))
    if damage == "a part is cut short":
        os.truncate(parts[0], parts[0].stat().st_size // 2)
    elif damage == "a part is gone":
        parts[0].unlink()
    again = start(master="local[2]")
    assert again.end() == (0, "")
    assert not again.did("counting scores")
    assert again.did("selecting samples") == (damage != "none")
    assert (tmp_path / "s.npy").read_bytes() == metadata[1]


def test_a_connect_server_that_dies_is_one_sentence(tmp_path, metadata, start):
    reason = why_not(SAIL)
    if reason:
        pytest.skip(reason)
    with sail() as (server, url):
        told = start("--spark-remote", url, pause="kept scan")
        told.wait_for(lambda line: line.startswith("kept scan"))
        kill(server.pid)
        server.wait()
        told.go_on()
        status, said = told.end()
    assert status == 1
    assert re.fullmatch(r"Error: The Spark session was closed while counting scores; .*\n", said)
    with sail() as (_, url):
        again = start("--spark-remote", url)
        assert again.end() == (0, "")
    assert (tmp_path / "s.npy").read_bytes() == metadata[1]


class sail:  # noqa: N801 - a context manager
    """Sail's server as a process of its own."""

    def __enter__(self):
        code = (
            "import time; from pysail.spark import SparkConnectServer; s = SparkConnectServer('127.0.0.1', 0); "
            "s.start(background=True); print(s.listening_address[1], flush=True); time.sleep(600)"
        )
        self.server = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        return self.server, f"sc://127.0.0.1:{int(self.server.stdout.readline())}"

    def __exit__(self, *_):
        self.server.kill()
        self.server.wait()
        self.server.stdout.close()
