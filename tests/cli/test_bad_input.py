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
DEFAULT = []
PAPER = ["--law", "paper"]
ONE_KERNEL = ["--kernel", "utility"]
LAWS = pytest.mark.parametrize("law", [DEFAULT, PAPER, ONE_KERNEL], ids=["default", "paper", "one kernel"])


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


@LAWS
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
        (changed("samples_seen", "1e30"), "row 9: samples_seen is 1e30"),
        (changed("unique_samples", "6400000"), "unique_samples of pool 'b' is 6,400,000, but 12,800,000 in"),
        ([*GOOD, GOOD[7]], "both give x_error of one run of pool 'b' at 25.6M samples seen"),
        (changed("metric", "x_accuracy"), "metric 'x_accuracy' ends in neither _error nor _loss"),
        (changed("metric", "y_error"), "has 2 metrics: x_error, y_error. Choose one with --metric"),
        (changed("rank", "best"), "rank 'best' is not a number; write a whole number such as 1"),
        ([], "has a header but no rows"),
        (
            GOOD[:1],
            "The table has runs at 1 different settings (pools, weights, samples_seen); a fit needs at least 3",
        ),
        (GOOD[:2], "The table has runs at 2 different settings"),
        (
            [",".join([*row.split(",")[:4], "0.5", "1"]) for row in GOOD[:6]],
            "The error is 0.5 in every run; a law needs runs whose error changes",
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
        (["--law", "ensemble"], "There is no law 'ensemble'; laws are default and paper."),
        (["--law", "paper", "--kernel", "linear"], "There is no kernel 'linear'"),
        (
            ["--mixing", "sample_worth"],
            "--mixing is gone: how pools mix is a parameter now. Fix it with --power",
        ),
        (["--mixing", "utility_mean"], "or use --law paper for the mean of utilities"),
        (["--power", "0"], "power is 0; it lies between 0.05 and 4"),
        (["--power", "4.1"], "power is 4.1; it lies between 0.05 and 4"),
        (["--law", "paper", "--power", "1"], "The paper's law has no mixing power"),
        (["--floor", "0.6"], "The floor is 0.6, but the least measured error is 0.5956"),
        (["--floor", "0.5837"], "lies below 0.98 times that. Give a floor below 0.5837"),
        (["--law", "paper", "--floor", "0.57"], "lies below 0.95 times that. Give a floor below 0.5658"),
        (["--floor", "-0.1"], "floor is -0.1; the irreducible error is 0 or more"),
        (["--floor", "none"], "--floor is 'none', not a number"),
        (["--kappa", "-1"], "kappa is -1; it lies between 0"),
        (["--kappa", "nan"], "--kappa is 'nan', not a number"),
        (["--kappa", "3.1"], "kappa is 3.1; it lies between 0 and 3"),
        (["--onset", "0"], "onset is 0; it must be positive"),
        (["--amplitude", "0.5"], "The default law has no amplitude"),
        (["--law", "paper", "--amplitude", "0.2"], "Give an amplitude above 0.8"),
        (["--law", "paper", "--amplitude", "-1"], "amplitude is -1; it must be positive"),
        (["--chance", "0.7"], "chance is 0.7, but errors reach 0.9"),
        (["--chance", "99.9"], "chance is 99.9; it is the error of guessing, a fraction such as 0.999"),
        (["--from-epoch", "-1"], "from_epoch is -1; give 0 or more epochs"),
        (["--law", "paper", "--seed", "-1"], "seed is -1"),
        (["--seed", "-1"], "seed is -1"),
        (["--seed", "one"], "Invalid value for '--seed'"),
        (["--loss", "huber"], "No such option: --loss"),
        (["--unit", "percent"], "--unit is 'percent'; it can be fraction or loss"),
        (["--unit", "loss"], "--unit loss contradicts x_error"),
        (["--where", "pool = z"], "none of its 18 rows passes --where 'pool = z'"),
        (["--where", "__import__('os')"], "--where: there is no function __import__; there are length(text)"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_flag_that_cannot_be_right_is_refused(flags, message, tmp_path, capsys):
    said = refusal(["fit", table(tmp_path), *flags, "-o", tmp_path / "fit.json"], capsys, tmp_path)
    assert message in said


def test_an_output_that_cannot_be_written_is_refused(tmp_path, capsys):
    path = table(tmp_path)
    missing = tmp_path / "nowhere" / "fit.json"
    assert "no such folder" in refusal(["fit", path, *ONE_KERNEL, "-o", missing], capsys, tmp_path)
    assert "is a folder" in refusal(["fit", path, *ONE_KERNEL, "-o", tmp_path], capsys, tmp_path)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A FIT file of the published runs."""
    folder = tmp_path_factory.mktemp("fitted")
    write_runs(load_example("datacomp_medium_tmars"), folder / "runs.csv")
    assert run(["fit", str(folder / "runs.csv"), *ONE_KERNEL, "-o", str(folder / "fit.json"), "--quiet"]) == 0
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
        ([*PREDICT, "--unique-samples", "1B"], "1 values of --unique-samples for 2 pools"),
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


def draws_with(content, change):
    document = json.loads(content)
    change(document["draws"]["utility"])
    return json.dumps(document)


def first_value(column, value):
    def change(draws):
        draws["values"][0][column] = value

    return change


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
        (lambda text: edited(text, draws={}), "a fit has draws"),
        (lambda text: edited(text, draws="none"), "draws"),
        (lambda text: edited(text, version=1), "of version 1; this release reads version 2"),
        (lambda text: edited(text, law="ensemble"), "law"),
        (lambda text: edited(text, parameters=["level"]), "parameters are not level, floor"),
        (lambda text: edited(text, chance=1e12), "chance"),
        (lambda text: edited(text, noise_sd=1e300), "the noise of a fraction is at most 1"),
        (lambda text: edited(text, noise_sd=-1), "noise_sd"),
        (lambda text: edited(text, pools=[]), "pools"),
        (lambda text: edited(text, rows=[]), "rows"),
        (lambda text: edited(text, unit="furlongs"), "unit"),
        (
            lambda text: edited(text, draws={"linear": json.loads(text)["draws"]["utility"]}),
            "there is no kernel 'linear'",
        ),
        (
            lambda text: draws_with(text, lambda d: d.update(weight=0.5)),
            "the weights of the kernels do not sum to 1",
        ),
        (
            lambda text: draws_with(text, lambda d: d["values"][3].pop()),
            "does not have one number for each parameter",
        ),
        (lambda text: draws_with(text, lambda d: d.update(values=[])), "values"),
        (lambda text: draws_with(text, first_value(2, -1.0)), "exponent"),
        (lambda text: draws_with(text, first_value(-1, 0.0)), "half_life"),
        (lambda text: draws_with(text, first_value(-1, "long")), "draws.utility.values"),
        (
            lambda text: text.replace('"noise_sd":', '"noise_sd":NaN,"was":'),
            "holds NaN, which is not a number",
        ),
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


@LAWS
def test_one_pool_alone_is_fitted(law, tmp_path, capsys):
    with warnings.catch_warnings():
        assert run(["fit", str(table(tmp_path, GOOD[:6])), *law, "--json", "--quiet"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [pool["pool"] for pool in answer["pools"]] == ["a"]
    assert math.isfinite(answer["rmse"])


JOINT = f"{HEADER},weights"


def joint(weights, sizes="1e6+1e6", budgets=(1, 2, 3, 4)):
    return [f'a+b,{sizes},{k}e6,x_error,{0.8 - 0.05 * k},,"{weights}"' for k in budgets]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (joint("0,0"), "row 2: Mixture weights sum to 0, not 1: a=0, b=0"),
        (joint("0.3,0.3"), "row 2: Mixture weights sum to 0.6, not 1"),
        (joint("nan,1"), "Mixture weights must lie in [0, 1]"),
        (joint("0.5,0.5"), "All runs train on the same mixture of 2 pools, so nothing tells the pools apart"),
        (joint("1,0"), "All runs train on the same mixture of 2 pools"),
        (joint("0.4,0.6", "0+1e6"), "unique_samples is 0"),
        (
            [*joint("0.4,0.6", "1e6", [1, 2]), *joint("0.6,0.4", "1e6", [3, 4])],
            "Nothing tells the size of 'a', 'b'. Give unique_samples of the joint runs as a list",
        ),
        (
            [f"{row}," for row in GOOD] + ['a+zzz,inf,64000000,x_error,0.7,,"0.5,0.5"'],
            "Nothing tells the size of 'zzz'",
        ),
    ],
)
def test_joint_runs_that_tell_nothing_apart_are_refused(rows, message, tmp_path, capsys):
    said = refusal(["fit", table(tmp_path, rows, JOINT), "-o", tmp_path / "fit.json"], capsys, tmp_path)
    assert message in said


def test_weights_that_were_rounded_are_rescaled(tmp_path, capsys):
    rows = [*joint("0.333,0.663", budgets=[1, 2]), *joint("0.67,0.333", budgets=[3, 4])]
    assert run(["fit", str(table(tmp_path, rows, JOINT)), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["pools"]) == 2


def test_accuracies_in_the_error_column_are_refused_with_the_remedy(tmp_path, capsys):
    rows = [
        ",".join([*row.split(",")[:4], f"{1 - float(row.split(',')[4]):.4f}", row.split(",")[5]])
        for row in GOOD
    ]
    said = refusal(["fit", table(tmp_path, rows)], capsys, tmp_path)
    assert "rises with samples_seen in 3 of 3 pools" in said
    assert "replace each value by 1 - error" in said


@pytest.mark.parametrize("command", ["fit", "plan"])
def test_ranks_against_the_measured_order_are_the_first_line_that_a_person_reads(command, tmp_path, capsys):
    reverse = {"1": "3", "2": "2", "3": "1"}
    rows = [",".join([*row.split(",")[:5], reverse[row.split(",")[5]]]) for row in GOOD]
    fit = str(tmp_path / "fit.json")
    assert run(["fit", str(table(tmp_path, rows)), "-o", fit]) == 0
    printed = capsys.readouterr()
    if command == "plan":
        assert run(["plan", fit, "--budget", "64M"]) == 0
        printed = capsys.readouterr()
        assert "Ranks contradict the runs" in printed.err.splitlines()[0]
    assert (
        "Ranks contradict the runs: c (rank 1) has a larger error than a (rank 3)"
        in printed.out.splitlines()[0]
    )


@pytest.mark.parametrize("law", [DEFAULT, PAPER], ids=["default", "paper"])
@pytest.mark.parametrize("scale", [1e-99, 1e-9, 1e9, 3e98])
def test_losses_of_any_size_get_a_finite_answer_from_every_command(scale, law, tmp_path, capsys):
    rows = [
        f"{pool},1000000,{1_000_000 * e},x_loss,{scale * (2 + worse * e**-0.3)!r},{rank}"
        for rank, (pool, worse) in enumerate([("a", 0.7), ("b", 0.8)], start=1)
        for e in (1, 2, 4, 8)
    ]
    fit = str(tmp_path / "fit.json")
    commands = (
        ["fit", str(table(tmp_path, rows)), *law, "-o", fit],
        ["plan", fit, "--budget", "20M"],
        ["next", fit, "--budget", "20M"],
        ["frontier", fit],
        ["predict", fit, "--pools", "a+b", "--samples-seen", "20M"],
    )
    for command in commands:
        assert run([*command, "--json"]) == 0
        printed = capsys.readouterr()
        assert "RuntimeWarning" not in printed.err
        json.loads(printed.out, parse_constant=pytest.fail)


@pytest.mark.parametrize("error", ["1e-300", "1e-9", "1e12"])
def test_standard_errors_of_any_size_get_a_finite_answer(error, tmp_path, capsys):
    path = table(tmp_path, [f"{row},{error}" for row in GOOD], f"{HEADER},standard_error")
    assert run(["fit", str(path), "--json"]) == 0
    json.loads(capsys.readouterr().out, parse_constant=pytest.fail)


@pytest.mark.parametrize("name", ["[/b]", "[red]", ":smile:", "a b", "größe"])
def test_names_of_pools_are_printed_as_they_are(name, tmp_path, capsys):
    path, fit = (
        table(tmp_path, [row.replace("a,", f"{name},", 1) for row in GOOD]),
        str(tmp_path / "fit.json"),
    )
    for command in (
        ["fit", str(path), "-o", fit],
        ["plan", fit, "--budget", "64M"],
        ["next", fit, "--budget", "64M"],
        ["frontier", fit],
        ["predict", fit, "--pools", f"{name}+b", "--samples-seen", "64M"],
    ):
        assert run(command) == 0
        shown = capsys.readouterr().out
        assert name in shown
        assert max(map(len, shown.splitlines())) <= 100


def test_losses_out_of_range_are_refused_with_their_row(tmp_path, capsys):
    for error, shown in (("1e300", "1e300"), ("1e-300", "10^-300")):
        rows = ["a,1000000,1000000,x_loss,2.0,1", f"a,1000000,2000000,x_loss,{error},1"]
        said = refusal(["fit", table(tmp_path, rows)], capsys, tmp_path)
        assert f"row 3: error {shown} is out of range" in said


@pytest.mark.parametrize("budget", ["1", "1e18"])
def test_tiny_and_huge_budgets_get_a_finite_answer(budget, fitted, capsys):
    for command in (
        ["plan", str(fitted), "--budget", budget, "--pool-size", "1B", "--max-epochs", "1e18"],
        ["next", str(fitted), "--budget", budget, "--max-epochs", "1e18"],
        ["predict", str(fitted), *PREDICT[:2], "--samples-seen", budget],
    ):
        assert run([*command, "--json"]) == 0
        json.loads(capsys.readouterr().out, parse_constant=pytest.fail)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--target", "0"], "--target is 0; an error of this fit"),
        (["--target", "0.05"], "No candidate reaches 0.05 with probability 0.5 within 100 epochs"),
        (["--target", "0.7", "--probability", "1"], "--probability is 1; it must lie between 0 and 1"),
        (
            ["--budget", "64M", "--pools", "top_0_10+random_quarter_of_top_40"],
            "has no rank and is no candidate",
        ),
        (["--budget", "64M", "--storage", "1M"], "at least 12.8M unique samples, more than --storage of 1M"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_more_plans_that_cannot_be_made_are_refused(flags, message, fitted, tmp_path, capsys):
    assert message in refusal(["plan", fitted, *flags, "-o", tmp_path / "plan.json"], capsys, tmp_path)
