"""A swarm from two tables to a mixture, through the commands that scripts call."""

import csv
import json

import pytest

from thresher.cli.app import run
from thresher.examples import example_path

METRICS = ("--metric", "arxiv_loss", "--metric", "pile_cc_loss")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """48 of RegMix's published runs as a run table."""
    folder = tmp_path_factory.mktemp("swarm")
    for name in ("shares", "losses"):
        lines = example_path(f"regmix_{name}").read_text().splitlines()
        (folder / f"{name}.csv").write_text("\n".join(lines[:49]) + "\n")
    output = folder / "runs.csv"
    words = [
        "runs",
        "import",
        "--swarm",
        str(folder / "shares.csv"),
        str(folder / "losses.csv"),
        "--samples-seen",
        "1B",
    ]
    assert run([*words, *METRICS, "-o", str(output), "--quiet"]) == 0
    return output


@pytest.fixture(scope="module")
def fit(runs):
    output = runs.with_name("fit.json")
    assert run(["fit", str(runs), *METRICS, "-o", str(output), "--quiet"]) == 0
    return output


def answer(capsys, *words):
    assert run([*map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_fit_says_how_mixtures_that_it_has_not_seen_are_ranked_and_what_r_means(runs, capsys):
    assert run(["fit", str(runs), "--metric", "arxiv_loss"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "the 48 runs are ranked with a Spearman correlation of 0.9" in shown
    assert "above 1: concentrating on the best pools pays" in shown


def test_several_metrics_are_blended_and_each_keeps_its_law(runs, capsys):
    found = answer(capsys, "fit", runs, *METRICS, "--weights-of-metrics", "0.3,0.7")
    assert [part["metric"] for part in found["parts"]] == ["arxiv_loss", "pile_cc_loss"]
    assert [part["times"] for part in found["parts"]] == [0.3, 0.7]
    assert all(part["ranking"]["spearman"] > 0.9 for part in found["parts"])
    worst = answer(capsys, "fit", runs, *METRICS, "--weights-of-metrics", "worst")
    assert worst["worst"] is True


def test_a_plan_leads_with_the_mixture_and_keep_is_null(fit, capsys):
    (plan,) = answer(capsys, "plan", fit, "--budget", "1B")["plans"]
    assert plan["verdict"].startswith("At 1B samples the weights ")
    assert plan["mixture"]["keep"] is None
    assert {"arxiv", "pile_cc"} <= set(plan["mixture"]["pools"])
    assert plan["mixture"]["error"] < plan["best"]["error"]


def test_every_row_of_a_table_of_shares_is_predicted_in_its_order(fit, tmp_path, capsys):
    table = tmp_path / "mixtures.csv"
    table.write_text("run,pile_cc,arxiv\nx,1,0\ny,0.5,0.5\nz,0,1\n")
    found = answer(capsys, "predict", fit, "--mixtures", table, "--samples-seen", "1B")["predictions"]
    assert [one["pools"] for one in found] == [["pile_cc"], ["pile_cc", "arxiv"], ["arxiv"]]
    assert found[1]["error"] < min(found[0]["error"], found[2]["error"])
    table.write_text("run,pile_cc,other\nx,0.5,0.5\n")
    assert run(["predict", str(fit), "--mixtures", str(table), "--samples-seen", "1B"]) == 2
    assert "gives 0.5 to 'other', a pool that no fitted run trains on" in capsys.readouterr().err


def test_a_plan_stays_near_a_present_mixture(fit, tmp_path, capsys):
    near = tmp_path / "now.csv"
    near.write_text("run,pile_cc,arxiv,github\nnow,0.8,0.1,0.1\n")
    (free,) = answer(capsys, "plan", fit, "--budget", "1B")["plans"]
    (close,) = answer(capsys, "plan", fit, "--budget", "1B", "--near", near, "--kl", "0.05")["plans"]
    assert set(close["mixture"]["pools"]) == {"pile_cc", "arxiv", "github"}
    assert free["mixture"]["error"] <= close["mixture"]["error"]
    assert "0.05 nats from the present mixture (limit 0.05)" in close["mixture_verdict"]


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--kl", "0.1"], "--near and --kl go together"),
        (["--near", "NEAR"], "--near and --kl go together"),
        (["--near", "TWO", "--kl", "0.1"], "has 2 rows of shares; --near takes one present mixture"),
        (["--near", "NEAR", "--kl", "-1"], "kl is -1; a divergence is 0 or more"),
        (
            ["--near", "NEAR", "--kl", "0.1", "--never", "arxiv"],
            "sum to 0.5 over the pools that may be used, not 1",
        ),
        (["--near", "NEAR", "--kl", "0.1", "--max-share", "0.4"], "near gives 'arxiv' a share of 0.5"),
    ],
)
def test_a_present_mixture_that_cannot_be_stayed_near_is_one_sentence(fit, tmp_path, capsys, extra, message):
    for name, text in (("NEAR", "now,0.5,0.5\n"), ("TWO", "a,0.5,0.5\nb,1,0\n")):
        (tmp_path / f"{name}.csv").write_text("run,pile_cc,arxiv\n" + text)
    words = [str(tmp_path / f"{word}.csv") if word in ("NEAR", "TWO") else word for word in extra]
    assert run(["plan", str(fit), "--budget", "1B", *words]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--weights-of-metrics", "0.5,0.5"], "--weights-of-metrics needs several metrics"),
        ([*METRICS, "--weights-of-metrics", "0.5,0.6"], "sum to 1.1, not 1"),
    ],
)
def test_weights_of_metrics_that_do_not_fit_are_refused(runs, capsys, extra, message):
    assert run(["fit", str(runs), *extra]) == 2
    assert message in capsys.readouterr().err


def test_fewer_runs_than_pools_are_fitted_and_what_rests_on_priors_is_named(runs, tmp_path, capsys):
    few = tmp_path / "few.csv"
    with runs.open() as stream:
        rows = list(csv.DictReader(stream))
    some = [row for row in rows if row["metric"] == "arxiv_loss"][:12]
    with few.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        writer.writerows(some)
    found = answer(capsys, "fit", few)
    assert len(found["pools"]) > 12
    assert any("its worth rests on the prior" in text for text in found["warnings"])
