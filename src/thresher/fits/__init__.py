"""Fit laws to runs, and predict with them."""

from thresher.fits.choice import LawChoice
from thresher.fits.ensemble import fit_ensemble
from thresher.fits.fit import Finding, Fit, Member, Parameters, PoolReport, Verdict
from thresher.fits.fit_law import fit_law
from thresher.fits.predict import Prediction, predict_mixture

__all__ = [
    "Finding",
    "Fit",
    "LawChoice",
    "Member",
    "Parameters",
    "PoolReport",
    "Prediction",
    "Verdict",
    "fit_ensemble",
    "fit_law",
    "predict_mixture",
]
