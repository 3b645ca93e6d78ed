import numpy as np
import pytest

from laboratories import lab_data
from thresher.lab import scoring
from thresher.lab.scoring import cut_pool


def test_what_an_interrupted_cut_left_is_not_used_for_other_scores(tmp_path, monkeypatch):
    data = lab_data(pool=400, teacher=30)
    first, second = np.random.default_rng(0).random((2, 400))
    (tmp_path / "interrupted").mkdir()
    (tmp_path / "fresh").mkdir()

    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(scoring, "write_members", interrupt)
        with pytest.raises(KeyboardInterrupt):
            cut_pool(data, first, 4, tmp_path / "interrupted")
    assert list((tmp_path / "interrupted" / ".buckets.thresher").iterdir())
    _, found = cut_pool(data, second, 4, tmp_path / "interrupted")
    _, expected = cut_pool(data, second, 4, tmp_path / "fresh")
    assert found.keys() == expected.keys()
    for name, rows in expected.items():
        assert len(rows) == 100
        np.testing.assert_array_equal(found[name], rows)
    best = np.sort(np.argsort(second)[-100:])
    np.testing.assert_array_equal(found["b0"], best)
