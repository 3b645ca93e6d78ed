"""The fit beside many polished random starts, on random synthetic runs."""

import importlib.util
from pathlib import Path

import pytest

path = Path(__file__).parents[2] / "benchmarks" / "fit.py"
specification = importlib.util.spec_from_file_location("benchmark_fit", path)
benchmark = importlib.util.module_from_spec(specification)
specification.loader.exec_module(benchmark)


@pytest.mark.parametrize("seed", range(20))
def test_no_random_start_ends_lower_than_the_fit(seed):
    point, excess = benchmark.excess_over_random_starts(seed)
    assert point.converged
    assert excess <= benchmark.MOST_EXCESS


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20, benchmark.INSTANCES))
def test_no_random_start_ends_lower_than_the_fit_on_280_more_instances(seed):
    assert benchmark.excess_over_random_starts(seed)[1] <= benchmark.MOST_EXCESS


def test_the_nested_loops_compute_the_loss_of_the_law():
    observations = benchmark.observe(benchmark.load_example("datacomp_medium_tmars").rows, benchmark.NOISE_SD)
    n, N = observations.samples_seen[0], observations.unique_samples[0]
    log_n_eff = benchmark.KERNELS["utility"].log_effective_samples(n, N, benchmark.np.asarray(3.0))
    expected = benchmark.np.exp(-0.2 * (log_n_eff - benchmark.np.log(2e6))) + 0.1
    looped = [
        benchmark.loop_error(float(a), float(b), -0.2, 3.0, 2e6, 0.1) for a, b in zip(n, N, strict=True)
    ]
    assert looped == pytest.approx(expected, rel=1e-12)
