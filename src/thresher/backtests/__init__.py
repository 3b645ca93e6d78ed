"""Every law beside the baselines, on runs that none of them has seen."""

from thresher.backtests.backtest import backtest
from thresher.backtests.scores import Backtest, Score

__all__ = ["Backtest", "Score", "backtest"]
