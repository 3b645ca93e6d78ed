"""Whatever the input: an answer or one sentence; no traceback, no hang, no hunger for memory, no nonsense.

`THRESHER_FUZZ` is the number of inputs, 2,000 where it is not set; the same number gives the same inputs. A failure names
the generator and the number, with which `pytest tests/fuzz -k one` runs it again: THRESHER_FUZZ_ONE="logs:1234".
"""

import json
import os
import resource
import shutil
import signal
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from fuzz.generators import GENERATORS, Workshop
from thresher.cli.app import run

INPUTS = int(os.environ.get("THRESHER_FUZZ", "2000"))
MOST_SECONDS = 10
MOST_MEMORY = 1e9


class HangError(Exception):
    """An input that took longer than it may."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return Workshop(tmp_path_factory.mktemp("workshop"))


def stop(*_):
    raise HangError


def nonsense(answer, path=""):
    """Every value of an answer that cannot be: no number, an error above guessing, a probability above 1."""
    if isinstance(answer, dict):
        interval = [answer.get(key) for key in ("low", "error", "high")]
        if all(isinstance(value, int | float) for value in interval) and interval != sorted(interval):
            yield f"{path}: {interval} is no interval"
        for key, value in answer.items():
            yield from nonsense(value, f"{path}/{key}")
    elif isinstance(answer, list):
        for at, value in enumerate(answer):
            yield from nonsense(value, f"{path}/{at}")
    elif isinstance(answer, float):
        name = path.rsplit("/", 1)[-1]
        if answer != answer or abs(answer) == float("inf"):
            yield f"{path} is {answer}"
        if name in ("probability_best", "keep") and not 0 <= answer <= 1 + 1e-9:
            yield f"{path} is {answer}"
        ratio = "saving" in path or "gain" in path
        if name in ("error", "low", "high") and not ratio and not 0 <= answer <= 1:
            yield f"{path} is {answer}"


def fault(arguments, capsys):
    """What is wrong with how a command ended, or None."""
    signal.signal(signal.SIGALRM, stop)
    signal.alarm(MOST_SECONDS)
    try:
        status = run(arguments)
    except HangError:
        return f"ran longer than {MOST_SECONDS} s"
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    finally:
        signal.alarm(0)
    printed = capsys.readouterr()
    if status == 2:
        sentences = [line for line in printed.err.splitlines() if line.startswith("Error: ")]
        return None if len(sentences) == 1 and len(sentences[0]) > 20 else f"status 2 and {printed.err!r}"
    if status != 0:
        return f"status {status}: {printed.err!r}"
    if "--json" in arguments:
        return next(nonsense(json.loads(printed.out)), None)
    return None


def tried(kind, number, shop, folder, capsys):
    """What is wrong with how the program takes one input."""
    folder.mkdir()
    here = Path.cwd()
    arguments = GENERATORS[kind](Random(number), shop, folder)
    os.chdir(folder)
    try:
        found = fault(arguments, capsys)
        return found if found is None else f"THRESHER_FUZZ_ONE={kind}:{number} {arguments}: {found}"
    finally:
        os.chdir(here)
        if found is None:
            shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", GENERATORS)
def test_any_input_gets_an_answer_or_one_sentence(kind, shop, tmp_path, capsys):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    faults = []
    for number in range(INPUTS // len(GENERATORS)):
        found = tried(kind, number, shop, tmp_path / str(number), capsys)
        if found is not None:
            faults.append(found)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert not faults, f"{len(faults)} faults, for example:\n" + "\n".join(faults[:10])
    assert grown < MOST_MEMORY


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", GENERATORS)
def test_a_few_inputs_of_every_kind(kind, shop, tmp_path, capsys):
    found = [tried(kind, number, shop, tmp_path / str(number), capsys) for number in range(12)]
    assert not any(found), Counter(found)


@pytest.mark.skipif("THRESHER_FUZZ_ONE" not in os.environ, reason="set THRESHER_FUZZ_ONE to kind:number")
def test_one(shop, tmp_path, capsys):
    kind, number = os.environ["THRESHER_FUZZ_ONE"].rsplit(":", 1)
    found = tried(kind, int(number), shop, tmp_path / "one", capsys)
    assert found is None, found
