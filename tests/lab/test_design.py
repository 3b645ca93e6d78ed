import pytest

from thresher.errors import InputError
from thresher.lab.design import BUCKETS, COMPARED, PAIRS_A_SECOND, SLOW_PAIRS_A_SECOND, make_design
from thresher.lab.jobs import BATCH


@pytest.mark.parametrize("minutes", [0.5, 1, 2, 5, 14, 15, 30, 120])
def test_every_checkpoint_is_whole_batches_and_no_pilot_is_below_an_epoch(minutes):
    design = make_design(minutes)
    assert not [seen for seen in (*design.pilots, *design.budgets, design.bucket) if seen % BATCH]
    assert min(design.pilots) >= design.bucket
    assert list(design.pilots) == sorted(design.pilots)
    assert list(design.budgets) == sorted(design.budgets)
    assert design.runs >= 2


def test_five_minutes_hold_at_least_four_seeds_on_slow_cores():
    design = make_design(5)
    assert design.runs >= 4
    assert design.samples / SLOW_PAIRS_A_SECOND / 2 + 60 <= 300
    assert design.seconds(1) == 2 * design.seconds(2)


def test_more_minutes_do_not_train_less():
    samples = [make_design(minutes).samples for minutes in (0.5, 2, 5, 10, 30, 60)]
    assert samples == sorted(samples)


def test_a_smoke_run_takes_seconds():
    assert make_design(0.5).samples / PAIRS_A_SECOND < 40


def test_a_smaller_pool_has_smaller_buckets():
    design = make_design(5, pairs=15_300)
    assert design.bucket == 1800
    assert design.pool == BUCKETS * 1800 <= 15_300


@pytest.mark.parametrize("minutes", [0.5, 5, 30])
def test_a_pool_of_the_size_asked_for_is_used_whole(minutes):
    design = make_design(minutes)
    assert make_design(minutes, pairs=design.pool) == design


@pytest.mark.parametrize("minutes", [0.5, 30])
def test_whole_epochs_of_every_pool_where_a_trainer_needs_them(minutes):
    design = make_design(minutes, whole_epochs=True)
    assert not [n for n in design.budgets for kept in range(1, COMPARED + 1) if n % (kept * design.bucket)]
    assert len(design.budgets) >= 2
    assert not [n for n in design.pilots if n % design.bucket]


def test_a_slower_trainer_takes_more_minutes_for_larger_buckets_and_more_seeds():
    small, long, longer = (make_design(minutes, whole_epochs=True) for minutes in (5, 30, 120))
    assert small == make_design(0.5, whole_epochs=True)
    assert small.bucket < long.bucket == make_design(5).bucket
    assert longer.runs > long.runs


@pytest.mark.parametrize("minutes", [0, 0.4, -5, 1e6, float("nan")])
def test_impossible_minutes_are_refused(minutes):
    with pytest.raises(InputError, match=r"minutes is .*; give a number from 0.5"):
        make_design(minutes)
