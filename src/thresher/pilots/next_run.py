"""Which run to do next: the one that is expected to reduce regret at the target budget most per sample trained.

Every draw of the ensemble is a world that might be true. For a candidate run, draw a world, let it produce the
run's error, weigh all worlds by how well they predicted it, and choose again: the mean fall of the regret of
the choice, over worlds, is what the run is worth. Nothing is refitted, so dozens of runs take a second.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thresher.errors import InputError
from thresher.fits.fit import Fit
from thresher.fits.predict import draw_errors
from thresher.plans.candidates import Candidate, candidates
from thresher.pools import Mixture, union
from thresher.shapes import Float
from thresher.units import check_samples, format_count

WORLDS = 300
"""Outcomes simulated for each candidate run, at even steps of the draws' weights."""
LONGER = (1.0, 2.0, 4.0)
"""Lengths of candidate runs, in the largest run so far."""
SHORTEST_JOINT_SHARE = 0.25
"""Joint runs of at least this share of the largest run are worth considering: shorter ones are all alike."""
WORTHWHILE_SHARE = 0.1
"""A run that removes less than this share of the expected regret is not worth doing."""


@dataclass(frozen=True)
class NextRun:
    """One run that could be done next.

    Attributes:
        mixture: What it trains on.
        samples_seen: How long.
        regret_reduction: Expected fall of the expected regret at the target budget, in the metric's unit.
        repeats_a_run: Whether the table holds this run already, so that it only averages noise.
    """

    mixture: Mixture
    samples_seen: float
    regret_reduction: float
    repeats_a_run: bool

    @property
    def cost(self) -> float:
        """Samples trained."""
        return self.samples_seen


@dataclass(frozen=True)
class NextRuns:
    """Candidate runs, the best per sample first, and whether to stop."""

    target: float
    expected_regret: float
    runs: tuple[NextRun, ...]
    stop: bool
    verdict: str


def choose_next_run(
    fit: Fit, target: float, *, most_samples: float | None = None, options: Sequence[Candidate] | None = None
) -> NextRuns:
    """Runs ranked by expected reduction of regret at a target budget per sample trained, and a stopping rule.

    Stop when the choice is settled to within the noise of one run, or when no run would remove a tenth of the
    regret that is left.

    Args:
        fit: What the runs so far say.
        target: Budget of the run that the choice is for, in samples.
        most_samples: Longest run to consider; four times the largest so far, and at most the target, if None.
        options: What to choose among at the target; the nested top-k pools if None.

    Raises:
        InputError: A budget that no run can have.
    """
    check_samples(target, "--budget")
    if most_samples is not None:
        check_samples(most_samples, "--most-samples")
    choices = options if options is not None else candidates(fit)
    at_target, weights = draw_errors(fit, [choice.mixture for choice in choices], np.array([target]))
    regret = at_target[:, :, 0] - at_target[:, :, 0].min(axis=1, keepdims=True)
    now = float((weights @ regret).min())
    planned = _candidate_runs(fit)
    shortest = min(n for _, n in planned)
    limit = (
        most_samples if most_samples is not None else min(max(target, shortest), LONGER[-1] * fit.largest_run)
    )
    planned = [(mixture, n) for mixture, n in planned if n <= limit * (1 + 1e-9)]
    if not planned:
        raise InputError(
            f"--most-samples {format_count(limit)} allows no run: the shortest candidate has {format_count(shortest)} samples. "
            "Raise it."
        )
    runs = sorted(
        (
            NextRun(
                mixture, n, _reduction(fit, mixture, n, regret, weights, now), _is_repeat(fit, mixture, n)
            )
            for mixture, n in planned
        ),
        key=lambda run: (-run.regret_reduction / run.cost, run.cost, run.mixture.names),
    )
    settled = now < fit.noise_sd
    best = max(runs, key=lambda run: run.regret_reduction)
    worthwhile = [run for run in runs if run.regret_reduction >= WORTHWHILE_SHARE * now]
    return NextRuns(
        target,
        now,
        tuple(runs),
        settled or not worthwhile,
        _verdict(fit, target, now, worthwhile[0] if worthwhile else None, best, settled=settled),
    )


def _candidate_runs(fit: Fit) -> list[tuple[Mixture, float]]:
    """Single pools at their longest run and longer, and nested joint runs; all of one epoch or more.

    Below one epoch no law is fitted (`thresher fit --from-epoch`), so a shorter run would teach nothing.
    """
    singles = [
        (union([pool]), times * (pool.largest_run or fit.largest_run))
        for pool in (fit.ranked or fit.pools)
        for times in LONGER
    ]
    joints = [
        (union(fit.ranked[:count]), times * fit.largest_run)
        for count in range(2, len(fit.ranked) + 1)
        for times in (SHORTEST_JOINT_SHARE, 0.5, *LONGER)
    ]
    whole = [(mixture, max(n, mixture.unique_samples)) for mixture, n in [*singles, *joints]]
    return list(dict.fromkeys(whole))


def _is_repeat(fit: Fit, mixture: Mixture, samples_seen: float) -> bool:
    return len(mixture.pools) == 1 and any(
        row.pool == mixture.names[0] and abs(row.samples_seen - samples_seen) < 0.01 * samples_seen
        for row in fit.rows
    )


def _reduction(
    fit: Fit,
    mixture: Mixture,
    samples_seen: float,
    regret: Float[np.ndarray, "draws candidates"],
    weights: Float[np.ndarray, " draws"],
    now: float,
) -> float:
    """Expected fall of the regret of the choice once the run's error is known."""
    errors = draw_errors(fit, [mixture], np.array([samples_seen]))[0][:, 0, 0]
    worlds = np.searchsorted(np.cumsum(weights), (np.arange(WORLDS) + 0.5) / WORLDS * weights.sum())
    worlds = np.minimum(worlds, len(weights) - 1)
    sd = fit.noise_sd
    # the noise of each simulated run: normal quantiles in an order unrelated to that of the worlds
    quantiles = (np.argsort(np.argsort(np.sin(12.9898 * (np.arange(WORLDS) + 1.0)))) + 0.5) / WORLDS
    outcome = errors[worlds] + sd * _normal_quantile(quantiles)
    gap = (outcome[:, None] - errors[None, :]) / sd
    logs = np.log(np.maximum(weights, 1e-300)) - 0.5 * gap**2
    posterior = np.exp(logs - logs.max(axis=1, keepdims=True))
    posterior /= posterior.sum(axis=1, keepdims=True)
    after = float(np.mean((posterior @ regret).min(axis=1)))
    return max(now - after, 0.0)


def _normal_quantile(share: Float[np.ndarray, " worlds"]) -> Float[np.ndarray, " worlds"]:
    from scipy.special import ndtri

    return ndtri(share)


def _verdict(
    fit: Fit, target: float, now: float, first: NextRun | None, best: NextRun, *, settled: bool
) -> str:
    at = f"at {format_count(target)} samples"
    if settled:
        return (
            f"Stop: the choice {at} is settled, its expected regret of {now:.4f} is below the noise of one run "
            f"({fit.noise_sd:.4f})."
        )
    if first is None:
        return (
            f"Stop: no run considered would remove a tenth of the expected regret of {now:.4f} {at}; the best removes "
            f"{best.regret_reduction:.4f}. Longer runs may: raise --most-samples."
        )
    return (
        f"Next, train on {' + '.join(first.mixture.names)} for {format_count(first.samples_seen)} samples: the expected regret "
        f"{at} falls from {now:.4f} by {first.regret_reduction:.4f}."
    )
