"""From a pilot's YAML and folders of logs to a run table, and the commands for what is missing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from thresher.errors import InputError
from thresher.pilots.design import PilotRun
from thresher.pilots.pilot_file import Pilot
from thresher.quoting import shell_command
from thresher.runs import Finding, RunTable
from thresher.runs.doubts import EPOCHS_WITHOUT
from thresher.runs.importing import ImportOptions, import_runs
from thresher.runs.labels import RunLabel
from thresher.runs.passed import passed_lines
from thresher.runs.run_table import EPOCH_SLACK


@dataclass(frozen=True)
class Missing:
    """Planned checkpoints of one run that no log measures, and the command that would produce them."""

    run: str
    epochs: tuple[int, ...]
    command: str


@dataclass(frozen=True)
class Collected:
    """What is there, what is missing, and what is doubtful."""

    table: RunTable
    missing: tuple[Missing, ...]
    findings: tuple[Finding, ...]


def collect_runs(
    pilot: Pilot,
    paths: Sequence[Path],
    *,
    metrics: tuple[str, ...] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Collected:
    """The planned checkpoints that were measured, as a run table.

    Args:
        pilot: What was planned.
        paths: Logs and evaluations, or their folders; runs are known by the names of their folders.
        metrics: As in `import_runs`; the pilot's own if None.
        progress: Told how many files have been read.

    Raises:
        InputError: No planned run among the logs, or logs that contradict the plan or each other.
    """
    labels = [_label(run, pilot) for run in pilot.runs]
    wanted = metrics or (pilot.trainer.metric,)
    options = ImportOptions(wanted, exposure=pilot.trainer.exposure)
    found = import_runs(paths, labels, options, progress)
    planned = {run.name: run for run in pilot.runs}
    rows, other = [], 0
    for row in found.table.rows:
        run = planned.get(row.run or "")
        if run is None:
            raise InputError(
                f"{row.place}: run {row.run!r} is not in the pilot. It has: {', '.join(planned)}."
            )
        if _epoch(row.samples_seen, run) is None:
            other += 1
            continue
        _check_schedule(row.schedule, run)
        rows.append(row)
    if not rows:
        raise InputError(
            "The logs hold none of the planned checkpoints. Is this the pilot that they belong to?"
        )
    measured = {(row.run, row.metric, _epoch(row.samples_seen, planned[row.run or ""])) for row in rows}
    kinds = {row.metric for row in rows}
    missing = tuple(
        Missing(run.name, epochs, _command(run, epochs, wanted))
        for run in pilot.runs
        if (
            epochs := tuple(
                e for e in run.epochs if any((run.name, kind, e) not in measured for kind in kinds)
            )
        )
    )
    notes = (Finding("note", f"{other} checkpoints that were not planned are left out."),) if other else ()
    table = RunTable(tuple(rows), found.table.name)
    known = tuple(finding for finding in found.findings if not finding.message.startswith(EPOCHS_WITHOUT))
    unused = tuple(Finding("note", line) for line in passed_lines(found.passed))
    return Collected(table, missing, (*known, *notes, *unused))


def _label(run: PilotRun, pilot: Pilot) -> RunLabel:
    """What the plan says of a run; a bucket that is piloted at two sizes is one quality under two names."""
    pool = next(pool for pool in pilot.pools if pool.name == run.pools[0])
    single = len(run.pools) == 1
    twice = sum(other.bucket == pool.bucket for other in pilot.pools) > 1
    return RunLabel(
        run.name,
        "+".join(run.pools),
        float(run.unique_samples),
        rank=pool.rank if single else None,
        quality=pool.bucket if single and twice else None,
        seed=str(run.seed),
        model=pilot.trainer.model,
        samples_per_epoch=float(run.unique_samples),
    )


def _epoch(samples_seen: float, run: PilotRun) -> int | None:
    """The planned epoch at which a checkpoint stands; batches rarely divide a pool exactly."""
    passes = samples_seen / run.unique_samples
    return next((e for e in run.epochs if abs(passes - e) <= (1 - EPOCH_SLACK) * e), None)


def _check_schedule(schedule: str | None, run: PilotRun) -> None:
    if schedule is not None and schedule != run.schedule:
        raise InputError(
            f"Run {run.name!r} was planned with a {run.schedule} schedule, but its logs say {schedule}. Train it again as "
            "planned, or change its schedule in the YAML."
        )


def _command(run: PilotRun, epochs: Sequence[int], metrics: Sequence[str]) -> str:
    """Training resumes from what is there; a checkpoint that exists only needs its evaluation."""
    if metrics == ("imagenet1k",):
        return shell_command(["bash", "open_clip.sh", run.name])
    evaluate = [] if list(epochs) == list(run.epochs) else ["evaluate"]
    return shell_command(
        ["bash", "datacomp.sh", *evaluate, run.name, *(map(str, epochs) if evaluate else ())]
    )
