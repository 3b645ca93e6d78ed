import errno
import io
import json
import tarfile

import numpy as np
import pytest

from thresher.errors import InputError
from thresher.lab.open_clip.shards import write_evaluation, write_shards
from thresher.lab.pairs import SIDE, Labelled


def test_every_pair_is_in_one_shard_with_its_caption(data, tmp_path):
    shards = write_shards(data.pool, tmp_path / "shards")
    assert (shards.pattern, shards.count, shards.samples) == (
        f"{tmp_path}/shards/{{00000..00002}}.tar",
        3,
        300,
    )
    found = {}
    for path in sorted((tmp_path / "shards").iterdir()):
        with tarfile.open(path) as tar:
            for member in tar:
                found[member.name] = tar.extractfile(member).read()
    assert len(found) == 600
    for name, caption in zip(data.pool.ids, data.pool.captions, strict=True):
        assert found[f"{name}.txt"] == caption.encode()
        assert found[f"{name}.png"].startswith(b"\x89PNG")


def test_images_are_black_on_white_and_come_back_exactly(data, tmp_path):
    image = pytest.importorskip("PIL.Image", reason='Pillow is not installed: pip install "thresher[lab]"')
    write_shards(data.pool.take(np.arange(1)), tmp_path / "shards")
    with tarfile.open(tmp_path / "shards" / "00000.tar") as tar:
        opened = image.open(io.BytesIO(tar.extractfile(f"{data.pool.ids[0]}.png").read()))
    assert opened.mode == "L"
    assert np.array_equal(255 - np.asarray(opened), data.pool.images[0])


def test_the_same_pairs_give_the_same_bytes(data, tmp_path):
    for name in ("first", "second"):
        write_shards(data.pool, tmp_path / name)
    for path in (tmp_path / "first").iterdir():
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes()


def test_a_full_disk_leaves_no_shards(data, tmp_path, monkeypatch):
    real = tarfile.open

    def full(name, *arguments, **options):
        if name.name == "00001.tar":
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(name, *arguments, **options)

    monkeypatch.setattr(tarfile, "open", full)
    with pytest.raises(InputError, match=r"shards cannot be written: No space left on device\.$"):
        write_shards(data.pool, tmp_path / "shards")
    assert not list(tmp_path.iterdir())


def test_no_pairs_are_refused(data, tmp_path):
    with pytest.raises(InputError, match="No pairs to write"):
        write_shards(data.pool.take(np.arange(0)), tmp_path / "shards")


def test_folders_of_images_are_in_the_order_of_the_classes(tmp_path):
    """open_clip sorts folders by name and takes the class at that place; a class without images has no folder."""
    classes = ("zebra", "empty", "ant", "bee", "cat", "dog")
    labels = np.array([0, 2, 2, 3, 4, 5])
    images, names = write_evaluation(Labelled(np.zeros((6, SIDE, SIDE), np.uint8), labels, classes), tmp_path)
    listed = json.loads(names.read_text())
    assert listed == {"classes": ["zebra", "ant", "bee", "cat", "dog", "empty"], "templates": ["{}"]}
    assert [len(list(folder.iterdir())) for folder in sorted(images.iterdir())] == [1, 2, 1, 1, 1]


def test_jobs_share_images_and_other_images_get_a_folder_of_their_own(data, tmp_path):
    first, _ = write_evaluation(data.evaluation, tmp_path)
    assert write_evaluation(data.evaluation, tmp_path)[0] == first
    other = Labelled(255 - data.evaluation.images, data.evaluation.labels, data.evaluation.classes)
    assert write_evaluation(other, tmp_path)[0] != first
    assert len(list(tmp_path.iterdir())) == 2


def test_too_few_classes_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"There are 2 evaluation classes; .* needs at least 5"):
        write_evaluation(Labelled(np.zeros((2, SIDE, SIDE), np.uint8), np.arange(2), ("a", "b")), tmp_path)
