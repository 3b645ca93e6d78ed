"""Every recipe asks its trainer for the plan's own mixture."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thresher.errors import FileFormatError, InputError
from thresher.plans.saved import SavedChoice, read_choice
from thresher.recipes import Loader
from thresher.recipes import datacomp as datacomp_module
from thresher.recipes.datacomp import Folders, datacomp_recipe, default_passes
from thresher.recipes.mosaicml import mosaicml_recipe
from thresher.recipes.open_clip import open_clip_recipe, read_back, upsampling_factors
from thresher.recipes.recipe import RecipeError, checked
from thresher.recipes.rehearsal import rehearse
from thresher.recipes.sources import Source, parse_shards, read_shards, shard_doubts, sources_of
from thresher.recipes.yaml import yaml_recipe


def a_choice(weights=(0.75, 0.25), sizes=(2e6, 1e6), samples_seen=8e6):
    names = tuple(f"b{i}" for i in range(len(weights)))
    epochs = tuple(samples_seen * w / n for w, n in zip(weights, sizes, strict=True))
    return SavedChoice(samples_seen, "best", names, tuple(weights), epochs)


def some_sources(counts=(200, 100)):
    return tuple(
        Source(f"b{i}", count, f"s3://bucket/b{i}/{{0000..{count - 1:04d}}}.tar")
        for i, count in enumerate(counts)
    )


def some_folders(sources):
    return tuple(Source(one.name, one.shards, f"s3://bucket/{one.name}", one.samples) for one in sources)


def trained_at(samples_seen):
    return datacomp_module.SCALES[datacomp_module.scale_of(samples_seen)].model


@st.composite
def choices_and_sources(draw):
    count = draw(st.integers(1, 6))
    raw = np.array(draw(st.lists(st.floats(0.01, 1), min_size=count, max_size=count)))
    sizes = draw(st.lists(st.floats(1e5, 1e7), min_size=count, max_size=count))
    shards = draw(st.lists(st.integers(1, 5000), min_size=count, max_size=count))
    return a_choice(tuple(raw / raw.sum()), sizes, draw(st.floats(1e6, 1e10))), some_sources(shards)


@given(choices_and_sources())
def test_factors_times_shards_are_in_the_plans_proportion(both):
    choice, sources = both
    recipe = open_clip_recipe(choice, sources, Loader(batch_size=64))
    factors = recipe.text.split("--train-data-upsampling-factors ")[1].split(" ")[0].strip("'").split("::")
    drawn = np.array([float(f) * source.shards for f, source in zip(factors, sources, strict=True)])
    assert drawn / drawn.sum() == pytest.approx(choice.weights, abs=1e-8)


@given(choices_and_sources())
def test_every_recipe_gives_the_plan_back(both):
    choice, sources = both
    loader = Loader(batch_size=64)
    for recipe in (
        open_clip_recipe(choice, sources, loader),
        mosaicml_recipe(choice, some_folders(sources), loader),
        datacomp_recipe(choice, loader, Folders("plan.json"), model=trained_at(choice.samples_seen)),
        yaml_recipe(choice),
    ):
        assert recipe.weights == pytest.approx(choice.weights, abs=1e-6)
        assert recipe.samples_seen == pytest.approx(choice.samples_seen, rel=1e-3, abs=1000)


def test_shards_of_known_size_weigh_by_their_samples():
    sources = (Source("b0", 10, "a{0..9}.tar", 5000), Source("b1", 10, "b{0..9}.tar", 1000))
    first, second = upsampling_factors((0.5, 0.5), sources)
    assert second / first == pytest.approx(5.0)


def test_the_open_clip_recipe_names_what_open_clip_needs():
    recipe = open_clip_recipe(
        a_choice(),
        some_sources(),
        Loader(batch_size=4096, gpus=8, workers=4, checkpoints=5),
        model="ViT-B-32",
    )
    for words in (
        "--train-data 'pipe:aws s3 cp s3://bucket/b0/{0000..0199}.tar -::pipe:aws s3 cp s3://bucket/b1/{0000..0099}.tar -'",
        "--train-num-samples 1600000",
        "--epochs 5",
        "--save-frequency 1",
        "--batch-size 512",
        "--model ViT-B-32",
        "--dataset-resampled",
    ):
        assert words in recipe.text
    assert "delete-previous-checkpoint" not in recipe.text


def test_a_source_of_several_paths_gets_a_factor_for_each():
    sources = (Source("b0", 3, "x/{0..1}.tar::y/0.tar"), Source("b1", 1, "z.tar"))
    text = open_clip_recipe(a_choice(), sources, Loader(batch_size=64)).text
    factors = text.split("--train-data-upsampling-factors ")[1].split(" ")[0].split("::")
    assert len(factors) == 3
    assert factors[0] == factors[1]
    assert read_back(text, sources)[0] == pytest.approx((0.75, 0.25))


def test_a_recipe_that_does_not_give_the_plan_back_is_not_handed_out():
    recipe, choice = yaml_recipe(a_choice()), a_choice((0.7, 0.3))
    with pytest.raises(RecipeError, match=r"would give 'b0' a share of 0.75, not the plan's 0.7"):
        checked(recipe, choice)
    with pytest.raises(RecipeError, match=r"would train on 8e.06 samples, not 9e.06"):
        checked(recipe, a_choice(samples_seen=9e6))


def test_equal_epochs_need_no_copies_in_the_subset():
    choice = a_choice((2 / 3, 1 / 3), (2e6, 1e6), 50e6)
    recipe = datacomp_recipe(choice, Loader(), Folders("plan.json"))
    assert default_passes(choice) == choice.epochs[0]
    assert "samples are written b0 1x, b1 1x" in recipe.notes[0]
    assert "resharder.py -i shards -o resharded -s subset.npy --shuffle-bufsize 100000" in recipe.text
    assert "--save_frequency 1" in recipe.text


def test_a_budget_that_is_no_datacomp_scale_is_said():
    text = " ".join(datacomp_recipe(a_choice(), Loader(), Folders("p")).notes)
    assert "small sees 12.8M, not the plan's 8M" in text
    exact = datacomp_recipe(a_choice(samples_seen=12.8e6), Loader(), Folders("p"))
    assert "fixes samples seen" not in " ".join(exact.notes)
    assert datacomp_module.scale_of(1e9) == "large"


@pytest.mark.parametrize("trainer", ["open_clip", "mosaicml", "datacomp"])
def test_the_simulated_sampler_agrees_with_the_plan(trainer):
    choice, sources = a_choice(samples_seen=16e6), some_sources()
    loader = Loader(batch_size=256, checkpoints=2, workers=2, replacement=trainer != "mosaicml")
    recipe = {
        "open_clip": lambda: open_clip_recipe(choice, sources, loader),
        "mosaicml": lambda: mosaicml_recipe(choice, some_folders(sources), loader),
        "datacomp": lambda: datacomp_recipe(choice, loader, Folders("plan.json")),
    }[trainer]()
    found = rehearse(recipe, choice, loader, sources=sources, passes=default_passes(choice))
    assert [one.share for one in found] == pytest.approx(choice.weights, abs=0.05)
    assert [one.passes for one in found] == pytest.approx(choice.epochs, rel=0.1)
    unseen = [np.exp(-e) if trainer != "mosaicml" else 0.0 for e in choice.epochs]
    assert [one.unseen for one in found] == pytest.approx(unseen, abs=0.03)
    assert rehearse(yaml_recipe(choice), choice, loader) == ()


def test_shards_are_read_from_flags_and_from_json(tmp_path):
    found = parse_shards(["b0=1K:s3://x/{000..999}.tar", "b1=2@5K:y/{0..1}.tar"])
    assert found["b0"] == Source("b0", 1000, "s3://x/{000..999}.tar")
    assert found["b1"].samples == 5000
    path = tmp_path / "shards.json"
    path.write_text(json.dumps({"b1": {"shards": 2, "path": "y/{0..1}.tar", "samples": 5000}}))
    assert read_shards(path)["b1"] == found["b1"]


def test_shards_that_cannot_hold_equal_numbers_are_doubted():
    (doubt,) = shard_doubts(a_choice(), some_sources((100, 100)))
    assert "a shard would hold b0 20,000, b1 10,000 samples" in doubt
    assert shard_doubts(a_choice(), some_sources((200, 100))) == ()


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["b0"], "write name=count:path"),
        (["b0=2:x{0..1}", "b0=2:x{0..1}"], "names 'b0' twice"),
        (["b0=1.5:x"], "number of shards is whole"),
        (["b0=0:x"], "at least 1"),
        (["b0=3:x/{0..1}.tar"], "names 2 shards, not 3"),
        (["b0=3@2:x/{0..2}.tar"], "none may be empty"),
    ],
)
def test_shards_that_are_wrong_are_refused(texts, message):
    with pytest.raises(InputError, match=message):
        parse_shards(texts)


def test_pools_without_shards_and_shards_of_two_pools_are_refused(tmp_path):
    choice = a_choice()
    with pytest.raises(InputError, match=r"no shards are given for b1; add shards='b1=COUNT:PATH'"):
        sources_of(choice, parse_shards(["b0=2:x{0..1}"]))
    with pytest.raises(InputError, match="path x0 is given twice"):
        sources_of(choice, parse_shards(["b0=1:x0", "b1=1:x0"]))
    with pytest.raises(InputError, match="give them for all or none"):
        sources_of(choice, parse_shards(["b0=1@5:x0", "b1=1:x1"]))
    path = tmp_path / "shards.json"
    path.write_text("[1]")
    with pytest.raises(FileFormatError, match="is not a JSON object like"):
        read_shards(path)


def test_a_budget_below_a_batch_at_each_checkpoint_is_refused():
    with pytest.raises(InputError, match="1000 samples in 5 parts are below one batch of 256"):
        open_clip_recipe(a_choice(samples_seen=1000.0), some_sources(), Loader(batch_size=256, checkpoints=5))


def test_a_plan_file_gives_its_choice(tmp_path):
    best = {"pools": ["a", "b"], "weights": [0.5, 0.5], "epochs": [4.0, 2.0]}
    document = {
        "format": "thresher-plan",
        "version": 1,
        "plans": [{"samples_seen": 8e6, "best": best, "mixture": None}],
    }
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(document))
    found = read_choice(path, None)
    assert found == read_choice(path, 8e6)
    assert found.unique_samples == (1e6, 2e6)
    with pytest.raises(InputError, match=r"has no plan for budget 9000000; it has 8000000"):
        read_choice(path, 9e6)
    with pytest.raises(InputError, match="give choice='best' instead"):
        read_choice(path, 8e6, "mixture")
    document["plans"] *= 2
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match="has 2 plans; choose one with budget"):
        read_choice(path, None)
    document["plans"] = [{"samples_seen": 8e6, "best": {**best, "weights": [0.5, 0.6]}}]
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match=r"sum to 1\.1, not 1"):
        read_choice(path, None)
    document["plans"] = [{"samples_seen": 8e6, "best": {"pools": ["a"]}}]
    path.write_text(json.dumps(document))
    with pytest.raises(FileFormatError, match="is damaged"):
        read_choice(path, None)
