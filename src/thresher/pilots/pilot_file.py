"""The pilot's YAML: what was planned, for people, launch files and `thresher pilot collect`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from thresher.errors import FileFormatError, InputError
from thresher.files import check_readable, write_text
from thresher.pilots.design import PilotPool, PilotRun
from thresher.pilots.launch import Trainer
from thresher.quoting import yaml_document

FORMAT = "thresher-pilot"
VERSION = 1


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
        FileFormatError: It is no such file, or something in it is missing or of another kind.
        InputError: It cannot be read.
    """
    import yaml

    check_readable(path, "a pilot.yaml made by `thresher pilot plan`")
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        where = f" (line {line + 1})" if line is not None else ""
        raise FileFormatError(
            f"{path} is not YAML{where}. Make it again with `thresher pilot plan`."
        ) from error
    if not isinstance(found, dict) or (found.get("format"), found.get("version")) != (FORMAT, VERSION):
        raise FileFormatError(
            f"{path} is not a {FORMAT} file of version {VERSION}. Make one with `thresher pilot plan`."
        )
    try:
        pilot = Pilot(
            float(found["target_samples_seen"]),
            int(found["seed"]),
            tuple(
                PilotPool(
                    str(pool["name"]),
                    str(pool["bucket"]),
                    float(pool["share"]),
                    int(pool["unique_samples"]),
                    int(pool["rank"]) if pool["rank"] is not None else None,
                )
                for pool in found["pools"]
            ),
            Trainer(**found["trainer"]),
            tuple(
                PilotRun(
                    str(run["run"]),
                    tuple(map(str, run["pools"])),
                    int(run["unique_samples"]),
                    tuple(sorted(map(int, run["epochs"]))),
                    str(run["schedule"]),
                    int(run["seed"]),
                )
                for run in found["runs"]
            ),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise FileFormatError(
            f"{path} is damaged ({error!r}). Make it again with `thresher pilot plan`."
        ) from error
    _check(pilot, path)
    return pilot


def _check(pilot: Pilot, path: Path) -> None:
    names = [run.name for run in pilot.runs]
    known = [pool.name for pool in pilot.pools]
    for run in pilot.runs:
        strange = [name for name in run.pools if name not in known]
        if strange or not run.epochs or run.epochs[0] < 1 or names.count(run.name) > 1:
            raise InputError(
                f"{path}: run {run.name!r} needs a name of its own, pools out of {', '.join(known)}, and epochs from 1 up."
            )
