import pytest

from thresher.errors import InputError
from thresher.pilots.design import designs, least_budget, longest_single, target_epochs
from thresher.pools import Pool

POOLS = tuple(Pool(f"b{i}", 128e6, rank=i + 1) for i in range(4))
USUAL = {"schedule": "constant", "seeds": 1, "joint": True, "onset": 6.4e6}


@pytest.mark.parametrize("schedule", ["constant", "finished"])
@pytest.mark.parametrize("seeds", [1, 2])
def test_no_design_costs_more_than_the_pilot_budget(schedule, seeds):
    for design in designs(POOLS, 6.4e9, 960e6, **USUAL | {"schedule": schedule, "seeds": seeds}):
        assert design.samples_seen <= 960e6
        assert len({run.name for run in design.runs}) == len(design.runs)
        assert {run.pools for run in design.runs if len(run.pools) == 1} == {
            ("b0",),
            ("b1",),
            ("b2",),
            ("b3",),
        }
        assert longest_single(design) >= 2 * 6.4e6


def test_a_design_matches_the_repetition_of_the_target():
    assert target_epochs(POOLS, 6.4e9) == (50, 25, pytest.approx(16.67, abs=0.01), 12.5)
    assert {12, 25, 50} <= {design.most_epochs for design in designs(POOLS, 6.4e9, 960e6, **USUAL)}


def test_a_constant_rate_is_one_run_with_checkpoints_and_a_finished_one_a_run_a_length():
    constant = designs(POOLS, 6.4e9, 960e6, **USUAL)[0]
    assert [run.epochs for run in constant.runs if run.pools == ("b0",)] == [(1, 2, 3, 4)]
    finished = designs(POOLS, 6.4e9, 960e6, **USUAL | {"schedule": "finished"})[0]
    assert [run.epochs for run in finished.runs if run.pools == ("b0",)] == [(1,), (2,), (3,), (4,)]


def test_joint_checks_are_nested_unions():
    for design in designs(POOLS, 6.4e9, 960e6, **USUAL):
        for run in design.runs:
            assert run.pools == ("b0", "b1", "b2", "b3")[: len(run.pools)] or len(run.pools) == 1
    assert all(
        len(run.pools) == 1
        for d in designs(POOLS, 6.4e9, 960e6, **USUAL | {"joint": False})
        for run in d.runs
    )


def test_a_budget_too_small_says_how_much_is_needed():
    with pytest.raises(InputError, match=r"--pilot-budget 1M is too small .* about 63.2M samples are needed"):
        designs(POOLS, 6.4e9, 1e6, **USUAL)
    need = least_budget(POOLS, schedule="constant", seeds=1, joint=True, onset=6.4e6)
    assert designs(POOLS, 6.4e9, need, **USUAL)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schedule": "cosine"}, "checkpoints in the middle of a decaying learning rate are not comparable"),
        ({"seeds": 0}, "--seeds is 0"),
        ({"onset": 1e12}, "Buckets of 128M samples are too small"),
    ],
)
def test_what_no_design_can_meet_is_refused(change, message):
    with pytest.raises(InputError, match=message):
        designs(POOLS, 6.4e9, 960e6, **USUAL | change)
