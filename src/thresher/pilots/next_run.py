"""Which run to do next: the one that is expected to reduce regret at the target budget most per sample trained."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thresher.arguments import argument
from thresher.errors import InputError
from thresher.fits.fit import Fit
from thresher.fits.forecast import REPEATS, forecast
from thresher.plans.candidates import Candidate, candidates, nested
from thresher.plans.constraints import Constraints
from thresher.plans.evidence import WORLDS, joint_run, reductions
from thresher.plans.mixture import likely_mixtures
from thresher.plans.repetition import allowed, longest_run, most_epochs
from thresher.pools import Mixture, union
from thresher.units import check_samples, format_count, format_percent

LONGER = (1.0, 2.0, 4.0)
"""Lengths of candidate runs, in the largest run so far."""
LIKELY = 8
"""Draws whose best mixture is considered where no pool is ranked."""
SHORTEST_JOINT_SHARE = 0.25
"""Joint runs of at least this share of the largest run are worth considering: shorter ones are all alike."""
MOST_RUNS = 200
"""Runs that are looked at closely: all of about twenty pools."""
QUICK_WORLDS = 60
"""Outcomes simulated of each where there are more."""
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
    def in_proportion(self) -> bool:
        """Whether every pool has the share that its unique samples give it."""
        return _in_proportion(self.mixture)

    @property
    def label(self) -> str:
        """Its pools, with shares where they are not in proportion."""
        if self.in_proportion:
            return " + ".join(self.mixture.names)
        shares = zip(self.mixture.names, self.mixture.weights, strict=True)
        return " + ".join(f"{name} {format_percent(share)}" for name, share in shares)

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
    fit: Fit,
    target: float,
    *,
    most_samples: float | None = None,
    options: Sequence[Candidate] | None = None,
    max_epochs: float | None = None,
) -> NextRuns:
    """Runs ranked by expected reduction of regret at a target budget per sample trained, and a stopping rule.

    Stop when the choice is settled to within the noise of one run, or when no run would remove a tenth of the
    regret that is left.

    Args:
        fit: What the runs so far say.
        target: Budget of the run that the choice is for, in samples.
        most_samples: Longest run to consider; four times the largest so far, and at most the target, if None.
        options: What to choose among at the target. If None, the nested top-k pools; where no pool is ranked, the mixtures
            that may be best.
        max_epochs: Most passes over any pool, of a choice and of a run; if None, 100, or ten times as many as any run of the
            fit made.

    Raises:
        InputError: A budget that no run can have, or that every choice repeats data too often for.
    """
    check_samples(target, argument("budget"))
    if most_samples is not None:
        check_samples(most_samples, argument("most_samples"))
    epochs = most_epochs(fit, max_epochs)
    limits = Constraints(max_epochs=epochs)
    likely = () if fit.ranked or len(fit.pools) < 2 else likely_mixtures(fit, target, LIKELY, epochs)
    compared = options if options is not None else [Candidate(one, None) for one in likely] or candidates(fit)
    choices = [choice for choice in compared if limits.allows(choice.mixture, target)]
    if not choices:
        raise InputError(
            f"At {format_count(target)} samples every choice repeats a pool more often than {allowed(epochs, max_epochs)}. Raise "
            "that, or add pools."
        )
    at_target = forecast(fit, [choice.mixture for choice in choices], np.array([target]))
    errors = at_target.errors[:, :, 0]
    now = float((at_target.weights @ (errors - errors.min(axis=1, keepdims=True))).min())
    planned = _candidate_runs(fit, likely, epochs)
    shortest = min(n for _, n in planned)
    limit = (
        most_samples
        if most_samples is not None
        else min(max(target, shortest), LONGER[-1] * fit.reach.largest_run)
    )
    planned = [(mixture, n) for mixture, n in planned if n <= limit * (1 + 1e-9)]
    if not planned:
        raise InputError(
            f"{argument('most_samples')} of {format_count(limit)} allows no run: the shortest candidate has "
            f"{format_count(shortest)} samples. Raise it."
        )
    planned = _promising(fit, planned, [choice.mixture for choice in choices], target)
    falls = reductions(fit, planned, at_target, repeats=REPEATS, worlds=WORLDS)
    runs = sorted(
        (
            NextRun(mixture, n, fall, _is_repeat(fit, mixture, n))
            for (mixture, n), fall in zip(planned, falls, strict=True)
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


def _promising(
    fit: Fit, planned: list[tuple[Mixture, float]], choices: Sequence[Mixture], target: float
) -> list[tuple[Mixture, float]]:
    """The runs that a quick look finds worth most per sample, where there are too many to look at closely."""
    if len(planned) <= MOST_RUNS:
        return planned
    at_target = forecast(fit, choices, np.array([target]), repeats=1)
    quick = np.array(reductions(fit, planned, at_target, repeats=1, worlds=QUICK_WORLDS))
    cost = np.array([n for _, n in planned])
    best = {*np.argsort(-quick / cost, kind="stable")[:MOST_RUNS].tolist(), int(np.argmax(quick))}
    return [run for at, run in enumerate(planned) if at in best]


def _candidate_runs(fit: Fit, likely: Sequence[Mixture], epochs: float) -> list[tuple[Mixture, float]]:
    """Single pools at their longest run and longer, nested joint runs, and mixtures that may be best.

    All are of one epoch or more where they can be.

    Checkpoints before the first epoch are not fitted (`thresher fit --from-epoch`), so a shorter run would teach nothing.
    """
    singles = [
        (union([pool]), times * (pool.largest_run or fit.reach.largest_run))
        for pool in fit.mixable
        for times in LONGER
    ]
    joints = [
        (union(pools), times * fit.reach.largest_run)
        for pools in nested(fit)
        if len(pools) > 1
        for times in (SHORTEST_JOINT_SHARE, 0.5, *LONGER)
    ]
    joints += [(mixture, times * fit.reach.largest_run) for mixture in likely for times in LONGER]
    asked = joint_run(fit.ranked)
    joints += [asked] if asked is not None else []
    # where an epoch is beyond any run that would be done, the runs are of fresh data, and so is the next
    longest = LONGER[-1] * fit.reach.largest_run
    whole = [
        (mixture, max(n, mixture.unique_samples) if mixture.unique_samples <= longest else n)
        for mixture, n in [*singles, *joints]
    ]
    # no run repeats a small pool hundreds of times: it would only show that it is worn out
    whole = [(mixture, min(n, longest_run(mixture, epochs))) for mixture, n in whole]
    return list(dict.fromkeys((mixture, float(max(round(n), 1))) for mixture, n in whole))


def _in_proportion(mixture: Mixture) -> bool:
    pools = mixture.pools
    if len(pools) > 1 and not all(np.isfinite(pool.unique_samples) for pool in pools):
        return False
    return bool(np.allclose(mixture.weights, union(pools).weights))


def _is_repeat(fit: Fit, mixture: Mixture, samples_seen: float) -> bool:
    names = set(mixture.names)
    return _in_proportion(mixture) and any(
        abs(row.samples_seen - samples_seen) < 0.01 * samples_seen
        and row.weights is None
        and set(row.pools) == names
        for row in fit.rows
    )


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
            f"{best.regret_reduction:.4f}. Longer runs may: raise {argument('most_samples')}."
        )
    return (
        f"Next, train on {first.label} for {format_count(first.samples_seen)} samples: the expected regret "
        f"{at} falls from {now:.4f} by {first.regret_reduction:.4f}."
    )
