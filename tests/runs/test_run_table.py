import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thresher.errors import InputError
from thresher.runs import (
    Measurement,
    RunTable,
    check_runs,
    metric_unit,
    repeat_noise,
    select_runs,
    summarise_runs,
)

ROW = Measurement("a", 100.0, 200.0, "top1_error", 0.5)


def series(pool: str, rank: int | None = None, **facts: object) -> list[Measurement]:
    row = replace(ROW, pool=pool, rank=rank, **facts)
    return [replace(row, samples_seen=100.0 * k, error=0.9 - 0.1 * k) for k in range(1, 6)]


def table(*rows: Measurement) -> RunTable:
    return RunTable(rows, "runs.csv")


def test_a_joint_row_knows_its_pools_and_epochs():
    row = replace(ROW, pool="a+b+c", unique_samples=300.0, samples_seen=450.0)
    assert row.pools == ("a", "b", "c")
    assert row.is_joint
    assert row.epochs == 1.5
    assert not ROW.is_joint


def test_pools_come_by_rank_then_by_name():
    runs = table(*series("z", 1), *series("y"), *series("b", 2), *series("x"))
    assert runs.pools == ("z", "b", "x", "y")
    assert runs.sizes == dict.fromkeys(runs.pools, 100.0)


def test_singles_and_joints_share_out_the_rows():
    runs = table(ROW, replace(ROW, pool="a+b"))
    assert runs.singles.rows + runs.joints.rows == runs.rows


def test_from_epoch_counts_what_it_drops_and_forgives_one_percent():
    runs = table(*(replace(ROW, schedule="constant", samples_seen=n) for n in (98.0, 99.0, 100.0, 300.0)))
    kept = runs.from_epoch(1)
    assert [row.samples_seen for row in kept.rows] == [99.0, 100.0, 300.0]
    assert kept.dropped_rows == 1
    assert kept.from_epoch(2).dropped_rows == 3


@pytest.mark.parametrize(
    ("change", "stays"),
    [
        ({"schedule": "constant"}, False),
        ({"schedule": "mid-run"}, False),
        ({"schedule": "finished"}, True),
        ({"schedule": None}, True),
        ({"schedule": "constant", "pool": "a+b"}, True),
        ({"schedule": "constant", "unique_samples": math.inf}, True),
    ],
)
def test_from_epoch_drops_only_early_checkpoints_of_single_pools(change, stays):
    early = table(replace(ROW, samples_seen=50.0, **change))
    assert len(early.from_epoch(1)) == stays
    assert len(early.from_epoch(0)) == 1


@pytest.mark.parametrize("epochs", [-1.0, float("nan")])
def test_from_epoch_refuses_what_is_no_number_of_epochs(epochs):
    with pytest.raises(InputError, match=r"from_epoch is .*; give 0 or more epochs"):
        table(ROW).from_epoch(epochs)


def test_sizes_come_from_own_runs_then_lists_then_from_what_a_union_leaves():
    runs = table(
        ROW,
        replace(ROW, pool="a+b", unique_samples=250.0),
        replace(ROW, pool="d+c+b+a", unique_samples=1000.0),
        replace(ROW, pool="a+e", unique_samples=math.inf, pool_sizes=(100.0, math.inf), weights=(0.5, 0.5)),
        replace(ROW, pool="a+b+c", unique_samples=300.0),
    )
    assert runs.sizes == {"a": 100.0, "b": 150.0, "c": 50.0, "d": 700.0, "e": math.inf}
    assert runs.untrained_alone == ("b", "c", "d", "e")
    assert runs.pools == ("a",)


def test_a_union_of_two_unknown_pools_sizes_neither():
    assert table(replace(ROW, pool="a+b", unique_samples=250.0)).sizes == {}


def test_nesting_is_the_order_in_which_runs_add_pools():
    assert table(replace(ROW, pool="c+a+b"), ROW, replace(ROW, pool="b+a")).nesting == ("a", "b", "c")
    assert table(ROW, replace(ROW, pool="b"), replace(ROW, pool="a+b")).nesting == ()
    assert table(ROW, replace(ROW, pool="a+b+c")).nesting == ()
    assert table(ROW).nesting == ()


def test_joint_runs_of_other_weights_are_other_runs():
    joint = replace(ROW, pool="a+b", weights=(0.7, 0.3))
    assert joint.run_key == replace(joint, pool="b+a", weights=(0.3, 0.7)).run_key
    assert joint.run_key != replace(joint, pool="b+a").run_key
    assert joint.shares == (("a", 0.7), ("b", 0.3))


def test_a_pool_that_never_repeats_has_seen_no_epochs():
    endless = table(replace(ROW, unique_samples=math.inf))
    assert endless.rows[0].epochs == 0.0
    assert summarise_runs(endless).pools[0].epochs == (0.0, 0.0)


def test_where_compares_the_total_of_listed_sizes():
    row = replace(ROW, pool="a+b", unique_samples=300.0, pool_sizes=(100.0, 200.0))
    assert len(table(row, ROW).where("unique_samples >= 250")) == 1


def test_where_sees_unknown_columns_as_numbers():
    runs = table(
        replace(ROW, other={"lr": "0.0010"}),
        replace(ROW, other={"lr": "0.01"}),
        replace(ROW, other={"lr": ""}),
    )
    assert [row.other["lr"] for row in runs.where("lr >= 0.005").rows] == ["0.01"]
    assert len(runs.where("lr = 1e-3")) == 1


def test_the_unit_comes_from_the_name_or_is_declared():
    assert table(ROW).unit == "fraction"
    assert table(replace(ROW, metric="val_loss")).unit == "loss"
    assert RunTable((replace(ROW, metric="ppl"),), "runs.csv", declared_unit="loss").unit == "loss"
    with pytest.raises(InputError, match=r"runs.csv mixes fractions and losses \(top1_error, val_loss\)"):
        _ = table(ROW, replace(ROW, metric="val_loss")).unit
    with pytest.raises(InputError, match=r"metric 'ppl' ends in neither"):
        metric_unit("ppl")


def test_an_unknown_metric_is_refused_by_name():
    with pytest.raises(InputError, match=r"runs.csv has no metric 'x'; metric can be top1_error"):
        table(ROW).of_metric("x")


def test_select_refuses_several_metrics_and_models():
    metrics = table(ROW, replace(ROW, metric="top5_error"))
    with pytest.raises(
        InputError, match=r"has 2 metrics: top1_error, top5_error. Choose one with metric, for ex"
    ):
        select_runs(metrics)
    assert select_runs(metrics, metric="top5_error").metrics == ("top5_error",)
    models = table(replace(ROW, model="ViT B"), replace(ROW, model="ViT L"))
    with pytest.raises(InputError, match=r"""2 models: ViT B, ViT L. .*where='model = "ViT B"'"""):
        select_runs(models)
    assert len(select_runs(models, where='model = "ViT B"')) == 1


def test_select_can_leave_out_joint_and_early_runs():
    late = replace(ROW, schedule="constant")
    runs = table(replace(late, samples_seen=50.0), late, replace(late, pool="b+c"))
    chosen = select_runs(runs, from_epoch=1, ignore_joint=True)
    assert chosen.rows == (late,)
    assert chosen.dropped_rows == 1
    assert select_runs(runs, from_epoch=9).rows == (replace(late, pool="b+c"),)
    with pytest.raises(InputError, match=r"has no rows to use; from_epoch 9 leaves none"):
        select_runs(runs.singles, from_epoch=9)
    with pytest.raises(InputError, match=r"ignore_joint leaves none: every row is a joint run"):
        select_runs(table(replace(ROW, pool="b+c")), ignore_joint=True)


def test_select_refuses_what_reading_refuses():
    with pytest.raises(InputError, match=r"has a header but no rows"):
        select_runs(table())
    with pytest.raises(InputError, match=r"error 63 is not a fraction"):
        select_runs(table(replace(ROW, error=63.0)))
    accuracies = [replace(row, error=1 - row.error) for row in (*series("a"), *series("b"))]
    with pytest.raises(InputError, match=r"replace each value by 1 - error"):
        select_runs(table(*accuracies))


def test_noise_pools_seed_repeats_and_nothing_else():
    assert repeat_noise([ROW, replace(ROW, run="other", error=0.9)]) == (0.0, 0)
    noise, freedom = repeat_noise([replace(ROW, seed="0", error=0.4), replace(ROW, seed="1", error=0.6)])
    assert noise == pytest.approx(0.02**0.5)
    assert freedom == 1
    # 0.7 of a and 0.3 of b is another mixture than 0.7 of b and 0.3 of a, although both name the same pools
    mixture = replace(ROW, pool="a+b", weights=(0.7, 0.3), seed="0")
    assert repeat_noise([mixture, replace(mixture, pool="b+a", seed="1", error=0.6)]) == (0.0, 0)
    assert repeat_noise([mixture, replace(mixture, weights=(0.3, 0.7), pool="b+a", seed="1")]) == (0.0, 1)


def test_noise_of_huge_losses_is_finite():
    losses = [replace(ROW, metric="x_loss", seed=str(seed), error=1e300 * (1 + seed)) for seed in range(4)]
    assert repeat_noise(losses)[0] == pytest.approx(1.29e300, rel=0.01)


MIXED = [
    *series("a", 1), *series("b", 2, seed="0"), *series("b", 2, seed="1"), *series("c"),
    *series("a+b", unique_samples=200.0), *series("a+b+d", unique_samples=300.0, weights=(0.2, 0.3, 0.5)),
    *series("a+e", unique_samples=math.inf, pool_sizes=(100.0, math.inf), weights=(0.5, 0.5)),
]  # fmt: skip


@given(st.permutations(MIXED))
def test_the_order_of_rows_changes_no_answer(rows):
    ordered = table(*MIXED)
    shuffled = table(*rows)
    assert summarise_runs(shuffled) == summarise_runs(ordered)
    assert check_runs(shuffled) == check_runs(ordered)
    assert shuffled.pools == ordered.pools
    assert shuffled.sizes == ordered.sizes
    assert set(shuffled.from_epoch(2).rows) == set(ordered.from_epoch(2).rows)


def test_sizes_do_not_depend_on_the_order_of_rows():
    """Sizes that differ by rounding, as in two logs of one pool, are one size whichever row comes first."""
    rows = [
        Measurement("a", 1_000_000.0, 1e6, "x_error", 0.5),
        Measurement("a", 1_004_000.0, 2e6, "x_error", 0.4),
        Measurement("a+b", 3_000_000.0, 3e6, "x_error", 0.3, pool_sizes=(1e6, 2e6)),
        Measurement("a+b", 3_010_000.0, 6e6, "x_error", 0.2, pool_sizes=(1e6, 2.01e6)),
    ]
    orders = [RunTable(tuple(rows[i] for i in order), "t").sizes for order in ((0, 1, 2, 3), (3, 2, 1, 0))]
    assert orders[0] == orders[1] == {"a": 1_004_000.0, "b": 2.01e6}
