import pytest

from simulated import N
from thresher import fit_ensemble
from thresher.fits.ensemble import MIXING_PRIOR
from thresher.laws import Law
from thresher.runs import Measurement, RunTable


def test_rules_keep_their_prior_however_badly_one_of_them_fits(monkeypatch):
    monkeypatch.setattr("thresher.fits.ensemble.KERNEL_PRIOR", {"utility": 1.0})
    monkeypatch.setattr("thresher.fits.ensemble.FRACTION_FLOORS", {0.1: 1.0})
    rows = []
    for rank, (pool, utility) in enumerate((("a", -0.25), ("b", -0.15), ("c", -0.08)), start=1):
        law = Law(
            kernel="utility", amplitude=0.899, onset=5e5, utility=utility, half_life=4.0, floor=0.1, worth=1.0
        )
        for epochs in (1, 2, 4, 8, 14):
            error = float(law.error(epochs * N, N))
            rows.append(Measurement(pool, N, epochs * N, "x_error", error, rank=rank, standard_error=1e-4))
    fit = fit_ensemble(RunTable(tuple(rows), "exact"), replicates=0)
    for rule, prior in MIXING_PRIOR.items():
        assert sum(member.weight for member in fit.members if member.mixing == rule) == pytest.approx(prior)
