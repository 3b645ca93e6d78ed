import pytest

from logs import write_open_clip
from thresher.errors import InputError
from thresher.pilots.collect import collect_runs
from thresher.pilots.design import PilotPool, PilotRun
from thresher.pilots.launch import Trainer
from thresher.pilots.pilot_file import Pilot, read_pilot, write_pilot
from thresher.runs import read_runs, write_runs

POOLS = (
    PilotPool("b0", "b0", 0.25, 1000, 1),
    PilotPool("b1", "b1", 0.25, 1000, 2),
    PilotPool("b0-large", "b0", 1.0, 4000, None),
)
RUNS = (
    PilotRun("b0-s0", ("b0",), 1000, (1, 2, 4), "constant", 0),
    PilotRun("b1-s0", ("b1",), 1000, (1, 2, 4), "constant", 0),
    PilotRun("b0+b1-s0", ("b0", "b1"), 2000, (1, 2), "constant", 0),
    PilotRun("b0-large-s0", ("b0-large",), 4000, (1, 2), "constant", 0),
)
PILOT = Pilot(1e6, 0, POOLS, Trainer(batch_size=8), RUNS)


@pytest.fixture
def logs(tmp_path):
    for run in RUNS:
        accuracies = {epoch: 0.05 + 0.02 * epoch for epoch in run.epochs}
        write_open_clip(tmp_path / "logs" / run.name, accuracies, samples=run.unique_samples, resampled=True)
    return tmp_path / "logs"


def test_the_yaml_holds_the_whole_pilot(tmp_path):
    write_pilot(tmp_path / "pilot.yaml", PILOT, {"right": 0.9})
    assert read_pilot(tmp_path / "pilot.yaml") == PILOT


def test_a_bucket_at_two_sizes_is_one_quality_under_two_names(logs, tmp_path):
    found = collect_runs(PILOT, [logs])
    assert found.missing == ()
    write_runs(found.table, tmp_path / "runs.csv")
    rows = read_runs(tmp_path / "runs.csv").rows
    assert {(row.pool, row.rank, row.quality) for row in rows} == {
        ("b0", 1, "b0"), ("b0-large", None, "b0"), ("b1", 2, None), ("b0+b1", None, None),
    }  # fmt: skip


def test_logs_of_another_pilot_are_refused(logs):
    other = Pilot(1e6, 0, POOLS, Trainer(), (PilotRun("b0-s0", ("b0",), 1000, (3,), "constant", 0),))
    with pytest.raises(InputError):
        collect_runs(other, [logs])
