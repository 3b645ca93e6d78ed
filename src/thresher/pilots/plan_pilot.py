"""Plan pilots from buckets and budgets, and write the folder that launches them."""

import secrets
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from thresher.arguments import argument
from thresher.errors import InputError
from thresher.fits.fit import Fit
from thresher.laws.kernels import EXPOSURES
from thresher.metadata.buckets import Buckets
from thresher.metadata.ids import IdKind
from thresher.pilots.choosing import ChosenDesign, choose_design
from thresher.pilots.design import MOST_REPETITION, check_plan, largest_cost, target_epochs
from thresher.pilots.launch import Trainer, datacomp_script, open_clip_script, reshard_script, slurm_script
from thresher.pilots.pilot_file import Pilot, write_pilot
from thresher.pilots.worlds import borrowed_world, bucket_pools
from thresher.pools import Pool
from thresher.quoting import check_file_names, check_name, check_pool_name
from thresher.units import format_count, format_number

SECONDS_PER_HOUR = 3600.0

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class PilotRequest:
    """What is asked of a pilot.

    Attributes:
        target: Budget of the run that the choice is for, in samples.
        pilot_budget: Of all pilot runs together, in samples.
        top: How many of the best buckets to pilot.
        seeds: Runs of each bucket.
        schedule: `constant` or `finished`.
        joint: Whether to train unions too, the best three buckets in any case.
        replicates: Simulated worlds.
        seed: Of the simulation and of the digest that samples buckets.
        samples_per_gpu_second: Training speed of one device.
        trainer: How runs are trained.
        pool_size: Rows of the whole pool, where the buckets were made from a random part of it.
    """

    target: float
    pilot_budget: float
    top: int
    seeds: int
    schedule: str
    joint: bool
    replicates: int
    seed: int
    samples_per_gpu_second: float
    trainer: Trainer
    pool_size: float | None = None


@dataclass(frozen=True)
class PlannedPilot:
    """A pilot, and what its simulation told."""

    pilot: Pilot
    chosen: ChosenDesign
    samples_per_gpu_second: float

    def gpu_hours(self, samples: float) -> float:
        """Hours of one device that so many samples take."""
        return samples / self.samples_per_gpu_second / SECONDS_PER_HOUR

    def to_json(self) -> dict[str, Any]:
        """What `thresher pilot plan --json` prints."""
        total = self.pilot.samples_seen
        return {
            "samples_seen": total,
            "share_of_target": total / self.pilot.target,
            "gpu_hours": self.gpu_hours(total),
            "target_epochs": list(self.chosen.target_epochs),
            "pools": [asdict(pool) for pool in self.pilot.pools],
            "runs": [
                {
                    "run": run.name,
                    "pools": list(run.pools),
                    "unique_samples": run.unique_samples,
                    "epochs": list(run.epochs),
                    "schedule": run.schedule,
                    "seed": run.seed,
                    "samples_seen": run.samples_seen,
                }
                for run in self.pilot.runs
            ],
            **self.told(),
            "verdict": self.chosen.verdict,
        }

    def told(self) -> dict[str, Any]:
        """What the simulation says, for JSON and YAML; the worth of the best bucket is 1, hence null."""
        return {
            **asdict(self.chosen.simulation),
            "larger": [asdict(one) for one in self.chosen.larger],
            "enough_budget": self.chosen.enough_budget,
        }


def plan_pilot(
    request: PilotRequest, made: Buckets, prior: Fit, output: Path, progress: Progress | None = None
) -> PlannedPilot:
    """The pilot for some buckets; nothing is written.

    Args:
        request: What is asked.
        made: The buckets.
        prior: What might be true of them, by rank.
        output: Where it will be written; refused now rather than after the simulation.
        progress: Told what is being simulated.

    Raises:
        InputError: A request that cannot be met, or an output that exists.
    """
    check_request(request, made, output)
    pools = bucket_pools(made, request.top, request.pool_size)
    chosen = choose_design(
        borrowed_world(prior, pools), request.target, request.pilot_budget, schedule=request.schedule, seeds=request.seeds,
        joint=request.joint, replicates=request.replicates, seed=request.seed, progress=progress,
    )  # fmt: skip
    design = chosen.design
    pilot = Pilot(request.target, request.seed, design.pools, request.trainer, design.runs)
    return PlannedPilot(pilot, chosen, request.samples_per_gpu_second)


def check_request(request: PilotRequest, made: Buckets, output: Path) -> None:
    """Refuse, before anything is simulated, a request that no pilot can meet or an output that exists.

    Raises:
        InputError: The message names the argument.
    """
    check_plan(request.schedule, request.seeds)
    pools = bucket_pools(made, request.top, request.pool_size)
    if request.pool_size is None:
        _check_sizes(request, pools)
    for pool in pools:
        check_pool_name(pool.name, "Bucket")
    check_file_names((pool.name for pool in pools), "Bucket")
    _check_trainer(request.trainer)
    if not 0 < request.samples_per_gpu_second < float("inf"):
        raise InputError(
            f"{argument('samples_per_gpu_second')} is {format_number(request.samples_per_gpu_second, 6)}; it must be positive."
        )
    if request.replicates < 1:
        raise InputError(
            f"{argument('replicates')} is {request.replicates}; give 1 or more, 200 for shares known to 0.03."
        )
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise InputError(f"{output} exists; give a new or empty folder.")
    if not output.absolute().parent.is_dir():
        raise InputError(f"{output.absolute().parent}: no such folder. Make it first, or write elsewhere.")


def _check_sizes(request: PilotRequest, pools: Sequence[Pool]) -> None:
    """Refuse buckets so small that they are most likely of a random part of the pool."""
    passes = target_epochs(pools, request.target)[-1]
    most = largest_cost(
        pools, request.target, schedule=request.schedule, seeds=request.seeds, joint=request.joint
    )
    rows = format_count(sum(pool.unique_samples for pool in pools))
    if request.pilot_budget > most:
        trouble = (
            f"The pilots would be larger than their buckets: {argument('pilot_budget')} is {format_count(request.pilot_budget)} "
            f"samples, while the longest runs on all {rows} samples of the buckets take {format_count(most)}"
        )
        otherwise = f"lower {argument('pilot_budget')}"
    elif passes > MOST_REPETITION:
        trouble = (
            f"The target of {format_count(request.target)} samples passes {passes:,.0f} times over all {rows} samples of the "
            f"buckets, and pilots are planned up to {MOST_REPETITION}"
        )
        otherwise = f"lower {argument('budget')}"
    else:
        return
    raise InputError(
        f"{trouble}. If the buckets were made from a part of the pool, give the rows of the whole: {argument('pool_size')}; "
        f"else {otherwise}."
    )


def _check_trainer(trainer: Trainer) -> None:
    """Refuse settings that no launch file can hold."""
    if trainer.exposure not in EXPOSURES:
        raise InputError(f"{argument('exposure')} is {trainer.exposure!r}; it is {' or '.join(EXPOSURES)}.")
    if trainer.gpus < 1 or trainer.batch_size < trainer.gpus or trainer.batch_size % trainer.gpus:
        raise InputError(
            f"{argument('batch_size')} {trainer.batch_size} cannot be shared by {trainer.gpus} GPUs; give a multiple of it."
        )
    check_name(trainer.metric, "Metric")
    check_name(trainer.model, "Model")
    if len(trainer.model.split()) > 1:
        raise InputError(
            f"{argument('model')} is {trainer.model!r}; a name of a model has no blanks, and evaluate.py reads only up to one."
        )


def write_planned(
    planned: PlannedPilot, request: PilotRequest, made: Buckets, output: Path, metadata: Sequence[str],
    progress: Progress | None = None,
) -> PlannedPilot:  # fmt: skip
    """Write the pilot's folder, whole or not at all: YAML, launch files, and uid lists if the metadata is given.

    Returns:
        The pilot with the sizes that the uid lists really have.

    Raises:
        InputError: The metadata is not that of the buckets, or the folder cannot be written.
    """
    folder = output.absolute()
    part = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.tmp")
    try:
        part.mkdir()
        if metadata:
            planned = _write_uids(planned, request, made, part / "uids", metadata, progress)
        pilot = planned.pilot
        write_pilot(part / "pilot.yaml", pilot, planned.told())
        for name, text in (
            ("open_clip.sh", open_clip_script(pilot.runs, pilot.trainer)),
            ("datacomp.sh", datacomp_script(pilot.runs, pilot.trainer)),
            ("slurm.sh", slurm_script(pilot.runs, pilot.trainer)),
            ("reshard.sh", reshard_script([pool.name for pool in pilot.pools])),
        ):
            (part / name).write_text(text, encoding="utf-8")
        if folder.exists():
            folder.rmdir()
        part.rename(folder)
    except OSError as error:
        raise InputError(f"{output} cannot be written: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return planned


def _write_uids(
    planned: PlannedPilot, request: PilotRequest, made: Buckets, folder: Path, metadata: Sequence[str],
    progress: Progress | None,
) -> PlannedPilot:  # fmt: skip
    from thresher.cuts.cut import cut
    from thresher.cuts.requests import FromBuckets
    from thresher.metadata.table import open_table

    folder.mkdir()
    table = open_table(
        metadata, score=made.score, id_column=made.id_column, where=made.where,
        within=[one.path for one in made.within], without=[one.path for one in made.without],
    )  # fmt: skip
    suffix = ".npy" if made.id_kind is IdKind.HEX else ".txt"
    pools = []
    for step, pool in enumerate(planned.pilot.pools):
        wanted = FromBuckets(made, {pool.bucket: pool.share}, request.seed)
        written = cut(wanted, table, folder / f"{pool.name}{suffix}").manifest.unique_out
        pools.append(replace(pool, unique_samples=written))
        if progress:
            progress("uid lists", step + 1, len(planned.pilot.pools))
    if request.pool_size is not None:
        return planned  # the lists are of the part at hand, the plan is for the whole
    sizes = {pool.name: pool.unique_samples for pool in pools}
    runs = tuple(
        replace(run, unique_samples=sum(sizes[name] for name in run.pools)) for run in planned.pilot.runs
    )
    return replace(planned, pilot=replace(planned.pilot, pools=tuple(pools), runs=runs))
