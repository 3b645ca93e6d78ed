"""A cut in small pieces that dies at a given moment: killed_cut.py TABLE OUTPUT EVENT SIGNAL LOG.

Events are the moments at which finished work becomes visible: renames and small files in the work folder.
"""

import os
import signal
import sys
from importlib import import_module
from itertools import count
from pathlib import Path

from thresher.cli.app import run
from thresher.metadata import local, tasks
from thresher.metadata.work import WorkFolder


def main(table: str, output: str, event: str, name: str, log: str) -> int:
    tasks.LEAST_TASK_ROWS, tasks.MOST_TASK_ROWS, local.BATCH_ROWS = 60, 120, 17
    local.OWN_MEMORY = local.LEAST_MEMORY = 0
    local.SNAPSHOT_TASKS = 2
    import_module("thresher.cuts.cut").CHECKPOINT_ROWS = 40
    events = count(1)
    pick = local._pick

    def watched(method):
        def call(*given, **named):
            for moment in ("before", "after"):
                if next(events) == int(event):
                    os.kill(os.getpid(), getattr(signal, name))
                if moment == "before":
                    answer = method(*given, **named)
            return answer

        return call

    def logged(task, *rest):
        answer = pick(task, *rest)
        with Path(log).open("a") as file:
            file.write(f"{task.number}\n")
        return answer

    local._pick = logged
    WorkFolder.put = watched(WorkFolder.put)
    Path.replace = watched(Path.replace)
    options = ["--score", "score", "--keep", "0.31", "--memory", "0.02M", "--workers", "2", "--quiet"]
    status = run(["cut", table, "-o", output, *options])
    print(next(events) - 1)
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
