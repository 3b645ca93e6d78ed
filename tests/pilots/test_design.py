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
        assert {run.pools[0] for run in design.singles} - {"b0-large"} == {"b0", "b1", "b2", "b3"}
        sizes = {pool.name: pool.unique_samples for pool in design.pools}
        assert all(run.unique_samples == sum(sizes[name] for name in run.pools) for run in design.runs)


def test_a_design_matches_the_repetition_of_the_target():
    assert target_epochs(POOLS, 6.4e9) == (50, 25, pytest.approx(16.67, abs=0.01), 12.5)
    assert {12, 50} <= {design.most_epochs for design in designs(POOLS, 6.4e9, 960e6, **USUAL)}


def test_a_constant_rate_is_one_run_with_checkpoints_and_a_finished_one_a_run_a_length():
    constant = designs(POOLS, 6.4e9, 960e6, **USUAL)[0]
    assert [run.epochs for run in constant.runs if run.pools == ("b0",)] == [(1, 2, 3, 4)]
    finished = designs(POOLS, 6.4e9, 960e6, **USUAL | {"schedule": "finished"})[0]
    assert [run.epochs for run in finished.runs if run.pools == ("b0",)] == [(1,), (2,), (3,), (4,)]


def test_joint_runs_are_the_widest_union_and_the_best_two():
    unions = {
        run.pools
        for design in designs(POOLS, 6.4e9, 960e6, **USUAL)
        for run in design.runs
        if len(run.pools) > 1
    }
    assert unions == {("b0", "b1", "b2", "b3"), ("b0", "b1")}
    alone = designs(POOLS, 6.4e9, 960e6, **USUAL | {"joint": False})
    assert all(len(run.pools) == 1 for design in alone for run in design.runs)


def test_a_size_check_is_a_larger_part_of_the_best_bucket_and_no_candidate():
    checked = [design for design in designs(POOLS, 6.4e9, 960e6, **USUAL) if design.sizes_differ]
    assert checked
    for design in checked:
        own, larger = design.pools[0], design.pools[-1]
        assert (larger.name, larger.bucket, larger.rank) == ("b0-large", "b0", None)
        assert 2 * own.share <= larger.share <= 1
    assert not any(
        design.sizes_differ for design in designs(POOLS, 6.4e9, 64e9, **USUAL)
    )  # whole buckets already


def test_a_budget_below_a_sample_has_no_design():
    assert designs(POOLS, 6.4e9, 10, **USUAL) == ()


@pytest.mark.parametrize(
    ("schedule", "seeds", "message"),
    [
        ("cosine", 1, "checkpoints in the middle of a decaying learning rate are not comparable"),
        ("constant", 0, "--seeds is 0"),
    ],
)
def test_what_no_design_has_is_refused(schedule, seeds, message):
    with pytest.raises(InputError, match=message):
        check_plan(schedule, seeds)
