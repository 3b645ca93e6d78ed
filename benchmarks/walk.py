"""How much of thresher a reader meets on the way from a command to its answer: modules and functions that it enters.

python benchmarks/walk.py

Counted with `sys.setprofile` in a process of its own for each command, on the published runs and a generated metadata table;
what a module runs when it is imported does not count, and neither do comprehensions and lambdas.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.generate import generate

from thresher.cli.app import run
from thresher.examples import load_example
from thresher.runs import write_runs

HERE = Path(__file__).parent
WALK = """
import json, sys, threading
from thresher.cli.app import run
found = set()
def enter(frame, event, argument):
    code = frame.f_code
    if event == "call" and "/thresher/" in code.co_filename and not code.co_name.startswith("<"):
        found.add((code.co_filename.split("/thresher/")[-1], code.co_qualname))
threading.setprofile(enter)
sys.setprofile(enter)
status = run(json.loads(sys.argv[1]))
sys.setprofile(None)
print(json.dumps([status, sorted(found)]), file=sys.stderr)
"""


def walked(arguments: list[str]) -> list[tuple[str, str]]:
    """The functions of thresher that a command enters, each with its module."""
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WALK, json.dumps(arguments)],
        capture_output=True,
        text=True,
        check=True,
    )
    status, found = json.loads(ended.stderr.splitlines()[-1])
    if status:
        raise SystemExit(f"{arguments} ended with status {status}: {ended.stderr}")
    return found


def main() -> None:
    """Print one line for each command."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_runs(load_example("datacomp_medium_tmars"), folder / "runs.csv")
        generate(folder / "metadata", 100_000)
        fit = [str(folder / "runs.csv"), "-o", str(folder / "fit.json"), "--quiet"]
        run(["fit", *fit])
        commands = {
            "fit": ["fit", *fit],
            "plan": ["plan", str(folder / "fit.json"), "--budget", "640M"],
            "cut": [
                "cut", str(folder / "metadata"), "--score", "clip_l14_similarity_score", "--keep", "30%", "-o",
                str(folder / "subset.npy"), "--quiet",
            ],
        }  # fmt: skip
        for command, arguments in commands.items():
            found = walked(arguments)
            print(f"{command}: {len({module for module, _ in found})} modules, {len(found)} functions")


if __name__ == "__main__":
    main()
