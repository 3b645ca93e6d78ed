import csv
import math
import re
from collections import Counter, defaultdict
from importlib.resources import files

import pytest

from thresher.errors import InputError
from thresher.examples import example_path, list_examples, load_example
from thresher.runs import check_runs, concatenate_runs, read_runs

ROWS = {
    ("datablations", "pilot"): 83, ("datacomp_baselines", "pilot"): 444, ("datacomp_medium_clip", "pilot"): 69,
    ("datacomp_medium_tmars", "pilot"): 25, ("datacomp_medium_tmars", "joint"): 16,
    ("icon_lab", "pilot"): 96, ("icon_lab", "joint"): 72,
    ("icon_lab_small_buckets", "pilot"): 60, ("icon_lab_small_buckets", "joint"): 42,
    ("icon_lab_weak_buckets", "pilot"): 74, ("icon_lab_weak_buckets", "joint"): 64,
    ("laion_openclip", "pilot"): 18,
}  # fmt: skip
SWARM_RUNS = 768
IMAGENET, AVERAGE = "imagenet1k_zeroshot_error", "average38_error"
BASELINES = [
    # table of Gadre et al., arXiv:2304.14108; pool; samples seen; ImageNet and average accuracy as printed
    (9, "medium/clip_b32_30_image_dedup_0.1", 128e6, 0.288, 0.337),
    (10, "medium/clip_l14_30", 128e6, 0.271, 0.324),
    (11, "medium/image_clusters_in1k_and_clip_l14_30", 128e6, 0.323, 0.331),
    (12, "small/no_filtering", 128e6, 0.102, 0.196),
    (12, "small/clip_l14_30", 128e6, 0.088, 0.188),
    (24, "xlarge/english_cld3_image_clusters_in1k_clip_l14_400m", 12.8e9, 0.763, 0.638),
    (25, "small/clip_b32_1_to_30", 12.8e6, 0.053, 0.170),
    (25, "small/random_10", 12.8e6, 0.010, 0.103),
    (26, "medium/clip_b32_30", 128e6, 0.285, 0.338),
    (27, "large/image_clusters_in1k_and_clip_b32_30", 1.28e9, 0.632, 0.528),
    (28, "xlarge/image_clusters_in1k_and_clip_l14_30", 12.8e9, 0.792, 0.663),
]
REGMIX_LOSSES = [
    # data/train_pile_loss_1m.csv and test_pile_loss_1m.csv of sail-sg/regmix, with all their digits
    ("train_1", "pile_cc_loss", 5.169477939605713),
    ("train_2", "github_loss", 4.141744136810303),
    ("train_3", "arxiv_loss", 3.730258703231812),
    ("test_1", "pile_cc_loss", 5.318245887756348),
    ("test_2", "hackernews_loss", 5.219114780426025),
]
REGMIX_SHARES = [
    # data/train_mixture_1m.csv and test_mixture_1m.csv of sail-sg/regmix
    ("train_1", "pile_cc", 0.787),
    ("train_3", "arxiv", 0.679),
    ("test_1", "pubmed_central", 0.464),
    ("test_2", "uspto_backgrounds", 0.092),
]


def read_swarm(name):
    with example_path(name).open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return {row.pop("run"): {column: float(cell) for column, cell in row.items()} for row in rows}


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


@pytest.mark.parametrize("name", ["regmix_shares", "regmix_losses"])
def test_sources_of_a_swarm_are_written_down(name):
    sources = files("thresher.examples").joinpath("SOURCES.md").read_text(encoding="utf-8")
    assert f"| `{name}.csv` | {SWARM_RUNS} |" in sources
    assert "Copyright (c) 2024 Sea AI Lab" in sources


@pytest.mark.parametrize(
    "name", ["datacomp_medium_tmars", "icon_lab", "icon_lab_small_buckets", "icon_lab_weak_buckets"]
)
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


@pytest.mark.parametrize(
    ("name", "kind", "pool", "seed", "samples_seen", "error"),
    [
        ("icon_lab_small_buckets", "pilot", "b0", "0", 2000, 0.92352),
        ("icon_lab_small_buckets", "joint", "b0+b1", "0", 8000, 0.6853),
        ("icon_lab_weak_buckets", "pilot", "b4", "31001", 12000, 0.98972),
        ("icon_lab_weak_buckets", "joint", "b0+b1", "31000", 9000, 0.70026),
    ],
)
def test_errors_of_the_icon_laboratory_have_all_their_digits(name, kind, pool, seed, samples_seen, error):
    found = [
        row.error for row in load_example(name, kind).rows
        if (row.pool, row.seed, row.samples_seen) == (pool, seed, samples_seen)
    ]  # fmt: skip
    assert found == [error]


def test_the_path_of_a_run_table_reads_like_the_example():
    for name, kind in list_examples():
        assert read_runs(example_path(f"{name}_{kind}")).rows == load_example(name, kind).rows


def test_an_unknown_file_is_refused_by_name():
    with pytest.raises(InputError, match=r"There is no example file 'regmix'; the files are .*regmix_losses"):
        example_path("regmix")


@pytest.mark.parametrize(("table", "pool", "samples_seen", "imagenet", "average"), BASELINES)
def test_errors_of_the_datacomp_baselines_are_those_printed(table, pool, samples_seen, imagenet, average):
    found = {
        row.metric: row.error for row in load_example("datacomp_baselines").rows
        if (row.run, row.samples_seen) == (f"{pool}/table_{table}", samples_seen)
    }  # fmt: skip
    assert found == {IMAGENET: pytest.approx(1 - imagenet), AVERAGE: pytest.approx(1 - average)}


def test_datacomp_baselines_have_the_runs_of_each_table_and_three_digits():
    with example_path("datacomp_baselines_pilot").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert all(re.fullmatch(r"0\.\d{3}", row["error"]) for row in rows)
    runs = {row["run"]: row["paper_table"] for row in rows}
    expected = {"9": 6, "10": 7, "11": 7, "12": 36, "24": 1, "25": 63, "26": 63, "27": 32, "28": 7}
    assert Counter(runs.values()) == expected
    assert all(row["source"].endswith(f"Table {row['paper_table']}") for row in rows)


def test_every_datacomp_baseline_has_both_metrics_once_and_lies_within_its_scale():
    rows = load_example("datacomp_baselines").rows
    assert Counter((row.run, row.metric) for row in rows).most_common(1)[0][1] == 1
    assert {row.run for row in rows if row.metric == IMAGENET} == {
        row.run for row in rows if row.metric == AVERAGE
    }
    for row in rows:
        assert row.pool.split("/")[0] == row.other["scale"]
        assert row.unique_samples <= float(row.other["pool_size"])
    assert len(load_example("datacomp_baselines").pools) == 172


def test_one_quality_is_one_filter_that_keeps_the_same_share_or_a_random_sample():
    filters, shares = defaultdict(set), defaultdict(set)
    for row in load_example("datacomp_baselines").rows:
        if row.other["family"] == "random":
            assert row.quality == "no_filtering"
            assert row.subset_of == f"{row.other['scale']}/no_filtering"
        elif row.quality is not None:
            filters[row.quality].add(row.other["filter"])
            shares[row.quality].add(row.unique_samples / float(row.other["pool_size"]))
    assert all(len(names) == 1 for names in filters.values())
    assert all(max(kept) <= 1.03 * min(kept) for kept in shares.values())
    assert "clip_l14_30" in filters


def test_suspect_baselines_are_kept_and_recognisable():
    table = load_example("datacomp_baselines")
    suspect = table.where("suspect = yes").rows
    assert {row.run for row in suspect} == {
        "small/text_clusters_in21k/table_12",
        "small/clip_b32_40/table_12",
        "large/image_clusters_in21k_and_clip_l14_30/table_27",
    }
    assert all(row.other["note"].startswith("suspect: ") for row in suspect)
    assert len(table.where("suspect = no")) == len(table) - len(suspect)


def test_a_swarm_has_the_same_runs_in_both_files():
    shares, losses = read_swarm("regmix_shares"), read_swarm("regmix_losses")
    assert list(shares) == list(losses)
    assert list(shares) == [f"train_{i}" for i in range(1, 513)] + [f"test_{i}" for i in range(1, 257)]


def test_shares_of_a_swarm_sum_to_one_within_their_digits():
    for run, shares in read_swarm("regmix_shares").items():
        assert len(shares) == 17
        assert math.fsum(shares.values()) == pytest.approx(1, abs=0.0041), run
    assert len({tuple(shares.values()) for shares in read_swarm("regmix_shares").values()}) == SWARM_RUNS


@pytest.mark.parametrize(("run", "pool", "share"), REGMIX_SHARES)
def test_shares_of_a_swarm_are_those_printed(run, pool, share):
    assert read_swarm("regmix_shares")[run][pool] == share


@pytest.mark.parametrize(("run", "loss", "value"), REGMIX_LOSSES)
def test_losses_of_a_swarm_are_those_measured_to_four_decimals(run, loss, value):
    assert read_swarm("regmix_losses")[run][loss] == round(value, 4)


def test_every_run_of_a_swarm_has_eight_positive_losses():
    for losses in read_swarm("regmix_losses").values():
        assert len(losses) == 8
        assert all(name.endswith("_loss") and value > 0 for name, value in losses.items())
