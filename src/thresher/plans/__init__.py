"""Choose the data for a budget, with how sure the choice is."""

from thresher.plans.baselines import Baseline
from thresher.plans.candidates import Candidate, candidates, nested
from thresher.plans.choice import Choice
from thresher.plans.frontier import Crossover, Frontier, FrontierPoint, trace_frontier
from thresher.plans.plan import Plan, choose_plan, choose_plans

__all__ = [
    "Baseline",
    "Candidate",
    "Choice",
    "Crossover",
    "Frontier",
    "FrontierPoint",
    "Plan",
    "candidates",
    "choose_plan",
    "choose_plans",
    "nested",
    "trace_frontier",
]
