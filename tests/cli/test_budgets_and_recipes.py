"""`thresher plan` in any unit, and `thresher recipe`: what they print, refuse and leave unwritten."""

import json
import shlex

import pytest

from made_fits import example_fit
from thresher import write_fit
from thresher.cli.app import run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("plans")
    write_fit(example_fit(), path / "fit.json")
    assert (
        run(
            [
                "plan",
                str(path / "fit.json"),
                "--budget",
                "64M",
                "--budget",
                "128M",
                "-o",
                str(path / "plan.json"),
            ]
        )
        == 0
    )
    return path


def answer(words, folder, capsys):
    capsys.readouterr()
    status = run([word.replace("@", f"{folder}/") for word in shlex.split(words)])
    printed = capsys.readouterr()
    assert status == 0, printed.err
    return json.loads(printed.out)


@pytest.mark.parametrize(
    ("flags", "samples_seen", "unit"),
    [
        ("--flops 2e18 --model ViT-B/32", round(2e18 / (3 * 14.78e9)), "flops"),
        ("--flops 2e18 --flops-per-sample 2e10", 1e8, "flops"),
        ("--passes-over-pool 0.5 --pool-size 128M", 64e6, "passes"),
        ("--gpu-hours 20 --samples-per-second 1000", 72e6, "gpu_hours"),
        ("--gpu-hours 20 --samples-per-second 1000 --scoring-cost 2 --pilot-cost 8", 36e6, "gpu_hours"),
        ("--cost 50 --rate 2.5 --samples-per-second 1000", 72e6, "cost"),
    ],
)
def test_a_budget_in_any_unit_plans_for_the_samples_that_it_buys(folder, capsys, flags, samples_seen, unit):
    (plan,) = answer(f"plan @fit.json {flags} --json --quiet", folder, capsys)["plans"]
    assert plan["samples_seen"] == samples_seen
    assert plan["budget"]["unit"] == unit
    assert {"name", "gain", "low", "high"} == set(plan["compute_gains"][0])


def test_a_target_is_answered_with_the_cheapest_budget(folder, capsys):
    found = answer("plan @fit.json --target 0.68 --probability 0.8 --json --quiet", folder, capsys)
    assert found["target"]["samples_seen"] <= found["plans"][0]["samples_seen"]
    assert found["plans"][0]["best"]["error"] < 0.68


def test_several_metrics_make_a_plan_that_can_be_carried_out(folder, capsys):
    words = (
        "plan @fit.json --also @fit.json --metric-weights 0.7,0.3 --budget 64M -o @both.json --json --quiet"
    )
    (plan,) = answer(words, folder, capsys)["plans"]
    assert [one["weight"] for one in plan["metrics"]] == [0.7, 0.3]
    found = answer("recipe @both.json --for yaml --json --quiet", folder, capsys)
    assert found["weights"] == pytest.approx(plan["best"]["weights"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "plan @fit.json",
            "Give exactly one of --budget, --passes-over-pool, --flops, --gpu-hours, --cost, --target",
        ),
        ("plan @fit.json --budget 1M --cost 5", "this has --budget and --cost"),
        ("plan @fit.json --flops 1e18", "--flops needs --model"),
        ("plan @fit.json --flops 1e18 --model ViT-B-23", "close names are ViT-B-32"),
        ("plan @fit.json --gpu-hours 5", "--gpu-hours needs --samples-per-second"),
        (
            "plan @fit.json --gpu-hours 5 --samples-per-second 0",
            "--samples-per-second is 0; it must be positive",
        ),
        ("plan @fit.json --cost 5 --samples-per-second 9 --rate 0", "--rate is 0; it must be positive"),
        ("plan @fit.json --budget 1M --rate 2", "--rate has no meaning for a budget in --budget"),
        (
            "plan @fit.json --gpu-hours 5 --samples-per-second 9 --pilot-cost 6",
            "nothing is left for training",
        ),
        ("plan @fit.json --passes-over-pool 2", "--passes-over-pool needs --pool-size"),
        ("plan @fit.json --budget 1000 --batch-size 4096", "below one batch of 4,096"),
        ("plan @fit.json --target 0.05", "No candidate reaches 0.05"),
        ("plan @fit.json --target 0.6 --rate 2", "--rate has no meaning with --target"),
        ("plan @fit.json --budget 1M --pool-size 0", "--pool-size is 0"),
        ("plan @fit.json --budget 1M --worst-case", "Several metrics need several fits"),
        (
            "plan @fit.json --budget 1M --also @fit.json --storage 5M",
            "every candidate needs at least 12.8M unique samples, more than --storage of 5M",
        ),
        ("recipe @plan.json --for keras", "--for is 'keras'; give open_clip, datacomp, mosaicml or yaml"),
        ("recipe @plan.json --for yaml", "has 2 plans; choose one with --budget"),
        ("recipe @plan.json --budget 1M --for yaml", "has no plan for --budget 1000000"),
        ("recipe @plan.json --budget 64M --for open_clip", "needs to know the shards of each pool"),
        ("recipe @plan.json --budget 64M --for open_clip --shards a=1:x", "no shards are given for top_0_10"),
        ("recipe @fit.json --for yaml", "is not a thresher-plan file"),
        (
            "recipe @plan.json --budget 64M --for open_clip --shards top_0_10=1:x --batch-size 100M",
            "below one batch of 100000000",
        ),
        ("recipe @plan.json --budget 64M --for datacomp --batch-size 100M", "below one batch of 100M"),
        ("recipe @plan.json --budget 64M --for open_clip --shards top_0_10=0:x", "at least 1"),
    ],
)
def test_wrong_input_is_one_sentence_and_nothing_is_written(folder, capsys, words, message):
    capsys.readouterr()
    out = folder / "out.txt"
    assert run([word.replace("@", f"{folder}/") for word in [*shlex.split(words), "-o", str(out)]]) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.startswith("Error: ")
    assert printed.out == ""
    assert not out.exists()


def test_the_recipe_is_printed_with_what_the_sampler_will_do(folder, capsys):
    words = '--budget 64M --for open_clip --shards "top_0_10=1280:s3://b/{0000..1279}.tar"'
    found = answer(f"recipe @plan.json {words} --json --quiet", folder, capsys)
    assert found["weights"] == [1.0]
    assert found["exposure"][0]["unseen"] == pytest.approx(0.0067, abs=0.008)
    assert found["exposure"][0]["assumed"]["unseen"] == 0.0
    assert (
        run(["recipe", str(folder / "plan.json"), *shlex.split(words), "-o", str(folder / "train.sh")]) == 0
    )
    assert (folder / "train.sh").read_text() == found["text"]
    assert "never seen" in capsys.readouterr().out
