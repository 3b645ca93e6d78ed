"""Real training on this machine; needs torch."""

import numpy as np
import pytest

from laboratories import CLASSES, lab_data

pytest.importorskip("torch", reason='training needs: pip install "thresher[lab]"')

from thresher.lab.jobs import BATCH, Job
from thresher.lab.own import OwnTrainer
from thresher.lab.pairs import Labelled, Pairs
from thresher.lab.training import clip_scores, train


def bars(number, seed):
    """Images whose caption says where their bar stands; a model can learn it."""
    random = np.random.default_rng(seed)
    places = np.arange(number) % CLASSES
    images = random.integers(0, 200, (number, 24, 24), dtype=np.uint8)
    for image, place in zip(images, places, strict=True):
        image[random.integers(0, 16) :, place : place + 4] += 50
    return images, places


@pytest.fixture(scope="module")
def pairs():
    images, places = bars(1000, 0)
    return Pairs(images, tuple(f"w{place}" for place in places), tuple(f"{at:032x}" for at in range(1000)))


@pytest.fixture(scope="module")
def evaluation():
    images, places = bars(200, 1)
    return Labelled(images, places, tuple(f"w{place}" for place in range(CLASSES)))


def test_a_model_learns_what_captions_say(pairs, evaluation):
    model, measured = train(pairs, (BATCH, 6000), evaluation, seed=0)
    assert [one.samples_seen for one in measured] == [BATCH, 6000]
    assert measured[0].error > 0.7
    assert measured[1].error < 0.2
    assert clip_scores(model, pairs).mean() > 0.5


def test_a_seed_decides_everything(pairs, evaluation):
    first, again, other = (train(pairs, (2000,), evaluation, seed=seed)[1][0].error for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_measuring_on_the_way_changes_nothing(pairs, evaluation):
    often = train(pairs, (500, 1000, 1500, 2000), evaluation, seed=0)[1]
    once = train(pairs, (2000,), evaluation, seed=0)[1]
    assert often[-1] == once[-1]


def test_a_teacher_sees_moved_images(pairs, evaluation):
    still, moved = (train(pairs, (2000,), evaluation, seed=0, shifted=one)[1][0] for one in (False, True))
    assert still != moved


def test_the_own_trainer_takes_the_rows_of_its_job(pairs, evaluation, tmp_path):
    from dataclasses import replace

    data = replace(lab_data(pool=40), pool=pairs, evaluation=evaluation)
    job = Job("b0-s7", np.arange(500), (500, 1000), 7)
    seen = []
    measured = OwnTrainer().train(data, job, tmp_path / "b0-s7", seen.append)
    expected = train(pairs.take(np.arange(500)), (500, 1000), evaluation, seed=7)[1]
    assert measured == tuple(expected)
    assert not (tmp_path / "b0-s7").exists()


def test_one_core_trains_thousands_of_pairs_a_second(pairs, evaluation):
    import time

    start = time.process_time()
    train(pairs, (10_000,), evaluation, seed=0)
    assert (
        10_000 / (time.process_time() - start) > 1000
    )  # a loose bound for any machine; docs/lab.md has the figure
