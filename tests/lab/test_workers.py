import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from laboratories import Count, lab_data
from thresher.errors import FileFormatError, InputError
from thresher.lab.stored import write_lab_data
from thresher.lab.workers import Place, do_tasks

DATA = lab_data(pool=40, teacher=30)


@pytest.fixture
def place(tmp_path):
    write_lab_data(DATA, tmp_path / "data")
    (tmp_path / "results").mkdir()
    return Place(tmp_path / "data", tmp_path / "results", tmp_path / "trained")


def done(place, *tasks, processes=1, progress=None):
    return do_tasks(tasks, DATA, place, processes, progress)


@pytest.mark.parametrize("processes", [1, 2])
def test_every_task_is_done_once_and_not_again(place, processes):
    tasks = [Count(name, 100) for name in "abc"]
    first = done(place, *tasks, processes=processes)
    assert first == {name: first[name] for name in "abc"}
    assert all((one["times"], one["pairs"]) == (1, 40) for one in first.values())
    again = done(place, *tasks, Count("d", 100), processes=processes)
    assert [one["times"] for one in again.values()] == [1, 1, 1, 1]


def test_the_longest_come_first(place):
    order = []
    done(
        place,
        Count("short", 10),
        Count("long", 30),
        Count("middle", 20),
        progress=lambda n, total: order.append(n),
    )
    assert order == [15, 30, 40, 50, 55, 60]


def test_progress_counts_what_an_earlier_run_did(place):
    done(place, Count("a", 100))
    seen = []
    done(place, Count("a", 100), Count("b", 50), progress=lambda n, total: seen.append((n, total)))
    assert seen == [(125, 150), (150, 150)]


@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        ("input", InputError, "b: the sentence"),
        ("killed", InputError, "The process that trained b was killed.*what is finished is kept"),
        ("bug", RuntimeError, "b failed:\n.*ZeroDivisionError: a fault of ours"),
    ],
)
def test_a_task_that_fails_stops_all_and_what_is_finished_is_kept(place, fault, kind, message):
    tasks = [Count("a", 300), Count("b", 200, fault), Count("c", 100, "slow")]
    with pytest.raises(kind, match=f"(?s){message}"):
        done(place, *tasks, processes=2)
    names = {path.name for path in place.results.iterdir()}
    assert "b.json" not in names
    assert names <= {"a.json"}
    assert done(place, Count("a", 300), Count("b", 200), Count("c", 100))["b"]["pairs"] == 40


def test_a_damaged_result_is_refused_with_what_to_do(place):
    done(place, Count("a", 100))
    (place.results / "a.json").write_text('{"format": "thresher-lab-res')
    with pytest.raises(
        FileFormatError,
        match=r"a\.json is damaged: .*; delete it, and that run is done again",
    ):
        done(place, Count("a", 100))


SCRIPT = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job inherits that it is ignored
from laboratories import Count, lab_data
from thresher.lab.workers import Place, do_tasks
from pathlib import Path
here = Path({folder!r})
place = Place(here / "data", here / "results", here / "trained")
do_tasks([Count("a", 20, "slow"), Count("b", 10, "slow")], lab_data(pool=40, teacher=30), place, 2)
"""


def is_gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_a_command_ends_its_processes_end_with_it(place, how):
    folder = place.data.parent
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    # without a guard for __main__, as a user's script may be
    command = [sys.executable, "-c", SCRIPT.format(folder=str(folder))]
    started = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    marks = [folder / "trained" / f"{name}.pid" for name in "ab"]
    try:
        wait_for(lambda: all(mark.exists() and mark.read_text() for mark in marks))
        started.send_signal(how)
        started.wait(20)
        pids = [int(mark.read_text()) for mark in marks]
        wait_for(lambda: all(is_gone(pid) for pid in pids))
    finally:
        started.kill()
        started.wait()
        for mark in marks:
            if mark.exists() and mark.read_text() and not is_gone(int(mark.read_text())):
                os.kill(int(mark.read_text()), signal.SIGKILL)
    assert list(place.results.iterdir()) == []


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)
