"""CPU seconds of fits, in a fresh process: with nothing that checks array types, on one thread.

Limits are about twice what was measured (0.08, 0.5 and 6 s), so that they hold on a busy machine.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PRELUDE = """
import time
import numpy as np
from simulated import N, measured, settings, singles, true_law
from thresher import fit_law, load_example

def least(table, tries, **options):
    took = []
    for _ in range(tries):
        start = time.process_time()
        fit_law(table, **options)
        took.append(time.process_time() - start)
    print(min(took))

"""
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
FITS = {
    "25 runs of 5 pools": (0.2, 'least(load_example("datacomp_medium_tmars"), 3)'),
    "64 runs of 17 pools in a swarm": (
        1.0,
        "law = true_law(17, unit='loss', half_life=np.full(17, 8.0))\n"
        "weights = np.random.default_rng(0).dirichlet(np.full(17, 0.5), 64)\n"
        "least(measured(law, settings(weights, 5 * N, 80 * N), noise=0.003, listed=True), 3)",
    ),
    "500 runs of 100 pools": (
        14.0,
        "rng = np.random.default_rng(0)\n"
        "law = true_law(100, worth=np.exp(0.5 * rng.normal(size=100)), half_life=np.full(100, 8.0))\n"
        "least(measured(law, singles(100, (1, 2, 4, 8, 16)), noise=0.01), 1)",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FITS)
def test_a_fit_takes_no_longer_than_its_limit(name):
    limit, code = FITS[name]
    environment = {
        **os.environ,
        **ONE_THREAD,
        "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent / "src")]),
    }
    run = subprocess.run(
        [sys.executable, "-c", PRELUDE + code],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
    )
    assert float(run.stdout) <= limit
