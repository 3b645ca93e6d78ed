"""Bounds that no answer passes: repetition, guessing, limits that contradict each other, budgets that are none."""

import csv
import json

import pytest

from made_fits import example_fit, made_fit, one_law
from thresher import write_fit
from thresher.cli.app import run

TOO_OFTEN = 100 * (1 + 1e-6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """FIT files: published buckets, another metric of them, small ranked pools, small domains."""
    path = tmp_path_factory.mktemp("fits")
    write_fit(example_fit(), path / "fit.json")
    law = one_law([1.0, 0.5, 0.3], [[8.0] * 3, [12.0] * 3], floor=0.2)
    write_fit(made_fit([50e3, 200e3, 5e6], law), path / "small.json")
    loss = one_law([1.0, 0.9, 0.8], [[8.0] * 3, [12.0] * 3], chance=None, floor=2.0)
    write_fit(made_fit([1e6, 1e6, 2e6], loss, ranked=False), path / "domains.json")
    return path


def answered(words, folder, capsys):
    capsys.readouterr()
    status = run([word.replace("@", f"{folder}/") for word in words.split()])
    printed = capsys.readouterr()
    assert status == 0, printed.err
    return json.loads(printed.out), printed.err


def refused(words, folder, capsys):
    capsys.readouterr()
    assert run([word.replace("@", f"{folder}/") for word in words.split()]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1
    return printed.err.removeprefix("Error: ").strip()


def passes(choice):
    return max(choice["epochs"])


def test_2560_epochs_is_no_candidate(folder, capsys):
    """128M samples are 2,560 passes over the best pool: the verdict says that a limit decided."""
    (plan,) = answered("plan @small.json --budget 128M --json", folder, capsys)[0]["plans"]
    for choice in (plan["best"], plan["mixture"], *plan["candidates"]):
        assert passes(choice) <= TOO_OFTEN
    (wide,) = answered("plan @small.json --budget 128M --max-epochs 3000 --json", folder, capsys)[0]["plans"]
    assert max(passes(choice) for choice in wide["candidates"]) == pytest.approx(2560)
    assert "limit" not in wide["verdict"]


def test_the_verdict_says_that_a_limit_decided(folder, capsys):
    """Where the best choice of all is left out, its label, its passes and the flag are named."""
    (plan,) = answered(
        "plan @fit.json --budget 6.4B --max-epochs 200 --never top_30_40 --json", folder, capsys
    )[0]["plans"]
    free = answered("plan @fit.json --budget 640M --json", folder, capsys)[0]["plans"][0]
    held = answered("plan @fit.json --budget 640M --max-epochs 13 --json", folder, capsys)[0]["plans"][0]
    assert passes(plan["best"]) <= 200 * (1 + 1e-6)
    assert free["best"]["pools"] != held["best"]["pools"]
    label = " + ".join(free["best"]["pools"])
    assert (
        f"A limit decided this: {label} is predicted to be better, but passes 16.7 times over a pool, more than --max-epochs 13."
        in held["verdict"]
    )
    assert "limit" not in free["verdict"]


def test_a_limit_on_pools_that_decides_is_said_too(folder, capsys):
    """The same sentence for --at-most."""
    (plan,) = answered("plan @fit.json --budget 640M --at-most 2 --json", folder, capsys)[0]["plans"]
    assert "A limit decided this: " in plan["verdict"]
    assert "holds 3 pools, more than --at-most 2 allows." in plan["verdict"]


def test_a_mixture_that_passes_hold_back_says_so(folder, capsys):
    """Shares that only the limit on passes holds down are named, whether the limit is asked for or not."""
    (plan,) = answered("plan @small.json --budget 20M --max-epochs 10 --json", folder, capsys)[0]["plans"]
    assert passes(plan["mixture"]) == pytest.approx(10)
    assert "A limit decided this: p0 would get a larger share" in plan["mixture_verdict"]
    assert plan["mixture_verdict"].endswith("but no pool is repeated more often than --max-epochs 10.")
    (plan,) = answered("plan @small.json --budget 128M --json", folder, capsys)[0]["plans"]
    assert passes(plan["mixture"]) <= TOO_OFTEN


def test_domains_that_none_alone_lasts_are_taken_together(folder, capsys):
    """Where no pool is ranked and each alone wears out, all of them together are a candidate."""
    (plan,) = answered("plan @domains.json --budget 300M --json", folder, capsys)[0]["plans"]
    assert plan["best"]["pools"] == ["p0", "p1", "p2"]
    assert passes(plan["best"]) <= TOO_OFTEN
    assert passes(plan["mixture"]) <= TOO_OFTEN


def test_a_frontier_ends_where_everything_is_worn_out(folder, capsys):
    """Points are never beyond the limit, and standard error says why they end."""
    found, said = answered("frontier @fit.json --from 1B --to 64B --json", folder, capsys)
    assert found["points"][-1]["samples_seen"] < 51.2e6 * TOO_OFTEN
    sizes = dict.fromkeys(("top_0_10", "top_10_20", "top_20_30", "top_30_40"), 12800000.0)
    for point in found["points"]:
        assert point["samples_seen"] / sum(sizes[name] for name in point["pools"]) <= TOO_OFTEN
    assert "The frontier ends at" in said
    assert "unless --max-epochs says otherwise" in said
    longer, said = answered("frontier @fit.json --from 1B --to 64B --max-epochs 2000 --json", folder, capsys)
    assert longer["points"][-1]["samples_seen"] == pytest.approx(64e9)
    assert "ends" not in said


def test_next_runs_and_what_they_are_for_repeat_no_pool_too_often(folder, capsys):
    """Four times the longest run would be 10,240 passes over the small pool."""
    found, _ = answered("next @small.json --budget 128M --json", folder, capsys)
    for one in found["runs"]:
        assert one["samples_seen"] <= TOO_OFTEN * one["unique_samples"]
    assert "every choice repeats a pool more often" in refused(
        "next @small.json --budget 64B", folder, capsys
    )


def test_several_metrics_take_every_limit(folder, capsys):
    """--also with the limits, the exposure and the target that were refused or ignored before."""
    words = "plan @fit.json --also @fit.json --json"
    limits = (
        "--max-epochs 6 --at-most 3 --max-share 0.6 --never top_30_40 --exposure resampled --pool-size 128M"
    )
    found, said = answered(f"{words} --budget 128M {limits}", folder, capsys)
    (plan,) = found["plans"]
    for choice in (*plan["candidates"], plan["mixture"]):
        assert passes(choice) <= 6 * (1 + 1e-9)
        assert "top_30_40" not in choice["pools"]
    assert max(plan["mixture"]["weights"]) <= 0.6 + 1e-9
    assert {rule["name"] for rule in plan["baselines"]} >= {"keep 30 %", "copy the nearest runs"}
    assert any("the plan is for resampled" in text for text in found["warnings"])
    assert "every kernel uses its own form" in said
    assert len(plan["metrics"]) == 2
    (reached,) = answered(f"{words} --target 0.7", folder, capsys)[0]["plans"]
    assert reached["best"]["error"] < 0.71
    assert "2,560" not in said


def test_several_metrics_are_as_sure_as_one(folder, capsys):
    """The same metric twice has the choice, the error and the interval of a plan of its own."""
    (alone,) = answered("plan @fit.json --budget 64M --json", folder, capsys)[0]["plans"]
    (both,) = answered("plan @fit.json --also @fit.json --budget 64M --json", folder, capsys)[0]["plans"]
    assert both["best"]["pools"] == alone["best"]["pools"]
    for key in ("error", "low", "high"):
        assert both["best"][key] == pytest.approx(alone["best"][key], abs=2e-3)


REFUSED = [
    ("--budget 0", "--budget is 0"),
    ("--budget -5", "--budget is -5"),
    ("--budget nan", "--budget is 'nan', not a number"),
    ("--budget 1e300", "--budget is 1e300"),
    ("--budget 1e999", "--budget is '1e999', which is too large"),
    ("--flops 0 --flops-per-sample 1e9", "--flops is 0; it must be positive"),
    ("--flops -1 --flops-per-sample 1e9", "--flops is -1; it must be positive"),
    ("--flops 1e300 --flops-per-sample 1e9", "training takes between 1 and 10^18"),
    ("--flops 1e-300 --flops-per-sample 1e9", "training takes between 1 and 10^18"),
    ("--flops 1e18 --flops-per-sample 0", "--flops-per-sample is 0; it must be positive"),
    ("--gpu-hours 0 --samples-per-second 9", "--gpu-hours is 0; it must be positive"),
    ("--gpu-hours nan --samples-per-second 9", "--gpu-hours is 'nan', not a number"),
    ("--gpu-hours 1e300 --samples-per-second 1e9", "training takes between 1 and 10^18"),
    ("--gpu-hours 1e300 --samples-per-second 1e300", "training takes between 1 and 10^18"),
    ("--cost -3 --rate 2 --samples-per-second 9", "--cost is -3; it must be positive"),
    ("--cost 5 --rate 1e-300 --samples-per-second 1e300", "training takes between 1 and 10^18"),
    ("--passes-over-pool 0 --pool-size 128M", "--passes-over-pool is 0; it must be positive"),
    ("--target 0", "--target is 0; an error of this fit"),
    ("--target -1", "--target is -1; an error of this fit"),
    ("--target nan", "--target is 'nan', not a number"),
    ("--target 1e300", "--target is 1e+300; an error of this fit"),
    ("--target 1e-300", "No candidate reaches 1e-300"),
    ("--target 0.6 --max-epochs 0", "--max-epochs is 0; it must be positive"),
    ("--budget 64M --max-epochs 0", "--max-epochs is 0; it must be positive"),
    ("--budget 64M --max-epochs -2", "--max-epochs is -2; it must be positive"),
    ("--budget 64M --max-epochs nan", "--max-epochs is 'nan', not a number"),
    ("--budget 64M --max-epochs 1e-300", "every candidate needs at least 1.25 epochs, more than --max-epochs 1e-300"),
    ("--budget 64M --pool-size 1M", "--pool-size is 1e+06, but the ranked pools hold"),
    ("--budget 64M --must nothing", "There is no pool 'nothing' in this fit"),
    ("--budget 64M --never nothing", "There is no pool 'nothing' in this fit"),
    ("--budget 64M --max-share nothing=0.5", "There is no pool 'nothing' in this fit"),
    ("--budget 64M --must top_0_10 --never top_0_10", "'top_0_10' is both in --must and in --never"),
    ("--budget 64M --min-share top_0_10=0.5 --max-share top_0_10=0.3", "--min-share of top_0_10, 0.5, and --max-share, 0.3,"),
    ("--budget 64M --min-share 0.5", "--min-share need"),
    ("--budget 64M --max-share 0.1", "Within --max-share there is room for 0.4"),
    ("--budget 64M --at-most 0", "--at-most is 0; a mixture has at least 1 pool"),
    ("--budget 64M --storage 5", "every candidate needs at least 12.8M unique samples, more than --storage of 5"),
    ("--budget 32.768B", "every candidate needs at least 640 epochs, more than the 100 that are allowed"),
    ("--budget 64M --also @small.json", "differ in pool"),
    ("--budget 64M --metric-weights 1,0", "Several metrics need several fits"),
    ("--budget 64M --also @fit.json --metric-weights 0.5,0.6", "sum to 1.1, not 1"),
    ("--budget 64M --also @fit.json --metric-weights nan,1", "--metric-weights is 'nan', not a number"),
    ("--budget 64M --also @fit.json --metric-weights 0.5,0.5 --worst-case", "exclude each other"),
    ("--budget 64M --probability 0.5 --cost 5", "Give exactly one of"),
]  # fmt: skip


@pytest.mark.parametrize(("flags", "message"), REFUSED)
def test_budgets_and_limits_that_cannot_be_are_one_sentence(folder, capsys, flags, message):
    """Nothing computed, no traceback, and the flag that is wrong."""
    assert message in refused(f"plan @fit.json {flags}", folder, capsys)


def table(path, rows):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["pool", "unique_samples", "samples_seen", "metric", "error", "weights", "rank"])
        writer.writerows(rows)
    return path


@pytest.mark.parametrize("ranked", [False, True])
def test_a_backtest_of_endless_pools_scores_their_joint_runs(tmp_path, capsys, ranked):
    """Pools that never repeat have no union in proportion to size; nothing asks for one."""
    rows = [
        [pool, "inf", n * 10**9, "x_loss", round(2 + (1 + 0.2 * i) * n**-0.3, 4), "", i + 1 if ranked else ""]
        for i, pool in enumerate("abc")
        for n in (1, 2, 4, 8)
    ]
    rows += [["a+b", "inf", n * 10**9, "x_loss", round(2 + 1.05 * n**-0.3, 4), "0.5,0.5", ""] for n in (2, 4)]
    path = table(tmp_path / "runs.csv", rows)
    found, _ = answered(f"backtest {path} --json --quiet", tmp_path, capsys)
    assert found["laws"][0]["picks"] == 2
    assert not any("before one epoch" in note for note in found["notes"])


def test_a_backtest_of_three_runs_says_once_what_is_missing(tmp_path, capsys):
    """One warning instead of a refusal for each way of holding out; advice that was not followed already."""
    rows = [["a", 10**6, n * 10**6, "x_loss", 3 - n / 10, "", 1] for n in (1, 2, 4)]
    found, _ = answered(f"backtest {table(tmp_path / 'runs.csv', rows)} --json --quiet", tmp_path, capsys)
    assert not any("Not held out" in note for note in found["notes"])
    assert [text for text in found["warnings"] if "at least 4 in all" in text]


def test_two_digit_weights_are_shares(tmp_path, capsys):
    """0.33 three times is 0.99, to which floating point adds nothing."""
    rows = [
        [pool, 10**6, n * 10**6, "x_loss", 3 - n / 10 + i / 20, "", i + 1]
        for i, pool in enumerate("abc")
        for n in (1, 2, 4)
    ]
    rows += [["a+b+c", "1000000+1000000+1000000", 3 * 10**6, "x_loss", 2.8, "0.33,0.33,0.33", ""]]
    path = table(tmp_path / "runs.csv", rows)
    assert run(["fit", str(path), "-o", str(tmp_path / "fit.json"), "--quiet"]) == 0
    words = f"predict {tmp_path}/fit.json --pools a+b+c --weights 0.33,0.33,0.33 --samples-seen 3M --json"
    assert answered(words, tmp_path, capsys)[0]["predictions"][0]["weights"] == pytest.approx([1 / 3] * 3)
