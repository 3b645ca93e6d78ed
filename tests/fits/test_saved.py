"""A fit that is written and read back predicts the same."""

import numpy as np
import pytest

from thresher import fit_law, load_example, predict_mixture, read_fit, write_fit
from thresher.fits.predict import draw_errors
from thresher.pools import union

BUDGETS = [32e6, 64e6, 128e6]
pytestmark = pytest.mark.filterwarnings("ignore::thresher.errors.ExtrapolationWarning")


@pytest.mark.parametrize("mixing", ["sample_worth", "utility_mean"])
@pytest.mark.parametrize("kernel", ["utility", "fresh"])
def test_predictions_are_exactly_the_same_after_reading_back(kernel, mixing, tmp_path):
    fit = fit_law(load_example("datacomp_medium_tmars"), kernel=kernel, mixing=mixing, replicates=30)
    write_fit(fit, tmp_path / "fit.json")
    again = read_fit(tmp_path / "fit.json")
    for pools in (["top_0_10"], ["top_0_10", "top_10_20"]):
        before, after = (predict_mixture(one, pools, BUDGETS) for one in (fit, again))
        assert [one.error for one in after] == [one.error for one in before]
        assert [one.low for one in after] == pytest.approx([one.low for one in before], abs=1e-6)
    mixture = union(fit.pools[:3])
    first, second = (draw_errors(one, [mixture], np.array(BUDGETS))[0] for one in (fit, again))
    assert second == pytest.approx(first, abs=1e-6)


def test_everything_that_a_person_reads_comes_back(tmp_path):
    fit = fit_law(load_example("datacomp_medium_tmars"), replicates=5)
    write_fit(fit, tmp_path / "fit.json")
    again = read_fit(tmp_path / "fit.json")
    assert again.reports == fit.reports
    assert again.pools == fit.pools
    assert (again.notes, again.warnings, again.rmse, again.noise_sd) == (
        fit.notes,
        fit.warnings,
        fit.rmse,
        fit.noise_sd,
    )
    assert [(row.pool, row.samples_seen, row.error) for row in again.rows] == [
        (row.pool, row.samples_seen, row.error) for row in fit.rows
    ]


def test_a_fit_written_twice_is_the_same_file(tmp_path):
    fit = fit_law(load_example("datacomp_medium_tmars"), replicates=5)
    write_fit(fit, tmp_path / "one.json")
    write_fit(read_fit(tmp_path / "one.json"), tmp_path / "two.json")
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
