"""A small calibration study: gross miscalibration fails, within what so few tables can tell."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
LAW_TABLES = 32
ENSEMBLE_TABLES = 10
DEVIATIONS = 3.0
"""Standard errors that a share may lie off; cases of one table err together and count as one."""


@pytest.fixture(scope="module")
def calibration():
    """The benchmark, as a module."""
    if not BENCHMARKS.is_dir():
        pytest.skip("benchmarks are not part of this distribution")
    sys.path.insert(0, str(BENCHMARKS))
    try:
        spec = importlib.util.spec_from_file_location("calibration", BENCHMARKS / "calibration.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules["calibration"] = module
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(BENCHMARKS))
    return module


def by_what(tables):
    """Cases of each table by the last word of their key, all kernels and rules together."""
    found = {}
    for table in tables:
        for key, cases in table.items():
            found.setdefault(key.split(" | ")[-1], []).append(cases)
    return found


def simulated(calibration, what, count):
    tables = [calibration._run((what, 20, index)) for index in range(count)]
    assert not [table["refused"] for table in tables if "refused" in table]
    return by_what(tables)


def assert_covers(tables, low=0.85, high=0.95):
    """The share of covered cases is between `low` and `high`, give or take the chance of so few tables."""
    count = sum(map(len, tables))
    share = sum(map(sum, tables)) / count
    effective = min(count, 2 * len(tables))
    slack = DEVIATIONS * np.sqrt(0.9 * 0.1 / effective)
    assert low - slack <= share <= high + slack


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_intervals_of_one_law_cover_nine_times_in_ten(calibration):
    found = simulated(calibration, calibration.law_cases, LAW_TABLES)
    for what in ("b", "tau", "single within", "single beyond", "mixture within", "mixture beyond"):
        assert_covers(found[what])


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_ensemble_covers_new_runs_and_claims_what_comes_true(calibration):
    found = simulated(calibration, calibration.ensemble_cases, ENSEMBLE_TABLES)
    for what in ("single within", "single beyond", "mixture within", "mixture beyond"):
        assert_covers(found[what])
    cases = [case for kind in ("best within", "best beyond") for table in found[kind] for case in table]
    claimed, true = np.array(cases, dtype=float).T
    rare, sure = claimed < 0.1, claimed > 0.9
    assert true[rare].mean() < 0.1
    assert true[sure].mean() > 0.6


def test_claims_fall_into_bins_of_a_tenth(calibration):
    tables = [[(0.05, False), (1.0, True)], [(0.07, True), (0.95, True)]]
    first, last = calibration.calibration_bins(tables)
    assert (first.low, first.cases, first.observed) == (0.0, 2, 0.5)
    assert (last.cases, last.claimed, last.observed) == (2, pytest.approx(0.975), 1.0)
