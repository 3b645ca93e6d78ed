import json
import subprocess

import pytest

from thresher.errors import DataWarning, InputError
from thresher.lab.icons import iconify

MIT = frozenset({"MIT"})


def package(folder, sets, **about):
    (folder / "json").mkdir(parents=True)
    listed = {}
    for name, content in sets.items():
        listed[name] = {"license": {"spdx": "MIT"}, "palette": False, "version": "1.2", **about.get(name, {})}
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / "json" / f"{name}.json").write_text(text)
    (folder / "collections.json").write_text(json.dumps(listed))
    return folder


def icons(**bodies):
    return {"icons": {name: {"body": body} for name, body in bodies.items()}, "width": 24, "height": 24}


def test_icons_become_whole_svg_documents_sorted_by_name(tmp_path):
    folder = package(tmp_path / "p", {"one": icons(b="<path/>", a="<g/>")})
    (found,) = iconify.read_iconify(folder, MIT)
    assert (found.name, found.version, found.licence) == ("one", "1.2", "MIT")
    assert [drawing.name for drawing in found.drawings] == ["a", "b"]
    assert found.drawings[0].svg == '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><g/></svg>'


def test_hidden_icons_and_own_boxes(tmp_path):
    content = {
        "icons": {"gone": {"body": "<g/>", "hidden": True}, "wide": {"body": "<g/>", "width": 32, "left": -4}}
    }
    (found,) = iconify.read_iconify(package(tmp_path / "p", {"one": content}), MIT)
    assert [drawing.name for drawing in found.drawings] == ["wide"]
    assert 'viewBox="-4 0 32 16"' in found.drawings[0].svg


def test_coloured_sets_and_other_licences_are_left_out(tmp_path):
    folder = package(
        tmp_path / "p", {name: icons(a="<g/>") for name in ("free", "coloured", "bound")},
        coloured={"palette": True}, bound={"license": {"spdx": "GPL-3.0"}},
    )  # fmt: skip
    assert [one.name for one in iconify.read_iconify(folder, MIT)] == ["free"]


@pytest.mark.parametrize("content", ["{", "[]", '{"icons": {"a": {}}}', '{"icons": 3}'])
def test_a_broken_set_is_left_out_with_a_warning(tmp_path, content):
    folder = package(tmp_path / "p", {"good": icons(a="<g/>"), "bad": content})
    with pytest.warns(DataWarning, match="Icon set bad is left out"):
        assert [one.name for one in iconify.read_iconify(folder, MIT)] == ["good"]


def test_a_package_is_found_where_npm_and_tar_put_it(tmp_path):
    for below in ("", "node_modules/@iconify/json", "package"):
        folder = package(tmp_path / f"x{len(below)}" / below, {"one": icons(a="<g/>")})
        assert iconify.iconify_folder(tmp_path / f"x{len(below)}") == folder


def test_a_folder_of_something_else_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        iconify.iconify_folder(tmp_path / "none")
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(InputError, match=r"holds no icons: --icons takes an unpacked @iconify/json"):
        iconify.iconify_folder(tmp_path)


def test_a_broken_list_of_sets_is_refused(tmp_path):
    folder = package(tmp_path / "p", {"one": icons(a="<g/>")})
    (folder / "collections.json").write_text("{")
    with pytest.raises(InputError, match=r"collections.json cannot be read .* unpack @iconify/json again"):
        list(iconify.read_iconify(folder, MIT))


def test_without_npm_the_sentence_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(iconify.shutil, "which", lambda name: None)
    with pytest.raises(InputError, match=r"npm is not installed.*give --icons FOLDER"):
        iconify.fetch_iconify(tmp_path)


def test_npm_that_fails_is_quoted_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(iconify.shutil, "which", lambda name: "npm")
    failed = subprocess.CompletedProcess([], 1, "", "npm error code E404\nnpm error network down")
    monkeypatch.setattr(iconify.subprocess, "run", lambda *arguments, **options: failed)
    with pytest.raises(InputError, match=r"npm could not fetch @iconify/json \(npm error network down\)"):
        iconify.fetch_iconify(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_while_unpacking_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(iconify.shutil, "which", lambda name: "npm")

    def full(npm, folder):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(iconify, "_packed", full)
    with pytest.raises(InputError, match=r"cannot be unpacked in .*: No space left on device"):
        iconify.fetch_iconify(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_fetched_already_is_not_fetched_again(tmp_path, monkeypatch):
    folder = package(tmp_path / "iconify", {"one": icons(a="<g/>")})
    monkeypatch.setattr(iconify.shutil, "which", lambda name: pytest.fail("npm was looked for"))
    assert iconify.fetch_iconify(tmp_path) == folder
