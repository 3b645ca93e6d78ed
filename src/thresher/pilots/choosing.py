"""Choose a design by simulation, and say what it would take where the pilot budget is not enough."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from thresher.arguments import argument
from thresher.errors import InputError
from thresher.fits.fit import Fit
from thresher.pilots.design import Design, check_plan, designs, target_epochs
from thresher.pilots.simulation import Simulation, simulate_design
from thresher.pilots.worlds import draw_worlds
from thresher.pools import Mixture, Pool, union
from thresher.units import format_count, format_percent

OTHER_WORLDS = 4
"""Stream of the seed of those worlds in which the best design is told, apart from those it was chosen in."""
COMPARED_WORLDS = 100
"""Worlds in which designs are compared, the same for all; the one that is chosen is simulated again in others."""
ENOUGH = 0.9
"""Share of simulations in which a design should lead to the right choice."""
LARGER = (1.5, 2.0, 4.0)
"""Pilot budgets to try, in the given one, where that is not enough; none beyond the target's."""
LEARNING_WORLDS = 40
LEARNED = 5.0
"""A run has learned something if its error ends this many times the noise of a run below guessing."""
ENOUGH_LEARNING = 0.75
"""Share of buckets and worlds in which the longest runs must have learned: below it pilots measure guessing."""
MOST_TIMES = 1e4
"""Of the given budget, up to which the smallest that has a design is sought."""
CLOSE_BUDGET = 1.05
"""Factor to within which it is found."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Larger:
    """What a larger pilot budget would tell.

    Attributes:
        budget: In samples.
        right: Share of simulations in which the choice is within the noise of one run of the best.
        mean_regret: In the metric's unit.
    """

    budget: float
    right: float
    mean_regret: float


@dataclass(frozen=True)
class Question:
    """What pilots are for.

    Attributes:
        world: What might be true of the whole buckets.
        target: Budget of the run that the choice is for, in samples.
        schedule: `constant` or `finished`.
        seeds: Runs of each bucket.
        joint: Whether to train unions too.
        seed: Seed of the simulation.
    """

    world: Fit
    target: float
    schedule: str
    seeds: int
    joint: bool
    seed: int

    def designs(self, pilot: float) -> tuple[Design, ...]:
        """Designs that such a budget pays for, and whose runs learn something."""
        found = designs(
            self.world.pools, self.target, pilot, schedule=self.schedule, seeds=self.seeds, joint=self.joint
        )
        learned = shares_learned(self.world, found, self.seed)
        return tuple(design for design, share in zip(found, learned, strict=True) if share >= ENOUGH_LEARNING)


@dataclass(frozen=True)
class ChosenDesign:
    """The best design found, what it would tell, and what it would take to be enough.

    Attributes:
        design: The runs.
        simulation: Of the design, in other worlds than those it was chosen by.
        target_epochs: Passes that the target makes over the best 1, 2, .. buckets.
        larger: What larger pilot budgets would tell, where the given one is not enough.
        verdict: A few sentences.
    """

    design: Design
    simulation: Simulation
    target_epochs: tuple[float, ...]
    larger: tuple[Larger, ...]
    verdict: str

    @property
    def enough_budget(self) -> float | None:
        """The least pilot budget tried that is right in `ENOUGH` of simulations, in samples; None where none was."""
        if self.simulation.right >= ENOUGH:
            return float(self.design.samples_seen)
        return next((one.budget for one in self.larger if one.right >= ENOUGH), None)


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
    """The design whose choice has the least regret, by simulation.

    Args:
        world: What might be true of the whole buckets.
        target: Budget of the run that the choice is for, in samples.
        pilot: Budget of all pilot runs together, in samples.
        schedule: `constant` or `finished`.
        seeds: Runs of each bucket.
        joint: Whether to train unions too.
        replicates: Worlds simulated for the chosen design.
        seed: Seed of the simulation.
        progress: Told what is being simulated.

    Raises:
        InputError: A pilot budget that allows no design; the message says how much is needed.
    """
    check_plan(schedule, seeds)
    question = Question(world, target, schedule, seeds, joint, seed)
    best, simulation = _best(question, _designs(question, pilot), replicates, progress)
    larger = _larger(question, pilot, replicates, progress) if simulation.right < ENOUGH else ()
    return ChosenDesign(
        best,
        simulation,
        target_epochs(world.pools, target),
        larger,
        _verdict(question, best, simulation, larger),
    )


def shares_learned(world: Fit, found: Sequence[Design], seed: int) -> tuple[float, ...]:
    """For each design, the share of buckets and worlds in which the longest run ends well below guessing."""
    if world.chance is None or not found:
        return (1.0,) * len(found)
    worlds = draw_worlds(world, LEARNING_WORLDS, seed)
    ends = [end for design in found for end in _ends(design)]
    errors = worlds.errors(worlds.settings([mixture for mixture, _ in ends], [seen for _, seen in ends]))
    learned = np.mean(errors < world.chance - LEARNED * world.noise_sd, axis=0)
    return tuple(float(share) for share in learned.reshape(len(found), -1).mean(axis=1))


def _ends(design: Design) -> list[tuple[Mixture, float]]:
    """Where the longest run of each bucket ends."""
    return [
        (
            union([Pool(part.name, float(part.unique_samples))]),
            float(max(run.samples_seen for run in design.singles if run.pools == (part.name,))),
        )
        for part in design.pools
    ]


def _designs(question: Question, pilot: float) -> tuple[Design, ...]:
    """Designs for a budget, or a refusal that says what budget has one."""
    if found := question.designs(pilot):
        return found
    world = question.world
    low, high = pilot, MOST_TIMES * pilot
    if not question.designs(high):
        smallest = min(pool.unique_samples for pool in world.pools)
        raise InputError(
            f"Buckets of {format_count(smallest)} samples are too small: by the borrowed curves, no number of passes over one "
            "learns enough to tell buckets apart. Make fewer buckets, or give "
            f"{argument('pool_size')} if they are of a part of the pool."
        )
    while high > CLOSE_BUDGET * low:
        middle = (low * high) ** 0.5
        low, high = (low, middle) if question.designs(middle) else (middle, high)
    raise InputError(
        f"{argument('pilot_budget')} {format_count(pilot)} is too small for any design of {len(world.pools)} buckets "
        f"with {question.seeds} seed{'s' if question.seeds > 1 else ''}: about {format_count(high)} samples are needed. "
        f"Below that, by the borrowed curves, runs hardly leave guessing. Raise it, or lower {argument('top')}."
    )


def _best(
    question: Question, compared: Sequence[Design], replicates: int, progress: Progress | None = None
) -> tuple[Design, Simulation]:
    """The design of least regret, and what it tells in other worlds."""

    def told(design: Design, worlds: int, seed: int) -> Simulation:
        return simulate_design(question.world, design, question.target, replicates=worlds, seed=seed)

    regrets = []
    for design in compared:
        regrets.append(told(design, min(COMPARED_WORLDS, replicates), question.seed).mean_regret)
        if progress:
            progress("designs", len(regrets), len(compared))
    best = compared[int(np.argmin(regrets))]
    other = int(
        np.random.SeedSequence([question.seed, OTHER_WORLDS]).generate_state(1)[0]
    )  # of no seed that people give
    return best, told(best, replicates, other)


def _larger(
    question: Question, pilot: float, replicates: int, progress: Progress | None
) -> tuple[Larger, ...]:
    """Larger budgets, until one is enough or costs as much as the target."""
    budgets = [times * pilot for times in LARGER if times * pilot <= question.target]
    found: list[Larger] = []
    for budget in budgets:
        _, told = _best(question, question.designs(budget), replicates)
        found.append(Larger(budget, told.right, told.mean_regret))
        if progress:
            progress("larger budgets", len(found), len(budgets))
        if told.right >= ENOUGH:
            break
    return tuple(found)


def _verdict(question: Question, design: Design, told: Simulation, larger: Sequence[Larger]) -> str:
    noise = question.world.noise_sd
    cost = f"{format_count(design.samples_seen)} samples, {format_percent(design.samples_seen / question.target)} of the target"
    sentences = [
        f"This design ({cost}) leads to a choice that is right in {format_percent(told.right, 2)} of "
        f"{told.replicates} simulations, within the "
        f"noise of one run ({noise:.4f}); its mean regret is {told.mean_regret:.4f}. Without any pilot the borrowed curves are "
        f"right in {format_percent(told.unaided_right, 2)}, with a mean regret of {told.unaided_regret:.4f}."
    ]
    if told.mean_regret >= told.unaided_regret:
        sentences.append(
            "On a pool like the one they come from, these pilots improve nothing; they only show whether yours is like it."
        )
    if told.right >= ENOUGH:
        return " ".join(sentences)
    if told.mean_regret <= noise:
        sentences.append("Little is lost where it is wrong: on average less than the noise of one run.")
    if not larger:
        return " ".join([*sentences, "Larger pilots would cost more than the run itself."])
    listed = ", ".join(f"{format_percent(one.right, 2)} at {format_count(one.budget)}" for one in larger)
    sentences.append(f"More samples of pilots would be right in {listed}.")
    if larger[-1].right >= ENOUGH:
        sentences.append(
            f"So {format_percent(ENOUGH, 2)} takes {format_percent(larger[-1].budget / question.target, 2)} of the target."
        )
    else:
        sentences.append(
            f"None of them reaches {format_percent(ENOUGH, 2)}: the best sets differ by little, and no law "
            "says exactly how buckets mix."
        )
    return " ".join(sentences)
