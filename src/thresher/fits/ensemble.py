"""The default fit: many laws, weighted by how they predict what they did not see.

A member is a kernel, a mixing rule, a kappa and a floor. Pools alone say nothing about mixing rules and, where
all pools have one size, nothing about kappa: there the priors below decide, and joint runs in the table, if
there are any, move them. Everything else is weighed by held-out prediction.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from thresher.errors import InputError
from thresher.fits.bootstrap import bootstrap
from thresher.fits.choice import IMAGENET_CHANCE, LawChoice, check_chance, check_seed
from thresher.fits.curves import HIGHEST_FLOOR
from thresher.fits.ensemble_report import describe_ensemble, ensemble_reports
from thresher.fits.fit import Fit, Member, Parameters
from thresher.fits.fit_law import (
    REPLICATES,
    Point,
    optimum,
    optimum_with_floor,
    residual_scale,
    root_mean_square,
    to_parameters,
    widest_mixture,
)
from thresher.fits.guards import floor_warnings, run_warnings
from thresher.fits.heldout import folds, heldout_losses
from thresher.fits.observations import DEFAULT_NOISE_SD, Observations, observe, row_order
from thresher.fits.weighing import joint_losses, log_weights, normalised
from thresher.laws.kernels import KERNELS
from thresher.runs import RunTable, repeat_noise
from thresher.shapes import Float

KERNEL_PRIOR: Mapping[str, float] = MappingProxyType(
    {"fresh": 1.0, "utility": 1.0, "effective_data": 1.0, "muennighoff": 1.0, "saturating": 1.0}
)
"""One of each shape. `utility_smooth` is `utility` again (they differ by 0.0134 in ln n_eff), and the kernels
for drawing with replacement take the place of their counterparts when the runs say so."""
MIXING_PRIOR: Mapping[str, float] = MappingProxyType(
    {"sample_worth": 0.5, "halfway": 0.35, "utility_mean": 0.15}
)
"""`sample_worth` chose better than `utility_mean` on each of three sets of joint runs (mean regret 0.0037 against
0.0042, 0.0036 against 0.0095, 0.0014 against 0.0048). The levels of a random sample of a union, where kappa
cancels, lie between the two (+0.008 and -0.012), hence `halfway`."""
KAPPA_PRIOR: Mapping[str, Mapping[float, float]] = MappingProxyType(
    {
        "fraction": MappingProxyType({0.0: 0.1, 0.5: 0.25, 1.0: 0.4, 1.5: 0.25}),
        "loss": MappingProxyType({0.0: 0.5, 0.5: 0.35, 1.0: 0.1, 1.5: 0.05}),
    }
)
"""Half-lives of CLIP runs grow about as fast as the pool (kappa near 1, loosely); those of language models hardly
grow (0.1 to 0.2)."""
FRACTION_FLOORS: Mapping[float, float] = MappingProxyType({0.0: 0.25, 0.1: 0.5, 0.2: 0.25})
"""The paper's floor and one on either side: the runs alone rarely tell them apart."""
LOSS_FLOOR_SHARES: Mapping[float, float] = MappingProxyType({0.0: 0.25, 0.5: 0.25, 0.8: 0.25, 0.95: 0.25})
"""Floors of losses, as shares of the smallest observed loss, where there are too few runs to fit one: with more, no
fixed share comes near enough (a floor that is 0.1 off leaves residuals of several times the noise of a run)."""
MOST_PER_GROUP = 3
"""Parameters that one quality has at most: level, utility and half-life."""
MOST_DRAWS = 2000
"""Draws over all members; a probability of 0.5 is then known to 0.011."""
FEWEST_DRAWS = 8
"""Draws of a member, however small its weight."""
SMALLEST_WEIGHT = 1e-4
"""Members below this are dropped, and the rest rescaled."""

Progress = Callable[[str, int, int], None]
"""Told what is being done, how many steps are done, and of how many."""


@dataclass(frozen=True)
class Base:
    """One fitted law before mixing: its optimum, replicates, held-out losses and prior."""

    choice: LawChoice
    point: Point
    scale: float
    losses: Mapping[str, Float[np.ndarray, " folds"]]
    prior: float


def fit_ensemble(
    runs: RunTable,
    *,
    chance: float = IMAGENET_CHANCE,
    replicates: int = REPLICATES,
    seed: int = 0,
    unit: str | None = None,
    smallest_weight: float = SMALLEST_WEIGHT,
    progress: Progress | None = None,
) -> Fit:
    """Many laws fitted to one run table, weighted by held-out prediction.

    Args:
        runs: Runs of one metric and model. Joint runs never enter utility or half-life; they weigh rules.
        chance: Error of guessing, for fractions.
        replicates: Bootstrap refits of each law.
        seed: Seed of the bootstrap; the same seed gives the same fit.
        unit: `fraction` or `loss` where the metric's name does not say.
        smallest_weight: Members below this are dropped; 0 keeps all, as a backtest does.
        progress: Called after each step.

    Raises:
        FitError: Too few runs, or runs that never change.
        InputError: Errors that no member can have.
    """
    check_seed(seed)
    unit = unit or runs.unit
    singles, joints = runs.singles.rows, runs.joints.rows
    if unit == "fraction":
        check_chance(chance, singles)
    repeated, freedom = repeat_noise(singles)
    known = repeated if freedom >= 3 else None
    observations = observe(singles, known or DEFAULT_NOISE_SD)
    has_noise = known is not None or any(row.standard_error for row in singles)
    exposures = {row.exposure for row in singles} - {None, "unknown"}
    exposure = exposures.pop() if len(exposures) == 1 else None
    bases = _bases(observations, unit, chance, exposure, has_noise=has_noise, progress=progress)
    logs = log_weights(
        [base.losses for base in bases], [base.prior for base in bases], len(observations.pools)
    )
    members, base_of = _members(bases, logs, unit, one_size=_one_size(observations))
    best = bases[int(np.argmax(logs))]
    noise_sd = known or _noise(best.point, unit)
    draft = Fit(
        metric=runs.metrics[0],
        unit=unit,
        chance=chance if unit == "fraction" else None,
        noise_sd=noise_sd,
        pools=observations.pools,
        members=members,
        reports=(),
        rmse=0.0,
        rows=tuple(sorted(singles, key=row_order)),
        dropped_rows=runs.dropped_rows,
        joint_rows=len(joints),
        widest_mixture=widest_mixture(runs),
    )
    joint_doubts: tuple[str, ...] = ()
    if joints:
        losses = joint_losses(draft, joints)
        joint_doubts = losses.warnings
        weights = np.array([member.weight for member in members]) * losses.factors
        members = tuple(
            replace(member, weight=float(weight))
            for member, weight in zip(members, normalised(weights), strict=True)
        )
    kept = [i for i, member in enumerate(members) if member.weight >= smallest_weight]
    total = sum(members[i].weight for i in kept)
    replicas: dict[int, Parameters] = {}
    needed = sorted({base_of[i] for i in kept})
    for step, at in enumerate(needed):
        base = bases[at]
        draws = (
            bootstrap(base.point.curves, base.point.theta, base.scale, replicates, seed + at)
            if replicates
            else None
        )
        first = to_parameters(base.point.curves, base.point.theta[None], base.choice)
        replicas[at] = (
            first.then(to_parameters(base.point.curves, draws, base.choice)) if draws is not None else first
        )
        if progress:
            progress("replicates", step + 1, len(needed))
    members = tuple(_with_draws(members[i], members[i].weight / total, replicas[base_of[i]]) for i in kept)
    final = replace(
        draft,
        members=members,
        rmse=float(
            np.sqrt(
                sum(
                    m.weight * root_mean_square(bases[base_of[i]].point) ** 2
                    for m, i in zip(members, kept, strict=True)
                )
            )
        ),
    )
    notes, warnings = describe_ensemble(final, sorted({kind for base in bases for kind in base.losses}))
    doubts = (*run_warnings(singles), *floor_warnings(final), *joint_doubts, *warnings)
    return replace(final, reports=ensemble_reports(final), notes=notes, warnings=doubts)


def _bases(
    observations: Observations,
    unit: str,
    chance: float,
    exposure: str | None,
    *,
    has_noise: bool,
    progress: Progress | None,
) -> list[Base]:
    smallest = float(observations.error[observations.used].min())
    floors: Mapping[float | str, float]
    if unit == "fraction":
        floors = {d: p for d, p in FRACTION_FLOORS.items() if d < HIGHEST_FLOOR * smallest}
    elif observations.count > MOST_PER_GROUP * len(observations.groups) + 1:
        floors = {"fit": 1.0}
    else:
        floors = {share * smallest: p for share, p in LOSS_FLOOR_SHARES.items()}
    kappas = [1.0] if _one_size(observations) else list(KAPPA_PRIOR[unit])
    grid = [
        (kernel, sharing, floor, kappa)
        for kernel in KERNEL_PRIOR
        for sharing in ("sample_worth", "utility_mean")
        for floor in floors
        for kappa in kappas
    ]
    held = folds(observations)
    bases = []
    for step, (kernel, sharing, floor, kappa) in enumerate(grid):
        name = KERNELS[kernel].for_exposure(exposure).name
        choice = LawChoice(name, sharing, floor, kappa, chance=chance, unit=unit)
        point = (optimum_with_floor if floor == "fit" else optimum)(observations, choice)
        prior = KERNEL_PRIOR[kernel] * floors[floor]
        if len(kappas) > 1:
            prior *= KAPPA_PRIOR[unit][kappa]
        scale = residual_scale(point, has_noise=has_noise)
        bases.append(Base(choice, point, scale, heldout_losses(point.curves, point.theta, held), prior))
        if progress:
            progress("laws", step + 1, len(grid))
    if not bases:
        raise InputError(
            f"No law can be fitted to errors as small as {smallest:g}; check the unit of the errors."
        )
    return bases


def _members(
    bases: Sequence[Base], logs: Float[np.ndarray, " bases"], unit: str, *, one_size: bool
) -> tuple[tuple[Member, ...], list[int]]:
    """Every member with its weight, and which base it comes from."""
    # pools alone say nothing about rules: within each rule the laws compete, between rules the prior holds
    within = np.zeros(len(bases))
    for sharing in ("sample_worth", "utility_mean"):
        mine = [at for at, base in enumerate(bases) if base.choice.mixing == sharing]
        within[mine] = normalised(np.exp(logs[mine] - logs[mine].max()))
    members, base_of = [], []
    for at, base in enumerate(bases):
        rules = ("sample_worth",) if base.choice.mixing == "sample_worth" else ("halfway", "utility_mean")
        kappas = KAPPA_PRIOR[unit] if one_size else {base.choice.kappa: 1.0}
        parameters = to_parameters(base.point.curves, base.point.theta[None], base.choice)
        for rule in rules:
            for kappa, prior in kappas.items():
                weight = within[at] * MIXING_PRIOR[rule] * prior
                members.append(Member(base.choice.kernel, rule, kappa, float(weight), parameters))
                base_of.append(at)
    return tuple(members), base_of


def _with_draws(member: Member, weight: float, parameters: Parameters) -> Member:
    """A member with as many of its law's replicates as its weight asks for."""
    wanted = max(FEWEST_DRAWS, round(MOST_DRAWS * weight))
    return replace(member, weight=weight, parameters=parameters.take(slice(0, 1 + wanted)))


def _one_size(observations: Observations) -> bool:
    """Whether every quality has pools of one size only, so that kappa changes no fit."""
    return bool(np.all(observations.size[observations.used] == 1.0))


def _noise(point: Point, unit: str) -> float:
    spread = math.sqrt(root_mean_square(point) ** 2 * point.curves.observations.count / max(point.freedom, 1))
    return max(spread, DEFAULT_NOISE_SD) if unit == "fraction" or point.freedom <= 0 else max(spread, 1e-6)
