"""Wrong input gets one sentence on standard error and status 2, and leaves no file behind."""

import json
import math
import warnings

import pytest

from thresher.cli.app import run
from thresher.examples import load_example
from thresher.runs import write_runs

HEADER = "pool,unique_samples,samples_seen,metric,error,rank"
GOOD = [
    f"{pool},12800000,{12_800_000 * epochs},x_error,{round(0.1 + worse * epochs**-0.15, 4)},{rank}"
    for rank, (pool, worse) in enumerate([("a", 0.7), ("b", 0.75), ("c", 0.8)], start=1)
    for epochs in (1, 2, 4, 6, 8, 10)
]
ONE_LAW = ["--kernel", "utility"]
ENSEMBLE = []


def refusal(arguments, capsys, folder):
    """The sentence with which a command refuses; nothing else may come of it."""
    before = sorted(folder.rglob("*"))
    status = run([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    assert status == 2, printed.err
    assert printed.out == ""
    lines = printed.err.splitlines()
    assert len(lines) == 1, printed.err
    assert lines[0].startswith("Error: ")
    assert "Traceback" not in lines[0]
    assert sorted(folder.rglob("*")) == before
    return lines[0].removeprefix("Error: ")


def table(folder, rows=GOOD, header=HEADER):
    path = folder / "runs.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def changed(column, value, row=7):
    names = HEADER.split(",")
    cells = GOOD[row].split(",")
    cells[names.index(column)] = value
    return [*GOOD[:row], ",".join(cells), *GOOD[row + 1 :]]


@pytest.mark.parametrize("law", [ONE_LAW, ENSEMBLE], ids=["one law", "ensemble"])
@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            changed("error", "63.2"),
            "row 9: error 63.2 is not a fraction in [0, 1]. If it is percent, divide by 100.",
        ),
        (changed("error", "63.2%"), "Percent is written as a fraction"),
        (changed("error", "nan"), "row 9: error is nan, not a number"),
        (changed("error", "inf"), "row 9: error is inf, not a number"),
        (changed("error", ""), "row 9: error is empty"),
        (
            changed("samples_seen", "-5"),
            "row 9: samples_seen is -5; a number of samples lies between 1 and 10^18",
        ),
        (
            changed("samples_seen", "0"),
            "row 9: samples_seen is 0; a number of samples lies between 1 and 10^18",
        ),
        (changed("unique_samples", "nan"), "row 9: unique_samples is nan"),
        (changed("samples_seen", "1e30"), "row 9: samples_seen is 1e+30"),
        (changed("unique_samples", "6400000"), "unique_samples of pool 'b' is 6,400,000, but 12,800,000 in"),
        ([*GOOD, GOOD[7]], "both give x_error of one run of pool 'b' at 25.6M samples seen"),
        (changed("metric", "x_accuracy"), "metric 'x_accuracy' ends in neither _error nor _loss"),
        (changed("metric", "y_error"), "has 2 metrics: x_error, y_error. Choose one with --metric"),
        (changed("rank", "best"), "rank 'best' is not a number; write a whole number such as 1"),
        ([], "has a header but no rows"),
        (GOOD[:1], "1 runs of 1 pools"),
        (GOOD[:2], "2 runs of 1 pools"),
        (
            [",".join([*row.split(",")[:4], "0.5", "1"]) for row in GOOD[:6]],
            "the error is 0.5 at all 6 values",
        ),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_a_table_that_cannot_be_right_is_refused(rows, message, law, tmp_path, capsys):
    path = table(tmp_path, rows)
    said = refusal(["fit", path, *law, "-o", tmp_path / "fit.json"], capsys, tmp_path)
    assert message in said


def test_several_models_are_refused_with_the_remedy(tmp_path, capsys):
    rows = [f"{row},{model}" for model in ("ViT-B-32", "ViT-L-14") for row in GOOD]
    said = refusal(["fit", table(tmp_path, rows, f"{HEADER},model")], capsys, tmp_path)
    assert (
        "has 2 models: ViT-B-32, ViT-L-14. Choose one with --where, for example --where 'model = ViT-B-32'"
        in said
    )


def test_missing_columns_are_refused_with_what_was_perhaps_meant(tmp_path, capsys):
    path = table(tmp_path, GOOD, HEADER.replace("samples_seen", "samples seen"))
    said = refusal(["fit", path], capsys, tmp_path)
    assert "lacks the required column samples_seen. Perhaps rename 'samples seen' for samples_seen." in said


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty. A run table starts with a header"),
        (bytes(range(256)) * 8, "is a binary file"),
        (f"{HEADER}\nd\u00e9j\u00e0,1,1,x_error,0.5,1\n".encode("latin-1"), "is not UTF-8 text"),
        (f"{HEADER}\n".encode("utf-16"), "is text in UTF-16"),
        (HEADER.replace(",", ";").encode(), "separates its columns with semicolons"),
    ],
    ids=["empty", "binary", "latin-1", "utf-16", "semicolons"],
)
def test_a_file_that_is_no_table_is_refused(content, message, tmp_path, capsys):
    path = tmp_path / "runs.csv"
    path.write_bytes(content)
    assert message in refusal(["fit", path, "-o", tmp_path / "fit.json"], capsys, tmp_path)


def test_a_file_that_is_not_there_is_refused(tmp_path, capsys):
    for command in (["fit"], ["runs", "check"]):
        assert "no such file" in refusal([*command, tmp_path / "missing.csv"], capsys, tmp_path)
    assert "is a folder" in refusal(["fit", tmp_path], capsys, tmp_path)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--metric", "top5_error"], "has no metric 'top5_error'; --metric can be x_error"),
        (["--kernel", "linear"], "There is no kernel 'linear'. Kernels are: fresh, utility"),
        (["--mixing", "median"], "There is no mixing rule 'median'"),
        (["--floor", "0.6"], "The floor is 0.6, but the smallest observed error is 0.59"),
        (["--floor", "-0.1"], "The floor is -0.1, but"),
        (["--floor", "none"], "--floor is 'none', not a number"),
        (["--kappa", "-1"], "kappa is -1; it lies between 0"),
        (["--kappa", "nan"], "--kappa is 'nan', not a number"),
        (["--onset", "0"], "The onset is 0; it must be positive"),
        (["--amplitude", "0.2", "--mixing", "utility_mean"], "Give --amplitude above"),
        (["--amplitude", "-1"], "The amplitude is -1; it must be positive"),
        (["--chance", "99.9"], "chance is 99.9; it is the error of guessing, a fraction such as 0.999"),
        (["--from-epoch", "-1"], "--from-epoch is -1; give 0 or more epochs"),
        (["--from-epoch", "50"], "--from-epoch 50 leaves none"),
        (["--kernel", "utility", "--seed", "-1"], "seed is -1"),
        (["--seed", "-1"], "seed is -1"),
        (["--seed", "one"], "Invalid value for '--seed'"),
        (["--loss", "huber", "--kernel", "utility"], "loss is 'huber'; it is 'linear' or 'soft_l1'"),
        (["--loss", "huber"], "loss is 'huber'; it is 'linear' or 'soft_l1'"),
        (["--unit", "percent"], "--unit is 'percent'; it can be fraction or loss"),
        (["--unit", "loss"], "--unit loss contradicts x_error"),
        (["--where", "pool = z"], "none of its 18 rows passes --where pool = z"),
        (["--where", "__import__('os')"], "--where: cannot read"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_flag_that_cannot_be_right_is_refused(flags, message, tmp_path, capsys):
    said = refusal(["fit", table(tmp_path), *flags, "-o", tmp_path / "fit.json"], capsys, tmp_path)
    assert message in said


def test_an_output_that_cannot_be_written_is_refused(tmp_path, capsys):
    path = table(tmp_path)
    missing = tmp_path / "nowhere" / "fit.json"
    assert "no such folder" in refusal(["fit", path, *ONE_LAW, "-o", missing], capsys, tmp_path)
    assert "is a folder" in refusal(["fit", path, *ONE_LAW, "-o", tmp_path], capsys, tmp_path)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A FIT file of the published runs."""
    folder = tmp_path_factory.mktemp("fitted")
    write_runs(load_example("datacomp_medium_tmars"), folder / "runs.csv")
    assert run(["fit", str(folder / "runs.csv"), *ONE_LAW, "-o", str(folder / "fit.json"), "--quiet"]) == 0
    return folder / "fit.json"


PREDICT = ["--pools", "top_0_10+top_10_20", "--samples-seen", "64M"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ["--pools", "top_0_10+top_50", "--samples-seen", "64M"],
            "There is no pool 'top_50' in this fit. It has: top_0_10",
        ),
        (["--pools", "top_0_10+top_0_10", "--samples-seen", "64M"], "A pool is named twice"),
        (["--pools", "", "--samples-seen", "64M"], "There is no pool ''"),
        (
            ["--pools", "top_0_10+random_quarter_of_top_40", "--samples-seen", "64M"],
            "has no rank and is in no mixture",
        ),
        (
            [*PREDICT, "--weights", "0.6,0.37"],
            "Mixture weights sum to 0.97, not 1: top_0_10=0.6, top_10_20=0.37",
        ),
        ([*PREDICT, "--weights", "1.5,-0.5"], "Mixture weights must lie in [0, 1]"),
        ([*PREDICT, "--weights", "1"], "1 weights for 2 pools"),
        ([*PREDICT, "--weights", "half,half"], "--weights is 'half', not a number"),
        ([*PREDICT, "--weights", ","], "--weights is '', not a number"),
        ([*PREDICT, "--weights", "nan,1"], "--weights is 'nan', not a number"),
        ([*PREDICT, "--unique-samples", "1B"], "1 values of unique_samples for 2 pools"),
        ([*PREDICT, "--unique-samples", "1B,0"], "--unique-samples is 0"),
        (
            ["--pools", "top_0_10", "--samples-seen", "0"],
            "--samples-seen is 0; a number of samples lies between",
        ),
        (["--pools", "top_0_10", "--samples-seen", "-1"], "--samples-seen is -1"),
        (["--pools", "top_0_10", "--samples-seen", "nan"], "--samples-seen is 'nan', not a number"),
        (["--pools", "top_0_10", "--samples-seen", "1e30"], "--samples-seen is 1e30"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_prediction_that_cannot_be_made_is_refused(flags, message, fitted, tmp_path, capsys):
    assert message in refusal(["predict", fitted, *flags], capsys, tmp_path)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--budget", "0"], "--budget is 0; a number of samples lies between 1 and 10^18"),
        (["--budget", "-128M"], "--budget is -128M"),
        (["--budget", "nan"], "--budget is 'nan', not a number"),
        (["--budget", "1e30"], "--budget is 1e30; a number of samples lies between 1 and 10^18"),
        (["--budget", "1e400"], "--budget is '1e400', which is too large for a number"),
        (["--budget", "much"], "--budget is 'much', not a number"),
        ([], "budget"),
        (
            ["--budget", "64M", "--pool-size", "1M"],
            "--pool-size is 1e+06, but the ranked pools hold 5.12e+07",
        ),
        (["--budget", "64M", "--max-epochs", "0"], "--max-epochs is 0; it must be positive"),
        (
            ["--budget", "640M", "--max-epochs", "2"],
            "every candidate needs at least 12.5 epochs, more than --max-epochs 2",
        ),
        (["--budget", "64M", "--must", "top_50"], "There is no pool 'top_50'"),
        (
            ["--budget", "64M", "--must", "top_0_10", "--never", "top_0_10"],
            "is both in --must and in --never",
        ),
        (["--budget", "64M", "--pools", "top_0_10+nothing"], "There is no pool 'nothing'"),
        (["--budget", "64M", "--buckets", "missing.json"], "no such file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_plan_that_cannot_be_made_is_refused(flags, message, fitted, tmp_path, capsys):
    assert message in refusal(["plan", fitted, *flags, "-o", tmp_path / "plan.json"], capsys, tmp_path)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--from", "2B", "--to", "16M"], "--from 2e+09 is not below --to 1.6e+07"),
        (["--from", "0"], "--from is 0"),
        (["--to", "1e30"], "--to is 1e30"),
        (["-o", "chart.bmp"], "a chart is written as .png, .svg, .html, .json"),
        (["-o", "nowhere/chart.png"], "no such folder"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_frontier_that_cannot_be_traced_is_refused(flags, message, fitted, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in refusal(["frontier", fitted, *flags], capsys, tmp_path)


def edited(content, **changes):
    return json.dumps({**json.loads(content), **changes})


def member_with(content, **changes):
    document = json.loads(content)
    document["members"][0].update(changes)
    return json.dumps(document)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[: len(text) // 2], "is not whole JSON"),
        (lambda text: "", "is not whole JSON"),
        (lambda text: "[]", "is not a thresher-fit file"),
        (lambda text: "3", "is not a thresher-fit file"),
        (lambda text: edited(text, version=99), "of version 99; this release reads version"),
        (lambda text: edited(text, version=None), "of version None; this release reads version"),
        (
            lambda text: edited(text, format="thresher-plan"),
            "is not a thresher-fit file (its format is 'thresher-plan')",
        ),
        (lambda text: edited(text, members=[]), "members"),
        (lambda text: edited(text, members="none"), "members"),
        (lambda text: edited(text, noise_sd=-1), "noise_sd"),
        (lambda text: edited(text, pools=[]), "pools"),
        (lambda text: edited(text, rows=[]), "rows"),
        (lambda text: edited(text, unit="furlongs"), "unit"),
        (lambda text: member_with(text, kernel="linear"), "there is no kernel 'linear'"),
        (lambda text: member_with(text, weight=0.5), "the weights of the members do not sum to 1"),
        (lambda text: member_with(text, onset=0.0), "onset"),
        (lambda text: member_with(text, parameters={}), "does not have exactly the pools of the fit"),
        (
            lambda text: text.replace('"noise_sd":', '"noise_sd":NaN,"was":'),
            "holds NaN, which is not a number",
        ),
        (lambda text: text.replace('"half_life":', '"half_life":"long","was":', 1), "half_life"),
    ],
)
def test_a_damaged_fit_file_is_refused(damage, message, fitted, tmp_path, capsys):
    path = tmp_path / "damaged.json"
    path.write_text(damage(fitted.read_text()))
    commands = (["predict", path, *PREDICT], ["plan", path, "--budget", "64M"], ["frontier", path])
    for command in commands:
        said = refusal(command, capsys, tmp_path)
        assert str(path) in said
        assert message in said


def test_a_fit_file_that_is_binary_or_missing_is_refused(tmp_path, capsys):
    path = tmp_path / "fit.json"
    path.write_bytes(bytes(range(256)))
    assert "is not a text file" in refusal(["plan", path, "--budget", "64M"], capsys, tmp_path)
    assert "no such file" in refusal(["plan", tmp_path / "no.json", "--budget", "64M"], capsys, tmp_path)


def test_a_folder_for_the_demo_that_is_a_file_is_refused(tmp_path, capsys):
    path = table(tmp_path)
    assert "is a file; give a folder with -o" in refusal(["demo", "-o", path], capsys, tmp_path)


@pytest.mark.parametrize("law", [ONE_LAW, ENSEMBLE], ids=["one law", "ensemble"])
def test_one_pool_alone_is_fitted(law, tmp_path, capsys):
    with warnings.catch_warnings():
        assert run(["fit", str(table(tmp_path, GOOD[:6])), *law, "--json", "--quiet"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [pool["pool"] for pool in answer["pools"]] == ["a"]
    assert math.isfinite(answer["rmse"])
