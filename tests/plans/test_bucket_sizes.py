import json

import numpy as np
import pytest

from thresher import fit_law, load_example
from thresher.errors import InputError
from thresher.fits.predict import predict_mixture
from thresher.plans.saved import in_buckets, read_bucket_sizes, read_pool_size

NAMES = ("top_0_10", "top_10_20", "top_20_30", "top_30_40")


@pytest.fixture
def buckets(tmp_path):
    path = tmp_path / "buckets.json"
    rows = [{"name": name, "low": 0, "high": 1, "rows": 2000, "fraction": 0.1} for name in NAMES]
    path.write_text(json.dumps({"format": "thresher-buckets", "version": 1, "rows": 20_000, "buckets": rows}))
    return path


def test_buckets_say_the_pool_and_a_pool_size_says_what_they_are_a_part_of(buckets):
    assert read_pool_size(None, buckets) == 20_000
    assert read_pool_size("128M", buckets) == 128e6
    assert set(read_bucket_sizes(buckets).values()) == {2000}
    assert set(read_bucket_sizes(buckets, 128e6).values()) == {12.8e6}
    with pytest.raises(InputError, match=r"pool_size is 100, but .* was made from 20,000 rows; give no less"):
        read_pool_size("100", buckets)


def test_a_fit_of_parts_is_moved_to_whole_buckets(buckets):
    fit = fit_law(load_example("datacomp_medium_tmars"), draws=0, kappa=1.0)
    whole = in_buckets(fit, buckets, 1.28e9)
    assert {pool.unique_samples for pool in whole.ranked} == {128e6}
    ten = predict_mixture(fit, NAMES[:1], 10 * 12.8e6, unique_samples=[128e6])[0]
    assert predict_mixture(whole, NAMES[:1], 10 * 12.8e6)[0].error == pytest.approx(ten.error)
    (law,) = {law.kernel: law for law in whole.laws if law.kernel == "muennighoff"}.values()
    sizes = np.array([pool.unique_samples for pool in fit.pools])
    assert law.half_lives(10 * sizes) == pytest.approx(10 * law.half_lives(sizes))
    assert in_buckets(fit, None, 1.28e9) is fit


def test_a_pool_that_is_no_bucket_is_refused(buckets):
    buckets.write_text(buckets.read_text().replace("top_0_10", "b0"))
    fit = fit_law(load_example("datacomp_medium_tmars"), draws=0)
    with pytest.raises(
        InputError, match=r"Pool 'top_0_10' of the fit is not a bucket of .*it has: b0, top_10_20"
    ):
        in_buckets(fit, buckets, None)
