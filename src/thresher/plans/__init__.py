"""Choose the data for a budget, with how sure the choice is."""

from thresher.plans.by_metric import MetricChoice
from thresher.plans.candidates import Candidate, candidates, nested
from thresher.plans.choice import Choice
from thresher.plans.frontier import Crossover, Frontier, FrontierPoint, trace_frontier
from thresher.plans.gain import Gain, compute_gains
from thresher.plans.plan import Plan, choose_plan, choose_plans
from thresher.plans.simple_rules import Baseline
from thresher.plans.target import Target, find_target

__all__ = [
    "Baseline",
    "Candidate",
    "Choice",
    "Crossover",
    "Frontier",
    "FrontierPoint",
    "Gain",
    "MetricChoice",
    "Plan",
    "Target",
    "candidates",
    "choose_plan",
    "choose_plans",
    "compute_gains",
    "find_target",
    "nested",
    "trace_frontier",
]
