"""CPU seconds and memory of a cut beside its peers, each in a process of its own, interleaved in one run.

python benchmarks/cut_metadata.py WORKDIR --rows 5M --rows 20M [--repeat 3] [--rows-per-file 1M] [--only thresher,decode]

CPU is user plus system time of the process tree, so a busy machine disturbs it little; memory is the largest sum of
private memory (what /proc calls Private_Clean and Private_Dirty) of the tree, sampled 20 times a second.
"""

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np
from benchmarks.generate import generate
from benchmarks.peers import FRACTION, SCORE

from thresher.units import format_count, parse_samples

HERE = Path(__file__).parent
SAMPLE_SECONDS = 0.05
TOOLS = ("thresher", "decode", "duckdb", "datacomp", "index", "from index")
GOALS = """goals: 20M rows >= 5x the DataComp filter and <= 1x DuckDB; 100M >= 6x and >= 1.3x; <= 2.2x decoding;
<= 512 MB, equal within 10 %; CPU a row at 100M within 1.25x of 5M; from the index >= 20x the filter"""


def private_bytes(process: int) -> int:
    """Private memory of a process and its children; 0 once it is gone."""
    total = 0
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith(("Private_Clean", "Private_Dirty")):
                total += int(line.split()[1]) * 1024
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return total
    return total + sum(private_bytes(int(child)) for child in children)


def measure(command: list[str]) -> tuple[float, float, int]:
    """CPU seconds, wall seconds and the largest private memory of a command and its children."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE.parent / "src"), str(HERE.parent)])}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    most = 0
    while process.poll() is None:
        most = max(most, private_bytes(process.pid))
        time.sleep(SAMPLE_SECONDS)
    if process.returncode:
        raise SystemExit(f"{command} failed")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, time.monotonic() - begun, most


def command(tool: str, metadata: Path, output: Path) -> list[str]:
    """How a tool is started."""
    thresher = [sys.executable, "-c", "import sys; from thresher.cli.app import main; main()"]
    index = metadata.with_name(metadata.name + "-index")
    if tool == "thresher":
        return [
            *thresher,
            "cut",
            str(metadata),
            "--score",
            SCORE,
            "--keep",
            str(FRACTION),
            "-o",
            str(output),
            "--force",
            "--quiet",
        ]
    if tool == "index":
        return [*thresher, "index", str(metadata), "--score", SCORE, "-o", str(index), "--force", "--quiet"]
    if tool == "from index":
        return [
            *thresher,
            "cut",
            str(index),
            "--keep",
            str(FRACTION),
            "-o",
            str(output),
            "--force",
            "--quiet",
        ]
    return [sys.executable, str(HERE / "peers.py"), tool, str(metadata), str(output)]


def run(folder: Path, rows: int, tools: list[str], repeat: int, per_file: int) -> dict[str, dict[str, float]]:
    """Every tool, `repeat` times in turn, on `rows` rows; medians."""
    metadata = folder / f"m{rows}"
    if not metadata.exists():
        generate(metadata, rows, seed=rows % 1000, rows_per_file=per_file)
    found: dict[str, list[tuple[float, float, int]]] = {tool: [] for tool in tools}
    outputs = {}
    for _ in range(repeat):
        for tool in tools:
            output = folder / f"{tool.replace(' ', '-')}.npy"
            for old in folder.glob(f"{output.name}*"):
                old.unlink()
            found[tool].append(measure(command(tool, metadata, output)))
            outputs[tool] = output
    check(outputs, rows)
    return {
        tool: {
            "cpu": median(c for c, _, _ in all_),
            "wall": median(w for _, w, _ in all_),
            "memory": max(m for *_, m in all_),
        }
        for tool, all_ in found.items()
    }


def check(outputs: dict[str, Path], rows: int) -> None:
    """The cut has exactly its rows, and the peers' subsets differ from it by ties and missing scores alone."""
    if "thresher" not in outputs:
        return
    ours = np.load(outputs["thresher"], mmap_mode="r")
    if len(ours) != round(rows * FRACTION):
        raise SystemExit("the cut has the wrong number of rows")
    if "from index" in outputs and outputs["from index"].read_bytes() != outputs["thresher"].read_bytes():
        raise SystemExit("the cut from the index differs")
    for tool in {"datacomp", "duckdb"} & set(outputs):
        theirs = np.load(outputs[tool], mmap_mode="r")
        print(f"  {tool} wrote {len(theirs):,} rows, thresher {len(ours):,}")


def main() -> None:
    """Generate, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", action="append", required=True)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--rows-per-file", default="1M")
    parser.add_argument("--only", default=",".join(TOOLS))
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} processors; {GOALS}")
    results = {}
    for text in given.rows:
        rows = int(parse_samples(text, "--rows"))
        per_file = int(parse_samples(given.rows_per_file, "--rows-per-file"))
        results[text] = run(given.folder, rows, given.only.split(","), given.repeat, per_file)
        ours = results[text].get("thresher", {}).get("cpu")
        print(f"{format_count(rows)} rows, medians of {given.repeat}")
        for tool, one in results[text].items():
            ratio = f"{one['cpu'] / ours:6.2f}x thresher" if ours else ""
            line = f"  {tool:<11} {one['cpu']:8.2f} s CPU  {one['wall']:7.2f} s wall  {one['memory'] / 1e6:7.0f} MB  "
            print(line + f"{1e9 * one['cpu'] / rows:6.0f} ns a row  {ratio}", flush=True)
    print(json.dumps(results))
    shutil.rmtree(given.folder / "index", ignore_errors=True)


if __name__ == "__main__":
    main()
