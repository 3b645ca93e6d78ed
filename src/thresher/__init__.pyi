"""thresher: which data to keep for a training budget, how often to repeat it, and how sure we are."""

from .backtests import Backtest, backtest
from .budget import Budget
from .errors import ExtrapolationWarning, FitError, InputError, MissingExtraError, ThresherError
from .examples.published import list_examples, load_example
from .fits import (
    Fit,
    Forecast,
    LawKind,
    Prediction,
    blend_fits,
    fit_law,
    forecast,
    predict_mixture,
    predict_mixtures,
)
from .fits.fit_file import read_fit, write_fit
from .laws import KERNELS, Law, effective_samples
from .plans import (
    Frontier,
    Plan,
    candidates,
    choose_plan,
    choose_plans,
    compute_gains,
    find_target,
    trace_frontier,
)
from .pools import Mixture, Pool
from .runs import Measurement, RunTable, read_runs, select_runs, write_runs

__all__ = [
    "KERNELS",
    "Backtest",
    "Budget",
    "ExtrapolationWarning",
    "Fit",
    "FitError",
    "Forecast",
    "Frontier",
    "InputError",
    "Law",
    "LawKind",
    "Measurement",
    "MissingExtraError",
    "Mixture",
    "Plan",
    "Pool",
    "Prediction",
    "RunTable",
    "ThresherError",
    "backtest",
    "blend_fits",
    "candidates",
    "choose_plan",
    "choose_plans",
    "compute_gains",
    "effective_samples",
    "find_target",
    "fit_law",
    "forecast",
    "list_examples",
    "load_example",
    "predict_mixture",
    "predict_mixtures",
    "read_fit",
    "read_runs",
    "select_runs",
    "trace_frontier",
    "write_fit",
    "write_runs",
]
