"""What holds for mixtures: one pool, order, splitting, Theorem 1, and budgets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thresher.errors import InputError
from thresher.laws import KERNELS, MIXING_RULES, Law, log_effective_samples, mixture_error

RULES = tuple(MIXING_RULES)
FEW = settings(max_examples=8)
"""Examples for each kernel, rule and kappa; there are dozens of those."""
KAPPAS = (0.0, 0.5, 1.0)
A, N0, D = 0.9, 1e6, 0.1


def error(n, N, w, *, kernel, mixing, b, tau, q=None, kappa):
    """Error of one mixture; under `sample_worth` every pool has the first one's utility."""
    b = np.asarray(b, dtype=float)
    if mixing == "sample_worth":
        b = np.full_like(b, b[0])
    return mixture_error(
        np.asarray(n, dtype=float),
        np.asarray(N, dtype=float),
        np.asarray(w, dtype=float),
        kernel=kernel,
        mixing=mixing,
        A=A,
        n0=N0,
        b=b,
        tau=np.asarray(tau, dtype=float),
        d=D,
        q=np.ones_like(b) if q is None or mixing == "utility_mean" else np.asarray(q, dtype=float),
        kappa=kappa,
    )


@st.composite
def pools(draw, least=1, most=4):
    """Sizes, weights, utilities, half-lives and worths of some pools."""
    count = draw(st.integers(least, most))

    def values(low, high):
        return np.array(draw(st.lists(st.floats(low, high), min_size=count, max_size=count)))

    w = values(0.05, 1.0)
    return {
        "N": values(1e5, 1e8),
        "w": w / w.sum(),
        "b": -values(0.03, 0.6),
        "tau": values(0.3, 30.0),
        "q": values(0.05, 1.5),
    }


every_law = [
    pytest.mark.parametrize("kernel", KERNELS),
    pytest.mark.parametrize("mixing", RULES),
    pytest.mark.parametrize("kappa", KAPPAS),
]


def for_every_law(test):
    for mark in every_law:
        test = mark(test)
    return test


@for_every_law
def test_a_mixture_of_one_pool_is_that_pool(kernel, mixing, kappa):
    law = Law(kernel=kernel, amplitude=A, onset=N0, utility=-0.17, half_life=4.0, floor=D, worth=0.6)
    n = np.geomspace(1e6, 1e9, 23)
    q = [law.worth]
    if mixing == "utility_mean":
        law = Law(kernel=kernel, amplitude=A, onset=N0, utility=-0.17, half_life=4.0, floor=D)
    alone = law.error(n, 12.8e6)
    mixed = [
        error(one, [12.8e6], [1.0], kernel=kernel, mixing=mixing, b=[-0.17], tau=[4.0], q=q, kappa=kappa)
        for one in n
    ]
    assert mixed == pytest.approx(alone, abs=1e-13)


@for_every_law
@FEW
@given(mixture=pools(least=2), n=st.floats(1e6, 1e10), seed=st.integers(0, 99))
def test_the_order_of_pools_is_irrelevant(kernel, mixing, kappa, mixture, n, seed):
    order = np.random.default_rng(seed).permutation(len(mixture["w"]))
    mixture["b"] = np.full_like(mixture["b"], mixture["b"][0]) if mixing == "sample_worth" else mixture["b"]
    shuffled = {name: values[order] for name, values in mixture.items()}
    first = error(n, kernel=kernel, mixing=mixing, kappa=kappa, **mixture)
    assert error(n, kernel=kernel, mixing=mixing, kappa=kappa, **shuffled) == pytest.approx(first, rel=1e-12)


@for_every_law
@FEW
@given(mixture=pools(), n=st.floats(1e6, 1e10), f=st.floats(0.05, 0.95))
def test_splitting_a_pool_changes_nothing_when_half_lives_follow_the_parts(
    kernel, mixing, kappa, mixture, n, f
):
    whole = error(n, kernel=kernel, mixing=mixing, kappa=kappa, **mixture)
    split = {name: np.concatenate([values, values[-1:]]) for name, values in mixture.items()}
    for name, factor in (("N", 1.0), ("w", 1.0), ("tau", kappa)):
        split[name][-2] *= f**factor
        split[name][-1] *= (1.0 - f) ** factor
    assert error(n, kernel=kernel, mixing=mixing, kappa=kappa, **split) == pytest.approx(whole, rel=1e-9)


@pytest.mark.parametrize("mixing", RULES)
@pytest.mark.parametrize("kernel", [name for name, kernel in KERNELS.items() if kernel.decays])
def test_two_halves_with_the_half_life_of_the_whole_are_the_whole_only_without_kappa(kernel, mixing):
    def both(kappa):
        law = {"kernel": kernel, "mixing": mixing, "kappa": kappa}
        whole = error(128e6, [12.8e6], [1.0], b=[-0.17], tau=[4.0], **law)
        halves = error(128e6, [6.4e6] * 2, [0.5] * 2, b=[-0.17] * 2, tau=[4.0] * 2, **law)
        return whole, halves

    whole, halves = both(0.0)
    assert halves == pytest.approx(whole, abs=1e-13)
    for kappa in (0.5, 1.0):
        whole, halves = both(kappa)
        assert halves < whole - 1e-3


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
    mixed = error(
        n, [N] * p, [1.0 / p] * p, kernel="utility", mixing="utility_mean", b=b, tau=half_lives, kappa=1.0
    )
    assert np.log(mixed - D) == pytest.approx(log_excess, abs=1e-11)


@given(mixture=pools(), n=st.floats(1e6, 1e10))
def test_sample_worth_adds_up_the_worth_of_all_samples(mixture, n):
    w, N, tau, q = (mixture[name] for name in ("w", "N", "tau", "q"))
    n_eff = np.exp(log_effective_samples("utility", n, N / w, tau / w))
    expected = A * (np.sum(w * q * n_eff) / N0) ** mixture["b"][0] + D
    assert error(n, kernel="utility", mixing="sample_worth", kappa=1.0, **mixture) == pytest.approx(
        expected, rel=1e-12
    )


@given(mixture=pools(), n=st.floats(1e6, 1e10))
def test_utility_mean_is_the_weighted_geometric_mean_of_the_pools(mixture, n):
    w, N, tau, b = (mixture[name] for name in ("w", "N", "tau", "b"))
    log_n_eff = log_effective_samples("utility", n, N / w, tau / np.sqrt(w))
    expected = np.exp(np.sum(w * (np.log(A) + b * (log_n_eff - np.log(N0))))) + D
    assert error(n, kernel="utility", mixing="utility_mean", kappa=0.5, **mixture) == pytest.approx(
        expected, rel=1e-12
    )


@for_every_law
@FEW
@given(mixture=pools(), n=st.floats(1e6, 1e10), growth=st.floats(1.0, 3.0))
def test_more_budget_never_predicts_more_error(kernel, mixing, kappa, mixture, n, growth):
    law = {"kernel": kernel, "mixing": mixing, "kappa": kappa}
    assert error(growth * n, **law, **mixture) <= error(n, **law, **mixture) * (1 + 1e-12)


@for_every_law
def test_a_pool_of_weight_0_plays_no_part(kernel, mixing, kappa):
    law = {"kernel": kernel, "mixing": mixing, "kappa": kappa}
    two = error(64e6, [12.8e6, 5e6], [0.4, 0.6], b=[-0.2] * 2, tau=[4.0, 2.0], q=[1.0, 0.7], **law)
    three = error(
        64e6, [12.8e6, 1e6, 5e6], [0.4, 0.0, 0.6], b=[-0.2] * 3, tau=[4.0, 0.1, 2.0], q=[1.0, 9.0, 0.7], **law
    )
    assert three == pytest.approx(two, abs=1e-13)


def test_budgets_and_mixtures_broadcast():
    n = np.geomspace(1e7, 1e9, 7)[:, None]
    w = np.array([[1.0, 0.0], [0.5, 0.5], [0.2, 0.8]])
    together = error(
        n,
        [1e7, 2e7],
        w[None],
        kernel="utility",
        mixing="utility_mean",
        b=[-0.2, -0.1],
        tau=[4.0, 2.0],
        kappa=1.0,
    )
    assert together.shape == (7, 3)
    alone = error(
        n[4, 0],
        [1e7, 2e7],
        w[2],
        kernel="utility",
        mixing="utility_mean",
        b=[-0.2, -0.1],
        tau=[4.0, 2.0],
        kappa=1.0,
    )
    assert together[4, 2] == pytest.approx(alone, abs=1e-14)


def test_sample_worth_refuses_pools_of_different_utility():
    with pytest.raises(InputError, match="sample_worth needs one utility that all pools share"):
        mixture_error(
            np.array(1e7), np.array([1e6, 1e6]), np.array([0.5, 0.5]), kernel="utility", mixing="sample_worth",
            A=A, n0=N0, b=np.array([-0.2, -0.1]), tau=np.array([3.0, 3.0]), d=D,
        )  # fmt: skip


def test_an_unknown_rule_is_refused_with_the_ones_there_are():
    with pytest.raises(InputError, match=f"no mixing rule 'mean'. Rules are: {', '.join(RULES)}."):
        error(1e7, [1e6], [1.0], kernel="utility", mixing="mean", b=[-0.2], tau=[3.0], kappa=1.0)
