from importlib.resources import files

import pytest

from thresher.errors import InputError
from thresher.examples import list_examples, load_example
from thresher.runs import check_runs, concatenate_runs

ROWS = {
    ("datablations", "pilot"): 83, ("datacomp_medium_clip", "pilot"): 69, ("datacomp_medium_tmars", "pilot"): 25,
    ("datacomp_medium_tmars", "joint"): 16, ("icon_lab", "pilot"): 96, ("icon_lab", "joint"): 72,
    ("laion_openclip", "pilot"): 18,
}  # fmt: skip


def test_every_example_is_listed_once():
    assert set(list_examples()) == set(ROWS)


@pytest.mark.parametrize(("name", "kind"), list(ROWS))
def test_an_example_has_all_its_rows_and_their_source(name, kind):
    table = load_example(name, kind)
    assert len(table) == ROWS[name, kind]
    assert all(row.source for row in table.rows)
    assert check_runs(table)


@pytest.mark.parametrize(("name", "kind"), list(ROWS))
def test_sources_are_written_down(name, kind):
    sources = files("thresher.examples").joinpath("SOURCES.md").read_text(encoding="utf-8")
    assert f"| `{name}_{kind}.csv` | {ROWS[name, kind]} |" in sources


@pytest.mark.parametrize("name", ["datacomp_medium_tmars", "icon_lab"])
def test_pilot_and_joint_runs_fit_in_one_table(name):
    pilot, joint = load_example(name), load_example(name, "joint")
    assert len(concatenate_runs(pilot, joint)) == len(pilot) + len(joint)


def test_the_inferred_point_is_recognisable():
    inferred = load_example("datacomp_medium_tmars", "joint").where("inferred = yes")
    assert [(row.pool, row.samples_seen) for row in inferred.rows] == [("top_0_10", 128e6)]


def test_unknown_examples_are_refused_by_name():
    with pytest.raises(InputError, match=r"There is no example 'x'; the examples are datablations"):
        load_example("x")
    with pytest.raises(InputError, match=r"Example laion_openclip has no 'joint' runs; it has pilot"):
        load_example("laion_openclip", "joint")
