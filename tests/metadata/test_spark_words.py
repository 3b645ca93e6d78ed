"""What Spark says becomes one sentence: Py4J's words as it printed them, the others as Spark words them; no Spark is needed."""

import logging
import sys
import time

import pytest

from thresher.cli.app import run
from thresher.errors import InputError, LostEngineError
from thresher.metadata.spark import watch
from thresher.metadata.spark.faults import explained, spark_faults
from thresher.metadata.spark.session import check_versions

SAID = {
    "path": (
        "[PATH_NOT_FOUND] Path does not exist: file:/data/m/0.parquet. SQLSTATE: 42K03",
        InputError, "Spark cannot see /data/m/0.parquet: every one of its machines reads the metadata itself.",
    ),
    "table": (
        "[TABLE_OR_VIEW_NOT_FOUND] The table or view `pools`.`medium` cannot be found. Verify the spelling..",
        InputError, "There is no file or folder pools.medium, and Spark knows no table of that name;",
    ),
    "read": (
        "An error occurred while calling o57.parquet.\n: java.io.FileNotFoundException: /data/m/0.parquet (Permission denied)",
        LostEngineError, "Spark may not read or write /data/m/0.parquet (permission denied);",
    ),
    "hdfs": (
        "org.apache.hadoop.security.AccessControlException: Permission denied: user=eve, access=WRITE, "
        'inode="/pools":hdfs:supergroup:drwxr-xr-x',
        LostEngineError, "Spark may not read or write",
    ),
    "write": (
        "Job aborted due to stage failure: .. java.io.IOException: Mkdirs failed to create file:/pools/parts/_temporary/0 "
        "(exists=false, cwd=..)",
        LostEngineError, "Spark's executors cannot write /pools/parts/_temporary/0; give a URI",
    ),
    "disk": (
        "java.io.IOException: No space left on device", LostEngineError, "A disk of Spark's executors is full;",
    ),
    "memory": (
        "Lost task 3.3 in stage 8.0: ExecutorLostFailure .. java.lang.OutOfMemoryError: Java heap space",
        LostEngineError, "Spark ran out of memory while counting scores; raise spark.executor.memory",
    ),
    "stopped": (
        "An error occurred while calling o61.toString.\n: java.lang.IllegalStateException: Cannot call methods on a stopped "
        "SparkContext.",
        LostEngineError, "The Spark session was closed while counting scores; start Spark again and run the same command",
    ),
    "killed": ("An error occurred while calling o766.getResult", LostEngineError, "The Spark session was closed"),
    "connect": (
        "<_InactiveRpcError of RPC that terminated with: status = StatusCode.UNAVAILABLE details = ..",
        LostEngineError, "The Spark session was closed",
    ),
    "other": (
        "An error occurred while calling o80.collect.\n: org.apache.spark.SparkException: Job aborted: boom\n\tat org.apache..",
        LostEngineError, "Spark failed while counting scores: Job aborted: boom.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SAID)
def test_sparks_words_become_one_sentence(case):
    text, kind, said = SAID[case]
    error = explained(text, "counting scores", None)
    assert type(error) is kind
    assert str(error).startswith(said)
    assert "\n" not in str(error)


def test_a_fault_of_ours_stays_a_fault_of_ours():
    with pytest.raises(ZeroDivisionError), spark_faults(None, "counting"):
        raise ZeroDivisionError


def test_a_server_of_another_major_release_is_refused():
    check_versions("4.1.4", "4.0.1")
    with pytest.raises(
        InputError, match=r"PySpark 4\.1\.4 cannot speak to Spark 3\.5\.3; .*pyspark\[connect\]==3\.5\.\*"
    ):
        check_versions("4.1.4", "3.5.3")


def test_a_cluster_that_runs_nothing_is_said_once(monkeypatch, caplog):
    told = []
    seen = watch._Watch("counting scores", lambda *line: told.append(line))
    now = time.monotonic()
    with caplog.at_level(logging.WARNING):
        for seconds, running in ((0, 2), (50, 0), (100, 0), (200, 0)):
            monkeypatch.setattr(watch.time, "monotonic", lambda at=now + seconds: at)
            seen.see(3, 10, running)
    assert told[0] == ("counting scores", 3, 10)
    assert [record.getMessage()[:40] for record in caplog.records] == [
        "Spark has run no task for 60 s while cou"
    ]


def test_without_pyspark_the_install_line_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pyspark", None)
    status = run(
        ["cut", "pool", "--keep", "0.3", "--score", "s", "-o", str(tmp_path / "s.npy"), "--engine", "spark"]
    )
    assert status == 2
    assert capsys.readouterr().err == 'Error: --engine spark needs an extra: pip install "thresher[spark]".\n'


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["cut", "--keep", "0.3", "--spark-remote", "sc://host"], "--spark-remote goes with --engine spark"),
        (["cut", "--keep", "0.3", "--spark-work", "s3a://b/w"], "--spark-work goes with --engine spark"),
        (
            ["cut", "--keep", "0.3", "--engine", "spark", "--spark-work", "/shared"],
            "give a URI that Spark reads",
        ),
        (["buckets", "--spark-remote", "sc://host"], "--spark-remote goes with --engine spark"),
        (["index", "--engine", "spark"], "An index is made on this machine alone; leave --engine spark out"),
    ],
)
def test_options_that_do_not_go_together_are_said(tmp_path, capsys, command, said):
    (tmp_path / "m").mkdir()
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"uid": ["0" * 32], "s": [0.5]}), tmp_path / "m" / "0.parquet")
    name, *options = command
    output = tmp_path / ("s.json" if name == "buckets" else "s.npy")
    status = run([name, str(tmp_path / "m"), "--score", "s", "-o", str(output), *options])
    message = capsys.readouterr().err
    assert status == 2
    assert said in message
    assert len(message.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["m"]
