"""How far Spark is with a query, told while it works, and a word when its cluster runs nothing at all."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from thresher.metadata.engine import Progress

POLL_SECONDS = 0.5
IDLE_SECONDS = 60.0
"""Without one running task, while some wait: a queue is usual for seconds, a cluster without workers is for ever."""


@contextmanager
def watched(session: Any, stage: str, progress: Progress) -> Iterator[None]:  # noqa: ANN401 - PySpark's session
    """Tell `progress` of finished and of all tasks while the block runs queries.

    Args:
        session: Classic sessions are asked, twice a second; Connect servers tell by themselves, if they can.
        stage: What is being done.
        progress: Told of tasks done and tasks in all, of the stages that run at that moment.
    """
    watch = _Watch(stage, progress)
    context = getattr(session, "_sc", None)
    if context is not None:
        over = threading.Event()
        asking = threading.Thread(target=_ask, args=(context, watch, over), daemon=True)
        asking.start()
        try:
            yield
        finally:
            over.set()
            asking.join()
        return

    def told(stages: Any, inflight_tasks: int, operation_id: str | None, done: bool) -> None:  # noqa: ANN401
        known = [(one.num_completed_tasks, one.num_tasks) for one in stages or ()]
        watch.see(sum(one for one, _ in known), sum(all_ for _, all_ in known), inflight_tasks)

    session.registerProgressHandler(told)
    try:
        yield
    finally:
        session.removeProgressHandler(told)


def _ask(context: Any, watch: "_Watch", over: threading.Event) -> None:  # noqa: ANN401 - PySpark's context
    """Ask a classic session until it is over, or until nobody answers, of which the query itself will tell."""
    with suppress(Exception):
        tracker = context.statusTracker()
        while not over.wait(POLL_SECONDS):
            stages = [found for one in tracker.getActiveStageIds() if (found := tracker.getStageInfo(one))]
            watch.see(
                sum(one.numCompletedTasks for one in stages),
                sum(one.numTasks for one in stages),
                sum(one.numActiveTasks for one in stages),
            )


class _Watch:
    """Progress of one query, and for how long no task has run."""

    def __init__(self, stage: str, progress: Progress) -> None:
        self.stage, self.progress = stage, progress
        self.busy = time.monotonic()
        self.said = False

    def see(self, done: int, total: int, running: int) -> None:
        """What the running stages had done at this moment."""
        if total:
            self.progress(self.stage, done, total)
        if running or done >= total:
            self.busy = time.monotonic()
        elif not self.said and time.monotonic() - self.busy > IDLE_SECONDS:
            self.said = True
            logging.getLogger(__name__).warning(
                f"Spark has run no task for {IDLE_SECONDS:.0f} s while {self.stage}: its workers are busy, gone, or smaller than "
                "spark.executor.memory and spark.executor.cores ask for. Waiting; Ctrl-C stops."
            )
