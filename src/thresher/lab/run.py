"""`thresher lab run`: teachers, scores, buckets, single-bucket runs, a forecast, joint runs, and how wrong it was."""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from thresher.arguments import argument
from thresher.cuts.manifest import release
from thresher.errors import FileFormatError, InputError
from thresher.files import is_full_disk, locked, write_json
from thresher.fits.fit_file import write_fit
from thresher.lab.cores import usable_cores
from thresher.lab.design import BUCKETS, COMPARED, TEACHERS, Design, make_design
from thresher.lab.findings import Findings, compare, forecast
from thresher.lab.icons import make_lab_data
from thresher.lab.icons.gathering import chosen_source, data_folder
from thresher.lab.icons.iconify import iconify_folder
from thresher.lab.icons.rendering import check_renderer
from thresher.lab.jobs import Job, Measured, Trainer
from thresher.lab.own import OwnTrainer, check_torch
from thresher.lab.pairs import LabData
from thresher.lab.scoring import cut_pool
from thresher.lab.tasks import Measure, Task, Teach, measured_of
from thresher.lab.workers import COMMAND, Place, do_tasks
from thresher.metadata.buckets import Buckets
from thresher.plans.saved import write_plans
from thresher.reports.documents import plans as plans_document
from thresher.runs import Measurement, RunTable, write_runs
from thresher.shapes import Int
from thresher.stored import read_stored

TRAINERS = ("own", "open_clip")
REQUEST, LOCK = "request.json", "lock"
REQUEST_VERSION = 1
METRIC = "icon_zeroshot_error"
MODELS = {"own": "small-clip", "open_clip": "open_clip-icon-clip"}
SEED_STEP = 1000
"""Seeds of the trainings of one laboratory follow each other from seed times this."""
Notice = Callable[[str], None]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Request:
    """What was asked for.

    Attributes:
        minutes: Decides how much is trained; about how long it takes on two idle cores.
        seed: Of everything; the same request gives the same numbers on the same kind of processor.
        source: `iconify`, `wheels` or `auto`.
        icons: An unpacked @iconify/json.
        trainer: `own` or `open_clip`.
        processes: How many train at once; None for one a core.
    """

    minutes: float = 5.0
    seed: int = 0
    source: str = "auto"
    icons: Path | None = None
    trainer: str = "own"
    processes: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**31 // SEED_STEP:
            raise InputError(
                f"{argument('seed')} is {self.seed}; give a whole number from 0 to {2**31 // SEED_STEP - 1}."
            )
        if self.trainer not in TRAINERS:
            raise InputError(f"{argument('trainer')} {self.trainer} is none of {', '.join(TRAINERS)}.")
        chosen_source(self.icons, self.source)
        if self.processes is not None and self.processes < 1:
            raise InputError(f"{argument('processes')} is {self.processes}; give 1 or more.")

    def decides(self) -> dict[str, Any]:
        """What the numbers depend on."""
        return {
            "minutes": self.minutes, "seed": self.seed, "source": chosen_source(self.icons, self.source),
            "icons": str(self.icons.absolute()) if self.icons else None, "trainer": self.trainer,
        }  # fmt: skip


@dataclass(frozen=True)
class Laboratory:
    """A finished run of the laboratory.

    Attributes:
        request: What was asked for.
        data: What was trained and evaluated on.
        design: How much was trained.
        teacher_errors: Zero-shot error of each teacher.
        buckets: The pool, cut by their mean score.
        findings: What came out.
        seconds: How long this command took; less than the whole where it resumed an earlier one.
    """

    request: Request
    data: LabData
    design: Design
    teacher_errors: tuple[float, ...]
    buckets: Buckets
    findings: Findings
    seconds: float


def run_laboratory(
    request: Request,
    folder: Path,
    *,
    trainer: Trainer | None = None,
    notice: Notice = lambda text: None,
    progress: Progress | None = None,
) -> Laboratory:
    """Do all of it, or what is left of it, in `folder`.

    Args:
        request: What to do.
        folder: A new folder, an empty one, or one where the same request was begun.
        trainer: Instead of the request's.
        notice: Told in a sentence what is being done.
        progress: Told what is being done, how much of it is done, and how much there is.

    Raises:
        InputError: The folder holds something else or cannot be written, there are no icons, or the disk is full.
        MissingExtraError: What draws or trains is not installed.
    """
    started = time.monotonic()
    check_renderer()
    check_torch()
    if request.icons is not None:
        iconify_folder(request.icons)
    trainer = trainer or make_trainer(request.trainer)
    design = make_design(request.minutes, whole_epochs=trainer.whole_epochs)
    try:
        with _alone(folder):
            _claim(folder, request, design)
            return _run(request, design, folder, trainer, notice, progress, started)
    except BrokenPipeError:  # of what shows the progress, not of the folder
        raise
    except OSError as error:
        if is_full_disk(error):
            raise InputError(
                f"The disk of {folder} is full; what is finished is kept. Free some space, and run the command again."
            ) from error
        raise InputError(
            f"{folder} cannot be written: {error.strerror or error}. Give another folder with {argument('folder')}."
        ) from error


def make_trainer(name: str) -> Trainer:
    """The trainer that was asked for.

    Raises:
        InputError: It is not in this installation.
    """
    if name == "own":
        return OwnTrainer()
    from thresher.lab.open_clip import OpenClipTrainer

    return OpenClipTrainer()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Refuse a folder in which another command works; the system lets go of it however that one ends."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; give a folder with {argument('folder')}.")
    if folder.exists():
        names = {path.name for path in folder.iterdir()}
        if names and LOCK not in names:  # else another command may be about to claim it
            _check_ours(folder, names)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{folder} cannot be made: {error.strerror}. Give another folder with {argument('folder')}."
        ) from error
    with locked(folder / LOCK, f"Another command works in {folder}; wait for it, or stop it."):
        yield


def _claim(folder: Path, request: Request, design: Design) -> None:
    """Refuse a folder that holds something else than this request, begun or finished; no other command claims it now."""
    path = folder / REQUEST
    _check_ours(folder, {path.name for path in folder.iterdir()} - {LOCK})
    if not path.exists():
        asked = {**request.decides(), "design": _plain(design), "release": release()}
        write_json(path, "lab-request", REQUEST_VERSION, asked)
        return
    from thresher.lab.lab_model import SavedRequest

    remedy = "give another folder"
    before = read_stored(
        path, SavedRequest, "lab-request", REQUEST_VERSION, COMMAND, remedy=remedy
    ).model_dump()
    for name, value in request.decides().items():
        if before.get(name) != value:
            flag = argument(name, before[name]) if before.get(name) is not None else f"no {argument(name)}"
            raise InputError(
                f"{folder} holds a laboratory run with {flag}; give the same, or another folder with {argument('folder')}."
            )
    if before.get("release") != release() or before.get("design") != _plain(design):
        raise InputError(
            f"{folder} holds a laboratory run of another release of thresher; give another folder with {argument('folder')}."
        )


def _check_ours(folder: Path, names: Collection[str]) -> None:
    """Refuse a folder of something else."""
    if names and REQUEST not in names:
        raise InputError(
            f"{folder} is not empty and holds no laboratory run; give a new folder with {argument('folder')}."
        )


def _plain(design: Design) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(design).items()}


def _run(
    request: Request,
    design: Design,
    folder: Path,
    trainer: Trainer,
    notice: Notice,
    progress: Progress | None,
    started: float,
) -> Laboratory:
    cores = request.processes or usable_cores()
    kept = data_folder(folder, chosen_source(request.icons, request.source), design.pool, design.teacher)
    notice(_announcement(request, design, cores))
    notice("Icons are fetched, unless that was done before, and drawn.")
    data = make_lab_data(
        folder, icons=request.icons, source=request.source, pool=design.pool, teacher=design.teacher,
        processes=request.processes, progress=progress,
    )  # fmt: skip
    design = make_design(request.minutes, pairs=len(data.pool), whole_epochs=trainer.whole_epochs)
    data = replace(data, pool=data.pool.take(np.arange(design.pool)))
    notice(_data_sentence(data))
    place = Place(kept, folder / "results", folder / "trained")
    place.results.mkdir(exist_ok=True)

    def do(what: str, tasks: Sequence[Task]) -> dict[str, dict[str, Any]]:
        notice(f"{what} ({sum(task.samples for task in tasks):,} samples in {len(tasks)} runs).")
        report = None if progress is None else lambda done, total: progress(what.lower(), done, total)
        return do_tasks(tasks, data, place, cores, report)

    seeds = [request.seed * SEED_STEP + run for run in range(design.runs)]
    taught = do("Teachers", [Teach(seed, design.teacher_samples) for seed in seeds[:TEACHERS]])
    for name, teacher in taught.items():
        if len(teacher["scores"]) < len(data.pool):
            raise FileFormatError(
                f"{place.results / name}.json is damaged: scores are too few; delete it, and run again."
            )
    scores = np.mean([found["scores"][: len(data.pool)] for found in taught.values()], axis=0)
    buckets, all_rows = cut_pool(data, scores, BUCKETS, folder)
    rows = dict(list(all_rows.items())[:COMPARED])
    single_jobs = _single_jobs(design, rows, seeds)
    singles = do("Single buckets", [Measure(job, trainer) for job in single_jobs])
    pilots = _pilot_runs(design, single_jobs, singles, request.trainer)
    write_runs(pilots, folder / "runs.csv")
    known = forecast(pilots, design.budgets, pool_size=len(data.pool), classes=len(data.evaluation.classes))
    write_fit(known.fit, folder / "fit.json")
    write_plans(plans_document(known.plans), folder / "plan.json")
    joint_jobs = _joint_jobs(design, rows, seeds)
    joints = do("Best 2, 3 and 4 buckets jointly", [Measure(job, trainer) for job in joint_jobs])
    joint = _joint_runs(design, [*single_jobs, *joint_jobs], singles | joints, request.trainer)
    write_runs(joint, folder / "joint.csv")
    errors = tuple(float(found["error"]) for found in taught.values())
    found = compare(known, joint)
    return Laboratory(request, data, design, errors, buckets, found, time.monotonic() - started)


def _announcement(request: Request, design: Design, cores: int) -> str:
    minutes = design.seconds(cores) / 60
    many = "1 core, one process" if cores == 1 else f"{cores} processes of one thread each"
    own = f"about {minutes:.0f} minutes" if minutes >= 2 else f"about {60 * minutes:.0f} seconds"
    time_left = (
        own if request.trainer == "own" else f"several times as long as with {argument('trainer', 'own')}"
    )
    return f"{design.samples:,} samples to train on with {many}: {time_left}, and fetching icons if need be."


def _data_sentence(data: LabData) -> str:
    families = {one.family for one in data.sets if one.role == "evaluation"}
    return (
        f"Icons of {data.source}: a pool of {len(data.pool):,} pairs, {len(data.teacher):,} for the teachers, "
        f"{len(data.evaluation):,} images of {len(data.evaluation.classes)} classes from {len(families)} held-out families "
        f"to evaluate on; {data.near_duplicates:,} near-duplicates of these left out."
    )


def _single_jobs(
    design: Design, rows: dict[str, Int[np.ndarray, " rows"]], seeds: Sequence[int]
) -> list[Job]:
    """Every bucket alone; the best one on to the last budget, where it is the best pool of one bucket."""
    best = next(iter(rows))
    both = tuple(sorted({*design.pilots, *design.budgets}))
    return [
        Job(f"{name}-s{seed}", inside, both if name == best else design.pilots, seed)
        for seed in seeds
        for name, inside in rows.items()
    ]


def _joint_jobs(design: Design, rows: dict[str, Int[np.ndarray, " rows"]], seeds: Sequence[int]) -> list[Job]:
    names = list(rows)
    return [
        Job(
            f"{'+'.join(names[:kept])}-s{seed}",
            np.sort(np.concatenate([rows[name] for name in names[:kept]])),
            design.budgets,
            seed,
        )
        for seed in seeds
        for kept in range(2, len(names) + 1)
    ]


def _pilot_runs(
    design: Design, jobs: Sequence[Job], results: dict[str, dict[str, Any]], trainer: str
) -> RunTable:
    """What the fit sees: single buckets, up to the last pilot checkpoint."""
    names = list(dict.fromkeys(_pool(job) for job in jobs))
    rows = [
        replace(_row(job, one, trainer), rank=names.index(_pool(job)) + 1)
        for job in jobs
        for one in measured_of(results[job.name])
        if one.samples_seen in design.pilots
    ]
    return RunTable(tuple(rows), "runs.csv")


def _joint_runs(
    design: Design, jobs: Sequence[Job], results: dict[str, dict[str, Any]], trainer: str
) -> RunTable:
    """What it is checked on: the best 1, 2, .. buckets at every budget."""
    best = _pool(jobs[0])
    rows = [
        _row(job, one, trainer)
        for job in jobs
        if _pool(job) == best or "+" in _pool(job)
        for one in measured_of(results[job.name])
        if one.samples_seen in design.budgets
    ]
    return RunTable(tuple(rows), "joint.csv")


def _pool(job: Job) -> str:
    return job.name.rpartition("-s")[0]


def _row(job: Job, one: Measured, trainer: str) -> Measurement:
    return Measurement(
        _pool(job), float(len(job.rows)), float(one.samples_seen), METRIC, one.error,
        model=MODELS[trainer], seed=str(job.seed), schedule="constant", exposure="epochs", source=COMMAND,
    )  # fmt: skip
