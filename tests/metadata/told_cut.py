"""A command that tells on standard output how far it is: told_cut.py PAUSE ARGUMENT...

Lines are `STAGE DONE TOTAL` for progress, and `kept NAME` for each file that a later command may go on from. Where a line
starts with PAUSE, the command waits for a line of input; an empty PAUSE never does.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from thresher.cli.app import run
from thresher.metadata.engine import Progress
from thresher.metadata.work import WorkFolder

PAUSE = sys.argv[1] if __name__ == "__main__" else ""
PUT = WorkFolder.put


def tell(line: str) -> None:
    print(line, flush=True)
    if PAUSE and line.startswith(PAUSE):
        sys.stdin.readline()


def told_put(folder: WorkFolder, name: str, content: dict) -> None:
    PUT(folder, name, content)
    tell(f"kept {name}")


@contextmanager
def told_progress(quiet: bool) -> Iterator[Progress]:
    yield lambda stage, done, total: tell(f"{stage} {done} {total}")


if __name__ == "__main__":
    WorkFolder.put = told_put
    import_module("thresher.cli.cut").shown_progress = told_progress
    sys.exit(run(sys.argv[2:]))
