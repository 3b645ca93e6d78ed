"""Sessions: the user's are left open, a command's own are closed, and what cannot start is one sentence."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from metadata_tables import SCORE, hex_ids, scores, write_table
from spark_sessions import CLASSIC, CONNECT, NAMES, QUIET, connect_port, free_port, session_of
from thresher.cli.app import run
from thresher.cuts import Keep, cut
from thresher.errors import InputError, LostEngineError
from thresher.metadata import open_table, read_buckets
from thresher.metadata.spark import Spark, open_session, session
from thresher.metadata.spark.engine import SparkIds
from thresher.metadata.spark.files import remote_parts, remove_remote

pytestmark = [pytest.mark.filterwarnings(one) for one in QUIET]


@pytest.fixture
def metadata(tmp_path):
    return str(write_table(tmp_path / "m", hex_ids(400), scores(400)))


def refused(capsys, arguments, status=2):
    assert run([str(one) for one in arguments]) == status
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("Error: ")
    assert len(shown.err.splitlines()) == 1, shown.err
    return shown.err


def test_the_session_of_a_process_is_used_and_left_open():
    theirs = session_of(CLASSIC)
    with open_session() as found:
        assert found is theirs
    assert theirs.range(3).count() == 3


def test_a_connect_session_of_a_command_is_closed_and_no_other():
    theirs = session_of(CONNECT)
    with open_session(f"sc://127.0.0.1:{connect_port()}") as own:
        assert own is not theirs
        assert own.range(3).count() == 3
    assert own.is_stopped
    assert theirs.range(3).count() == 3


def test_a_session_of_another_release_is_closed_again(monkeypatch):
    opened = []

    def connected(*given):
        opened.append(connect(*given))
        return opened[0]

    def refuse(client, server):
        raise InputError("another release")

    connect = session._connected
    monkeypatch.setattr(session, "_connected", connected)
    monkeypatch.setattr(session, "check_versions", refuse)
    with (
        pytest.raises(InputError, match="another release"),
        open_session(f"sc://127.0.0.1:{connect_port()}"),
    ):
        pass
    assert opened[0].is_stopped


@pytest.mark.parametrize("name", NAMES)
def test_a_cut_leaves_the_users_session_and_its_settings_alone(tmp_path, metadata, name):
    theirs = session_of(name)
    theirs.conf.set("spark.sql.shuffle.partitions", "3")
    table = open_table([metadata], score=SCORE)
    cut(Keep(0.3), table, tmp_path / "s.npy", engine=Spark(theirs))
    assert theirs.conf.get("spark.sql.shuffle.partitions") == "3"
    assert theirs.range(3).count() == 3


@pytest.mark.parametrize(
    "options", [{"spark.sql.ansi.enabled": "false"}, {"spark.sql.caseSensitive": "true"}], ids=str
)
def test_settings_of_the_session_change_no_byte(tmp_path, metadata, options):
    theirs = session_of(CLASSIC).newSession()
    for key, value in options.items():
        theirs.conf.set(key, value)
    table = open_table([metadata], score=SCORE, where=f"{SCORE} > 0.1")
    cut(Keep(0.3), table, tmp_path / "a.npy")
    cut(Keep(0.3), table, tmp_path / "b.npy", engine=Spark(theirs))
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()


@pytest.mark.parametrize("where", ["here", "connect"])
def test_every_command_writes_the_same_on_spark(tmp_path, metadata, capsys, where):
    spark = ["--engine", "spark"]
    session_of(CLASSIC)
    if where == "connect":
        spark += ["--spark-remote", f"sc://127.0.0.1:{connect_port()}"]
    best = {"pools": ["b0", "b2"], "weights": [0.8, 0.2], "epochs": [2.5, 0.6], "keep": 0.5}
    plans = [{"samples_seen": 1.28e9, "best": best, "mixture": None}]
    (tmp_path / "plan.json").write_text(json.dumps({"format": "thresher-plan", "version": 1, "plans": plans}))
    for label, engine in (("a", []), ("b", spark)):
        folder = tmp_path / label
        folder.mkdir()
        made = folder / "b.json"
        pilots = ["--buckets", 4, "--sample", "25%", "--seed", 3, "--members", folder / "members.parquet"]
        buckets = ["--buckets", made]
        for command in (
            ["buckets", metadata, "--score", SCORE, "-o", made, *pilots],
            ["cut", metadata, "--score", SCORE, "--threshold", "0.2", "-o", folder / "t.npy"],
            ["cut", metadata, *buckets, "--pool", "b1", "--sample", "0.5", "-o", folder / "p.txt"],
            [
                "cut",
                metadata,
                *buckets,
                "--plan",
                tmp_path / "plan.json",
                "--budget",
                "1.28B",
                "-o",
                folder / "plan.npy",
            ],
            ["cut", "--verify", folder / "plan.npy"],
        ):
            assert run([str(one) for one in [*command, *engine]]) == 0, capsys.readouterr().err
    for name in ("members.parquet", "t.npy", "p.txt", "plan.npy"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    one, other = (read_buckets(tmp_path / label / "b.json") for label in "ab")
    assert replace(one, histogram=()) == replace(other, histogram=())
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == sorted(
        path.name for path in (tmp_path / "b").iterdir()
    )


@pytest.fixture
def places(monkeypatch):
    """The folders at URIs that sorted ids were read from and that were deleted."""
    found = {"read": [], "deleted": []}

    def read(of, uri, kind):
        found["read"].append(uri)
        return remote_parts(of, uri, kind)

    def delete(of, uri):
        found["deleted"].append(uri)
        remove_remote(of, uri)

    monkeypatch.setattr("thresher.metadata.spark.engine.remote_parts", read)
    monkeypatch.setattr("thresher.metadata.spark.files.remove_remote", delete)
    return found


def rows_under(folder):
    return sum(pq.read_metadata(path).num_rows for path in folder.rglob("*.parquet"))


@pytest.mark.parametrize("name", [CLASSIC, CONNECT])
def test_parts_at_a_uri_are_deleted_when_they_are_merged(tmp_path, metadata, capsys, places, name):
    session_of(CLASSIC)
    remote = ["--spark-remote", f"sc://127.0.0.1:{connect_port()}"] if name == CONNECT else []
    (tmp_path / "a b").mkdir()
    parts = ["--engine", "spark", "--spark-work", f"file://{tmp_path}/a b", *remote]
    cut(Keep(0.3), open_table([metadata], score=SCORE), tmp_path / "a.npy")
    options = ["--keep", "0.3", "--score", SCORE, "-o", str(tmp_path / "b.npy")]
    assert run(["cut", metadata, *options, *parts]) == 0, capsys.readouterr().err
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()
    (deleted,) = places["deleted"]
    assert deleted.startswith(f"file://{tmp_path}/a b/thresher-b.npy-")
    assert [uri.rpartition("/")[0] for uri in places["read"]] == [deleted]
    assert rows_under(tmp_path / "a b") == 0


def test_only_the_command_that_wrote_parts_at_a_uri_deletes_them(
    tmp_path, metadata, capsys, places, monkeypatch
):
    session_of(CLASSIC)
    shared = tmp_path / "shared"
    shared.mkdir()
    spark = ["--engine", "spark", "--spark-work", f"file://{shared}"]
    output = tmp_path / "s.npy"
    command = ["cut", metadata, "--keep", "0.3", "--score", SCORE, "-o", str(output), *spark]
    assert run(command) == 0, capsys.readouterr().err
    first = output.read_bytes()
    output.with_name("s.npy.manifest.json").rename(tmp_path / "kept.json")
    output.unlink()
    for uris in places.values():
        uris.clear()
    capsys.readouterr()
    read, said = SparkIds.blocks, []

    def interrupted(ids, after=None):
        """While one command merges, the same one is refused and a proof of the old file is given; then the engine is lost."""
        monkeypatch.setattr(SparkIds, "blocks", read)
        said.append(refused(capsys, command))
        output.write_bytes(first)
        (tmp_path / "kept.json").rename(tmp_path / "s.npy.manifest.json")
        assert run(["cut", "--verify", str(output), *spark]) == 0
        capsys.readouterr()
        output.unlink()
        (tmp_path / "s.npy.manifest.json").unlink()
        raise LostEngineError("lost")

    monkeypatch.setattr(SparkIds, "blocks", interrupted)
    assert refused(capsys, command, status=1) == "Error: lost\n"
    assert "Another thresher command" in said[0]
    written, proof = (uri.rpartition("/")[0] for uri in places["read"])
    assert written != proof
    assert places["deleted"] == [proof]
    assert rows_under(shared) > 0
    assert run(command) == 0, capsys.readouterr().err
    assert output.read_bytes() == first
    assert places["read"][-1] == places["read"][0]  # it went on from the very same parts
    assert places["deleted"] == [proof, written]
    assert rows_under(shared) == 0


@pytest.mark.parametrize("fault", [LostEngineError("lost"), KeyboardInterrupt()], ids=repr)
def test_a_cut_that_cannot_go_on_leaves_nothing(tmp_path, metadata, capsys, places, monkeypatch, fault):
    session_of(CLASSIC)
    (tmp_path / "shared").mkdir()
    spark = ["--engine", "spark", "--spark-work", f"file://{tmp_path}/shared"]

    def interrupted(ids, after=None):
        yield from ()
        raise fault

    monkeypatch.setattr(SparkIds, "blocks", interrupted)
    options = ["--keep", "0.3", "--score", SCORE, "-o", str(tmp_path / "s.npy")]
    assert run(["cut", f"file://{metadata}", *options, *spark]) != 0
    assert [uri.rpartition("/")[0] for uri in places["read"]] == places["deleted"]
    assert len(places["deleted"]) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m", "shared"]
    assert rows_under(tmp_path / "shared") == 0


@pytest.mark.parametrize(("source", "again"), [("frame", "the command again"), ("files", "the same command")])
def test_only_what_goes_on_is_promised_to_go_on(tmp_path, metadata, source, again):
    theirs = session_of(CONNECT)
    own = Spark(theirs.builder.remote(f"sc://127.0.0.1:{connect_port()}").create())
    frame = own.session.read.parquet(f"file://{metadata}")
    table = own.table(frame, score=SCORE) if source == "frame" else open_table([metadata], score=SCORE)
    own.session.stop()
    with pytest.raises(LostEngineError, match=f"start Spark again and run {again}"):
        cut(Keep(0.3), table, tmp_path / "s.npy", engine=own)


@pytest.mark.parametrize("name", NAMES)
def test_tables_that_cannot_serve_are_refused(tmp_path, name):
    engine = Spark(session_of(name))
    write_table(tmp_path / "m", hex_ids(9), np.linspace(0, 1, 9), text=["t"] * 9, weight=np.linspace(0, 1, 9))
    frame = engine.session.read.parquet(f"file://{tmp_path}/m")
    for columns, said in (
        ({"score": "clip"}, "The DataFrame has no column 'clip'; it has uid, score, text, weight."),
        ({"score": SCORE, "id_column": "key"}, "has no column 'key'"),
        (
            {"score": "text"},
            "Column 'text' is string, not a number|Column 'text' is large_string, not a number",
        ),
        ({"score": SCORE, "id_column": "weight"}, "cannot hold ids"),
    ):
        with pytest.raises(InputError, match=said):
            engine.table(frame, **columns)
    with pytest.raises(
        InputError, match="There is no file or folder nowhere, and Spark knows no table of that name"
    ):
        engine.named(["nowhere"], score=SCORE)
    with pytest.raises(InputError, match=r"no/where: no such file or folder"):
        engine.named(["no/where"], score=SCORE)
    with pytest.raises(InputError, match=r"Spark cannot see /no/where|file:///no/where holds no \.parquet"):
        engine.named(["file:///no/where"], score=SCORE)


def test_a_folder_that_executors_cannot_write_is_named(tmp_path, metadata, capsys):
    session_of(CLASSIC)
    (tmp_path / "file").write_text("")
    options = ["--engine", "spark", "--spark-work", f"file://{tmp_path}/file"]
    said = refused(
        capsys,
        ["cut", metadata, "--keep", "0.3", "--score", SCORE, "-o", tmp_path / "s.npy", *options],
        status=1,
    )
    assert f"{tmp_path}/file" in said


def test_an_address_without_a_server_is_said(tmp_path, metadata, capsys, monkeypatch):
    session_of(CLASSIC)
    monkeypatch.setattr(session, "ANSWER_SECONDS", 1)
    options = [
        "--keep",
        "0.3",
        "--score",
        SCORE,
        "-o",
        tmp_path / "s.npy",
        "--engine",
        "spark",
        "--spark-remote",
    ]
    port = free_port()
    said = refused(capsys, ["cut", metadata, *options, f"sc://127.0.0.1:{port}"])
    assert f"No Spark Connect server answers at sc://127.0.0.1:{port} within 1 s; start it" in said
    said = refused(capsys, ["cut", metadata, *options, f"127.0.0.1:{port}"])
    assert "--spark-remote is '127.0.0.1:" in said
    assert "give a Spark Connect server, for example sc://localhost:15002" in said
    monkeypatch.setenv("SPARK_REMOTE", f"sc://127.0.0.1:{port}")
    assert refused(capsys, ["cut", metadata, *options[:-1]]).endswith("or mend SPARK_REMOTE.\n")
    monkeypatch.setenv("SPARK_REMOTE", "nowhere")
    assert "SPARK_REMOTE is 'nowhere'; give" in refused(capsys, ["cut", metadata, *options[:-1]])


def test_without_java_the_remedy_is_said(tmp_path, metadata, capsys, monkeypatch):
    session_of(CLASSIC)
    monkeypatch.setattr(session, "_running", lambda: None)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    said = refused(
        capsys,
        ["cut", metadata, "--keep", "0.3", "--score", SCORE, "-o", tmp_path / "s.npy", "--engine", "spark"],
    )
    assert said == (
        f"Error: Spark needs Java 17 or 21, and JAVA_HOME, {tmp_path}, holds none: install one (for example "
        "`apt-get install openjdk-17-jre-headless`) and set JAVA_HOME, or give a server with --spark-remote.\n"
    )


def test_an_id_that_is_no_hex_is_named(tmp_path):
    ids = hex_ids(90)
    ids[50] = "g" * 32
    pq.write_table(pa.table({"uid": ids, SCORE: np.linspace(0, 1, 90)}), tmp_path / "0.parquet")
    engine = Spark(session_of(CLASSIC))
    table = engine.table(engine.session.read.parquet(f"file://{tmp_path}"), score=SCORE)
    with pytest.raises(InputError, match=f"the id '{ids[50]}' is not 32 lower-case hex digits"):
        cut(Keep(0.9), table, tmp_path / "s.npy", engine=engine)
