"""A fit that is written and read back is the same; a file that is not whole is refused."""

import json
from copy import deepcopy
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from simulated import measured, settings, singles, together, true_law
from thresher import fit_law, forecast, load_example, predict_mixture, read_fit, write_fit
from thresher.errors import FileFormatError, InputError
from thresher.fits.fit_file import FIT_VERSION, fit_document
from thresher.pools import union
from thresher.runs import RunTable

BUDGETS = [32e6, 64e6, 128e6]
pytestmark = pytest.mark.filterwarnings("ignore::thresher.errors.ExtrapolationWarning")


@cache
def tmars(**options):
    return fit_law(load_example("datacomp_medium_tmars"), draws=30, **options)


@cache
def swarm():
    """Runs of three pools, one of which never repeats, in many mixtures."""
    weights = np.random.default_rng(1).dirichlet(np.ones(3), 20)
    return fit_law(
        measured(
            true_law(3, unit="loss"), settings(weights, [1e7, 4e7, np.inf], 6e7), noise=0.003, listed=True
        ),
        draws=20,
    )


FITS = {
    "default": tmars,
    "a fixed kernel": lambda: tmars(kernel="utility", kappa=1.0),
    "no decay": lambda: tmars(kernel="fresh"),
    "the paper": lambda: tmars(law="paper"),
    "no draws": lambda: fit_law(load_example("datacomp_medium_tmars"), draws=0),
    "a swarm": swarm,
}


def written(fit, folder):
    path = folder / "fit.json"
    write_fit(fit, path)
    return path


@pytest.mark.parametrize("name", FITS)
def test_predictions_are_the_same_after_reading_back(name, tmp_path):
    fit = FITS[name]()
    again = read_fit(written(fit, tmp_path))
    pools = [pool.name for pool in fit.mixable[:2]]
    for names, weights in ((pools[:1], None), (pools, [0.6, 0.4])):
        before, after = (predict_mixture(one, names, BUDGETS, weights=weights) for one in (fit, again))
        assert [one.error for one in after] == [one.error for one in before]
        assert [one.low for one in after] == pytest.approx([one.low for one in before], rel=1e-7)
        assert [one.high for one in after] == pytest.approx([one.high for one in before], rel=1e-7)
    if np.isfinite(sum(pool.unique_samples for pool in fit.mixable[:3])):
        mixture = union(fit.mixable[:3])
        one, two = (forecast(each, [mixture], np.array(BUDGETS)).errors for each in (fit, again))
        assert two == pytest.approx(one, rel=1e-7)


@pytest.mark.parametrize("name", FITS)
def test_everything_that_a_person_reads_comes_back(name, tmp_path):
    fit = FITS[name]()
    again = read_fit(written(fit, tmp_path))
    for field in ("law", "metric", "unit", "chance", "noise_sd", "pools", "weights", "misfit", "seed_sd", "rmse", "reach",
                  "reports", "shared", "dropped_rows", "notes", "warnings"):  # fmt: skip
        assert getattr(again, field) == getattr(fit, field), field
    what = (
        "pool",
        "unique_samples",
        "samples_seen",
        "error",
        "run",
        "run_key",
        "rank",
        "weights",
        "pool_sizes",
        "exposure",
    )
    for name_ in what:
        assert [getattr(row, name_) for row in again.rows] == [getattr(row, name_) for row in fit.rows], name_


@pytest.mark.parametrize("name", FITS)
def test_a_fit_written_twice_is_the_same_file(name, tmp_path):
    path = written(FITS[name](), tmp_path)
    write_fit(read_fit(path), tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()


def test_version_1_is_refused_with_one_sentence(tmp_path):
    path = written(tmars(), tmp_path)
    path.write_text(json.dumps({**json.loads(path.read_text()), "version": 1}))
    with pytest.raises(
        FileFormatError,
        match=r"is a thresher-fit file of version 1; this release reads version 2. Make it again",
    ):
        read_fit(path)
    assert FIT_VERSION == 2


def damaged(change):
    document = {"format": "thresher-fit", "version": FIT_VERSION, **deepcopy(fit_document(tmars()))}
    change(document)
    return document


def _set(*path, value):
    def change(document):
        for part in path[:-1]:
            document = document[part]
        document[path[-1]] = value

    return change


def _without(*path):
    def change(document):
        for part in path[:-1]:
            document = document[part]
        del document[path[-1]]

    return change


DAMAGE = {
    "chance of a fraction above 1": (
        _set("chance", value=1e12),
        "chance is 1000000000000.0, which should be at most 1",
    ),
    "noise beyond all errors": (_set("noise_sd", value=1e300), "noise of a fraction is at most 1"),
    "a loss with a chance": (
        _set("unit", value="loss"),
        "a fraction has a chance level, and a loss has none",
    ),
    "an error above 1": (_set("rows", 0, "error", value=1.5), "an error of a fraction is at most 1"),
    "a row without its size": (
        _without("rows", 0, "unique_samples"),
        "rows[0].unique_samples is missing",
    ),
    "an unknown column": (
        _set("rows", 0, "colour", value="red"),
        "rows[0].colour is no part of such a file",
    ),
    "no rows": (_set("rows", value=[]), "rows is empty"),
    "a pool twice": (_set("pools", 1, "pool", value="top_0_10"), "pool 'top_0_10' appears twice"),
    "an unknown kernel": (
        lambda d: d["draws"].update(linear=d["draws"].pop("muennighoff")),
        "there is no kernel 'linear'",
    ),
    "weights of kernels": (
        _set("draws", "muennighoff", "weight", value=0.7),
        "weights of the kernels do not sum to 1",
    ),
    "a draw cut short": (
        _set("draws", "muennighoff", "values", 3, value=[0.1]),
        "does not have one number for each parameter",
    ),
    "a draw that is no number": (
        _set("draws", "muennighoff", "values", 3, 0, value=None),
        "draws.muennighoff.values[3][0] is null, which should be a number",
    ),
    "other parameters": (_set("parameters", 0, value="mood"), "parameters are not level, floor"),
    "a half-life of 0": (_set("draws", "muennighoff", "values", 2, -1, value=0.0), "must be positive"),
    "a floor above guessing": (
        _set("draws", "muennighoff", "values", 2, 1, value=2.0),
        "must lie between 0 and 0.999",
    ),
    "a report of another pool": (_set("reports", 0, "pool", value="z"), "pool 'z' is not among the pools"),
    "an unknown verdict": (_set("reports", 0, "findings", value=[["BAD", "x"]]), "there is no verdict 'BAD'"),
    "too few shares": (_set("reach", "largest_shares", value=[1.0]), "largest_shares has 1 entries for"),
    "no largest run": (_set("reference", "largest_run", value=None), "reference.largest_run is missing"),
    "a list for an object": (_set("reach", value=[]), "reach is [], which should be an object"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_file_is_refused_with_what_is_wrong_in_it(name, tmp_path):
    change, message = DAMAGE[name]
    path = tmp_path / "fit.json"
    path.write_text(json.dumps(damaged(change)))
    with pytest.raises(FileFormatError) as caught:
        read_fit(path)
    assert message in str(caught.value)
    assert "make it again with `thresher fit RUNS -o FIT`" in str(caught.value)


def test_every_part_of_the_file_is_needed_or_has_one_meaning_without(tmp_path):
    """A key that is cut out is refused, or nothing that is predicted changes."""
    whole = damaged(lambda document: None)
    expected = predict_mixture(tmars(), ["top_0_10"], BUDGETS)
    path = tmp_path / "fit.json"
    kept = []
    for key in set(whole) - {"format", "version"}:
        path.write_text(json.dumps({name: value for name, value in whole.items() if name != key}))
        try:
            again = read_fit(path)
        except FileFormatError:
            continue
        kept.append(key)
        assert [one.error for one in predict_mixture(again, ["top_0_10"], BUDGETS)] == [
            one.error for one in expected
        ]
    assert set(kept) <= {"priors", "parts", "part_weights", "worst"}  # for people, and for blends of metrics


@pytest.mark.parametrize("end", [0, 1, 200, -2])
def test_a_file_that_was_cut_short_is_refused(end, tmp_path):
    path = written(tmars(), tmp_path)
    path.write_text(path.read_text()[:end])
    with pytest.raises(FileFormatError, match=r"is damaged: .* is not whole JSON"):
        read_fit(path)


def test_a_folder_is_no_place_for_a_fit(tmp_path):
    with pytest.raises(InputError, match="is a folder"):
        write_fit(tmars(), tmp_path)


def test_a_pool_that_never_repeats_is_null_in_the_file_and_without_end_when_read(tmp_path):
    path = written(swarm(), tmp_path)
    assert [pool["unique_samples"] for pool in json.loads(path.read_text())["pools"]] == [1e7, 4e7, None]
    assert read_fit(path).pools[2].unique_samples == float("inf")


def test_a_fit_of_two_exposures_keeps_how_each_run_drew_samples(tmp_path):
    rows = measured(
        true_law(2), together(singles(2, (1, 3, 9)), settings([[0.5, 0.5]], 12.8e6, 64e6)), noise=0.01
    ).rows
    rows = (*rows[:3], *(replace(row, exposure="resampled") for row in rows[3:]))
    fit = fit_law(RunTable(rows, "mixed"), draws=0)
    assert [row.exposure for row in read_fit(written(fit, tmp_path)).rows] == [
        row.exposure for row in fit.rows
    ]
