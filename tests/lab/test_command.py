"""`thresher lab run` with wrong input: one sentence, status 2, nothing written."""

import pytest

from thresher.cli.app import run
from thresher.lab import run as lab


@pytest.fixture(autouse=True)
def installed(monkeypatch, tmp_path):
    monkeypatch.setattr(lab, "check_torch", lambda: None)
    monkeypatch.setattr(lab, "check_renderer", lambda: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--minutes", "0.1"], "--minutes is 0.1; give a number from 0.5 (a smoke run)"),
        (["--minutes", "nan"], "--minutes is nan"),
        (["--minutes", "five"], "Invalid value for '--minutes'"),
        (["--seed", "-1"], "--seed is -1; give a whole number from 0"),
        (["--processes", "0"], "--processes is 0; give 1 or more"),
        (["--trainer", "mine"], "--trainer mine is none of own, open_clip"),
        (["--source", "emoji"], "--source emoji is none of auto, iconify, wheels"),
        (["--icons", "nowhere"], "nowhere: no such folder. --icons takes an unpacked @iconify/json"),
        (["--icons", "photos"], "photos holds no icons: --icons takes an unpacked @iconify/json"),
        (["--icons", "photos", "--source", "wheels"], "leave out --source wheels"),
        (["-o", "photos"], "photos is not empty and holds no laboratory run; give a new folder with -o"),
        (["-o", "photos/a.jpg"], "a.jpg is a file; give a folder with -o"),
        (["-o", "photos/a.jpg/out"], "cannot be made"),
    ],
)
def test_wrong_input_is_one_sentence_and_nothing_is_written(arguments, message, capsys, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").touch()
    before = sorted(tmp_path.rglob("*"))
    assert run(["lab", "run", *arguments, "--quiet"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1, printed.err
    assert message in printed.err
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_without_icons_is_refused_before_anything_is_kept(capsys, tmp_path):
    (tmp_path / "icons" / "json").mkdir(parents=True)
    (tmp_path / "icons" / "collections.json").write_text("{}")
    assert run(["lab", "run", "--icons", "icons", "--quiet"]) == 2
    assert "icons" in capsys.readouterr().err
    assert not list((tmp_path / "thresher-lab").glob("data*"))
