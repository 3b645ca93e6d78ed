"""Choose a design by simulation, and say what it would take where the pilot budget is not enough."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from thresher.fits.fit import Fit
from thresher.pilots.design import Design, designs, target_epochs
from thresher.pilots.simulation import Simulation, simulate_design
from thresher.pilots.worlds import typical_onset
from thresher.units import format_count

QUICK_REPLICATES = 80
"""Worlds for comparing designs: shares are then known to 0.05, enough to see which are poor."""
MOST_COMPARED = 9
ENOUGH = 0.9
"""Share of simulations in which a design should lead to the right choice."""
LARGER = (1.5, 2.0, 4.0, 8.0)
"""Pilot budgets to try, in the given one, where that is not enough."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class ChosenDesign:
    """The best design found, what it would tell, and what it would take to be enough.

    Attributes:
        design: The runs.
        simulation: Of the design, with all laws.
        target_epochs: Passes that the target makes over the best 1, 2, .. buckets.
        enough_budget: Least pilot budget tried that reaches `ENOUGH`, in samples; None where none did.
        verdict: One or two sentences.
    """

    design: Design
    simulation: Simulation
    target_epochs: tuple[float, ...]
    enough_budget: float | None
    verdict: str


def choose_design(
    world: Fit,
    target: float,
    pilot: float,
    *,
    schedule: str,
    seeds: int,
    joint: bool,
    replicates: int,
    seed: int = 0,
    progress: Progress | None = None,
) -> ChosenDesign:
    """The design that most often leads to the right choice, by simulation.

    Args:
        world: What might be true of the whole buckets.
        target: Budget of the run that the choice is for, in samples.
        pilot: Budget of all pilot runs together, in samples.
        schedule: `constant` or `finished`.
        seeds: Runs of each kind on single buckets.
        joint: Whether to check nested unions.
        replicates: Worlds simulated for the chosen design.
        seed: Seed of the simulation.
        progress: Told what is being simulated.

    Raises:
        InputError: A pilot budget that allows no design; the message says how much is needed.
    """
    best = _best(world, target, pilot, schedule, seeds, joint, seed, progress)
    simulation = simulate_design(world, best, target, replicates=replicates, seed=seed + 1, progress=progress)
    enough: float | None = pilot if simulation.right >= ENOUGH else None
    if enough is None:
        for times in LARGER:
            larger = _best(world, target, times * pilot, schedule, seeds, joint, seed, progress, most=4)
            tried = simulate_design(
                world,
                larger,
                target,
                replicates=2 * QUICK_REPLICATES,
                seed=seed + 1,
                quick=True,
                progress=progress,
            )
            if tried.right >= ENOUGH:
                enough = times * pilot
                break
    return ChosenDesign(
        best,
        simulation,
        target_epochs(world.pools, target),
        enough,
        _verdict(best, simulation, enough, pilot, target),
    )


def _best(
    world: Fit, target: float, pilot: float, schedule: str, seeds: int, joint: bool, seed: int, progress: Progress | None,
    most: int = MOST_COMPARED,
) -> Design:  # fmt: skip
    onset = typical_onset(world)
    found = designs(world.pools, target, pilot, schedule=schedule, seeds=seeds, joint=joint, onset=onset)
    compared = _spread(found, most)
    if len(compared) == 1:
        return compared[0]
    scored = []
    for step, design in enumerate(compared):
        told = simulate_design(world, design, target, replicates=QUICK_REPLICATES, seed=seed, quick=True)
        scored.append((-told.right, told.mean_regret, step))
        if progress:
            progress("designs", step + 1, len(compared))
    return compared[min(scored)[-1]]


def _spread(found: Sequence[Design], most: int) -> list[Design]:
    """At most so many designs, evenly over the list, which goes from short to long runs."""
    if len(found) <= most:
        return list(found)
    return [found[round(i * (len(found) - 1) / (most - 1))] for i in range(most)]


def _verdict(design: Design, told: Simulation, enough: float | None, pilot: float, target: float) -> str:
    cost = f"{format_count(design.samples_seen)} samples, {design.samples_seen / target:.1%} of the target"
    right = f"right in {told.right:.0%} of {told.replicates} simulations"
    if told.right >= ENOUGH:
        return f"This design ({cost}) leads to a choice that is {right}, within the noise of one run."
    opening = (
        f"This design ({cost}) leads to a choice that is {right}; its mean regret is {told.mean_regret:.4f}."
    )
    if enough is not None:
        return f"{opening} About {format_count(enough)} samples of pilots would be right in {ENOUGH:.0%}."
    return (
        f"{opening} Not even {format_count(LARGER[-1] * pilot)} samples of pilots would be right in {ENOUGH:.0%}: candidates "
        "differ by less than these worlds can tell apart; take the choice for its regret, or a larger target."
    )
