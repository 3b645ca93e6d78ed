"""The same cut on this machine alone, on Spark in local mode, and on Spark standalone with 1 and 2 workers.

python benchmarks/spark_cut.py WORKDIR --rows 20M [--rows 100M] [--only local,local2,1,2] [--repeat 1]

The bytes are compared. Times are wall times of the whole command; what executors did is read from Spark's own event log;
the driver's memory is the largest sum of private memory of the command and its JVM, sampled 20 times a second. All of
it runs on one machine: each worker has one processor and 4 GB, and the driver shares both processors with them.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "src"), str(HERE.parent)]

import numpy as np  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
from benchmarks.cut_metadata import SAMPLE_SECONDS, private_bytes  # noqa: E402
from benchmarks.generate import generate  # noqa: E402
from benchmarks.peers import FRACTION, SCORE  # noqa: E402
from benchmarks.spark_cluster import children, cluster, configuration  # noqa: E402

from thresher.cuts.formats import SubsetFormat, subset_writer  # noqa: E402
from thresher.metadata.ids import IdKind  # noqa: E402
from thresher.metadata.spark.engine import MOST_PARTS, PART_ROWS  # noqa: E402
from thresher.metadata.spark.parts import local_parts, merge_parts, read_local  # noqa: E402
from thresher.units import format_count, parse_samples  # noqa: E402

SETTINGS = {
    "spark.driver.memory": "512m",
    "spark.executor.memory": "3g",
    "spark.sql.shuffle.partitions": "64",
    "spark.eventLog.enabled": "true",
    "spark.eventLog.compress": "false",
    "spark.ui.enabled": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
}
LOCAL_SETTINGS = {
    "spark.driver.memory": "512m",
    "spark.driver.extraJavaOptions": "-XX:+UseSerialGC -XX:ReservedCodeCacheSize=96m -Xss512k",
}
"""Of the one JVM of local mode, which is driver and executor in one: with them it stays below 1 GB, Python included."""
MERGED_PARTS = 4
LARGEST = 12_800_000_000
ENGINES = ("local", "local2", "1", "2")


@dataclass(frozen=True)
class Used:
    """What one cut took.

    Attributes:
        wall: Seconds of the whole command, start of Java included.
        cpu: Seconds of the command and its JVM; executors that are processes of their own not included.
        driver: Largest private memory of the command and its JVM, in bytes; executors that are processes of their
            own not included.
        log: Sums of Spark's event log; empty for the engine without Spark.
    """

    wall: float
    cpu: float
    driver: int
    log: dict[str, float]


def cpu_seconds(process: int, found: dict[int, float]) -> None:
    """Note the CPU seconds of a process and of what it started, as far as they still run."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return
    found[process] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    for child in children(process):
        cpu_seconds(child, found)


def cut(metadata: Path, output: Path, conf: Path | None) -> tuple[float, float, int]:
    """Wall seconds, CPU seconds and peak private memory of one `thresher cut`."""
    spark = ["--engine", "spark"] if conf else []
    command = [
        sys.executable, "-c", "from thresher.cli.app import main; main()", "cut", str(metadata), "--score", SCORE,
        "--keep", str(FRACTION), "-o", str(output), "--force", "--quiet", *spark,
    ]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(HERE.parent / "src")}
    environment |= {"SPARK_CONF_DIR": str(conf)} if conf else {}
    begun, most, cpu = time.monotonic(), 0, dict[int, float]()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    while process.poll() is None:
        most = max(most, private_bytes(process.pid))
        cpu_seconds(process.pid, cpu)
        time.sleep(SAMPLE_SECONDS)
    if process.returncode:
        raise SystemExit(f"{command} failed")
    return time.monotonic() - begun, sum(cpu.values()), most


def read_events(folder: Path) -> Iterator[dict[str, Any]]:
    """Every event of the logs in a folder."""
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and "events" in p.name):
        for line in path.open():
            yield json.loads(line)


def summed(events: Iterator[dict[str, Any]]) -> dict[str, float]:
    """Sums over all tasks: seconds, bytes read, shuffled, spilled and written, and the seconds of each job."""
    found = dict.fromkeys(
        (
            "tasks",
            "failed",
            "run s",
            "cpu s",
            "gc s",
            "rows read",
            "shuffled",
            "spilled",
            "written",
            "jobs s",
        ),
        0.0,
    )
    begun: dict[int, int] = {}
    for one in events:
        kind = one["Event"]
        if kind == "SparkListenerJobStart":
            begun[one["Job ID"]] = one["Submission Time"]
        elif kind == "SparkListenerJobEnd":
            found["jobs s"] += (one["Completion Time"] - begun[one["Job ID"]]) / 1e3
        elif kind == "SparkListenerTaskEnd":
            found["tasks"] += 1
            found["failed"] += bool(one["Task Info"]["Failed"])
            task = one.get("Task Metrics") or {}
            if task:
                found["run s"] += task["Executor Run Time"] / 1e3
                found["cpu s"] += task["Executor CPU Time"] / 1e9
                found["gc s"] += task["JVM GC Time"] / 1e3
                found["rows read"] += task["Input Metrics"]["Records Read"]
                found["shuffled"] += task["Shuffle Write Metrics"]["Shuffle Bytes Written"]
                found["spilled"] += task["Disk Bytes Spilled"]
                found["written"] += task["Output Metrics"]["Bytes Written"]
    return found


@contextmanager
def spark(name: str, folder: Path) -> Iterator[Path | None]:
    """What an engine needs while it cuts: the folder of its Spark configuration, or None."""
    if name == "local":
        yield None
        return
    events = folder / f"events-{name}"
    shutil.rmtree(events, ignore_errors=True)
    events.mkdir(parents=True)
    options = SETTINGS | {
        "spark.eventLog.dir": events.absolute().as_uri(),
        "spark.local.dir": str(folder / "shuffle"),
    }
    running = nullcontext() if name == "local2" else cluster(folder / f"cluster-{name}", int(name))
    with running as made:
        options["spark.master"] = "local[2]" if made is None else made.url
        if made is None:
            options |= LOCAL_SETTINGS
        yield configuration(folder / f"conf-{name}", options)


def measure(name: str, metadata: Path, folder: Path) -> tuple[Used, Path]:
    """One cut by one engine."""
    output = folder / f"{name}.npy"
    for old in folder.glob(f"*{output.name}*"):
        if old.is_dir():
            shutil.rmtree(old)
        else:
            old.unlink()
    with spark(name, folder) as conf:
        wall, cpu, driver = cut(metadata, output, conf)
    log = summed(read_events(folder / f"events-{name}")) if conf else {}
    return Used(wall, cpu, driver, log), output


def line(name: str, used: list[Used], rows: int, beside: float | None) -> str:
    """One engine's row of the table."""
    wall, driver, log = median(u.wall for u in used), max(u.driver for u in used), used[-1].log
    label = {"local": "this machine alone", "local2": "Spark local[2]"}.get(name, f"Spark, {name} worker(s)")
    text = f"  {label:<20} {wall:7.1f} s wall  {median(u.cpu for u in used):6.1f} s CPU and {driver / 1e6:5.0f} MB of the driver"
    if log:
        text += (
            f"  {log['jobs s']:5.1f} s jobs  {log['cpu s']:6.1f} s of task CPU  {log['gc s']:4.1f} s GC  {log['tasks']:.0f} tasks"
            f"  {log['rows read'] / rows:4.1f} rows read a row  {log['shuffled'] / 1e9:6.2f} GB shuffled"
            f"  {log['spilled'] / 1e9:5.2f} GB spilled  {log['written'] / 1e9:5.2f} GB written"
        )
    return text + (f"  {wall / beside:5.2f}x one worker" if beside else "")


def merge_seconds(folder: Path) -> float:
    """CPU seconds to merge a key and write it to a `.npy`, of parts like Spark's; what one thread does in the end."""
    place = folder / "parts"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    rng = np.random.default_rng(0)
    words = np.sort(rng.integers(0, 2**63, MERGED_PARTS * PART_ROWS, dtype=np.uint64))
    for number, high in enumerate(np.split(words, MERGED_PARTS)):
        raw = pa.py_buffer(np.stack([high, high], axis=1).astype(">u8").tobytes())
        offsets = pa.py_buffer(np.arange(len(high) + 1, dtype=np.int32) * 16)
        keys = pa.BinaryArray.from_buffers(pa.binary(), len(high), [None, offsets, raw])
        pq.write_table(
            pa.table({"key": keys}), place / f"{number}.parquet", compression="none", use_dictionary=False
        )
    begun = time.process_time()
    rows = MERGED_PARTS * PART_ROWS
    with subset_writer(folder / "merged.npy", SubsetFormat.NPY, IdKind.HEX, "uid", rows) as writer:
        for keys, _ in merge_parts(local_parts(place, IdKind.HEX), lambda part: read_local(part, IdKind.HEX)):
            writer.write(keys)
        writer.close()
    spent = time.process_time() - begun
    shutil.rmtree(place)
    (folder / "merged.npy").unlink()
    return spent / rows


def estimate(used: Used, rows: int, target: int, cores: int, merge: float) -> str:
    """What a cut of `target` rows would take, from the constants of a cut of `rows` rows; nothing of it was run."""
    log, chosen = used.log, target * FRACTION
    grown = target / rows
    cpu = log["cpu s"] * grown
    parts = min(MOST_PARTS, -(-chosen // PART_ROWS))
    return (
        f"  estimate for {format_count(target)} rows on {cores} processors, from {format_count(rows)} rows: "
        f"{1e9 * log['cpu s'] / rows:.0f} ns of task CPU a row, {cpu / 3600:.1f} h in all, {cpu / cores / 60:.0f} min of wall; "
        f"{log['shuffled'] / (rows * FRACTION):.1f} bytes shuffled and {log['written'] / (rows * FRACTION):.1f} written a "
        f"chosen row, {log['shuffled'] * grown / 1e9:.0f} and {log['written'] * grown / 1e9:.0f} GB; {parts:.0f} parts of "
        f"{log['written'] * grown / parts / 1e6:.0f} MB; merge on one "
        f"thread {1e9 * merge:.0f} ns a chosen row, {chosen * merge / 60:.0f} min"
    )


def run(folder: Path, rows: int, engines: list[str], repeat: int) -> dict[str, list[Used]]:
    """Every engine, `repeat` times in turn, on `rows` rows; the same bytes from all."""
    metadata = folder / f"m{rows}"
    if not metadata.exists():
        generate(metadata, rows, seed=rows % 1000)
    found: dict[str, list[Used]] = {name: [] for name in engines}
    outputs = []
    for _ in range(repeat):
        for name in engines:
            used, output = measure(name, metadata, folder)
            found[name].append(used)
            outputs.append(output.read_bytes())
            print(line(name, [used], rows, None), file=sys.stderr, flush=True)
    if any(one != outputs[0] for one in outputs):
        raise SystemExit("the bytes differ")
    return found


def main() -> None:
    """Generate, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", action="append", required=True)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--only", default=",".join(ENGINES))
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} processors; keep {FRACTION:g}; {SETTINGS}"
    )
    for text in given.rows:
        rows = int(parse_samples(text, "--rows"))
        found = run(given.folder, rows, given.only.split(","), given.repeat)
        one = median(u.wall for u in found["1"]) if "1" in found else None
        print(f"{format_count(rows)} rows, medians of {given.repeat}; the same bytes from all")
        for name, used in found.items():
            print(line(name, used, rows, one if name == "2" else None), flush=True)
        for used in found.get("2", [])[-1:]:
            merge = merge_seconds(given.folder)
            for cores in (16, 64):
                print(estimate(used, rows, LARGEST, cores, merge), flush=True)
        print(json.dumps({name: [vars(u) for u in used] for name, used in found.items()}))


if __name__ == "__main__":
    main()
