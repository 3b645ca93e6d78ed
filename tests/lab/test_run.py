"""The whole laboratory with a trainer that follows a known law: no torch, no icons."""

import json
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from laboratories import LawfulTrainer, lab_data
from thresher.cli.lab import as_text, sentences
from thresher.errors import InputError, MissingExtraError
from thresher.fits.fit_file import read_fit
from thresher.lab import own
from thresher.lab import run as lab
from thresher.lab.findings import forecast
from thresher.lab.icons import rendering
from thresher.lab.report import lab_document, write_report
from thresher.lab.run import Request, run_laboratory
from thresher.lab.stored import write_lab_data
from thresher.lab.tasks import Teach
from thresher.metadata.buckets import read_buckets
from thresher.plans.saved import read_choice
from thresher.runs import read_runs
from thresher.units import format_count

REQUEST = Request(0.5, 3, "wheels", processes=1)


def teach(self, data, folder, progress):
    scores = np.random.default_rng(self.seed).random(len(data.pool))
    return {"error": 0.6, "scores": [float(score) for score in scores]}


def made(folder, **options):
    place = lab.data_folder(folder, "wheels", options["pool"], options["teacher"])
    if not place.exists():
        write_lab_data(lab_data(), place)
    return lab_data()


@pytest.fixture(scope="module", autouse=True)
def without_torch_and_icons():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lab, "check_torch", lambda: None)
        patch.setattr(lab, "check_renderer", lambda: None)
        patch.setattr(lab, "make_lab_data", made)
        patch.setattr(Teach, "do", teach)
        yield


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab") / "out"
    trainer = LawfulTrainer()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lab, "forecast", partial(forecast, draws=20))
        done = run_laboratory(REQUEST, folder, trainer=trainer)
    write_report(done, folder, as_text(done))
    return folder, done, trainer


def test_every_bucket_and_every_best_of_them_is_trained_with_every_seed(finished):
    _, done, trainer = finished
    pools = ["b0", "b1", "b2", "b3", "b0+b1", "b0+b1+b2", "b0+b1+b2+b3"]
    assert sorted(trainer.trained) == sorted(f"{pool}-s{seed}" for pool in pools for seed in (3000, 3001))
    assert done.design.runs == 2


def test_the_fit_has_seen_single_buckets_alone(finished):
    folder, done, _ = finished
    pilots = read_runs(folder / "runs.csv")
    assert not pilots.joints.rows
    assert pilots.ranks == {"b0": 1, "b1": 2, "b2": 3, "b3": 4}
    assert {row.samples_seen for row in pilots.rows} == set(done.design.pilots)
    assert len(read_fit(folder / "fit.json").rows) == len(pilots)


def test_joint_runs_are_measured_at_every_budget(finished):
    folder, done, _ = finished
    joint = read_runs(folder / "joint.csv")
    assert {row.samples_seen for row in joint.rows} == set(done.design.budgets)
    assert {len(row.pools) for row in joint.rows} == {1, 2, 3, 4}


def test_buckets_are_the_ones_that_thresher_buckets_makes(finished):
    folder, done, _ = finished
    made = read_buckets(folder / "buckets.json")
    assert [bucket.rows for bucket in made.buckets] == [done.design.bucket] * 8
    assert made.score == "clip_score"


def test_the_plan_is_one_that_cut_and_recipe_read(finished):
    folder, done, _ = finished
    chosen = read_choice(folder / "plan.json", done.design.budgets[0])
    assert chosen.pools == ("b0", "b1", "b2", "b3")[: done.findings.outcomes[0].chosen]


def test_a_law_that_is_in_the_family_is_predicted(finished):
    found = finished[1].findings
    assert found.root_mean_square < 0.05
    assert found.mean_regret < 0.02
    assert [one.chosen for one in found.outcomes] == sorted(one.chosen for one in found.outcomes)


def test_what_is_left_to_be_read(finished):
    folder, done, _ = finished
    report = json.loads((folder / "report.json").read_text())
    assert report["format"] == "thresher-lab-report"
    assert {key: report[key] for key in lab_document(done)} == dict(lab_document(done))
    assert (folder / "lab.png").stat().st_size > 10_000
    assert (folder / "lab.html").exists()
    text = (folder / "report.txt").read_text()
    assert "Mean regret" in text
    assert "too optimistic" in text or "too pessimistic" in text
    assert not [path for path in folder.rglob("*") if ".tmp" in path.name or path.name.endswith(".part")]


class ForecastReachedError(Exception):
    """Single buckets are done; the rest is as in the run that finished."""


def stop(*arguments, **options):
    raise ForecastReachedError


@pytest.mark.parametrize("processes", [1, 2])
def test_a_second_run_trains_nothing_with_as_many_processes_as_one_likes(finished, monkeypatch, processes):
    folder, done, _ = finished
    monkeypatch.setattr(lab, "forecast", lambda *arguments, **options: done.findings.forecast)
    trainer = LawfulTrainer()
    again = run_laboratory(replace(REQUEST, processes=processes), folder, trainer=trainer)
    assert trainer.trained == []
    assert again.findings.outcomes == done.findings.outcomes


def test_an_interrupted_run_goes_on_where_it_was(finished, tmp_path, monkeypatch):
    monkeypatch.setattr(lab, "forecast", stop)
    with pytest.raises(KeyboardInterrupt):
        run_laboratory(REQUEST, tmp_path / "out", trainer=LawfulTrainer(fails_at="b2-s3001"))
    results = tmp_path / "out" / "results"
    before = {path.stem for path in results.iterdir()}
    assert before
    assert "b2-s3001" not in before
    trainer = LawfulTrainer()
    with pytest.raises(ForecastReachedError):
        run_laboratory(REQUEST, tmp_path / "out", trainer=trainer)
    assert "b2-s3001" in trainer.trained
    assert not before & set(trainer.trained)
    for path in results.iterdir():
        assert path.read_text() == (finished[0] / "results" / path.name).read_text()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": 4}, "--seed 3"),
        ({"minutes": 1}, "--minutes 0.5"),
        ({"trainer": "open_clip"}, "--trainer own"),
    ],
)
def test_another_request_in_the_same_folder_is_refused(finished, change, words):
    with pytest.raises(InputError, match=f"holds a laboratory run with {words}; give the same, or another"):
        run_laboratory(replace(REQUEST, **change), finished[0], trainer=LawfulTrainer())


def test_the_run_of_a_release_that_trains_otherwise_is_refused(finished, tmp_path):
    document = json.loads((finished[0] / "request.json").read_text())
    document["design"]["runs"] = 7
    (tmp_path / "request.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match="of another release of thresher; give another folder"):
        run_laboratory(REQUEST, tmp_path, trainer=LawfulTrainer())


@pytest.mark.parametrize("other", [{"release": "0.0.1"}, {}])
def test_the_run_of_another_release_is_refused(finished, tmp_path, other):
    document = json.loads((finished[0] / "request.json").read_text())
    del document["release"]
    (tmp_path / "request.json").write_text(json.dumps(document | other))
    with pytest.raises(InputError, match="of another release of thresher; give another folder"):
        run_laboratory(REQUEST, tmp_path, trainer=LawfulTrainer())


def test_of_two_commands_in_a_new_folder_the_one_that_is_refused_claims_nothing(tmp_path, monkeypatch):
    with lab._alone(tmp_path / "out"), pytest.raises(InputError, match="Another command works in"):
        run_laboratory(REQUEST, tmp_path / "out", trainer=LawfulTrainer())
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["lock"]
    monkeypatch.setattr(lab, "cut_pool", stop)
    with pytest.raises(ForecastReachedError):
        run_laboratory(replace(REQUEST, seed=4), tmp_path / "out", trainer=LawfulTrainer())
    assert json.loads((tmp_path / "out" / "request.json").read_text())["seed"] == 4


def test_two_commands_never_share_a_folder(finished):
    with (
        lab._alone(finished[0]),
        pytest.raises(InputError, match=r"Another command works in .*; wait for it"),
    ):
        run_laboratory(REQUEST, finished[0], trainer=LawfulTrainer())


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(InputError, match="is not empty and holds no laboratory run"):
        run_laboratory(REQUEST, tmp_path, trainer=LawfulTrainer())
    with pytest.raises(InputError, match="is a file; give a folder with -o"):
        run_laboratory(REQUEST, tmp_path / "thesis.txt", trainer=LawfulTrainer())
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_one_core_is_said_and_takes_twice_as_long():
    design = lab.make_design(5)
    one, two = (lab._announcement(Request(), design, cores) for cores in (1, 2))
    assert "1 core, one process" in one
    assert "2 processes of one thread each: about 3 minutes" in two
    assert "about 6 minutes" in one


def test_a_full_disk_is_one_sentence(tmp_path, monkeypatch):
    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(lab, "cut_pool", full)
    with pytest.raises(
        InputError, match=r"The disk of .* is full; what is finished is kept. Free some space"
    ):
        run_laboratory(REQUEST, tmp_path / "out", trainer=LawfulTrainer())


@pytest.mark.parametrize(
    ("method", "name"), [("is_symlink", "lock"), ("iterdir", "out"), ("mkdir", "results")]
)
def test_a_folder_of_someone_else_is_one_sentence(tmp_path, monkeypatch, method, name):
    allowed = getattr(Path, method)

    def forbidden(path, *arguments, **options):
        if path.name == name:
            raise PermissionError(13, "Permission denied", str(path))
        return allowed(path, *arguments, **options)

    monkeypatch.setattr(Path, method, forbidden)
    folder = tmp_path / "out"
    with pytest.raises(
        InputError, match=r"out cannot be written: Permission denied\. Give another folder with -o\.$"
    ):
        run_laboratory(REQUEST, folder, trainer=LawfulTrainer())


def test_predictions_that_are_wrong_are_said(finished):
    found = finished[1].findings
    worst = tuple(replace(one, chosen=1 if one.best != 1 else 4) for one in found.outcomes)
    said = sentences(replace(found, outcomes=worst), format_count)
    assert sum(one.startswith("Wrong at") for one in said) == len(worst)
    assert "always keeping the best" in said[-1]
    assert "would have been as good or better" in said[-1]


def test_torch_missing_names_the_install_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r'Training needs an extra: pip install "thresher\[lab\]"'):
        own.check_torch()


def test_what_draws_missing_names_the_install_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(
        MissingExtraError, match=r'Drawing icons needs an extra: pip install "thresher\[lab\]"'
    ):
        rendering.check_renderer()
