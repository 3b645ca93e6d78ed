from dataclasses import replace

import pytest

from ensembles import ensemble, runs
from simulated import N
from thresher.errors import InputError
from thresher.fits.fit_law import fit_law
from thresher.pilots.recovery import simulate_and_recover


def one_law(**options):
    return fit_law(runs(), replicates=0, **options)


def with_epochs(fit, epochs):
    """The fit, as if its runs had ended after these epochs."""
    rows = [
        replace(row, samples_seen=e * N)
        for pool in fit.pools
        for row in [row for row in fit.rows if row.pool == pool.name][:1]
        for e in epochs
    ]
    return replace(fit, rows=tuple(rows))


def test_long_runs_identify_half_lives():
    found = simulate_and_recover(with_epochs(one_law(), (1, 2, 4, 8, 16)), simulations=3)
    assert set(found.identified) == {"a", "b", "c"}
    assert min(found.identified.values()) == 1.0


def test_runs_below_one_epoch_identify_none():
    found = simulate_and_recover(with_epochs(one_law(), (0.2, 0.4, 0.7, 1.0)), simulations=3)
    assert max(found.identified.values()) == 0.0


def test_planned_runs_identify_what_the_runs_so_far_do_not():
    short = with_epochs(one_law(), (0.2, 0.4, 0.7, 1.0))
    planned = [(pool.name, e * N) for pool in short.pools for e in (2, 4, 8, 16)]
    found = simulate_and_recover(short, planned, simulations=3)
    assert min(found.identified.values()) > 0.5


@pytest.mark.slow
def test_the_same_seed_gives_the_same_shares_from_an_ensemble():
    one = simulate_and_recover(ensemble(), simulations=4, seed=2)
    assert simulate_and_recover(ensemble(), simulations=4, seed=2) == one
    assert one.simulations == 4


def test_a_planned_run_of_an_unknown_pool_is_refused():
    with pytest.raises(InputError, match=r"There is no pool 'z' in this fit\. It has: a, b, c"):
        simulate_and_recover(one_law(), [("z", N)])


def test_a_law_without_half_lives_has_none_to_recover():
    with pytest.raises(InputError, match="no half-life to identify"):
        simulate_and_recover(one_law(kernel="fresh"))
