"""The paper's law: Theorem 1 against an independent formula, its slopes, and the golden values of one pool."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from simulated import settings
from thresher.laws import KERNELS, Law, PaperLaw, log_effective_samples
from thresher.laws.reference import reference_onset

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "reference_laws.json").read_text())
A, N0, D = 0.9, 1e6, 0.1


def paper_law(
    utility,
    half_life,
    *,
    size=12.8e6,
    kernel="utility",
    chance=None,
    kappa=1.0,
    amplitude=A,
    onset=N0,
    floor=D,
):
    count = len(utility)
    return PaperLaw(
        kernel=kernel,
        chance=chance,
        typical_size=np.broadcast_to(np.asarray(size, dtype=float), count).copy(),
        onset=np.array([onset]),
        floor=np.array([floor]),
        kappa=np.array([kappa]),
        amplitude=np.broadcast_to(np.asarray(amplitude, dtype=float), (1, count)).copy(),
        utility=np.array([utility], dtype=float),
        half_life=np.array([half_life], dtype=float),
    )


@given(
    utilities=st.lists(st.floats(-0.6, -0.03), min_size=2, max_size=5),
    n=st.floats(1e6, 2e9),
    tau=st.floats(0.5, 20.0),
)
def test_equal_pools_follow_theorem_1_epoch_by_epoch(utilities, n, tau):
    p, N = len(utilities), 12.8e6
    b, half_lives = np.array(utilities), tau * np.linspace(0.5, 1.5, p)
    log_excess = np.log(A) + np.mean(b) * np.log(min(n, p * N) / N0)
    for j in range(2, int(np.ceil(n / (p * N))) + 1):
        effective_utility = np.mean(b * 2.0 ** (-(j - 1) / (p * half_lives)))
        log_excess += effective_utility * np.log(min(j * p * N, n) / ((j - 1) * p * N))
    found = paper_law(b, half_lives).errors(settings(np.full((1, p), 1.0 / p), N, n))[0, 0]
    assert np.log(found - D) == pytest.approx(log_excess, abs=1e-11)
    assert found == pytest.approx(np.exp(log_excess) + D, rel=1e-12)


@pytest.mark.parametrize("kappa", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("kernel", [name for name, kernel in KERNELS.items() if kernel.exposure == "epochs"])
@examples(max_examples=8)
@given(seed=st.integers(0, 10_000), n=st.floats(1e6, 1e10))
def test_it_is_the_weighted_geometric_mean_of_its_pools(kernel, kappa, seed, n):
    rng = np.random.default_rng(seed)
    w, N, tau, b = (
        rng.dirichlet(np.ones(3)),
        rng.uniform(1e5, 1e8, 3),
        rng.uniform(0.3, 30.0, 3),
        -rng.uniform(0.03, 0.6, 3),
    )
    log_n_eff = log_effective_samples(kernel, n, N / w, tau * w**-kappa)
    expected = np.exp(np.sum(w * (np.log(A) + b * (log_n_eff - np.log(N0))))) + D
    found = paper_law(b, tau, size=N, kernel=kernel, kappa=kappa).errors(settings(w, N, n))[0, 0]
    assert found == pytest.approx(expected, rel=1e-12)


@given(kernel=st.sampled_from(sorted(KERNELS)), n=st.floats(1e6, 1e10), tau=st.floats(0.1, 100.0))
def test_one_pool_is_the_law_of_one_pool(kernel, n, tau):
    alone = Law(
        kernel=KERNELS[kernel].for_exposure("epochs").name,
        amplitude=A,
        onset=N0,
        utility=-0.2,
        half_life=tau,
        floor=D,
    )
    found = paper_law([-0.2], [tau], kernel=kernel).errors(settings([[1.0]], 12.8e6, n))[0, 0]
    assert found == pytest.approx(float(alone.error(n, 12.8e6)), rel=1e-12)


@pytest.mark.parametrize("value", GOLDEN["single"])
def test_with_the_reference_parametrisation_it_is_the_golden_value_of_one_pool(value):
    law = paper_law(
        [value["b"]], [value["half_life"]], size=value["unique_samples"], kernel="effective_data", amplitude=1.0,
        onset=reference_onset(value["a"]), floor=value["d"],
    )  # fmt: skip
    found = law.errors(settings([[1.0]], value["unique_samples"], value["samples_seen"]))[0, 0]
    assert found == pytest.approx(value["effective_data"], abs=1e-12)


def test_splitting_a_pool_changes_nothing_when_half_lives_follow_the_parts():
    n, f = 640e6, 0.3
    whole = paper_law([-0.2], [4.0], size=12.8e6).errors(settings([[1.0]], 12.8e6, n))
    parts = np.array([f, 1.0 - f])
    split = paper_law([-0.2] * 2, 4.0 * parts, size=12.8e6 * parts).errors(settings(parts, 12.8e6 * parts, n))
    assert split == pytest.approx(whole, rel=1e-12)


def test_no_error_exceeds_guessing():
    runs = settings(np.ones((3, 1)), 12.8e6, [1e2, 1e5, 1e9])
    errors = paper_law([-0.2], [4.0], chance=0.95).errors(runs)[0]
    assert errors[:2].tolist() == [0.95, 0.95]
    assert errors[2] < 0.95


@examples(max_examples=40)
@given(
    seed=st.integers(0, 10_000),
    kernel=st.sampled_from(sorted(KERNELS)),
    drawn=st.booleans(),
    chance=st.sampled_from([None, 0.999]),
)
def test_slopes_are_the_derivatives_of_the_errors(seed, kernel, drawn, chance):
    rng = np.random.default_rng(seed)
    N, tau, b = rng.uniform(1e6, 1e8, 3), rng.uniform(0.3, 30.0, 3), -rng.uniform(0.03, 0.6, 3)
    w = np.concatenate([np.eye(3), rng.dirichlet(np.ones(3), 3)])
    runs = settings(w, N, rng.uniform(3e6, 5e8, 6), resampled=drawn)
    parameters = np.concatenate(
        [[D, np.log(N0)], np.log(A) + 0.1 * rng.normal(size=3), np.log(-b), np.log(tau)]
    )

    def law(at):
        A_, b_, tau_ = np.exp(at[2:5]), -np.exp(at[5:8]), np.exp(at[8:])
        return paper_law(
            b_, tau_, size=N, kernel=kernel, chance=chance, amplitude=A_, onset=np.exp(at[1]), floor=at[0]
        )

    _, J = law(parameters).evaluate(runs, slopes=True)
    assert J.shape == (1, 6, 11)
    for k, step in enumerate(np.eye(11) * 1e-5):
        slope = (law(parameters + step).errors(runs)[0] - law(parameters - step).errors(runs)[0]) / 2e-5
        assert J[0, :, k] == pytest.approx(slope, rel=1e-3, abs=2e-5)


def test_before_the_onset_no_parameter_moves_an_error():
    """Errors are capped at guessing there, so such runs pull on nothing."""
    runs = settings(np.ones((2, 1)), 12.8e6, [1e3, 1e9])
    error, J = paper_law([-0.2], [4.0], chance=0.95).evaluate(runs, slopes=True)
    assert error[0, 0] == 0.95
    assert not J[0, 0].any()
    assert J[0, 1].all()


def test_slopes_are_finite_where_an_error_is_beyond_all_numbers():
    runs = settings([[1.0]], 12.8e6, 1e18)
    for utility, onset in (([-20.0], 1e300), ([-20.0], 1e-250)):
        for chance in (None, 0.999):
            _, J = paper_law(utility, [100.0], onset=onset, chance=chance).evaluate(runs, slopes=True)
            assert np.all(np.isfinite(J))
