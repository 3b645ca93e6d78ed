import math
import random
from dataclasses import replace

import pytest

from thresher.examples import load_example
from thresher.runs import Measurement, RunTable, check_runs, refuse_faults, summarise_runs
from thresher.runs.findings import rank_doubts

ROW = Measurement(
    "a", 100.0, 200.0, "top1_error", 0.5, seed="0", rank=1, schedule="finished", exposure="epochs", file="runs.csv"
)  # fmt: skip


def series(**facts: object) -> list[Measurement]:
    row = replace(ROW, **facts)
    return [replace(row, samples_seen=100.0 * k, error=0.9 - 0.1 * k, line=k + 1) for k in range(1, 6)]


def repeated(**facts: object) -> list[Measurement]:
    """Two seeds that differ by 0.002 at every length."""
    again = [replace(row, seed="1", error=row.error + 0.002) for row in series(**facts)]
    return [*series(**facts), *again]


def messages(*rows: Measurement, severity: str | None = None) -> str:
    found = check_runs(RunTable(rows, "runs.csv"))
    return "\n".join(f.message for f in found if severity in (None, f.severity))


def test_a_clean_table_only_tells_its_noise():
    assert messages(*repeated()) == "Run noise is 0.0014, from 5 repeats with another seed."


def test_blocking_doubts_come_before_warnings_and_those_before_notes():
    rows = [*series(schedule=None), *series(pool="b", rank=2, schedule=None), *series(pool="c", rank=None)]
    worse = [replace(row, error=row.error + 0.1) if row.pool == "a" else row for row in rows]
    severities = [finding.severity for finding in check_runs(RunTable(tuple(worse), "r"))]
    assert severities == sorted(severities, key=["blocking", "warning", "note"].index)
    assert set(severities) == {"blocking", "warning", "note"}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([*series(), *series(metric="top5_error")], "2 metrics: top1_error, top5_error. A fit takes one: use metric."),
        ([*series(model="B"), *series(model="L")], "2 models: B, L. A fit takes one: use where='model = B'."),
        ([*series(model="B"), *series(run="r")], "5 rows state no model, while others do."),
        ([*series(), *series(schedule="constant")], "Schedules are mixed (5 constant, 5 finished); their errors"),
        (series(schedule="mid-run"), "5 of 5 rows are checkpoints in the middle of a decaying learning rate"),
        ([*series(), *series(run="r", exposure="resampled")], "5 rows were trained in epochs and 5 with replacement"),
        ([*series(), *series(pool="b", rank=None)], "No rank for b: fitted, but never a candidate"),
        (series()[:2], "Few values of samples_seen (100 and 200): how fast the error falls with more samples, and its floor, "
         "stay near their priors."),
        (series(unique_samples=400.0), "Few lengths past one epoch: a (1). Their half-lives stay near the prior"),
        ([*series(schedule="constant"), replace(ROW, samples_seen=50.0, schedule="constant")],
         "1 of 6 rows are checkpoints before one epoch of a pool trained alone"),
        ([*series(), replace(ROW, samples_seen=600.0, error=0.6, line=7)],
         "runs.csv row 7 is 0.2 above runs.csv row 6 of the same run. No law here can rise."),
        ([*series(), *series(pool="b", rank=2)], "The same errors at the same samples_seen: a and b. Is one a copy?"),
        ([*series(), replace(ROW, pool="a+y+z", rank=None)],
         "Nothing tells the size of y, z, which only joint runs train on. Give unique_samples of those runs as a list"),
        ([replace(ROW, pool="a+b", unique_samples=n, seed=str(n)) for n in (150.0, 250.0)],
         "Joint runs contradict: unique_samples of a+b is 150 and 250."),
        ([replace(ROW, pool="a+b", error=e, line=i, run=str(i)) for i, e in ((2, 0.3), (3, 0.5))],
         "Joint runs contradict: runs.csv row 3 has error 0.5 and runs.csv row 2 0.3 after the same samples of a+b."),
        ([replace(ROW, run="r"), replace(ROW, run="r", pool="b", rank=2, samples_seen=300.0)],
         "One run name for several pools, models or seeds: r."),
    ],
)  # fmt: skip
def test_what_can_mislead_a_fit_is_a_warning(rows, message):
    assert message in messages(*rows, severity="warning")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (series(schedule=None), "5 rows state no schedule; taken as comparable with the rest."),
        (series(exposure="unknown"), "is not stated for 5 of 5 rows (column exposure)"),
        (series(exposure=None), "is not stated for 5 of 5 rows (column exposure)"),
        (series(rank=None), "No pool has a rank: every single pool is a candidate"),
        (series(), "No run is repeated with another seed: run noise is unknown."),
        ([replace(ROW, pool="a+b", rank=3)], "The rank of a joint run means nothing"),
        (series(subset_of="web"), "subset_of names pools without runs: web."),
    ],
)
def test_what_is_good_to_know_is_a_note(rows, message):
    assert message in messages(*rows, severity="note")


def test_a_rise_within_noise_is_not_reported():
    rows = [*repeated(), replace(ROW, samples_seen=600.0, error=0.403)]
    assert "rises" not in messages(*rows)


def test_two_repeats_are_not_yet_a_measure_of_noise():
    rows = [*series(), replace(ROW, samples_seen=500.0, seed="1", error=0.4001)]  # nearly the same, by luck
    assert "rises" not in messages(*rows, replace(ROW, samples_seen=600.0, error=0.41))


def test_sizes_of_one_quality_are_counted_together():
    rows = [*series(quality="q")[:2], *series(quality="q", pool="b", rank=2, unique_samples=50.0)[:3]]
    assert "Few lengths" not in messages(*rows)
    assert "Few lengths past one epoch: a (1)" in messages(*[replace(row, quality=None) for row in rows])


def test_joint_runs_that_repeat_a_pool_count_for_its_half_life():
    few = series(unique_samples=400.0)
    joint = [
        replace(ROW, pool="a+b", unique_samples=500.0, samples_seen=n, rank=None, weights=(0.9, 0.1))
        for n in (600.0, 700.0)
    ]
    assert "Few lengths past one epoch: b (0)" in messages(*few, *joint)
    assert "Few lengths past one epoch: a (1), b (0)" in messages(
        *few, *(replace(row, weights=(0.4, 0.6), samples_seen=120.0) for row in joint[:1])
    )


def test_pools_that_never_repeat_need_no_longer_runs():
    assert "Few lengths" not in messages(*series(unique_samples=math.inf))


@pytest.mark.parametrize(
    ("facts", "early"),
    [
        ({"schedule": "constant"}, True),
        ({"schedule": "mid-run"}, True),
        ({"schedule": "finished"}, False),
        ({"schedule": None}, False),
        ({"schedule": "constant", "pool": "a+b", "rank": None}, False),
    ],
)
def test_only_rows_that_a_fit_leaves_out_are_called_early(facts, early):
    assert ("before one epoch" in messages(replace(ROW, samples_seen=50.0, **facts))) == early


def test_pools_in_joint_runs_only_are_fitted_where_mixtures_tell_them_apart():
    mixture = replace(
        ROW, pool="x+y", rank=None, unique_samples=math.inf, pool_sizes=(200.0, math.inf), weights=(0.5, 0.5)
    )
    together = [replace(mixture, samples_seen=n) for n in (100.0, 200.0, 300.0)]
    apart = [*together, replace(mixture, weights=(0.8, 0.2), error=0.4)]
    text = "The mixtures that were trained cannot tell apart x, y: their worths stay near the prior."
    assert text in messages(*together, severity="warning")
    assert text in messages(*together, *series(), severity="warning")
    assert "tell apart" not in messages(*apart)
    told = "Pools without a run of their own are fitted from joint runs: x, y."
    assert told in messages(*apart, severity="note")
    assert told not in messages(*together)
    assert "Pools without a run of their own are fitted from joint runs: y." in messages(
        *together, *series(pool="x", unique_samples=200.0), severity="note"
    )
    rounded = [*together, replace(mixture, weights=(0.5005, 0.4995), error=0.4)]
    assert text in messages(*rounded, severity="warning")


def test_the_order_in_which_runs_add_pools_is_said_to_be_the_ranking():
    nested = [
        replace(ROW, pool=pool, rank=None, unique_samples=size, samples_seen=n)
        for pool, size in (("a", 100.0), ("a+b", 200.0), ("a+b+c", 300.0))
        for n in (100.0, 500.0)
    ]
    assert "the order in which runs add pools is taken for it: a, b, c." in messages(*nested, severity="note")
    assert "every single pool is a candidate" not in messages(*nested)


def test_unranked_pools_of_joint_runs_are_named_among_ranked_ones():
    rows = [*series(), replace(ROW, pool="a+z", rank=None, unique_samples=200.0)]
    assert "No rank for z: fitted, but never a candidate" in messages(*rows, severity="warning")


def swarm(mixtures: int, pools: int = 17) -> list[Measurement]:
    """As many mixtures, each of its own subset of the pools, all with other sizes stated."""
    draw = random.Random(0)
    rows = []
    for run in range(mixtures):
        names = sorted(draw.sample(range(pools), draw.randint(3, 9)))
        weights = [draw.random() for _ in names]
        rows.append(
            replace(
                ROW, pool="+".join(f"p{name}" for name in names), rank=None, run=str(run), line=run + 2, error=draw.random(),
                unique_samples=math.inf, pool_sizes=tuple(math.inf if name else 1e9 for name in names),
                weights=tuple(weight / sum(weights) for weight in weights),
            )
        )  # fmt: skip
    return rows


def test_a_swarm_is_judged_in_a_few_lines():
    table = RunTable(tuple(swarm(768)), "runs.csv")
    refuse_faults(table)
    found = check_runs(table)
    assert len(summarise_runs(table).pools) > 700
    assert len(found) <= 8
    assert max(len(finding.message) for finding in found) < 400


def test_contradictions_of_many_mixtures_are_one_line():
    rows = [replace(row, pool_sizes=None, unique_samples=1e9, weights=None, seed="0") for row in swarm(300)]
    again = [replace(row, run=f"{row.run}b", unique_samples=2e9, error=1 - row.error) for row in rows]
    found = [f for f in check_runs(RunTable((*rows, *again), "runs.csv")) if "contradict" in f.message]
    assert len(found) == 2
    assert max(len(finding.message) for finding in found) < 700


def worse(shift: float, **facts: object) -> list[Measurement]:
    """Runs of a, rank 1, whose errors lie above those of b, rank 2, by `shift`."""
    return [
        *(replace(row, error=row.error + shift) for row in series(**facts)),
        *series(pool="b", rank=2),
    ]


def doubts(rows: list[Measurement]) -> str:
    found = rank_doubts(RunTable(tuple(rows), "runs.csv"))
    assert all(finding.severity == "blocking" for finding in found)
    assert len(found) <= 1
    return found[0].message if found else ""


def test_ranks_against_the_measured_order_are_a_blocking_doubt_that_comes_first():
    rows = worse(0.05)
    assert doubts(rows) == (
        "Ranks contradict the runs: a (rank 1) has a larger error than b (rank 2) at every budget that both share: "
        "0.85 against 0.8 at 100 samples, 0.75 against 0.7 at 200 samples, 0.65 against 0.6 at 300 samples and 2 more. "
        "Correct the ranks (1 is the best quality), or say which score ranks the pools and rank them by it."
    )
    assert check_runs(RunTable(tuple(rows), "runs.csv"))[0].message == doubts(rows)


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (worse(-0.05), "the ranks are right"),
        (worse(0.005), "within noise"),
        ([*worse(0.05)[1:], replace(ROW, samples_seen=100.0, error=0.75)], "better at one budget"),
        (worse(0.05, unique_samples=40.0), "repeated 2.5 times as often"),
        (worse(0.05, model="B"), "another model"),
        (worse(0.05, schedule="constant"), "another schedule"),
        (worse(0.05, exposure="resampled"), "another exposure"),
        ([replace(row, samples_seen=1.05 * row.samples_seen) if row.pool == "a" else row for row in worse(0.05)],
         "no shared budget"),
        ([replace(row, rank=None) if row.pool == "b" else row for row in worse(0.05)], "one has no rank"),
        ([replace(row, pool="a+c") if row.pool == "a" else row for row in worse(0.05)], "a joint run has no rank"),
    ],
)  # fmt: skip
def test_ranks_are_not_doubted_where_pools_do_not_compare(rows, why):
    assert doubts(rows) == "", why


@pytest.mark.parametrize(
    "rows",
    [
        worse(0.05, unique_samples=60.0),  # repeated 1.7 times as often
        [replace(row, samples_seen=1.005 * row.samples_seen) if row.pool == "a" else row for row in worse(0.05)],
        [replace(row, error=row.error - 0.049) if (row.pool, row.samples_seen) == ("a", 100.0) else row for row in worse(0.05)],
        [row for row in worse(0.05) if row.samples_seen == 300.0],
        [replace(row, unique_samples=math.inf) for row in worse(0.05)],
        [replace(row, samples_seen=row.samples_seen / 1000) for row in worse(0.05, unique_samples=10.0)],  # none repeats
    ],
)  # fmt: skip
def test_ranks_are_doubted_at_budgets_that_agree_to_one_percent(rows):
    assert "a (rank 1) has a larger error than b (rank 2)" in doubts(rows)


def test_seeds_are_averaged_before_ranks_are_doubted():
    lucky = [replace(row, seed="1", error=row.error - 0.2) for row in series()]
    assert doubts([*worse(0.05), *lucky]) == ""


def test_many_seeds_make_a_small_difference_of_ranks_certain():
    def seeds(count: int) -> list[Measurement]:
        return [
            replace(row, seed=str(seed), error=row.error + 0.01 * (-1) ** seed)
            for row in worse(0.02)
            for seed in range(count)
        ]

    assert doubts(seeds(2)) == ""
    assert "a (rank 1) has a larger error than b" in doubts(seeds(12))


def test_a_reversed_order_is_recognised_and_its_pairs_are_named():
    table = load_example("datacomp_medium_tmars")
    ranks = {row.pool: 5 - row.rank for row in table.rows if row.rank}
    message = doubts([replace(row, rank=ranks.get(row.pool)) for row in table.rows])
    assert "top_30_40 (rank 1) has a larger error than top_0_10 (rank 4)" in message
    assert "So do top_30_40 and top_20_30, " in message
    assert "Most pairs are the other way round: was the worst pool given rank 1?" in message
    assert doubts(list(table.rows)) == ""


def test_the_metric_is_named_where_there_are_several():
    other = [replace(row, metric="top5_error") for row in (*series(), *series(pool="b", rank=2))]
    assert "at every budget that both share (top1_error): " in doubts([*worse(0.05), *other])


def test_stated_standard_errors_replace_the_note_on_noise():
    assert "run noise" not in messages(*series(standard_error=0.01)).lower()


def test_long_lists_of_names_are_cut():
    rows = [row for k in range(9) for row in series(pool=f"p{k}", rank=None if k else 1)]
    assert "No rank for p1, p2, p3, p4 and 4 more" in messages(*rows)
