"""The pilot's YAML: what was planned, for people, launch files and `thresher pilot collect`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from thresher.files import write_text
from thresher.pilots.design import PilotPool, PilotRun
from thresher.pilots.launch import Trainer
from thresher.quoting import yaml_document
from thresher.stored import read_stored

FORMAT = "thresher-pilot"
VERSION = 1
MADE_BY = "thresher pilot plan BUCKETS -o DIR"


@dataclass(frozen=True)
class Pilot:
    """Pilot runs that were planned.

    Attributes:
        target: Budget of the run that the choice is for, in samples.
        seed: Of the digest that chose the samples.
        pools: What the runs train on, best bucket first.
        trainer: How runs are trained.
        runs: All runs.
    """

    target: float
    seed: int
    pools: tuple[PilotPool, ...]
    trainer: Trainer
    runs: tuple[PilotRun, ...]

    @property
    def samples_seen(self) -> int:
        """Cost of all runs, in samples."""
        return sum(run.samples_seen for run in self.runs)


def write_pilot(path: Path, pilot: Pilot, notes: Mapping[str, Any]) -> None:
    """Write a pilot as YAML, whole or not at all.

    Args:
        path: The file.
        pilot: What was planned.
        notes: What the simulation told, for people.

    Raises:
        InputError: The file cannot be written.
    """
    content = {
        "format": FORMAT,
        "version": VERSION,
        "target_samples_seen": int(pilot.target),
        "pilot_samples_seen": pilot.samples_seen,
        "seed": pilot.seed,
        "pools": [asdict(pool) for pool in pilot.pools],
        "trainer": dict(vars(pilot.trainer)),
        "runs": [
            {
                "run": run.name,
                "pools": list(run.pools),
                "unique_samples": run.unique_samples,
                "epochs": list(run.epochs),
                "schedule": run.schedule,
                "seed": run.seed,
            }
            for run in pilot.runs
        ],
        "simulation": dict(notes),
    }
    write_text(path, yaml_document(content))


def read_pilot(path: Path) -> Pilot:
    """The pilot that a YAML describes; it may have been edited by hand.

    Raises:
        FileFormatError: It is no such file, or something in it is missing, contradicts the rest, or is of another kind.
        InputError: It cannot be read.
    """
    from thresher.pilots.pilot_model import SavedPilot

    saved = read_stored(path, SavedPilot, "pilot", VERSION, MADE_BY)
    return Pilot(
        float(saved.target_samples_seen),
        saved.seed,
        tuple(PilotPool(**vars(pool)) for pool in saved.pools),
        Trainer(**vars(saved.trainer)),
        tuple(
            PilotRun(
                run.run,
                tuple(run.pools),
                run.unique_samples,
                tuple(sorted(run.epochs)),
                run.schedule,
                run.seed,
            )
            for run in saved.runs
        ),
    )
