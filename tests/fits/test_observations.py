"""From rows to arrays: pools and their sizes, weights, ranks, repeats, and what is refused."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from simulated import simulated_runs
from thresher.errors import FitError
from thresher.fits.observations import LARGEST_RELATIVE_ERROR, observe
from thresher.runs import Measurement

M = 1e6


def row(pool, size, seen, error=0.5, **columns):
    return Measurement(pool, size, seen, "x_error", error, **columns)


def sizes(rows):
    return {pool.name: pool.unique_samples for pool in observe(rows).pools}


NESTED = [
    row("a", 2 * M, 4 * M, 0.8), row("a", 2 * M, 8 * M, 0.7), row("a+b", 5 * M, 4 * M, 0.82), row("a+b", 5 * M, 8 * M, 0.6),
    row("a+b+c", 9 * M, 8 * M, 0.65),
]  # fmt: skip


def test_nested_keep_fractions_size_and_rank_their_pools():
    found = observe(NESTED)
    assert [(pool.name, pool.unique_samples, pool.rank) for pool in found.pools] == [
        ("a", 2 * M, 1), ("b", 3 * M, 2), ("c", 4 * M, 3),
    ]  # fmt: skip
    last = found.settings.weights[np.argmax(found.settings.used.sum(axis=1))]
    assert last == pytest.approx([2 / 9, 3 / 9, 4 / 9])


def test_the_order_of_rows_and_of_pools_in_a_row_is_irrelevant():
    first = observe(NESTED)
    turned = [replace(one, pool="+".join(reversed(one.pools))) for one in NESTED]
    for rows in (*permutations(NESTED, len(NESTED)), turned):
        again = observe(list(rows))
        assert again.pools == first.pools
        assert np.array_equal(again.settings.weights, first.settings.weights)
        assert np.array_equal(again.log_error, first.log_error)


def test_lists_of_sizes_tell_pools_that_were_never_trained_alone():
    swarm = [
        row("a+b+c", np.inf, 9 * M, error, weights=weights, pool_sizes=(M, 2 * M, np.inf), run=str(i))
        for i, (error, weights) in enumerate(
            ((0.5, (0.2, 0.3, 0.5)), (0.6, (0.5, 0.3, 0.2)), (0.7, (0.1, 0.8, 0.1)))
        )
    ]
    assert sizes(swarm) == {"a": M, "b": 2 * M, "c": np.inf}
    assert observe(swarm).settings.epochs[:, 2].tolist() == [0.0, 0.0, 0.0]
    assert all(pool.rank is None for pool in observe(swarm).pools)


def test_a_pool_that_nothing_sizes_is_refused_with_how_to_size_it():
    rows = [row("a", M, 2 * M), row("a", M, 3 * M, 0.4), row("a+b+c", 6 * M, 9 * M, 0.3)]
    with pytest.raises(
        FitError, match=r"Nothing tells the size of 'b', 'c'. Give unique_samples of the joint runs as a list"
    ):
        observe(rows)


def test_without_weights_pools_get_shares_in_proportion_to_their_sizes():
    rows = [*simulated_runs(pools=("a", "b")).rows, row("a+b", 25.6 * M, 64 * M, 0.4)]
    joint = observe(rows).settings.weights[~observe(rows).single]
    assert joint.tolist() == [[0.5, 0.5]]


def test_rounded_weights_are_rescaled():
    rows = [*simulated_runs().rows, row("a+b+c", 38.4 * M, 64 * M, 0.4, weights=(0.333, 0.333, 0.333))]
    joint = observe(rows).settings.weights[~observe(rows).single]
    assert joint[0] == pytest.approx([1 / 3] * 3, abs=1e-15)


def test_a_pool_that_never_repeats_has_no_share_of_its_own():
    rows = [row("a", M, 2 * M), row("b", np.inf, 3 * M, 0.4), row("a+b", np.inf, 9 * M, 0.3)]
    with pytest.raises(
        FitError, match=r"a pool that never repeats \(inf\) has no share of its own. Give weights"
    ):
        observe(rows)


def test_runs_of_one_setting_are_one_observation_and_tell_the_noise_of_seeds():
    rows = [
        row("a", M, n * M, error * np.exp(by), seed=str(seed))
        for n, error in ((1, 0.8), (2, 0.7), (4, 0.6))
        for seed, by in enumerate((-0.01, 0.0, 0.01))
    ]
    found = observe(rows)
    assert found.seeds.tolist() == [3.0, 3.0, 3.0]
    assert found.error == pytest.approx([0.8, 0.7, 0.6])
    assert found.seed_sd == pytest.approx(0.01)


def test_two_repeats_are_too_few_to_tell_noise():
    rows = [row("a", M, n * M, e, seed="0") for n, e in ((1, 0.8), (2, 0.7), (4, 0.6))]
    assert observe([*rows, replace(rows[0], seed="1", error=0.9)]).seed_sd == 0.0


def test_runs_of_two_exposures_are_two_observations():
    rows = [
        row("a", M, n * M, e, exposure=how)
        for n, e in ((1, 0.8), (2, 0.7), (4, 0.6))
        for how in ("epochs", "resampled")
    ]
    assert observe(rows).settings.resampled.sum() == 3
    unsaid = [replace(one, exposure="unknown") for one in rows]
    assert not observe(unsaid).settings.resampled.any()
    assert observe(unsaid, unknown_is_resampled=True).settings.resampled.all()


def test_standard_errors_are_relative_and_averaged_over_runs():
    rows = [row("a", M, n * M, e, standard_error=0.02) for n, e in ((1, 0.8), (2, 0.4), (4, 0.2))]
    assert observe(rows).relative_error == pytest.approx([0.025, 0.05, 0.1])
    twice = [*rows, *(replace(one, seed="1") for one in rows)]
    assert observe(twice).relative_error == pytest.approx(np.array([0.025, 0.05, 0.1]) / np.sqrt(2))
    huge = [replace(one, standard_error=1e300) for one in rows]
    assert observe(huge).relative_error.tolist() == [LARGEST_RELATIVE_ERROR] * 3


def test_pools_of_one_quality_are_one_quality():
    rows = [row(f"a{i}", i * M, 2 * i * M, 0.9 - 0.1 * i, quality="web") for i in (1, 2, 3)]
    found = observe([*rows, row("z", M, 2 * M)])
    assert len(found.qualities) == 2
    assert found.quality_of.tolist() == [0, 0, 0, 1]
    slopes = np.arange(8.0).reshape(1, 2, 4)
    assert found.by_quality(slopes).tolist() == [[[3.0, 3.0], [15.0, 7.0]]]


GOOD = [row("a", M, 2 * M, 0.5), row("a", M, 4 * M, 0.4), row("a", M, 8 * M, 0.3)]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "no runs to fit"),
        (GOOD[:1], "runs at 1 different settings .* at least 3"),
        (GOOD[:2], "runs at 2 different settings"),
        ([replace(one, error=0.5) for one in GOOD], "The error is 0.5 in every run"),
        ([replace(GOOD[0], samples_seen=M, seed=str(i)) for i in range(9)], "runs at 1 different settings"),
        ([replace(GOOD[0], error=0.0), *GOOD[1:]], "error 0 cannot be fitted"),
        ([replace(GOOD[0], error=-0.1), *GOOD[1:]], "error -0.1 cannot be fitted"),
        ([replace(GOOD[0], error=float("nan")), *GOOD[1:]], "error nan cannot be fitted"),
        ([replace(GOOD[0], error=float("inf")), *GOOD[1:]], "error inf cannot be fitted"),
        (
            [replace(GOOD[0], error=1e300), *GOOD[1:]],
            r"error 1e300 is out of range; errors between 10\^-100 and 10\^100",
        ),
        ([replace(GOOD[0], error=1e-300), *GOOD[1:]], r"error 10\^-300 is out of range"),
        (
            [row("a+b", 3 * M, n * M, e, pool_sizes=(M, 2 * M)) for n, e in ((1, 0.5), (2, 0.4), (4, 0.3))],
            "All runs train on the same mixture of 2 pools",
        ),
    ],
)
def test_rows_that_cannot_be_fitted_are_refused_in_words(rows, message):
    with pytest.raises(FitError, match=message):
        observe(rows)
