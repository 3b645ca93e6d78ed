"""FIT files: a fit as JSON, and back, with every number checked on the way in.

The draws of each kernel are rows of numbers under the names in `parameters`; the first row is the most probable law.
"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thresher.errors import FileFormatError
from thresher.files import write_json
from thresher.fits.fit import Finding, Fit, LawKind, PoolReport, Reach, SharedReport, Verdict
from thresher.fits.priors import PRIORS
from thresher.laws.kernels import KERNELS
from thresher.laws.one_law import SCALARS, OneLaw
from thresher.laws.paper import PaperLaw
from thresher.laws.settings import Settings
from thresher.pools import Pool
from thresher.runs import Measurement
from thresher.stored import read_stored

if TYPE_CHECKING:
    from thresher.fits.fit_model import SavedFit

FIT_VERSION = 2
MADE_BY = "thresher fit RUNS -o FIT"
FURTHEST = 1e6
"""Times the largest measured loss that a draw may predict of the same runs."""
SIGNIFICANT_DIGITS = 9
"""Digits kept of a draw; the most probable law keeps all of them."""
PAPER_SCALARS = ("onset", "floor", "kappa")
OF_POOLS = {LawKind.DEFAULT: ("worth", "half_life"), LawKind.PAPER: ("amplitude", "utility", "half_life")}
OF_ALL = {LawKind.DEFAULT: SCALARS, LawKind.PAPER: PAPER_SCALARS}
ROW_FIELDS = (
    "pool", "unique_samples", "samples_seen", "metric", "error", "run", "model", "seed", "rank", "quality", "schedule",
    "exposure", "standard_error", "weights", "pool_sizes",
)  # fmt: skip


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
    from thresher.fits.fit_model import SavedFit

    fit = restore_fit(read_stored(path, SavedFit, "fit", FIT_VERSION, MADE_BY))
    for one in fit.parts or (fit,):
        wrong = _impossible(one)
        if wrong is not None:
            raise FileFormatError(f"{path} is damaged: {wrong}; make it again with `{MADE_BY}`.")
    return fit


def _impossible(fit: Fit) -> str | None:
    """The first kernel that predicts what no run can measure, for single pools at lengths that were fitted."""
    lengths = np.array([min(row.samples_seen for row in fit.rows), fit.reach.largest_run])
    count = len(fit.pools)
    sizes = np.full((2 * count, count), [pool.unique_samples for pool in fit.pools])
    top = fit.chance if fit.chance is not None else FURTHEST * max(row.error for row in fit.rows)
    for law in fit.laws:
        resampled = np.full(2 * count, KERNELS[law.kernel].exposure == "resampled")
        settings = Settings(np.tile(np.eye(count), (2, 1)), sizes, np.repeat(lengths, count), resampled)
        with np.errstate(all="ignore"):
            errors = law.errors(settings)
        if not np.all((errors >= 0) & (errors <= top * (1 + 1e-9))):
            return f"a draw of {law.kernel} predicts errors outside 0 to {top:g}"
    return None


def fit_document(fit: Fit) -> dict[str, Any]:
    """A fit as plain JSON values."""
    names = [pool.name for pool in fit.pools]
    first = fit.laws[0] if fit.laws else None
    return {
        "law": str(fit.law),
        "metric": fit.metric,
        "unit": fit.unit,
        "chance": fit.chance,
        "noise_sd": fit.noise_sd,
        "misfit": fit.misfit,
        "seed_sd": fit.seed_sd,
        "rmse": fit.rmse,
        "rows": [_row_document(row) for row in fit.rows],
        "pools": [
            {
                "pool": pool.name,
                "unique_samples": _finite(pool.unique_samples),
                "rank": pool.rank,
                "quality": pool.quality,
                "largest_run": pool.largest_run,
            }
            for pool in fit.pools
        ],
        "priors": _plain(asdict(PRIORS[fit.unit])) if fit.law is LawKind.DEFAULT else {},
        "reach": _plain(asdict(fit.reach)),
        "reference": {
            "largest_run": first.largest_run if isinstance(first, OneLaw) else None,
            "typical_size": [float(size) for size in np.atleast_1d(first.typical_size)]
            if first is not None
            else [],
        },
        "parameters": [*OF_ALL[fit.law], *[f"{part}:{name}" for part in OF_POOLS[fit.law] for name in names]],
        "draws": {
            law.kernel: {"weight": weight, "values": _values(law, fit.law)}
            for law, weight in zip(fit.laws, fit.weights, strict=True)
        },
        "reports": [_report_document(report) for report in fit.reports],
        "shared": [_plain(asdict(report)) for report in fit.shared],
        "dropped_rows": fit.dropped_rows,
        "notes": list(fit.notes),
        "warnings": list(fit.warnings),
        "parts": [fit_document(part) for part in fit.parts],
        "part_weights": list(fit.part_weights),
        "worst": fit.worst,
    }


def _row_document(row: Measurement) -> dict[str, Any]:
    fields = {name: getattr(row, name) for name in ROW_FIELDS}
    return {name: _plain(value) for name, value in fields.items() if value is not None}


def _values(law: OneLaw | PaperLaw, kind: LawKind) -> list[list[float]]:
    columns = [getattr(law, name)[:, None] for name in OF_ALL[kind]]
    table = np.concatenate([*columns, *[getattr(law, name) for name in OF_POOLS[kind]]], axis=1)
    first = [float(value) for value in table[0]]
    return [first, *[[float(f"{value:.{SIGNIFICANT_DIGITS}g}") for value in row] for row in table[1:]]]


def _report_document(report: PoolReport) -> dict[str, Any]:
    return {
        **_plain(asdict(report)),
        "pool": report.pool.name,
        "findings": [[finding.verdict.name, finding.message] for finding in report.findings],
    }


def restore_fit(saved: "SavedFit") -> Fit:
    """The fit that a checked document describes."""
    pools = tuple(
        Pool(pool.pool, _infinite(pool.unique_samples), pool.rank, pool.quality, pool.largest_run)
        for pool in saved.pools
    )
    by_name = {pool.name: pool for pool in pools}
    kind = LawKind(saved.law)
    return Fit(
        law=kind,
        metric=saved.metric,
        unit=saved.unit,
        chance=saved.chance,
        noise_sd=saved.noise_sd,
        pools=pools,
        laws=tuple(
            _restore_law(saved, kernel, np.array(draws.values)) for kernel, draws in saved.draws.items()
        ),
        weights=tuple(draws.weight for draws in saved.draws.values()),
        misfit=saved.misfit,
        seed_sd=saved.seed_sd,
        rmse=saved.rmse,
        rows=tuple(_restore_row(row.model_dump()) for row in saved.rows),
        reach=Reach(
            saved.reach.largest_run,
            saved.reach.most_epochs,
            tuple(_infinite(size) for size in saved.reach.sizes),
            saved.reach.widest_mixture,
            tuple(saved.reach.largest_shares),
            tuple(map(tuple, saved.reach.joint_information)),
        ),
        reports=tuple(
            PoolReport(
                **{
                    **report.model_dump(),
                    "pool": by_name[report.pool],
                    "worth_by_pass": tuple(report.worth_by_pass),
                    "findings": tuple(Finding(Verdict[name], message) for name, message in report.findings),
                }
            )
            for report in saved.reports
        ),
        shared=tuple(SharedReport(**part.model_dump()) for part in saved.shared),
        dropped_rows=saved.dropped_rows,
        notes=tuple(saved.notes),
        warnings=tuple(saved.warnings),
        parts=tuple(restore_fit(part) for part in saved.parts),
        part_weights=tuple(saved.part_weights),
        worst=saved.worst,
    )


def _restore_row(row: dict[str, Any]) -> Measurement:
    sizes = row.pop("pool_sizes")
    row["unique_samples"] = _infinite(row["unique_samples"])
    row["weights"] = tuple(row["weights"]) if row["weights"] is not None else None
    return Measurement(**row, pool_sizes=tuple(map(_infinite, sizes)) if sizes is not None else None)


def _restore_law(saved: "SavedFit", kernel: str, values: np.ndarray) -> OneLaw | PaperLaw:
    kind, count = LawKind(saved.law), len(saved.pools)
    shared = {name: values[:, i] for i, name in enumerate(OF_ALL[kind])}
    own = np.split(values[:, len(shared) :], len(OF_POOLS[kind]), axis=1)
    parts = dict(zip(OF_POOLS[kind], own, strict=True))
    sizes = np.array(saved.reference.typical_size)
    if kind is LawKind.DEFAULT:
        return OneLaw(
            kernel=kernel,
            chance=saved.chance,
            largest_run=float(saved.reference.largest_run or 1.0),
            typical_size=float(sizes[0]),
            **shared,
            **parts,
        )
    return PaperLaw(
        kernel=kernel, chance=saved.chance, typical_size=np.broadcast_to(sizes, (count,)), **shared, **parts
    )


def _plain(value: Any) -> Any:  # noqa: ANN401  # any JSON value
    """The same for JSON, where lists are lists and what is infinite is null."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return _finite(value) if isinstance(value, float) else value


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _infinite(value: float | None) -> float:
    return float("inf") if value is None else value
