import pytest

from thresher.metadata.work import work_folder


@pytest.fixture
def work(tmp_path):
    with work_folder(tmp_path / "work", {}) as folder:
        yield folder
