"""The paper's own fit, from its own runs; and its curves, from its own parameters."""

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest

from thresher import fit_law, load_example
from thresher.fits import LawKind
from thresher.laws import Law
from thresher.laws.reference import effective_data_error, reference_onset
from thresher.reports.demo import run_demo

GOLDEN = Path(__file__).parents[1] / "golden"
FIGURE_4 = tomllib.loads((GOLDEN / "goyal2024_figure4.toml").read_text())
FIGURE_5 = tomllib.loads((GOLDEN / "goyal2024_figure5.toml").read_text())
REFERENCE = json.loads((GOLDEN / "reference_laws.json").read_text())


def points(pool):
    rows = [row for row in load_example("datacomp_medium_tmars").rows if row.pool == pool]
    return np.array([row.samples_seen for row in rows]), np.array([row.error for row in rows])


def test_the_paper_s_fit_is_recovered_from_its_runs():
    fit = fit_law(
        load_example("datacomp_medium_tmars"),
        law="paper",
        kernel="effective_data",
        floor=FIGURE_4["d"],
        amplitude=1.0,
        onset=reference_onset(FIGURE_4["a"]),
        draws=0,
    )
    assert {report.pool.name for report in fit.reports} == set(FIGURE_4["pools"])
    for report in fit.reports:
        published = FIGURE_4["pools"][report.pool.name]
        assert report.utility == pytest.approx(published["b"], abs=0.005)
        assert report.half_life == pytest.approx(published["tau"], abs=0.4)


def test_the_recovered_fit_is_no_worse_than_the_published_one_on_its_runs():
    gaps = np.concatenate(
        [published_curve(pool, points(pool)[0]) - points(pool)[1] for pool in FIGURE_4["pools"]]
    )
    fit = fit_law(
        load_example("datacomp_medium_tmars"), law="paper", kernel="effective_data", floor=FIGURE_4["d"],
        amplitude=1.0, onset=reference_onset(FIGURE_4["a"]), draws=0,
    )  # fmt: skip
    assert fit.rmse <= np.sqrt(np.mean(gaps**2))


def published_curve(pool, n):
    law = FIGURE_4["pools"][pool]
    return Law(
        kernel="effective_data",
        amplitude=1.0,
        onset=reference_onset(FIGURE_4["a"]),
        utility=law["b"],
        half_life=law["tau"],
        floor=FIGURE_4["d"],
    ).error(n, FIGURE_4["unique_samples"])


def test_the_published_fit_redraws_figure_4_through_its_points():
    gaps = []
    for pool in FIGURE_4["pools"]:
        n, measured = points(pool)
        gaps += list(published_curve(pool, n) - measured)
    assert len(gaps) == 25
    reading = FIGURE_4["reading_error"]
    assert np.sqrt(np.mean(np.square(gaps))) == pytest.approx(FIGURE_4["root_mean_square"], abs=reading)
    assert np.max(np.abs(gaps)) == pytest.approx(FIGURE_4["largest"], abs=reading)


def test_figure_5_s_parameters_are_the_golden_ones():
    exact = [value for value in REFERENCE["mixture"] if value["parameters"] == FIGURE_5["parameters"]]
    assert len(exact) == 16
    for value in exact:
        p = value["pools"]
        assert value["b"] == pytest.approx(FIGURE_5["b"][:p], abs=0.5 * 10.0 ** -FIGURE_5["digits"])
        drawn = effective_data_error(
            np.array([float(value["samples_seen"])]),
            FIGURE_5["unique_samples"],
            a=FIGURE_5["a"],
            b=np.array(FIGURE_5["b"][:p]),
            tau=np.array(FIGURE_5["tau"][:p]),
            d=FIGURE_5["d"],
        )
        assert drawn[0] == pytest.approx(value["effective_data"], abs=2e-6)


@pytest.mark.parametrize("p", [1, 2, 3, 4])
def test_figure_5_s_curves_pass_the_measured_joint_runs_at_the_stated_distance(p):
    rows = [
        row
        for row in load_example("datacomp_medium_tmars", "joint").rows
        if len(row.pools) == p and row.other["inferred"] == "no"
    ]
    drawn = effective_data_error(
        np.array([row.samples_seen for row in rows]),
        FIGURE_5["unique_samples"],
        a=FIGURE_5["a"],
        b=np.array(FIGURE_5["b"][:p]),
        tau=np.array(FIGURE_5["tau"][:p]),
        d=FIGURE_5["d"],
    )
    gap = np.abs(drawn - [row.error for row in rows])
    assert gap.max() == pytest.approx(FIGURE_5["largest"][p - 1], abs=1e-4)


@pytest.mark.filterwarnings("ignore::thresher.errors.ExtrapolationWarning")
def test_the_demo_predicts_16_joint_runs_that_no_fit_has_seen_and_chooses_at_4_budgets():
    demo = run_demo()
    assert [len(story.joint_runs) for story in demo.stories] == [16, 16]
    assert sum(run.scored for run in demo.stories[0].joint_runs) == 15
    for story in demo.stories:
        assert all("+" not in row.pool and not row.run for row in story.fit.rows)
        assert [outcome.samples_seen for outcome in story.outcomes] == [32e6, 64e6, 128e6, 640e6]
        assert [len(outcome.measured_best) for outcome in story.outcomes] == [1, 1, 2, 3]
    assert [story.fit.law for story in demo.stories] == [LawKind.DEFAULT, LawKind.PAPER]


def test_with_default_settings_the_fit_says_in_words_what_the_published_runs_cannot_tell():
    fit = fit_law(load_example("datacomp_medium_tmars"))
    words = " ".join(fit.notes)
    assert words.count("assumed, because these runs cannot identify it") == 3
    for name in (
        "kappa, how half-lives grow",
        "power, how pools mix",
        "floor, the irreducible error",
        "onset, samples at which",
    ):
        assert name in words
    paper = " ".join(fit_law(load_example("datacomp_medium_tmars"), law="paper").notes)
    assert "floor, the irreducible error: assumed to be 0.1" in paper
    assert "kappa, how half-lives grow with the number of unique samples: assumed to be 1" in paper
