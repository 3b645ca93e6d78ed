"""A swarm of RegMix's published runs: how few are enough to rank mixtures that nobody trained.

    python benchmarks/swarm.py [--runs 24 32 64 128 512] [--draws 3]

For each number of runs, each of 8 losses and 3 random draws of the runs, every method is fitted to them and predicts the 256
test mixtures (models of 1M parameters, 1B tokens): this law, its form with r = 1, LightGBM with the settings of RegMix's
own regression (needs the extra bench), linear regression, and the exponential mixing law of Ye et al. 2024
(arXiv:2403.16952), L = c + k exp(t . w). Printed are means of Spearman's rank correlation and of the root mean square error in
nats, the share of test mixtures inside the 90 % intervals, and CPU seconds of one fit and its predictions.
"""

import argparse
import importlib.util
import time
from collections.abc import Callable

import numpy as np
from scipy.optimize import least_squares
from scipy.stats import spearmanr

from thresher import fit_law, forecast
from thresher.examples import example_path
from thresher.pools import Mixture
from thresher.runs import Measurement, RunTable
from thresher.runs.swarms import read_swarm

SAMPLES_SEEN = 1e9
LIGHTGBM = {
    "objective": "regression", "metric": "l1", "num_iterations": 1000, "seed": 42, "learning_rate": 1e-2, "verbosity": -1,
    "num_threads": 1,
}  # fmt: skip
"""RegMix's published settings; its early stopping needs a validation set, which few runs do not allow."""

RIDGE = 1e-3
"""Pull of the exponential law's coefficients towards 0: shares sum to 1, so one direction of them is flat."""

Fitted = tuple[np.ndarray, float | None]
"""Predictions of the test mixtures, and the share of them inside their intervals, if there are any."""


def mixtures_of(rows: list[Measurement], pools: dict[str, object]) -> list[Mixture]:
    """What each run trains on, without pools that no fitted run has."""
    found = []
    for row in rows:
        known = [(name, w) for name, w in zip(row.pools, row.weights or (1.0,), strict=True) if name in pools]
        total = sum(w for _, w in known)
        found.append(Mixture(tuple(pools[name] for name, _ in known), tuple(w / total for _, w in known)))
    return found


def one_law(train: list[Measurement], test: list[Measurement], power: float | None = None) -> Fitted:
    """This law, or its form with a fixed mixing power."""
    fit = fit_law(RunTable(tuple(train), "train"), power=power)
    found = forecast(
        fit, mixtures_of(test, {pool.name: pool for pool in fit.pools}), np.array([SAMPLES_SEEN])
    )
    low, high = found.interval()
    y = np.array([row.error for row in test])
    return found.expected[:, 0], float(np.mean((low[:, 0] <= y) & (y <= high[:, 0])))


def matrix(rows: list[Measurement], names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Shares and losses."""
    place = {name: i for i, name in enumerate(names)}
    shares = np.zeros((len(rows), len(names)))
    for i, row in enumerate(rows):
        shares[i, [place[name] for name in row.pools]] = row.weights or (1.0,)
    return shares, np.array([row.error for row in rows])


def linear(train: list[Measurement], test: list[Measurement], names: list[str]) -> Fitted:
    """Least squares on the shares; the smallest coefficients where runs are fewer than pools."""
    (W, y), (V, _) = matrix(train, names), matrix(test, names)
    coefficients, *_ = np.linalg.lstsq(np.column_stack([np.ones(len(y)), W]), y, rcond=None)
    return np.column_stack([np.ones(len(V)), V]) @ coefficients, None


def exponential(train: list[Measurement], test: list[Measurement], names: list[str]) -> Fitted:
    """L = c + k exp(t . w), from several starts."""
    (W, y), (V, _) = matrix(train, names), matrix(test, names)

    def law(theta: np.ndarray, shares: np.ndarray) -> np.ndarray:
        return theta[0] + np.exp(np.clip(theta[1] + shares @ theta[2:], -50.0, 50.0))

    best = None
    for share in (0.2, 0.5, 0.8):
        start = np.concatenate([[share * y.min(), np.log(y.mean() - share * y.min())], np.zeros(W.shape[1])])
        found = least_squares(lambda t: np.concatenate([law(t, W) - y, RIDGE * t[2:]]), start)
        best = found if best is None or found.cost < best.cost else best
    return law(best.x, V), None


def boosted_trees(train: list[Measurement], test: list[Measurement], names: list[str]) -> Fitted:
    """RegMix's own regressor."""
    import lightgbm as lgb

    (W, y), (V, _) = matrix(train, names), matrix(test, names)
    # with fewer than 2 x 20 rows its default of 20 rows a leaf would predict the mean
    settings = {**LIGHTGBM, "min_data_in_leaf": min(20, max(2, len(y) // 10))}
    rounds = settings.pop("num_iterations")
    return lgb.train(settings, lgb.Dataset(W, y), num_boost_round=rounds).predict(V), None


def methods(names: list[str]) -> dict[str, Callable[[list[Measurement], list[Measurement]], Fitted]]:
    """Every method that is installed, by name."""
    found: dict[str, Callable[[list[Measurement], list[Measurement]], Fitted]] = {
        "one law": one_law,
        "one law, r = 1": lambda train, test: one_law(train, test, 1.0),
        "LightGBM": lambda train, test: boosted_trees(train, test, names),
        "exponential law": lambda train, test: exponential(train, test, names),
        "linear": lambda train, test: linear(train, test, names),
    }
    if importlib.util.find_spec("lightgbm") is None:
        print('LightGBM is not installed: pip install "thresher[bench]".')
        del found["LightGBM"]
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, nargs="+", default=[24, 32, 64, 128, 512])
    parser.add_argument("--draws", type=int, default=3)
    options = parser.parse_args()
    table = read_swarm(
        example_path("regmix_shares"), example_path("regmix_losses"), samples_seen=SAMPLES_SEEN
    )
    names = sorted({name for row in table.rows for name in row.pools})
    every = methods(names)
    print(f"{'runs':>4}  {'method':16} {'Spearman':>8} {'RMSE':>7} {'inside':>7} {'CPU s':>6}")
    for count in options.runs:
        scores: dict[str, list[tuple[float, float, float, float]]] = {name: [] for name in every}
        rng = np.random.default_rng(0)
        for metric in dict.fromkeys(row.metric for row in table.rows):
            rows = table.of_metric(metric).rows
            train = [row for row in rows if (row.run or "").startswith("train")]
            test = [row for row in rows if (row.run or "").startswith("test")]
            y = np.array([row.error for row in test])
            for _ in range(options.draws if count < len(train) else 1):
                some = [train[i] for i in rng.permutation(len(train))[:count]]
                for name, method in every.items():
                    begun = time.process_time()
                    predicted, inside = method(some, test)
                    seconds = time.process_time() - begun
                    rank = float(spearmanr(predicted, y).statistic)
                    rmse = float(np.sqrt(np.mean((predicted - y) ** 2)))
                    scores[name].append((rank, rmse, np.nan if inside is None else inside, seconds))
        for name, found in scores.items():
            rank, rmse, inside, seconds = np.mean(found, axis=0)
            shown = f"{inside:7.3f}" if np.isfinite(inside) else f"{'-':>7}"
            print(f"{count:4}  {name:16} {rank:8.4f} {rmse:7.4f} {shown} {seconds:6.2f}", flush=True)


if __name__ == "__main__":
    main()
