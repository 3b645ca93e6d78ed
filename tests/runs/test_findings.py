from dataclasses import replace

import pytest

from thresher.runs import Measurement, RunTable, check_runs

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


def test_warnings_come_before_notes():
    severities = [finding.severity for finding in check_runs(RunTable((replace(ROW, rank=None),), "r"))]
    assert severities == sorted(severities, reverse=True)
    assert set(severities) == {"warning", "note"}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([*series(), *series(metric="top5_error")], "2 metrics: top1_error, top5_error. A fit takes one: use --metric."),
        ([*series(model="B"), *series(model="L")], "2 models: B, L. A fit takes one: use --where 'model = B'."),
        ([*series(model="B"), *series(run="r")], "5 rows state no model, while others do."),
        ([*series(), *series(schedule="constant")], "Schedules are mixed (5 constant, 5 finished); their errors"),
        (series(schedule="mid-run"), "5 of 5 rows are checkpoints in the middle of a decaying learning rate"),
        ([*series(), *series(run="r", exposure="resampled")], "5 rows were trained in epochs and 5 with replacement"),
        ([*series(), *series(pool="b", rank=None)], "No rank for b: fitted, but never a candidate"),
        (series()[:3], "Too few values of samples_seen: a (3, 2 past one epoch). Utility, half-life"),
        (series(unique_samples=400.0), "Too few values of samples_seen: a (5, 1 past one epoch)."),
        ([*series(), replace(ROW, samples_seen=50.0)], "1 of 6 rows saw less than one epoch of their pool"),
        ([*series(), replace(ROW, samples_seen=600.0, error=0.6, line=7)],
         "runs.csv row 7 is 0.2 above runs.csv row 6 of the same run. No law here can rise."),
        ([*series(), *series(pool="b", rank=2)], "The same errors at the same samples_seen: a and b. Is one a copy?"),
        ([*series(), replace(ROW, pool="a+z", rank=None)], "Joint runs name pools that have no runs of their own: z."),
        ([replace(ROW, pool="a+b", unique_samples=n, seed=str(n)) for n in (150.0, 250.0)],
         "Joint runs of a+b contradict: unique_samples is 150 and 250."),
        ([replace(ROW, pool="a+b", error=e, line=i, run=str(i)) for i, e in ((2, 0.3), (3, 0.5))],
         "Joint runs of a+b contradict: runs.csv row 3 has error 0.5 and runs.csv row 2 0.3 after the same samples."),
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


def test_sizes_of_one_quality_are_counted_together():
    rows = [*series(quality="q")[:2], *series(quality="q", pool="b", rank=2, unique_samples=50.0)[:3]]
    assert "Too few" not in messages(*rows)


def test_stated_standard_errors_replace_the_note_on_noise():
    assert "run noise" not in messages(*series(standard_error=0.01)).lower()


def test_long_lists_of_names_are_cut():
    rows = [row for k in range(9) for row in series(pool=f"p{k}", rank=None if k else 1)]
    assert "No rank for p1, p2, p3, p4 and 4 more" in messages(*rows)
