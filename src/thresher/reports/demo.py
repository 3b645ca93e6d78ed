"""The whole story on published runs: fit single buckets, predict joint runs that were never fitted, choose."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from thresher.examples.published import load_example
from thresher.fits.fit import Fit, LawKind
from thresher.fits.fit_law import fit_law
from thresher.fits.predict import Prediction, predict_mixture
from thresher.plans.candidates import candidates
from thresher.plans.frontier import Frontier, trace_frontier
from thresher.plans.plan import Plan, choose_plans
from thresher.runs import Measurement, RunTable

EXAMPLE = "datacomp_medium_tmars"
POOL_SIZE = 128e6
"""Rows of DataComp medium."""
BUDGETS = (32e6, 64e6, 128e6, 640e6)
"""The budgets at which Goyal et al. 2024 (figure 5) trained the best 1 to 4 buckets jointly."""
JOINT_POOLS, JOINT_SAMPLES = 3, 64e6
"""The joint run to ask for first: the best three buckets at five epochs of one bucket."""
FRONTIER_POINTS = 48


@dataclass(frozen=True)
class JointRun:
    """A joint run that no fit has seen, and what was predicted for it."""

    measured: Measurement
    predicted: Prediction
    scored: bool


@dataclass(frozen=True)
class Outcome:
    """What was chosen at one budget, beside what was measured to be best."""

    samples_seen: float
    chosen: tuple[str, ...]
    measured_best: tuple[str, ...]
    regret: float
    either: bool


@dataclass(frozen=True)
class Story:
    """One way of predicting: its fit, its predictions, its choices, and how wrong they were."""

    name: str
    fit: Fit
    joint_runs: tuple[JointRun, ...]
    plans: tuple[Plan, ...]
    outcomes: tuple[Outcome, ...]
    rmse: float
    mean_error: float

    @property
    def mean_regret(self) -> float:
        """Mean over budgets of the measured error of the choice less the least measured."""
        return float(np.mean([outcome.regret for outcome in self.outcomes]))


@dataclass(frozen=True)
class OneJointRun:
    """What one joint run in the fit changes of the predictions for larger budgets.

    Attributes:
        run: The run.
        later: Joint runs at larger budgets.
        before: Root mean square error of their predictions without the run.
        after: The same with it.
        choices_changed: Budgets, of the later ones, at which the choice is another.
    """

    run: Measurement
    later: int
    before: float
    after: float
    choices_changed: int


@dataclass(frozen=True)
class Demo:
    """Everything that `thresher demo` shows; the first story is the default law."""

    stories: tuple[Story, ...]
    frontier: Frontier
    joint: RunTable
    one_joint_run: OneJointRun


def run_demo() -> Demo:
    """Fit the four ranked T-MARS buckets, predict the joint runs, and choose a pool for each budget."""
    pilots = load_example(EXAMPLE)
    joint = load_example(EXAMPLE, "joint")
    ranked = RunTable(tuple(row for row in pilots.rows if row.rank is not None), pilots.name)
    stories = (
        _story("the default law", fit_law(ranked), joint.rows),
        _story("the paper's law", fit_law(ranked, law=LawKind.PAPER), joint.rows),
    )
    fit = stories[0].fit
    frontier = trace_frontier(
        fit, candidates(fit, pool_size=POOL_SIZE), smallest=16e6, largest=1.28e9, points=FRONTIER_POINTS
    )
    return Demo(stories, frontier, joint, _one_joint_run(ranked, stories[0], joint.rows))


def _one_joint_run(ranked: RunTable, story: Story, joint: Sequence[Measurement]) -> OneJointRun:
    run = next(row for row in joint if len(row.pools) == JOINT_POOLS and row.samples_seen == JOINT_SAMPLES)
    fit = fit_law(RunTable((*ranked.rows, run), ranked.name))
    later = [one for one in story.joint_runs if one.scored and one.measured.samples_seen > JOINT_SAMPLES]
    again = tuple(_joint_runs(fit, [one.measured for one in later]))

    def spread(runs: Sequence[JointRun]) -> float:
        return float(np.sqrt(np.mean([(one.predicted.error - one.measured.error) ** 2 for one in runs])))

    before = [plan for plan in story.plans if plan.samples_seen > JOINT_SAMPLES]
    after = choose_plans(fit, [plan.samples_seen for plan in before], pool_size=POOL_SIZE)
    changed = sum(
        old.best.candidate.mixture.names != new.best.candidate.mixture.names
        for old, new in zip(before, after, strict=True)
    )
    return OneJointRun(run, len(later), spread(later), spread(again), changed)


def _story(name: str, fit: Fit, joint: Sequence[Measurement]) -> Story:
    runs = tuple(_joint_runs(fit, joint))
    plans = choose_plans(fit, BUDGETS, pool_size=POOL_SIZE)
    gaps = np.array([run.predicted.error - run.measured.error for run in runs if run.scored])
    return Story(
        name=name,
        fit=fit,
        joint_runs=runs,
        plans=plans,
        outcomes=tuple(_outcome(plan, joint) for plan in plans),
        rmse=float(np.sqrt(np.mean(gaps**2))),
        mean_error=float(np.mean(gaps)),
    )


def _joint_runs(fit: Fit, joint: Sequence[Measurement]) -> Iterator[JointRun]:
    """Every joint run with its prediction, pool set by pool set."""
    for pools in dict.fromkeys(row.pools for row in joint):
        rows = [row for row in joint if row.pools == pools]
        predictions = predict_mixture(fit, pools, [row.samples_seen for row in rows])
        yield from (JointRun(row, one, _is_scored(row)) for row, one in zip(rows, predictions, strict=True))


def _is_scored(row: Measurement) -> bool:
    """Whether the point was seen in the figure; one is hidden under another and was inferred."""
    return "inferred" not in row.other.get("note", "")


def _outcome(plan: Plan, joint: Sequence[Measurement]) -> Outcome:
    measured = {frozenset(row.pools): row.error for row in joint if row.samples_seen == plan.samples_seen}
    names = plan.best.candidate.mixture.names
    best = min(measured, key=lambda key: measured[key])
    order = [pool for choice in plan.choices for pool in choice.candidate.mixture.names]
    return Outcome(
        samples_seen=plan.samples_seen,
        chosen=names,
        measured_best=tuple(name for name in dict.fromkeys(order) if name in best),
        regret=measured[frozenset(names)] - measured[best],
        either=plan.either,
    )


def demo_document(demo: Demo, chart: str) -> Mapping[str, Any]:
    """`demo --json`."""
    story = demo.stories[0]
    return {
        "joint_runs": [
            {
                "pools": list(run.measured.pools),
                "samples_seen": run.measured.samples_seen,
                "measured": run.measured.error,
                "predicted": run.predicted.error,
                "low": run.predicted.low,
                "high": run.predicted.high,
            }
            for run in story.joint_runs
        ],
        "choices": [
            {
                "samples_seen": outcome.samples_seen,
                "chosen": list(outcome.chosen),
                "measured_best": list(outcome.measured_best),
                "regret": outcome.regret,
            }
            for outcome in story.outcomes
        ],
        "rmse": story.rmse,
        "mean_regret": story.mean_regret,
        "chart": chart,
    }
