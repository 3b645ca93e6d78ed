import pytest

from thresher.errors import InputError
from thresher.pilots.design import check_plan, designs, target_epochs
from thresher.pools import Pool

POOLS = tuple(Pool(f"b{i}", 128e6, rank=i + 1) for i in range(4))
USUAL = {"schedule": "constant", "seeds": 1, "joint": True}


@pytest.mark.parametrize("schedule", ["constant", "finished"])
@pytest.mark.parametrize("seeds", [1, 2])
def test_no_design_costs_more_than_the_pilot_budget(schedule, seeds):
    found = designs(POOLS, 6.4e9, 960e6, **USUAL | {"schedule": schedule, "seeds": seeds})
    assert found
    for design in found:
        assert design.samples_seen <= 960e6
        assert len({run.name for run in design.runs}) == len(design.runs)
        assert {run.pools[0] for run in design.singles} == {"b0", "b1", "b2", "b3"}
        sizes = {pool.name: pool.unique_samples for pool in design.pools}
        assert all(run.unique_samples == sum(sizes[name] for name in run.pools) for run in design.runs)


def test_a_design_matches_the_repetition_of_the_target():
    assert target_epochs(POOLS, 6.4e9) == (50, 25, pytest.approx(16.67, abs=0.01), 12.5)
    assert 12 in {design.most_epochs for design in designs(POOLS, 6.4e9, 960e6, **USUAL)}


def test_a_design_spends_nearly_the_whole_budget_unless_buckets_are_used_up():
    for design in designs(POOLS, 6.4e9, 960e6, **USUAL):
        assert design.samples_seen >= 0.999 * 960e6
    assert all(pool.share == 1 for design in designs(POOLS, 6.4e9, 64e9, **USUAL) for pool in design.pools)


def test_a_constant_rate_is_one_run_with_checkpoints_and_a_finished_one_a_run_a_length():
    constant = designs(POOLS, 6.4e9, 960e6, **USUAL)[0]
    assert [run.epochs for run in constant.runs if run.pools == ("b0",)] == [(1, 2, 3, 4)]
    finished = designs(POOLS, 6.4e9, 960e6, **USUAL | {"schedule": "finished"})[0]
    assert [run.epochs for run in finished.runs if run.pools == ("b0",)] == [(1,), (2,), (3,), (4,)]


@pytest.mark.parametrize("schedule", ["constant", "finished"])
@pytest.mark.parametrize(("count", "names", "passes"), [(2, 2, 3), (3, 3, 2), (4, 3, 2), (6, 3, 2)])
def test_every_design_has_a_joint_run_of_the_best_three_at_five_bucket_epochs_or_more(
    schedule, count, names, passes
):
    pools = tuple(Pool(f"b{i}", 128e6, rank=i + 1) for i in range(count))
    best = tuple(f"b{i}" for i in range(names))
    for design in designs(pools, 6.4e9, 960e6, **USUAL | {"schedule": schedule}):
        run = next(run for run in design.runs if run.pools == best)
        bucket_epochs = run.samples_seen / design.pools[0].unique_samples
        assert run.epochs[-1] >= passes
        assert bucket_epochs >= 5
        assert run.schedule == schedule


def test_the_cheapest_joint_run_is_alone_and_costs_little():
    design = designs(POOLS, 6.4e9, 960e6, **USUAL)[0]
    (run,) = (run for run in design.runs if len(run.pools) > 1)
    assert (run.pools, run.epochs) == (("b0", "b1", "b2"), (1, 2))
    assert run.samples_seen == pytest.approx(6 * design.pools[0].unique_samples)


def test_some_designs_train_the_best_two_and_all_as_well():
    unions = {
        tuple(sorted((run.pools for run in design.runs if len(run.pools) > 1), key=len))
        for design in designs(POOLS, 6.4e9, 960e6, **USUAL)
    }
    two, three, four = ("b0", "b1"), ("b0", "b1", "b2"), ("b0", "b1", "b2", "b3")
    assert unions == {(three,), (two, three, four)}


def test_without_joint_runs_every_run_is_of_one_bucket():
    alone = designs(POOLS, 6.4e9, 960e6, **USUAL | {"joint": False})
    assert all(len(run.pools) == 1 for design in alone for run in design.runs)
    with_joint = designs(POOLS, 6.4e9, 960e6, **USUAL)
    assert alone[0].pools[0].unique_samples > with_joint[0].pools[0].unique_samples


def test_a_budget_below_a_sample_has_no_design():
    assert designs(POOLS, 6.4e9, 10, **USUAL) == ()


@pytest.mark.parametrize(
    ("schedule", "seeds", "message"),
    [
        ("cosine", 1, "checkpoints in the middle of a decaying learning rate are not comparable"),
        ("constant", 0, "seeds is 0"),
    ],
)
def test_what_no_design_has_is_refused(schedule, seeds, message):
    with pytest.raises(InputError, match=message):
        check_plan(schedule, seeds)
