"""The default law: its slopes, its limits, and what its parts mean."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from simulated import N, settings, singles, together, true_law
from thresher.laws import KERNELS
from thresher.laws.one_law import SCALARS

UNITS = ("fraction", "loss")
STEP = 1e-5


@st.composite
def laws(draw, unit, pools=3, kernels=tuple(KERNELS)):
    """Default laws, and runs of them: mixtures, single pools, a pool that never repeats."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    law = true_law(
        pools,
        unit=unit,
        kernel=draw(st.sampled_from(kernels)),
        rng=rng,
        kappa=draw(st.floats(0.0, 2.0)),
        power=draw(st.floats(0.06, 3.5)),
        bend=draw(st.floats(1.0, 8.0)),
    )
    mixed = settings(
        rng.dirichlet(np.ones(pools), 5), rng.uniform(0.3, 3.0, pools) * N, rng.uniform(0.5, 12.0, 5) * N
    )
    endless = settings(
        rng.dirichlet(np.ones(pools), 2), np.append(rng.uniform(0.3, 3.0, pools - 1) * N, np.inf), 6.3 * N
    )
    parts = [singles(pools, (0.7, 5.3)), mixed, endless]
    drawn = draw(st.booleans())
    runs = together(*parts)
    return law, settings(runs.weights, runs.unique_samples, runs.samples_seen, resampled=drawn)


def moved(law, parameter, by):
    """A law with one parameter moved, in the order and on the scale of the slopes."""
    names = [
        *SCALARS,
        *(("worth", i) for i in range(law.worth.shape[1])),
        *(("half_life", i) for i in range(law.worth.shape[1])),
    ]
    name = names[parameter]
    fields = dict(vars(law))
    if isinstance(name, tuple):
        values = fields[name[0]].copy()
        values[:, name[1]] *= np.exp(by)
        return type(law)(**{**fields, name[0]: values})
    value = fields[name] * np.exp(by) if name in ("exponent", "bend") else fields[name] + by
    return type(law)(**{**fields, name: value})


@pytest.mark.parametrize("unit", UNITS)
@examples(max_examples=40)
@given(data=st.data())
def test_slopes_are_the_derivatives_of_the_errors(unit, data):
    law, runs = data.draw(laws(unit))
    value, J = law.evaluate(runs, slopes=True)
    assert value == pytest.approx(law.errors(runs), abs=0)
    assert J.shape == (1, len(runs), 6 + 2 * law.worth.shape[1])
    for k in range(J.shape[2]):
        slope = (moved(law, k, STEP).errors(runs) - moved(law, k, -STEP).errors(runs)) / (2 * STEP)
        assert J[0, :, k] == pytest.approx(slope[0], rel=1e-3, abs=2e-5 * max(1.0, np.abs(slope).max()))


@pytest.mark.parametrize("unit", UNITS)
@given(data=st.data())
def test_errors_lie_between_the_floor_and_guessing(unit, data):
    law, runs = data.draw(laws(unit))
    errors = law.errors(runs)[0]
    assert np.all(errors >= law.floor[0])
    if law.chance is not None:
        assert np.all(errors <= law.chance * (1 + 1e-12))


@pytest.mark.parametrize("unit", UNITS)
def test_worth_is_a_factor_of_samples_where_nothing_repeats(unit):
    law = true_law(2, unit=unit, worth=[2.0, 1.0])
    best, other = law.errors(settings(np.eye(2), np.inf, [3e7, 6e7]))[0]
    assert best == pytest.approx(other, rel=1e-12)


@pytest.mark.parametrize("unit", UNITS)
def test_only_the_products_of_level_and_worth_are_told_apart(unit):
    """A common factor e^s of all worths is the level b s lower: why their mean needs a prior."""
    law = true_law(3, unit=unit)
    other = type(law)(
        **{**vars(law), "worth": law.worth * np.exp(0.7), "level": law.level + 0.7 * law.exponent}
    )
    runs = together(singles(3, (0.5, 2.0, 9.0)), settings([[0.2, 0.3, 0.5]], N, 5 * N))
    assert other.errors(runs) == pytest.approx(law.errors(runs), rel=1e-12)


def test_without_a_bend_the_fraction_is_the_power_law_capped_at_guessing():
    sharp = true_law(1, bend=400.0, worth=[1.0])
    plain = true_law(
        1, unit="loss", worth=[1.0], level=sharp.level, floor=sharp.floor, exponent=sharp.exponent
    )
    n = np.geomspace(1e3, 1e9, 40)
    runs = settings(np.ones((40, 1)), np.inf, n)
    assert sharp.errors(runs)[0] == pytest.approx(np.minimum(plain.errors(runs)[0], sharp.chance), abs=1e-3)


def test_the_onset_is_where_the_power_law_meets_guessing():
    law = true_law(1, worth=[1.0])
    excess = np.exp(law.level - law.exponent * np.log(law.onset / law.largest_run))
    assert law.floor + excess == pytest.approx(law.chance)
    assert true_law(1, unit="loss").onset is None


@given(size=st.floats(0.05, 50.0), kappa=st.floats(0.0, 2.0))
def test_half_lives_grow_with_size_to_the_kappa(size, kappa):
    law = true_law(2, kappa=kappa)
    found = law.half_lives(np.array([size * law.typical_size, np.inf]))
    assert found[0] == pytest.approx([law.half_life[0, 0] * size**kappa, law.half_life[0, 1]])
    doubled = settings([[1.0, 0.0]], [2.0 * size * law.typical_size, N], 30.0 * size * law.typical_size)
    longer = type(law)(
        **{**vars(law), "half_life": law.half_life * [[(2.0 * size) ** kappa, 1.0]], "kappa": np.zeros(1)}
    )
    assert law.errors(doubled) == pytest.approx(longer.errors(doubled), rel=1e-12)


@given(weight=st.floats(0.01, 1.0), power=st.floats(0.1, 3.0))
def test_without_dilution_a_little_worthless_data_never_helps(weight, power):
    """With kappa 1 a pool at half its share wears out half as fast, which can make worthless data look useful."""
    law = true_law(2, kappa=1.5, power=power, worth=[1.0, 1e-13], half_life=[0.5, 0.5]).without_dilution()
    pure, diluted = law.errors(settings([[1.0, 0.0], [weight, 1.0 - weight]], N, 40 * N))[0]
    assert diluted >= pure - 1e-9


def test_with_kappa_a_little_worthless_data_can_look_useful():
    law = true_law(2, kappa=1.5, worth=[1.0, 1e-13], half_life=[0.5, 0.5])
    pure, diluted = law.errors(settings([[1.0, 0.0], [0.6, 0.4]], N, 40 * N))[0]
    assert diluted < pure - 1e-3


def test_draws_are_evaluated_together_as_one_by_one():
    rng = np.random.default_rng(0)
    one, two = true_law(3, rng=rng), true_law(3, rng=rng)
    names = (*SCALARS, "worth", "half_life")
    stack = type(one)(
        **{**vars(one), **{name: np.concatenate([getattr(one, name), getattr(two, name)]) for name in names}}
    )
    runs = singles(3, (1.0, 5.0))
    assert len(stack) == 2
    assert stack.errors(runs) == pytest.approx(np.concatenate([one.errors(runs), two.errors(runs)]))
    assert stack.take(slice(1, 2)).errors(runs) == pytest.approx(two.errors(runs))


def test_a_law_of_some_pools_is_the_law_of_those_pools():
    law = true_law(3)
    runs = settings([[0.3, 0.7]], [N, 2 * N], 9 * N)
    whole = settings([[0.0, 0.7, 0.3]], [N, 2 * N, N], 9 * N)
    assert law.of_pools(np.array([2, 1])).errors(runs) == pytest.approx(law.errors(whole), rel=1e-12)
