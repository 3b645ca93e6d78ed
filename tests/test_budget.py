"""A budget is stated in one unit, whole or less what scoring and pilots take, and becomes samples."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thresher.budget import FORWARD_GFLOPS, Budget, check_batch, training_flops
from thresher.errors import InputError


def test_each_unit_becomes_samples():
    assert Budget(samples_seen=640e6).training_samples == 640e6
    assert Budget(passes=5, pool_size=128e6).training_samples == 640e6
    assert Budget(flops=44.34e9 * 1e6, flops_per_sample=44.34e9).training_samples == pytest.approx(1e6)
    assert Budget(gpu_hours=10, samples_per_second=1000).training_samples == 36e6
    assert Budget(cost=20, rate=2, samples_per_second=1000).training_samples == 36e6


@given(st.floats(1, 1e4), st.floats(0, 0.45), st.floats(0, 0.45))
def test_scoring_and_pilots_come_out_of_the_same_budget(hours, scoring, pilots):
    whole = Budget(gpu_hours=hours, samples_per_second=500)
    rest = Budget(
        gpu_hours=hours, samples_per_second=500, scoring=scoring * hours, pilots=pilots * hours
    ).training_samples
    assert rest == pytest.approx(whole.training_samples * (1 - scoring - pilots))


def test_the_published_forward_pass_counts_three_times():
    assert training_flops("ViT-B-32") == pytest.approx(3 * 14.78e9)
    assert training_flops("vit-l/14") == pytest.approx(3 * 175.33e9)


def test_datacomp_medium_costs_the_compute_that_datacomp_states():
    # DataComp's table 1: 128M samples of ViT-B/32 are 9.5e17 multiply-adds, forward
    assert 128e6 * FORWARD_GFLOPS["ViT-B-32"] * 1e9 / 2 == pytest.approx(9.5e17, rel=0.01)


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({}, "exactly one of samples_seen, passes, flops, gpu_hours, cost; this has none"),
        ({"samples_seen": 1e6, "flops": 1e18}, "this has samples_seen and flops"),
        ({"passes": 2}, "a budget in passes needs pool_size"),
        ({"flops": 1e18}, "needs flops_per_sample"),
        ({"gpu_hours": 5}, "needs samples_per_second"),
        ({"cost": 5, "samples_per_second": 100}, "needs rate"),
        ({"samples_seen": 1e6, "rate": 2}, "rate has no meaning for a budget in samples_seen"),
        ({"cost": 5, "samples_per_second": 100, "rate": 0}, "rate is 0; it must be positive"),
        ({"gpu_hours": 5, "samples_per_second": 0}, "samples_per_second is 0; it must be positive"),
        ({"samples_seen": -1}, "samples_seen is -1; it must be positive"),
        ({"samples_seen": float("nan")}, "samples_seen is nan"),
        ({"samples_seen": 1e6, "scoring": -1}, "scoring is -1"),
        ({"samples_seen": 1e6, "scoring": 5e5, "pilots": 5e5}, "nothing is left for training"),
        ({"flops": 1e9, "flops_per_sample": 1e10}, "training takes between 1 and 10.18"),
    ],
)
def test_a_budget_that_cannot_be_is_refused_in_one_sentence(given_, message):
    with pytest.raises(InputError, match=f"(?i){message}"):
        Budget(**given_)


def test_an_unknown_model_gets_close_names():
    with pytest.raises(
        InputError, match=r"model 'ViT-B-23' is not in the table of FLOPs; close names are .*ViT-B-32"
    ):
        training_flops("ViT-B-23")
    with pytest.raises(InputError, match=r"known are RN50, "):
        training_flops("qqqq")


def test_a_budget_below_one_batch_is_refused():
    check_batch(4096, 4096)
    with pytest.raises(InputError, match="1,000 samples is below one batch of 4,096"):
        check_batch(1000, 4096)
    with pytest.raises(InputError, match="batch_size is 0"):
        check_batch(1000, 0)
