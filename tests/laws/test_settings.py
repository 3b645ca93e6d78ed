"""What was trained, as arrays: spacing, epochs, and the columns that a run really uses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulated import settings, together
from thresher.laws import KERNELS, log_effective_samples
from thresher.laws.settings import log_effective_per_pool, log_size


def test_a_sample_recurs_after_the_pool_over_its_share():
    runs = settings([[0.25, 0.75], [1.0, 0.0]], [1e6, 6e6], [8e6, 2e6])
    assert runs.spacing.tolist() == [[4e6, 8e6], [1e6, np.inf]]
    assert runs.epochs.tolist() == [[2.0, 1.0], [2.0, 0.0]]
    assert runs.used.tolist() == [[True, True], [True, False]]


def test_a_pool_that_never_repeats_has_no_epochs_and_no_size():
    runs = settings([[0.5, 0.5]], [np.inf, 1e6], 4e6)
    assert runs.epochs.tolist() == [[0.0, 2.0]]
    assert log_size(runs, 1e6).tolist() == [[0.0, np.log(2.0)]]


def test_a_share_makes_a_pool_as_slow_to_wear_out_as_a_larger_one():
    runs = settings([[0.25, 0.75]], [1e6, 3e6], 4e6)
    assert log_size(runs, 1e6) == pytest.approx(np.log([[4.0, 4.0]]))


def test_slots_hold_the_pools_of_each_run_and_no_more_than_the_widest_run_has():
    runs = settings([[0, 0, 1.0, 0], [0.5, 0, 0, 0.5]], [1.0, 2.0, 3.0, 4.0], 10.0)
    assert runs.slots.shape == (2, 2)
    assert runs.slots[0, 0] == 2
    assert runs.slots[1].tolist() == [0, 3]
    assert runs.by_slot.weights.tolist() == [[1.0, 0.0], [0.5, 0.5]]
    assert runs.by_slot.unique_samples[1].tolist() == [1.0, 4.0]


@pytest.mark.parametrize("kernel", KERNELS)
@given(u=st.floats(0.05, 30.0), tau=st.floats(0.1, 100.0), drawn=st.booleans())
def test_every_pool_has_the_effective_samples_of_its_kernel_for_the_runs_exposure(kernel, u, tau, drawn):
    runs = settings([[0.2, 0.8]], [1e6, 5e6], u * 5e6, resampled=drawn)
    log_tau = np.full((1, 1, 2), np.log(tau))
    found, slope = log_effective_per_pool(runs, kernel, log_tau, slopes=True)
    form = KERNELS[kernel].for_exposure("resampled" if drawn else "epochs").name
    n, spacing = runs.samples_seen[0], runs.spacing[0]
    assert found[0, 0] == pytest.approx(log_effective_samples(form, n, spacing, tau), abs=1e-10)
    up, down = (log_effective_samples(form, n, spacing, tau * np.exp(by)) for by in (1e-5, -1e-5))
    assert slope[0, 0] == pytest.approx((up - down) / 2e-5, abs=2e-4)


def test_runs_of_both_exposures_stand_in_one_table():
    apart = [settings([[1.0]], [1e6], 3e6, resampled=drawn) for drawn in (False, True)]
    log_tau = np.full((1, 2, 1), np.log(2.0))
    both, _ = log_effective_per_pool(together(*apart), "utility", log_tau)
    assert both[0, :, 0] == pytest.approx(
        [float(log_effective_samples(form, 3e6, 1e6, 2.0)) for form in ("utility", "resampled")]
    )
    assert both[0, 1, 0] < both[0, 0, 0]
