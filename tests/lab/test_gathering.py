import numpy as np
import pytest

from thresher.errors import InputError
from thresher.lab.icons import gathering
from thresher.lab.icons.drawing import Drawing, SetOfDrawings
from thresher.lab.icons.split import Split

NAMES = [f"{first}{second} thing" for first in "abcdefgh" for second in "vwxyz"]


def sets(number=2200):
    """Ten held-out sets of 40 things each, a teacher's and a pool's."""
    made = [
        SetOfDrawings(
            f"held{at}", "1", "MIT", tuple(Drawing(f"held{at}", name, f"held{at} {name}") for name in NAMES)
        )
        for at in range(10)
    ]
    for name in ("teach", "swim", "float"):
        drawings = tuple(Drawing(name, f"icon {at}", f"{name} {at}") for at in range(number))
        made.append(SetOfDrawings(name, "1", "MIT", drawings))
    return made


@pytest.fixture(autouse=True)
def split(monkeypatch):
    named = {f"held{at}": (f"family{at}", "evaluation") for at in range(10)} | {"teach": ("teach", "teacher")}
    monkeypatch.setattr(gathering, "read_split", lambda source: Split(named, {"gone": "for a reason"}))
    monkeypatch.setattr(gathering, "render", drawn)


def drawn(drawings, processes=None, progress=None):
    """An image that only the document decides: those of `copy of X` look like X."""
    images = np.array([
        np.random.default_rng(list(one.svg.removeprefix("copy of ").encode())).integers(0, 256, (24, 24), dtype=np.uint8)
        for one in drawings
    ], dtype=np.uint8).reshape(-1, 24, 24)  # fmt: skip
    return images, np.array(["blank" not in one.svg for one in drawings], dtype=bool)


def gathered(made, **sizes):
    return gathering.gather("iconify", made, **({"pool": 2000, "teacher": 2000} | sizes))


def test_pool_teacher_and_evaluation_are_of_different_sets():
    data = gathered(sets())
    assert (len(data.pool), len(data.teacher)) == (2000, 2000)
    roles = {one.name: one.role for one in data.sets if one.role != "evaluation"}
    assert roles == {"swim": "pool", "float": "pool", "teach": "teacher"}
    assert len(data.evaluation.classes) == 40
    assert not set(data.pool.ids) & set(data.teacher.ids)


def test_the_same_icons_give_the_same_data_in_any_order():
    first, second = gathered(sets()), gathered(sets()[::-1])
    assert first.pool.ids == second.pool.ids
    assert first.teacher.ids == second.teacher.ids
    np.testing.assert_array_equal(first.pool.images, second.pool.images)


def test_a_near_duplicate_of_an_evaluation_image_is_in_neither_pool_nor_teacher():
    made = sets()
    copies = tuple(Drawing("swim", f"copy {at}", f"copy of held0 {name}") for at, name in enumerate(NAMES))
    made[-2] = SetOfDrawings("swim", "1", "MIT", made[-2].drawings[:1400] + copies)
    data = gathered(made, pool=4000)
    assert data.near_duplicates == len(copies)
    assert not [caption for caption in data.pool.captions if caption.startswith("copy")]


def test_a_class_needs_ten_families_and_takes_two_images_of_each():
    made = sets()
    styles = tuple(
        Drawing("held0", f"{NAMES[0]} {style}", f"s {style}") for style in ("bold", "light", "thin")
    )
    made[0] = SetOfDrawings(
        "held0", "1", "MIT", (*made[0].drawings, *styles, Drawing("held0", "rare", "rare"))
    )
    data = gathered(made)
    assert "rare" not in data.evaluation.classes
    at = data.evaluation.classes.index(NAMES[0])
    assert (data.evaluation.labels == at).sum() == 9 + gathering.MOST_A_CLASS


def test_icons_that_show_nothing_are_left_out():
    made = sets()
    blank = tuple(Drawing("swim", f"blank {at}", f"blank {at}") for at in range(100))
    made[-2] = SetOfDrawings("swim", "1", "MIT", made[-2].drawings[:1400] + blank)
    assert not [caption for caption in gathered(made).pool.captions if caption.startswith("blank")]


@pytest.mark.parametrize(("number", "role"), [(900, "teacher"), (0, "teacher")])
def test_too_few_icons_are_refused(number, role):
    with pytest.raises(InputError, match=f"Only {number} icons are left for the {role}, and it takes 2,000"):
        gathered(sets(number))


def test_no_evaluation_images_are_refused():
    with pytest.raises(InputError, match="No icons are left to evaluate on"):
        gathered(sets()[10:])


def test_no_icons_at_all_are_refused():
    with pytest.raises(InputError, match="icons"):
        gathered([])


def test_sources_are_named_and_icons_are_iconifys():
    from pathlib import Path

    with pytest.raises(InputError, match="--source emoji is none of auto, iconify, wheels"):
        gathering.chosen_source(None, "emoji")
    with pytest.raises(InputError, match="--icons takes icons of iconify; leave out --source wheels"):
        gathering.chosen_source(Path("icons"), "wheels")


def test_auto_takes_wheels_where_npm_is_missing(monkeypatch):
    monkeypatch.setattr(gathering.shutil, "which", lambda name: None)
    assert gathering.chosen_source(None, "auto") == "wheels"
    monkeypatch.setattr(gathering.shutil, "which", lambda name: "npm")
    assert gathering.chosen_source(None, "auto") == "iconify"


def test_packages_are_kept_in_the_users_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert gathering.cache_folder() == tmp_path / "cache" / "thresher" / "icons"
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(InputError, match=r"cannot be made.*Set XDG_CACHE_HOME"):
        gathering.cache_folder()
