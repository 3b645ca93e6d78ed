"""Fit laws to runs, and predict with them."""

from thresher.fits.blend import blend_fits
from thresher.fits.fit import Finding, Fit, LawKind, PoolReport, SharedReport, Verdict
from thresher.fits.fit_law import fit_law
from thresher.fits.forecast import Forecast, forecast
from thresher.fits.predict import Prediction, predict_mixture, predict_mixtures

__all__ = [
    "Finding",
    "Fit",
    "Forecast",
    "LawKind",
    "PoolReport",
    "Prediction",
    "SharedReport",
    "Verdict",
    "blend_fits",
    "fit_law",
    "forecast",
    "predict_mixture",
    "predict_mixtures",
]
