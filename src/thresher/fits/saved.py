"""FIT files: a fit as JSON, and back, with every number checked on the way in."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thresher.errors import FileFormatError
from thresher.files import read_json, write_json
from thresher.fits.fit import Finding, Fit, Member, Parameters, PoolReport, Verdict
from thresher.pools import Pool
from thresher.runs import Measurement

if TYPE_CHECKING:
    from thresher.fits.saved_model import SavedFit, SavedMember

FIT_VERSION = 1
SIGNIFICANT_DIGITS = 7
"""Digits kept of a replicate; the best fit keeps all of them."""


def write_fit(fit: Fit, path: Path) -> None:
    """Write a fit as a FIT file, whole or not at all.

    Raises:
        InputError: The path cannot be written.
    """
    write_json(path, "fit", FIT_VERSION, fit_document(fit))


def read_fit(path: Path) -> Fit:
    """The fit in a FIT file.

    Raises:
        FileFormatError: Not a FIT file, of another version, cut short, or with values that no fit has.
        InputError: The file cannot be read.
    """
    from pydantic import ValidationError

    from thresher.fits.saved_model import SavedFit

    document = read_json(path, "fit", FIT_VERSION, made_by="thresher fit RUNS -o FIT")
    try:
        return restore_fit(SavedFit.model_validate(document))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise FileFormatError(
            f"{path}: {where}: {first['msg']}. The file was changed or damaged; make it again with "
            "`thresher fit RUNS -o FIT`."
        ) from error


def fit_document(fit: Fit) -> dict[str, Any]:
    """A fit as plain JSON values."""
    names = [pool.name for pool in fit.pools]
    return {
        "metric": fit.metric,
        "unit": fit.unit,
        "chance": fit.chance,
        "noise_sd": fit.noise_sd,
        "rmse": fit.rmse,
        "rows": [_row_document(row) for row in fit.rows],
        "pools": [
            {
                "pool": pool.name,
                "unique_samples": pool.unique_samples,
                "rank": pool.rank,
                "quality": pool.quality,
                "largest_run": pool.largest_run,
            }
            for pool in fit.pools
        ],
        "members": [_member_document(member, names) for member in fit.members],
        "reports": [_report_document(report) for report in fit.reports],
        "dropped_rows": fit.dropped_rows,
        "joint_rows": fit.joint_rows,
        "widest_mixture": fit.widest_mixture,
        "notes": list(fit.notes),
        "warnings": list(fit.warnings),
    }


def _row_document(row: Measurement) -> dict[str, Any]:
    fields = {
        "pool": row.pool,
        "unique_samples": row.unique_samples,
        "samples_seen": row.samples_seen,
        "metric": row.metric,
        "error": row.error,
        "model": row.model,
        "seed": row.seed,
        "rank": row.rank,
        "quality": row.quality,
        "schedule": row.schedule,
        "exposure": row.exposure,
        "standard_error": row.standard_error,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _member_document(member: Member, names: Sequence[str]) -> dict[str, Any]:
    best = member.parameters
    return {
        "kernel": member.kernel,
        "mixing": member.mixing,
        "kappa": member.kappa,
        "floor": float(best.floor[0]),
        "amplitude": float(best.amplitude[0]),
        "onset": float(best.onset[0]),
        "weight": member.weight,
        "parameters": {
            name: {
                "utility": float(best.utility[0, i]),
                "worth": float(best.worth[0, i]),
                "half_life": _finite(best.half_life[0, i]),
            }
            for i, name in enumerate(names)
        },
        "replicates": [
            [
                _short(best.amplitude[k]),
                _short(best.onset[k]),
                _short(best.floor[k]),
                [_short(value) for value in best.utility[k]],
                [_short(value) for value in best.worth[k]],
                [_finite(_short(value)) for value in best.half_life[k]],
            ]
            for k in range(1, len(best))
        ],
    }


def _report_document(report: PoolReport) -> dict[str, Any]:
    return {
        "pool": report.pool.name,
        "utility": report.utility,
        "utility_interval": list(report.utility_interval),
        "worth": report.worth,
        "half_life": report.half_life,
        "half_life_interval": list(report.half_life_interval) if report.half_life_interval else None,
        "runs": report.runs,
        "findings": [[finding.verdict.name, finding.message] for finding in report.findings],
    }


def restore_fit(saved: "SavedFit") -> Fit:
    """The fit that a checked document describes."""
    pools = tuple(
        Pool(pool.pool, pool.unique_samples, pool.rank, pool.quality, pool.largest_run)
        for pool in saved.pools
    )
    by_name = {pool.name: pool for pool in pools}
    return Fit(
        metric=saved.metric,
        unit=saved.unit,
        chance=saved.chance,
        noise_sd=saved.noise_sd,
        pools=pools,
        members=tuple(_restore_member(member, [pool.name for pool in pools]) for member in saved.members),
        reports=tuple(
            PoolReport(
                by_name[report.pool],
                report.utility,
                report.utility_interval,
                report.worth,
                report.half_life,
                report.half_life_interval,
                report.runs,
                tuple(Finding(Verdict[name], message) for name, message in report.findings),
            )
            for report in saved.reports
        ),
        rmse=saved.rmse,
        rows=tuple(Measurement(**row.model_dump()) for row in saved.rows),
        dropped_rows=saved.dropped_rows,
        joint_rows=saved.joint_rows,
        widest_mixture=saved.widest_mixture,
        notes=tuple(saved.notes),
        warnings=tuple(saved.warnings),
    )


def _restore_member(saved: "SavedMember", names: Sequence[str]) -> Member:
    own = [saved.parameters[name] for name in names]
    scalars = [(saved.amplitude, saved.onset, saved.floor), *[draw[:3] for draw in saved.replicates]]
    utility = [[pool.utility for pool in own], *[draw[3] for draw in saved.replicates]]
    worth = [[pool.worth for pool in own], *[draw[4] for draw in saved.replicates]]
    half_life = [[pool.half_life for pool in own], *[draw[5] for draw in saved.replicates]]
    amplitude, onset, floor = np.array(scalars, dtype=float).T
    parameters = Parameters(
        amplitude,
        onset,
        floor,
        np.array(utility, dtype=float),
        np.array(worth, dtype=float),
        np.array([[np.inf if value is None else value for value in draw] for draw in half_life]),
    )
    return Member(saved.kernel, saved.mixing, saved.kappa, saved.weight, parameters)


def _short(value: float) -> float:
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}")


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
