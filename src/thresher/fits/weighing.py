"""From held-out errors to weights.

Pseudo-BMA with a tempered likelihood: a member's weight falls as exp(-K (loss/s^2 - 1) / 2), where loss is its
mean squared held-out error, s^2 the best member's (or the noise, if that is larger) and K the number of
independent pieces of evidence. The points of one pool's curve err together and folds overlap, so K is half
the number of pools (PIECES_PER_POOL), not the number of points.

Joint runs say how pools mix, and nothing that is learnt from them may flow back into utility or half-life: they
weigh mixing rules and kappas, each averaged over its kernels and floors, and leave the weights within one rule and
kappa as held-out prediction set them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from thresher.fits.fit import Fit
from thresher.fits.observations import row_order
from thresher.fits.predict import member_errors
from thresher.pools import Mixture, Pool, union
from thresher.runs import Measurement
from thresher.shapes import Float
from thresher.units import format_count

PIECES_PER_POOL = 0.5
"""Independent pieces of held-out evidence in the runs of one pool; docs/backtests.md compares 0 to 2."""

MISSED = 10.0
"""Root mean square miss of joint runs, in the noise of one run, from which no law is said to predict them; the best
law misses published joint runs by 2 to 4 times the noise."""


@dataclass(frozen=True)
class JointLosses:
    """How members predict the joint runs of the table.

    Attributes:
        mean_squares: Mean squared error of each member, in units of the noise.
        factors: What each member's weight is multiplied by: one number for each mixing rule and kappa, at most 1.
        warnings: What to doubt about the joint runs.
    """

    mean_squares: Float[np.ndarray, " members"]
    factors: Float[np.ndarray, " members"]
    warnings: tuple[str, ...] = ()


def log_weights(
    losses: Sequence[Mapping[str, Float[np.ndarray, " folds"]]],
    priors: Sequence[float],
    pools: int,
    pieces_per_pool: float = PIECES_PER_POOL,
) -> Float[np.ndarray, " members"]:
    """Logarithms of unnormalised weights: prior times held-out evidence, each kind of fold alike.

    Args:
        losses: Mean squared held-out errors of each member, by kind of fold, in units of the noise.
        priors: Prior weight of each member.
        pools: How many pools the runs are of.
        pieces_per_pool: Independent pieces of evidence in the runs of one pool.
    """
    logs = np.log(np.asarray(priors, dtype=float))
    kinds = sorted({kind for member in losses for kind in member})
    for kind in kinds:
        loss = np.array([np.mean(member[kind]) for member in losses])
        evidence = pieces_per_pool * pools / len(kinds)
        logs = logs - 0.5 * evidence * (loss / max(1.0, float(loss.min())) - 1.0)
    return logs


def joint_losses(fit: Fit, joints: Sequence[Measurement]) -> JointLosses:
    """How the members of a fit predict joint runs.

    Args:
        fit: Members with their best fits; replicates are not used.
        joints: Joint runs whose pools are all in the fit; others are passed over.
    """
    known = {pool.name: pool for pool in fit.pools}
    usable = [row for row in sorted(joints, key=row_order) if all(name in known for name in row.pools)]
    count = len(fit.members)
    doubts = _left_out(joints, known)
    if not usable:
        return JointLosses(np.ones(count), np.ones(count), doubts)
    mixtures = [mixture_of(row, known) for row in usable]
    sets = {frozenset(row.pools) for row in usable}
    measured = np.array([row.error for row in usable])
    sd = np.array([row.standard_error or fit.noise_sd for row in usable])
    squares = []
    for member in fit.members:
        predicted = np.array(
            [
                member_errors(fit, member, member.best, [mixture], np.array([row.samples_seen]))[0, 0, 0]
                for mixture, row in zip(mixtures, usable, strict=True)
            ]
        )
        squares.append(float(np.mean(((predicted - measured) / sd) ** 2)))
    loss = np.array(squares)
    logs = -0.5 * len(sets) * (loss / max(1.0, float(loss.min())) - 1.0)
    if loss.min() > MISSED**2:
        doubts = (*doubts, _missed(usable, float(loss.min())))
    return JointLosses(loss, _by_rule(fit, np.exp(logs - logs.max())), doubts)


def _by_rule(fit: Fit, likelihood: Float[np.ndarray, " members"]) -> Float[np.ndarray, " members"]:
    """The likelihood of each member's mixing rule and kappa, averaged over the members that share them."""
    weights = np.array([member.weight for member in fit.members])
    rules = [(member.mixing, member.kappa) for member in fit.members]
    factors = np.ones(len(rules))
    for rule in set(rules):
        mine = np.array([found == rule for found in rules])
        factors[mine] = np.average(likelihood[mine], weights=weights[mine])
    return factors / factors.max()


def _left_out(joints: Sequence[Measurement], known: Mapping[str, Pool]) -> tuple[str, ...]:
    strange = sorted({name for row in joints for name in row.pools if name not in known})
    if not strange:
        return ()
    count = sum(any(name in strange for name in row.pools) for row in joints)
    return (
        f"{count} joint rows say nothing: there are no runs of {', '.join(strange)} alone. Add such runs, or correct the name.",
    )


def _missed(joints: Sequence[Measurement], mean_square: float) -> str:
    spread: dict[tuple[str, float], list[float]] = {}
    for row in joints:
        spread.setdefault((row.pool, row.samples_seen), []).append(row.error)
    widest = max(spread, key=lambda key: (max(spread[key]) - min(spread[key]), key))
    twice = (
        f" Runs of {widest[0]} at {format_count(widest[1])} samples lie {np.ptp(spread[widest]):.3g} apart."
        if np.ptp(spread[widest]) > 0
        else ""
    )
    return (
        f"No law predicts the joint runs: the closest misses them by {mean_square**0.5:.0f} times the noise of one run, so they "
        f"contradict each other or the runs of single pools.{twice} Check them; weights of mixing rules that rest on them are a "
        "guess."
    )


def normalised(weights: Float[np.ndarray, " members"]) -> Float[np.ndarray, " members"]:
    """Weights that sum to 1."""
    return weights / weights.sum()


def mixture_of(row: Measurement, known: Mapping[str, Pool]) -> Mixture:
    """What a run trained on, as fitted pools; in proportion to unique samples where it states no weights."""
    pools = tuple(known[name] for name in row.pools)
    return Mixture(pools, row.weights) if row.weights is not None else union(pools)
