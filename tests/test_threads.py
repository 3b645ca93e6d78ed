"""The same answers whatever the number of threads that numpy's linear algebra may use."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import thresher

SOURCE = Path(thresher.__file__).parents[1]
COMMANDS = """
from thresher.cli.app import run
assert run(["fit", "{runs}", "-o", "runs.fit", "--json", "--quiet"]) == 0
assert run(["predict", "runs.fit", "--pools", "top_0_10+top_10_20", "--samples-seen", "640M", "--json"]) == 0
assert run(["frontier", "runs.fit", "--json"]) == 0
assert run(["plan", "runs.fit", "--budget", "640M", "--json"]) == 0
"""
RUNS = SOURCE / "thresher" / "examples" / "datacomp_medium_tmars_pilot.csv"


def answers(folder, threads):
    """Every answer of the four commands, each a JSON object, with so many threads."""
    folder.mkdir()
    variables = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    ended = subprocess.run(
        [sys.executable, "-c", COMMANDS.format(runs=RUNS)],
        cwd=folder, env=os.environ | variables | {"PYTHONPATH": str(SOURCE)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [json.loads(line) for line in ended.stdout.splitlines()]


def leaves(answer, path=""):
    if isinstance(answer, dict | list):
        pairs = answer.items() if isinstance(answer, dict) else enumerate(answer)
        for key, inner in pairs:
            yield from leaves(inner, f"{path}/{key}")
    else:
        yield path, answer


def test_answers_hold_to_the_digits_that_the_docs_promise(tmp_path):
    one, two = answers(tmp_path / "one", 1), answers(tmp_path / "two", 2)
    assert len(one) == len(two) == 4
    for (path, a), (other, b) in zip(leaves(one), leaves(two), strict=True):
        assert path == other
        if isinstance(a, float):
            # docs/law.md: six digits; a difference of errors to a ten-millionth
            assert b == pytest.approx(a, rel=1e-6, abs=1e-7), path
        else:
            assert a == b, path
