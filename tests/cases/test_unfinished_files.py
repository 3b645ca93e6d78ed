"""Unfinished files in folders that others write to: nothing is followed, emptied or overwritten that is not ours."""

import errno
import os
import shutil
import stat
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from metadata_tables import SCORE, hex_ids, scores, write_table
from thresher.cli.app import run
from thresher.errors import InputError, LostEngineError
from thresher.files import folder_written_whole, walk, written_whole
from thresher.metadata.work import MARK, work_folder

CASES = Path(__file__).parent
ROOT = CASES.parents[1]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A copy of the cases' metadata, and a folder with a file that nobody should touch."""
    shutil.copytree(CASES / "meta", tmp_path / "meta")
    (tmp_path / "d").mkdir()
    monkeypatch.chdir(tmp_path)
    Path("d/victim").write_text("precious\n")
    return tmp_path


CUT = ["cut", "meta", "--score", "s", "--keep", ".1", "-o", "d/s.npy", "--quiet"]


def refused(arguments, capsys) -> str:
    capsys.readouterr()
    assert run(arguments) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


@contextmanager
def interrupted(path, job):
    """A work folder that is left as Ctrl-C leaves it."""
    with suppress(KeyboardInterrupt), work_folder(path, job) as work:
        yield work
        raise KeyboardInterrupt


def names(folder) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def unharmed() -> bool:
    return Path("d/victim").read_text() == "precious\n"


@pytest.mark.parametrize("name", [".s.npy.thresher-part", ".s.npy.thresher-manifest", "s.npy.manifest.json"])
def test_r20_planted_links_are_not_written_through(place, name):
    """Temporary names could be foreseen, so a link planted there made a command overwrite another's file."""
    Path("d", name).symlink_to("victim")
    assert run([*CUT, "--force"]) == 0
    assert unharmed()
    assert not Path("d/s.npy").is_symlink()
    assert not Path("d/s.npy.manifest.json").is_symlink()
    assert run(["cut", "--verify", "d/s.npy"]) == 0


def test_r20_a_planted_lock_is_not_cut_off(place, capsys):
    """The lock file was truncated through a link."""
    Path("d/.s.npy.thresher").mkdir(mode=0o700)
    Path("d/.s.npy.thresher/lock").symlink_to("../victim")
    assert "lock is a link" in refused(CUT, capsys)
    assert unharmed()


def test_r20_a_folder_of_something_else_is_not_emptied(place, capsys):
    """A folder of the work folder's name was emptied and removed."""
    folder = Path("d/.s.npy.thresher")
    folder.mkdir(mode=0o700)
    (folder / "thesis.txt").write_text("mine")
    assert "holds files of something else (thesis.txt)" in refused(CUT, capsys)
    assert (folder / "thesis.txt").read_text() == "mine"
    (folder / MARK).write_text("[]")
    assert "holds files of something else" in refused(CUT, capsys)
    assert (folder / "thesis.txt").read_text() == "mine"


@pytest.mark.parametrize("kind", ["link", "file", "open to all", "another's"])
def test_a_work_folder_that_is_not_ours_is_refused(place, capsys, kind):
    """In a shared folder anybody can make one first."""
    folder = Path("d/.s.npy.thresher")
    if kind == "link":
        Path("d/elsewhere").mkdir()
        folder.symlink_to("elsewhere")
    elif kind == "file":
        folder.write_text("mine")
    else:
        folder.mkdir()
        folder.chmod(0o777 if kind == "open to all" else 0o700)
        if kind == "another's":
            if os.geteuid():
                pytest.skip("only root can give a folder away")
            os.chown(folder, 65534, 65534)
    said = refused(CUT, capsys)
    assert "d/.s.npy.thresher" in said
    assert "--spill" in said
    assert os.path.lexists(folder)
    assert not Path("d/s.npy").exists()


def test_files_of_others_in_a_work_folder_stay(place):
    """Only what the command made is removed."""
    with interrupted(Path("d/w"), {"a": 1}) as work:
        work.put("kept.json", {})
    Path("d/w/note.txt").write_text("mine")
    with work_folder(Path("d/w"), {"a": 2}) as work:
        assert work.get("kept.json", "task") is None
    assert [path.name for path in Path("d/w").iterdir()] == ["note.txt"]


def test_what_grows_beside_an_output_is_removed_with_its_work(place):
    """Under names that nobody can guess, remembered by the work folder."""
    with interrupted(Path("d/w"), {"a": 1}) as work:
        part = work.beside("part", Path("d/s.npy"))
        grown = work.beside("grown", Path("d/index"), folder=True)
        (grown / "ids.npy").write_text("x")
    with interrupted(Path("d/w"), {"a": 1}) as work:
        assert work.beside("part", Path("d/s.npy")) == part
    assert part.exists()
    assert part.name.startswith(".thresher-")
    with work_folder(Path("d/w"), {"a": 2}):
        assert not part.exists()
        assert not grown.exists()
    part.write_text("mine")
    part.unlink()
    assert names("d") == ["victim"]


def test_a_part_that_became_a_link_is_made_anew(place):
    """A link in the place of what an earlier command was writing is not written through."""
    with interrupted(Path("d/w"), {}) as work:
        part = work.beside("part", Path("d/s.npy"))
        part.unlink()
        part.symlink_to("victim")
    with work_folder(Path("d/w"), {}) as work:
        assert work.known("part") is None
        assert work.beside("part", Path("d/s.npy")) != part
    assert unharmed()


def test_a_work_folder_is_private(place):
    with work_folder(Path("d/w"), {}) as work:
        assert stat.S_IMODE(Path("d/w").stat().st_mode) == 0o700
        assert work.disk == Path("d")


def test_outputs_have_the_usual_permissions(place):
    """Files made under a private name are not private in the end."""
    before = os.umask(0o027)
    try:
        assert run(CUT) == 0
        assert run(["buckets", "meta", "--score", "s", "--buckets", "2", "-o", "d/b.json", "--quiet"]) == 0
    finally:
        os.umask(before)
    for name in ("s.npy", "s.npy.manifest.json", "b.json"):
        assert stat.S_IMODE(Path("d", name).stat().st_mode) == 0o640


def test_an_output_that_is_a_link_is_replaced(place):
    """What the link leads to is somebody's; the link's own name is the output."""
    Path("d/b.json").symlink_to("victim")
    assert run(["buckets", "meta", "--score", "s", "--buckets", "2", "-o", "d/b.json", "--quiet"]) == 0
    assert unharmed()
    assert not Path("d/b.json").is_symlink()


def test_joined_scores_planted_by_another_are_not_read(place):
    """The joined table lay under a name that its sources give away, and was read if it was there."""
    ids = pq.ParquetFile(next(Path("meta").iterdir())).read().column("uid").to_pylist()
    pq.write_table(pa.table({"uid": ids, "other": np.arange(len(ids), dtype="f8")}), "scores.parquet")
    asked = [
        "cut",
        "meta",
        "--scores",
        "scores.parquet",
        "--score",
        "other",
        "--keep",
        ".01",
        "-o",
        "d/s.npy",
        "--quiet",
    ]
    listed: list[str] = []
    make = os.mkdir

    def noted(path, *more, **named):
        listed.append(str(path))
        return make(path, *more, **named)

    os.mkdir = noted
    try:
        assert run(asked) == 0
    finally:
        os.mkdir = make
    assert any(Path(one).name.startswith(".joined-") for one in listed)
    assert names("d") == ["s.npy", "s.npy.manifest.json", "victim"]


def test_two_commands_that_share_a_spill_folder_do_not_meet(place):
    """Outputs of one name in two folders had one work folder."""
    from thresher.metadata.work import work_path

    assert work_path(Path("a/s.npy"), Path("d")) != work_path(Path("b/s.npy"), Path("d"))


# --- names, folders and disks that cannot be written -----------------------------------------------


@pytest.mark.parametrize("length", [200, 237, 251, 255, 256, 300])
def test_a_long_name_is_written_or_refused(place, capsys, length):
    """The names of temporary files were longer than the output's own, and too long."""
    name = "x" * (length - 4) + ".npy"
    asked = [*CUT[:-2], f"d/{name}", "--quiet"]
    if length + len(".manifest.json") <= 255:
        assert run(asked) == 0
        assert names("d") == sorted(["victim", name, f"{name}.manifest.json"])
    else:
        assert "File name too long" in refused(asked, capsys)
        assert names("d") == ["victim"]
    if length > 255:
        assert "File name too long" in refused(["cut", "x" * length, *CUT[2:]], capsys)
    name = "x" * (length - 5) + ".json"
    asked = ["buckets", "meta", "--score", "s", "--buckets", "2", "-o", f"d/{name}", "--quiet"]
    if length <= 255:
        assert run(asked) == 0
        assert Path("d", name).is_file()
    else:
        assert "File name too long" in refused(asked, capsys)


@pytest.mark.parametrize(
    "command",
    [
        CUT[:-3],
        ["buckets", "meta", "--score", "s", "--buckets", "2"],
        ["index", "meta", "--score", "s"],
    ],
)
def test_a_missing_folder_is_named(place, capsys, command):
    said = refused([*command, "-o", "nowhere/s.npy", "--quiet"], capsys)
    assert "nowhere" in said


@pytest.mark.parametrize(
    "command",
    [
        ["cut", "meta", "--score", "s", "--keep", ".1"],
        ["buckets", "meta", "--score", "s", "--buckets", "2"],
        ["index", "meta", "--score", "s"],
        ["demo"],
    ],
)
def test_a_folder_that_may_not_be_written_is_named(place, command):
    """Root may write anywhere, unless it lets go of that right."""
    become = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    if become and (
        shutil.which("setpriv") is None or subprocess.run([*become, "true"], check=False).returncode
    ):
        pytest.skip("root may write anywhere")
    Path("d").chmod(0o555)
    code = "import sys; sys.dont_write_bytecode = True; from thresher.cli.app import main; main()"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    asked = [
        *become,
        sys.executable,
        "-c",
        code,
        *command,
        "-o",
        "d/s.json" if command[0] == "buckets" else "d/s.npy",
    ]
    done = subprocess.run(asked, capture_output=True, text=True, env=environment, check=False)
    Path("d").chmod(0o755)
    assert done.returncode == 2, done.stderr
    assert "Permission denied" in done.stderr
    assert done.stderr.count("\n") == 1
    assert names("d") == ["victim"]


def test_an_error_of_reading_is_not_called_one_of_writing(tmp_path):
    """Every OSError inside the block was called `cannot be written`."""
    with pytest.raises(FileNotFoundError), written_whole(tmp_path / "o.csv"):
        (tmp_path / "input.csv").read_text()
    with pytest.raises(ConnectionError), folder_written_whole(tmp_path / "o"):
        raise ConnectionError("the server went away")
    with (
        pytest.raises(InputError, match=r"o\.csv cannot be written: No space left"),
        written_whole(tmp_path / "o.csv"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert list(tmp_path.iterdir()) == []


def test_a_temporary_file_is_made_exclusively(tmp_path):
    with written_whole(tmp_path / "o.csv") as temporary:
        assert temporary.is_file()
        assert temporary.suffix == ".csv"
        temporary.write_text("x")
    assert (tmp_path / "o.csv").read_text() == "x"


def test_an_index_with_other_files_in_it_is_not_replaced(place, capsys):
    """`index --force` removed the whole folder."""
    assert run(["index", "meta", "--score", "s", "-o", "d/ix", "--quiet"]) == 0
    assert run(["index", "meta", "--score", "s", "-o", "d/ix", "--quiet", "--force"]) == 0
    Path("d/ix/notes.txt").write_text("mine")
    said = refused(["index", "meta", "--score", "s", "-o", "d/ix", "--quiet", "--force"], capsys)
    assert "holds more than an index (notes.txt)" in said
    assert Path("d/ix/notes.txt").read_text() == "mine"


# --- how the program ends --------------------------------------------------------------------------


def answering(monkeypatch, error):
    import thresher.cli.app as program

    def fail(**_):
        raise error

    monkeypatch.setattr(program, "app", fail)
    return run([])


def test_a_lost_cluster_is_no_mistake_of_the_user(monkeypatch, capsys):
    assert not issubclass(LostEngineError, InputError)
    assert answering(monkeypatch, LostEngineError("The cluster went away.")) == 1
    assert capsys.readouterr().err == "Error: The cluster went away.\n"


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "x.csv"),
            1,
            "Error: x.csv: No space left on device",
        ),
        (OSError(errno.EACCES, "Permission denied", "x.csv"), 2, "Error: x.csv: Permission denied"),
        (MemoryError(), 1, "Error: there is not enough memory"),
        (BrokenPipeError(), 141, ""),
    ],
)
def test_faults_of_the_machine_are_one_sentence(monkeypatch, capsys, error, status, said):
    assert answering(monkeypatch, error) == status
    assert capsys.readouterr().err.startswith(said)


def test_other_faults_keep_their_trace(monkeypatch):
    with pytest.raises(FileNotFoundError):
        answering(monkeypatch, FileNotFoundError(errno.ENOENT, "No such file", "x.csv"))


@pytest.mark.parametrize("arguments", [[], ["runs"], ["pilot"], ["lab"]])
def test_a_command_of_commands_alone_prints_its_help(capsys, arguments):
    """It printed `Error:` before the help."""
    assert run(arguments) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("Usage: ")
    assert printed.err == ""


@pytest.mark.parametrize(("target", "status"), [("/dev/full", 1), (None, 141)])
def test_output_that_cannot_be_printed_gives_no_trace(target, status):
    """A full disk, and a reader that went away."""
    code = "from thresher.cli.app import main; main(['--help'])"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    if target is not None:
        with open(target, "w") as out:  # noqa: PTH123
            done = subprocess.run(
                [sys.executable, "-c", code], stdout=out, stderr=subprocess.PIPE, env=environment, check=False
            )
    else:
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run(
            [sys.executable, "-c", code], stdout=writing, stderr=subprocess.PIPE, env=environment, check=False
        )
        os.close(writing)
    assert done.returncode == status
    assert b"Traceback" not in done.stderr
    assert done.stderr.count(b"\n") == (1 if target else 0)


def test_locks_need_nothing_of_unix():
    """`fcntl` at the top of a module stopped every command on Windows."""
    sources = walk(ROOT / "src" / "thresher", lambda path: path.suffix == ".py")
    assert not [path for path in sources if "fcntl" in path.read_text(encoding="utf-8")]


def test_a_killed_command_lets_go_of_its_lock(tmp_path):
    """The system ends the lock, however the process ends."""
    write_table(tmp_path / "m", hex_ids(10), scores(10), files=1)
    code = (
        "import os, signal; from pathlib import Path; from thresher.metadata.work import work_folder\n"
        f"with work_folder(Path({str(tmp_path / '.s.npy.thresher')!r}), {{}}): os.kill(os.getpid(), signal.SIGKILL)"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == -9
    asked = [
        "cut",
        str(tmp_path / "m"),
        "--score",
        SCORE,
        "--keep",
        "1",
        "-o",
        str(tmp_path / "s.npy"),
        "--quiet",
    ]
    assert run(asked) == 0
    assert names(tmp_path) == ["m", "s.npy", "s.npy.manifest.json"]
