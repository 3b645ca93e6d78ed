"""What holds for mixtures under every kernel and power: one pool, order, splitting, sums and means."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from simulated import settings, true_law
from thresher.laws import KERNELS, log_effective_samples, log_power_mean

FEW = examples(max_examples=8)
"""Examples for each kernel, power and kappa; there are dozens of those."""
POWERS = (0.05, 1.0, 2.5)
KAPPAS = (0.0, 0.5, 1.0)
UNITS = ("fraction", "loss")


@st.composite
def mixtures(draw, least=1, most=4):
    """Sizes, weights, half-lives and worths of some pools."""
    count = draw(st.integers(least, most))

    def values(low, high):
        return np.array(draw(st.lists(st.floats(low, high), min_size=count, max_size=count)))

    w = values(0.05, 1.0)
    return {"N": values(1e5, 1e8), "w": w / w.sum(), "tau": values(0.3, 30.0), "q": values(0.05, 1.5)}


def error(n, mixture, *, kernel="muennighoff", power=1.0, kappa=1.0, unit="fraction"):
    """Error of one mixture under the default law."""
    law = true_law(
        len(mixture["w"]),
        kernel=kernel,
        unit=unit,
        power=power,
        kappa=kappa,
        worth=mixture["q"],
        half_life=mixture["tau"],
    )
    return float(law.errors(settings(mixture["w"], mixture["N"], n))[0, 0])


def for_every_law(test):
    test = pytest.mark.parametrize("kernel", KERNELS)(test)
    test = pytest.mark.parametrize("power", POWERS)(test)
    return pytest.mark.parametrize("kappa", KAPPAS)(test)


@for_every_law
@FEW
@given(mixture=mixtures(most=1), n=st.floats(1e6, 1e10))
def test_a_mixture_of_one_pool_is_that_pool(kernel, power, kappa, mixture, n):
    law = true_law(
        1, kernel=kernel, unit="loss", power=power, kappa=kappa, worth=mixture["q"], half_life=mixture["tau"]
    )
    N, tau = mixture["N"][0], mixture["tau"][0] * (mixture["N"][0] / law.typical_size) ** kappa
    log_n = log_effective_samples(KERNELS[kernel].for_exposure("epochs").name, n, N, tau)
    M = log_n - np.log(law.largest_run) + np.log(mixture["q"][0])
    expected = law.floor[0] + np.exp(law.level[0] - law.exponent[0] * M)
    assert error(n, mixture, kernel=kernel, power=power, kappa=kappa, unit="loss") == pytest.approx(
        expected, rel=1e-9
    )


@for_every_law
@FEW
@given(mixture=mixtures(least=2), n=st.floats(1e6, 1e10), seed=st.integers(0, 99))
def test_the_order_of_pools_is_irrelevant(kernel, power, kappa, mixture, n, seed):
    order = np.random.default_rng(seed).permutation(len(mixture["w"]))
    shuffled = {name: values[order] for name, values in mixture.items()}
    law = {"kernel": kernel, "power": power, "kappa": kappa}
    assert error(n, shuffled, **law) == pytest.approx(error(n, mixture, **law), rel=1e-12)


@for_every_law
@FEW
@given(mixture=mixtures(), n=st.floats(1e6, 1e10), f=st.floats(0.05, 0.95))
def test_splitting_a_pool_changes_nothing_when_half_lives_follow_the_parts(
    kernel, power, kappa, mixture, n, f
):
    """Parts of f and 1 - f keep the sampling rate, and have half-lives tau f^kappa at their own sizes.

    A law says half-lives at one typical size, where a part has the whole's: tau (N/Nbar)^kappa f^kappa = tau (f N/Nbar)^kappa.
    """
    split = {name: np.concatenate([values, values[-1:]]) for name, values in mixture.items()}
    for name in ("N", "w"):
        split[name][-2] *= f
        split[name][-1] *= 1.0 - f
    law = {"kernel": kernel, "power": power, "kappa": kappa}
    assert error(n, split, **law) == pytest.approx(error(n, mixture, **law), rel=1e-9)


@pytest.mark.parametrize("kernel", [name for name, kernel in KERNELS.items() if kernel.decays])
@pytest.mark.parametrize("power", POWERS)
def test_two_halves_with_the_half_life_of_the_whole_are_the_whole_only_without_kappa(kernel, power):
    whole = {"N": np.array([12.8e6]), "w": np.array([1.0]), "tau": np.array([4.0]), "q": np.array([1.0])}

    def halves(kappa):  # each half has at its own size what the whole has at its own
        return {
            "N": np.full(2, 6.4e6),
            "w": np.full(2, 0.5),
            "tau": np.full(2, 4.0 * 2.0**kappa),
            "q": np.ones(2),
        }

    law = {"kernel": kernel, "power": power}
    assert error(128e6, halves(0.0), kappa=0.0, **law) == pytest.approx(
        error(128e6, whole, kappa=0.0, **law), abs=1e-12
    )
    for kappa in (0.5, 1.0):
        assert (
            error(128e6, halves(kappa), kappa=kappa, **law) < error(128e6, whole, kappa=kappa, **law) - 1e-3
        )


@given(mixture=mixtures(), n=st.floats(1e6, 1e10))
def test_at_power_1_the_worth_of_all_samples_adds_up(mixture, n):
    w, N, tau, q = (mixture[name] for name in ("w", "N", "tau", "q"))
    law = true_law(len(w), unit="loss", kernel="utility", worth=q, half_life=tau, kappa=1.0)
    n_eff = np.exp(log_effective_samples("utility", n, N / w, tau * N / w / law.typical_size))
    excess = np.exp(law.level[0]) * (np.sum(w * q * n_eff) / law.largest_run) ** -law.exponent[0]
    found = law.errors(settings(w, N, n))[0, 0]
    assert found - law.floor[0] == pytest.approx(excess, rel=1e-9)


@given(mixture=mixtures(least=2), n=st.floats(1e6, 1e10))
def test_towards_power_0_the_mixture_is_the_geometric_mean_of_its_pools(mixture, n):
    w, N, tau, q = (mixture[name] for name in ("w", "N", "tau", "q"))
    law = true_law(len(w), unit="loss", worth=q, half_life=tau, kappa=1.0, power=0.0)
    log_n = log_effective_samples("muennighoff", n, N / w, tau * N / w / law.typical_size)
    excess = np.exp(
        law.level[0] - law.exponent[0] * np.sum(w * (np.log(q) + log_n - np.log(law.largest_run)))
    )
    assert law.errors(settings(w, N, n))[0, 0] - law.floor[0] == pytest.approx(excess, rel=1e-4)


@given(
    values=st.lists(st.floats(-30.0, 30.0), min_size=2, max_size=5),
    powers=st.tuples(st.floats(0.05, 4.0), st.floats(0.05, 4.0)),
)
def test_a_power_mean_lies_between_its_values_and_grows_with_the_power(values, powers):
    x = np.array(values)[None, None]
    w = np.full((1, len(values)), 1.0 / len(values))
    (low, high), shares = log_power_mean(np.repeat(x, 2, axis=0), w, np.sort(powers))
    assert min(values) - 1e-9 <= low[0] <= high[0] + 1e-9 <= max(values) + 2e-9
    assert shares.sum(axis=-1) == pytest.approx(1.0)


def test_a_pool_of_weight_0_plays_no_part():
    two = {
        "N": np.array([12.8e6, 5e6]),
        "w": np.array([0.4, 0.6]),
        "tau": np.array([4.0, 2.0]),
        "q": np.array([1.0, 0.7]),
    }
    three = {
        "N": np.array([12.8e6, 1e6, 5e6]), "w": np.array([0.4, 0.0, 0.6]), "tau": np.array([4.0, 0.1, 2.0]),
        "q": np.array([1.0, 9.0, 0.7]),
    }  # fmt: skip
    for power in POWERS:
        assert error(64e6, three, power=power) == pytest.approx(error(64e6, two, power=power), abs=1e-13)


@for_every_law
@FEW
@given(mixture=mixtures(), n=st.floats(1e6, 1e10), growth=st.floats(1.0, 3.0))
def test_more_budget_never_predicts_more_error(kernel, power, kappa, mixture, n, growth):
    law = {"kernel": kernel, "power": power, "kappa": kappa}
    assert error(growth * n, mixture, **law) <= error(n, mixture, **law) * (1 + 1e-12)
