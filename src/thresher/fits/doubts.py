"""Doubts that a number cannot show, each with a name: limits of the law that these runs or a plan run into."""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np

from thresher.fits.fit import Fit
from thresher.fits.observations import Observations
from thresher.laws.kernels import find_kernel
from thresher.pools import Mixture
from thresher.runs import Measurement, RunTable
from thresher.runs.findings import rank_doubts
from thresher.units import format_count, format_number, format_percent, format_times

TOLERATED_EPOCHS = (45.0, 115.0)
"""Epochs, times unique tokens per model parameter, after which the loss of language models was seen to rise."""
FAR_BEYOND = 2.0
"""Times the epochs of any pilot from which a plan is called far beyond them."""
WEAK_EXCESS = 0.25
"""A pool whose longest run alone has lost less than this share of what the best pool's has is nearly worthless."""
RISE = 3.0
"""Noises by which a run's last error lies above its least for the error to be said to rise."""
WIDER_SHARE = 1.25
"""Times the greatest share that a pool had in any run from which a mixture lies outside what was trained."""


class Limit(StrEnum):
    """Known limits of the law; docs/law.md has the evidence for each."""

    EARLY_CHECKPOINTS = "EARLY_CHECKPOINTS"
    WEAK_BUCKETS = "WEAK_BUCKETS"
    OVERFITTING = "OVERFITTING"
    UNTRAINED_SHARES = "UNTRAINED_SHARES"


def blocking_doubts(fit: Fit) -> tuple[str, ...]:
    """What has to be settled before any choice of this fit is believed: ranks that run against what was measured."""
    table = RunTable(fit.rows, "the fitted runs", declared_unit=fit.unit)
    return tuple(finding.message for finding in rank_doubts(table))


def run_warnings(
    rows: Sequence[Measurement],
    observed: Observations,
    kernels: Sequence[str],
    chance: float | None,
) -> tuple[str, ...]:
    """What to doubt about the runs of one fit."""
    return (
        *_schedules(rows),
        *_exposures(rows),
        *_without_form(observed, kernels),
        *_weak_buckets(observed, chance),
        *_rising(observed),
        *_copies(rows),
    )


def _schedules(rows: Sequence[Measurement]) -> tuple[str, ...]:
    schedules = sorted({row.schedule for row in rows if row.schedule is not None})
    early = (
        f"{Limit.EARLY_CHECKPOINTS}: "
        "{what}. Their errors lie above those of finished runs of the same length (levels forecast from them were up to 0.3 too "
        "low in ln y), so use them to compare pools, not to predict levels."
    )
    messages = []
    if len(schedules) > 1:
        messages.append(
            f"Runs of different schedules are mixed ({', '.join(schedules)}), and their errors do not compare. Fit one kind."
        )
    if "mid-run" in schedules:
        count = sum(row.schedule == "mid-run" for row in rows)
        what = "All rows" if count == len(rows) else f"{count} of {len(rows)} rows"
        messages.append(early.format(what=f"{what} are checkpoints in the middle of a schedule"))
    return tuple(messages)


def _exposures(rows: Sequence[Measurement]) -> tuple[str, ...]:
    found = sorted({row.exposure for row in rows if row.exposure not in (None, "unknown")} - {None})
    if len(found) < 2:
        return ()
    return (
        f"Runs of different exposure are mixed ({', '.join(map(str, found))}); each is fitted with its own form of the kernel.",
    )


def _without_form(observed: Observations, kernels: Sequence[str]) -> tuple[str, ...]:
    """Kernels that take runs with replacement for epochs, because no other form of them is known."""
    found = [find_kernel(name) for name in kernels]
    without = [
        one.name for one in found if one.decays and one.for_exposure("resampled").exposure != "resampled"
    ]
    if not without or not observed.settings.resampled.any():
        return ()
    return (
        f"Kernel {_listed(without)} has no form for samples drawn with replacement; such runs are fitted as if they were epochs.",
    )


def _weak_buckets(observed: Observations, chance: float | None) -> tuple[str, ...]:
    """Pools that teach next to nothing alone: joint runs with them were the ones that forecasts missed."""
    if chance is None:
        return ()
    longest = {}
    for i, pool in enumerate(observed.pools):
        alone = observed.trained_alone(i)
        if alone.any():
            at = np.flatnonzero(alone)[np.argmax(observed.settings.samples_seen[alone])]
            longest[pool.name] = chance - float(observed.error[at])
    best = max(longest.values(), default=0.0)
    weak = [name for name, learnt in longest.items() if learnt < WEAK_EXCESS * best]
    if not weak or best <= 0:
        return ()
    return (
        f"{Limit.WEAK_BUCKETS}: {_listed(weak)} alone hardly learn anything. Forecasts of unions with such pools were 0.06 "
        "off in error, and 90 % intervals held 60 to 90 % of the runs. One joint run with them would tell.",
    )


def _rising(observed: Observations) -> tuple[str, ...]:
    """Pools and mixtures whose error ends above its least, beyond noise."""
    settings = observed.settings
    _, series = np.unique(settings.weights.round(9), axis=0, return_inverse=True)
    series = series.ravel()
    rising = []
    for one in range(int(series.max()) + 1):
        at = np.flatnonzero(series == one)
        at = at[np.argsort(settings.samples_seen[at])]
        noise = max(observed.seed_sd / np.sqrt(float(observed.seeds[at[-1]])), 0.003)
        if len(at) > 2 and observed.log_error[at[-1]] > observed.log_error[at[:-1]].min() + RISE * noise:
            rising.append(
                "+".join(
                    pool.name for pool, used in zip(observed.pools, settings.used[at[0]], strict=True) if used
                )
            )
    if not rising:
        return ()
    return (
        f"{Limit.OVERFITTING}: the error of {_listed(rising)} rises in the end. No law here can rise, so predictions past that "
        "point are too low.",
    )


def _copies(rows: Sequence[Measurement]) -> tuple[str, ...]:
    """Pools whose measurements are the same to the last digit."""
    curves: dict[str, set[tuple[float, float]]] = {}
    for row in rows:
        curves.setdefault(row.pool, set()).add((row.samples_seen, row.error))
    pools: dict[frozenset[tuple[float, float]], list[str]] = {}
    for pool in sorted(curves):
        if len(curves[pool]) > 1:
            pools.setdefault(frozenset(curves[pool]), []).append(pool)
    return tuple(
        f"Pools {' and '.join(same)} have the same errors at the same samples_seen. If they are one pool under several names, "
        "keep one: their union is not new data."
        for same in pools.values()
        if len(same) > 1
    )


def overfitting_warnings(
    fit: Fit, mixture: Mixture, samples_seen: float, parameters: float | None = None
) -> tuple[str, ...]:
    """Whether a plan repeats data so often that the error may rise, which no law here can say.

    Args:
        fit: What was fitted.
        mixture: What the plan trains on.
        samples_seen: Its budget.
        parameters: Parameters of the model, for losses counted in tokens.
    """
    epochs = max(mixture.epochs(samples_seen))
    most = max(fit.reach.most_epochs, 1.0)
    messages = []
    if epochs > FAR_BEYOND * most:
        messages.append(
            f"{Limit.OVERFITTING}: the plan needs {format_number(epochs)} epochs, "
            f"{format_times(epochs / most)} the most of any run ({format_number(most)}); "
            "the error may rise. Run a pilot with as many epochs on a small sub-sample first."
        )
    if fit.unit == "loss" and parameters is not None:
        low, high = (times * mixture.unique_samples / parameters for times in TOLERATED_EPOCHS)
        if epochs > low:
            messages.append(
                f"{Limit.OVERFITTING}: losses of language models were seen to rise after {format_number(low)} "
                f"to {format_number(high)} epochs at "
                f"{format_count(mixture.unique_samples)} unique tokens and {format_count(parameters)} parameters; the plan needs "
                f"{format_number(epochs)}."
            )
    return tuple(messages)


def untrained_shares(fit: Fit, mixture: Mixture) -> tuple[str, ...]:
    """Whether a mixture gives a pool a larger share than any run did."""
    trained = dict(zip((pool.name for pool in fit.pools), fit.reach.largest_shares, strict=True))
    beyond = [
        f"{name} ({format_percent(share, 2)}, at most {format_percent(trained[name], 2)} in any run)"
        for name, share in zip(mixture.names, mixture.weights, strict=True)
        if share > WIDER_SHARE * trained[name] + 0.01
    ]
    if not beyond:
        return ()
    return (
        f"{Limit.UNTRAINED_SHARES}: the mixture lies outside the shares that were trained: {_listed(beyond)}. Such predictions "
        "were wrong in 3 of 6 tries; add a run there.",
    )


def model_warnings(fit: Fit, model: str | None) -> tuple[str, ...]:
    """Whether half-lives would be carried from one model to another."""
    models = sorted({row.model for row in fit.rows if row.model is not None})
    if model is None or not models or model in models:
        return ()
    return (
        f"The runs are of {', '.join(models)}, the plan is for {model}: half-lives fall with model size, and levels differ. "
        "Treat levels as a guess, and check the choice with one joint run of that model.",
    )


def _listed(names: Sequence[str], most: int = 4) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
