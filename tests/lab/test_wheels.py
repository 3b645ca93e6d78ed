import io
import json
import subprocess
import zipfile

import pytest

from thresher.errors import DataWarning, InputError
from thresher.lab.icons import wheels
from thresher.lab.icons.wheels import Folder, Font

MIT = frozenset({"MIT"})
DRAWN = {
    "some-icons==1.0.*": (Folder("some", "MIT", "some/icons/"), Folder("bound", "GPL-3.0", "some/other/"))
}
WRITTEN = {"some-icons==1.0.*": (Font("font", "MIT", "some/font-*.ttf", "some/names-*.json", "icon-"),)}


def wheel(folder, files):
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / "some_icons-1.0.3-py3-none-any.whl", "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return folder


def test_drawings_of_a_wheel_are_read_by_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(wheels, "WHEELS", DRAWN)
    files = {
        "some/icons/b.svg": "<svg>b</svg>",
        "some/icons/a.svg": "<svg>a</svg>",
        "some/icons/x.txt": "",
        "some/other/c.svg": "",
    }
    (found,) = wheels.read_wheels(wheel(tmp_path, files), MIT)
    assert (found.name, found.version) == ("some", "1.0.3")
    assert [(one.name, one.svg) for one in found.drawings] == [("a", "<svg>a</svg>"), ("b", "<svg>b</svg>")]


def test_a_corrupt_or_missing_wheel_is_left_out_with_a_warning(tmp_path, monkeypatch):
    monkeypatch.setattr(wheels, "WHEELS", DRAWN)
    with pytest.warns(DataWarning, match=r"has no wheel of some-icons==1.0.\*"):
        assert list(wheels.read_wheels(tmp_path, MIT)) == []
    (tmp_path / "some_icons-1.0.3-py3-none-any.whl").write_bytes(b"not a zip")
    with pytest.warns(DataWarning, match="Icon set some of some_icons.* is left out: BadZipFile"):
        assert list(wheels.read_wheels(tmp_path, MIT)) == []


def font(glyph="arrow", code=0xE001):
    pytest.importorskip("fontTools", reason='reading fonts needs: pip install "thresher[lab]"')
    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    pen.lineTo((500, 500))
    pen.lineTo((500, 0))
    pen.closePath()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", glyph])
    builder.setupCharacterMap({code: glyph})
    builder.setupGlyf({".notdef": TTGlyphPen(None).glyph(), glyph: pen.glyph()})
    builder.setupHorizontalMetrics({".notdef": (1000, 0), glyph: (1000, 0)})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({})
    builder.setupOS2()
    builder.setupPost()
    written = io.BytesIO()
    builder.save(written)
    return written.getvalue()


def test_glyphs_of_a_font_become_drawings_under_their_names(tmp_path, monkeypatch):
    monkeypatch.setattr(wheels, "WHEELS", WRITTEN)
    names = {"icon-arrow": "e001", "icon-lost": "e002"}
    files = {"some/font-2.1.ttf": font(), "some/names-2.1.json": json.dumps(names)}
    (found,) = wheels.read_wheels(wheel(tmp_path, files), MIT)
    (drawing,) = found.drawings
    assert drawing.name == "arrow"
    assert 'viewBox="0 0 1000 1000"' in drawing.svg
    assert "matrix(1 0 0 -1 0 800)" in drawing.svg


@pytest.mark.parametrize("content", [b"", b"\x00\x01\x00\x00" + b"\xff" * 40, b"OTTO"])
def test_a_corrupt_font_is_left_out_with_a_warning(tmp_path, monkeypatch, content):
    pytest.importorskip("fontTools", reason='reading fonts needs: pip install "thresher[lab]"')
    monkeypatch.setattr(wheels, "WHEELS", WRITTEN)
    files = {"some/font-2.1.ttf": content, "some/names-2.1.json": "{}"}
    with pytest.warns(DataWarning, match="Icon set font of some_icons.* is left out"):
        assert list(wheels.read_wheels(wheel(tmp_path, files), MIT)) == []


def test_pip_that_fails_is_quoted_and_leaves_nothing(tmp_path, monkeypatch):
    failed = subprocess.CompletedProcess([], 1, "", "WARNING: slow\nERROR: No matching distribution")
    monkeypatch.setattr(wheels.subprocess, "run", lambda *arguments, **options: failed)
    with pytest.raises(InputError, match=r"pip could not fetch .*\(ERROR: No matching distribution\)"):
        wheels.fetch_wheels(tmp_path)
    assert list(tmp_path.rglob("*.whl")) == []


def test_what_is_fetched_already_is_not_fetched_again(tmp_path, monkeypatch):
    monkeypatch.setattr(wheels, "WHEELS", DRAWN)
    monkeypatch.setattr(wheels, "_download", lambda folder: pytest.fail("fetched again"))
    folder = wheel(tmp_path / "wheels", {})
    assert wheels.fetch_wheels(tmp_path) == folder
