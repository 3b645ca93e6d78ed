"""Stored files that were damaged: one sentence and status 2, or an answer that makes sense; never a traceback."""

import io
import json
import math
import os
import random
import shutil
from contextlib import redirect_stderr, redirect_stdout
from copy import deepcopy
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from metadata_tables import SCORE, hex_ids, scores, write_table
from simulated import measured, singles, true_law
from thresher import fit_law, load_example, write_fit
from thresher.cli.app import run

CASES = Path(__file__).parent
pytestmark = [
    pytest.mark.filterwarnings("ignore::thresher.errors.ExtrapolationWarning"),
    pytest.mark.filterwarnings("ignore::thresher.errors.DataWarning"),
]


def answer(*arguments):
    """Status, standard output and standard error of a command."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = run([str(argument) for argument in arguments])
    return status, out.getvalue(), err.getvalue()


def refusal(*arguments):
    """The one sentence with which a command refuses."""
    status, out, err = answer(*arguments)
    assert status == 2, (arguments, out, err)
    assert out == ""
    assert err.startswith("Error: "), err
    assert len(err.splitlines()) == 1, err
    return err.removeprefix("Error: ").rstrip("\n")


@pytest.fixture
def case(tmp_path):
    """A copy of a case's folder, with the metadata beside it."""

    def copied(name):
        shutil.copytree(CASES / name, tmp_path / name)
        return tmp_path / name

    shutil.copytree(CASES / "meta", tmp_path / "meta")
    return copied


# --- the cases -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "offset"), [("scores.npy", 2000), ("ids.npy", 60_000), ("scores.npy", 3)])
def test_r06_damage_to_an_index_is_seen_when_its_block_is_read(case, tmp_path, name, offset):
    """R06: zeros in the middle of scores.npy gave another subset and status 0."""
    case("R07_damaged_manifest_traceback")
    index = tmp_path / "ix"
    assert answer("index", tmp_path / "meta", "--score", "s", "-o", index)[0] == 0
    assert answer("cut", index, "--keep", "0.3", "-o", tmp_path / "whole.npy")[0] == 0
    with (index / name).open("r+b") as file:
        file.seek(offset)
        file.write(bytes(400))
    said = refusal("cut", index, "--keep", "0.3", "-o", tmp_path / "x.npy")
    assert f"{index} is damaged: " in said
    assert name in said
    assert said.endswith("make it again with `thresher index METADATA --score COL`.")
    assert not list(tmp_path.glob("*x.npy*"))


def test_r07_a_manifest_without_an_inner_key_is_damaged(case):
    """R07: KeyError, TypeError, OverflowError or StopIteration."""
    subset = case("R07_damaged_manifest_traceback") / "subset.npy"
    assert "subset.npy.manifest.json is damaged: job.score is missing; make it" in refusal(
        "cut", "--verify", subset
    )


DEEP = '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}"


@pytest.mark.parametrize(
    "text", [DEEP, "[" * 1000, '{"format": ' * 50_000, "- " * 100_000, DEEP.replace("[", '{"a": ')]
)
def test_r08_deep_nesting_is_one_sentence_for_every_file_and_command(text, made, tmp_path):
    """R08: RecursionError from the reader of JSON and from that of YAML."""
    for kind in KINDS:
        path = made.copy(kind, tmp_path)
        path.write_text(text)
        for command in made.commands(kind, path, tmp_path):
            said = refusal(*command)
            assert "nested more than 32 levels deep" in said or "is not whole JSON" in said, said


def test_r10_buckets_of_another_type_are_damaged(case, tmp_path):
    """R10: rows was a list; TypeError or ValueError."""
    path = case("R10_buckets_wrong_type") / "b.json"
    said = refusal("cut", tmp_path / "meta", "--pool", "b0", "--buckets", path, "-o", tmp_path / "o.npy")
    assert (
        "b.json is damaged: rows is [], which should be a whole number; make it again with `thresher buckets"
        in said
    )


def test_r14_a_parquet_run_table_whose_text_is_not_utf8_is_damaged(case):
    """R14: UnicodeDecodeError."""
    assert "is damaged: it holds bytes that are no UTF-8 text (0x85)" in refusal(
        "runs", "check", case("R14_parquet_bytes_not_utf8") / "t.parquet"
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("y0", "runs[5].pools is empty"),
        ("y2", "line 84: a whole number has 401 digits"),
        ("y3", "402 digits"),
    ],
)
def test_r15_a_pilot_that_was_changed_is_damaged(case, name, message):
    """R15: IndexError of a run without pools, OverflowError of numbers with 400 digits."""
    folder = case("R15_pilot_yaml_traceback")
    said = refusal("pilot", "collect", folder / f"{name}.yaml", folder / "logs", "-o", folder / "c.csv")
    assert f"{name}.yaml is damaged: " in said
    assert message in said


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"chance": 1e12}, "chance is 1000000000000.0, which should be at most 1"),
        ({"noise_sd": 1e300}, "the noise of a fraction is at most 1"),
        ({"draws": {}}, "a fit has draws"),
        ({"weight": 0.1}, "weights of the kernels do not sum to 1"),
        ({"kernel": "linear"}, "there is no kernel 'linear'"),
        ({"level": 1e6}, "out of range"),
        ({"floor": 0.9995}, "must lie between 0 and 0.999"),
        ({"worth": -1.0}, "must be positive"),
    ],
)
def test_r17_a_fit_that_predicts_nonsense_is_damaged(made, tmp_path, change, message):
    """R17: an error of 10.84 with status 0, and OverflowError."""
    path = made.copy("fit", tmp_path)
    document = json.loads(path.read_text())
    kernel = next(iter(document["draws"]))
    (name, value), *_ = change.items()
    if name in document:
        document[name] = value
    elif name == "weight":
        document["draws"][kernel]["weight"] = value
    elif name == "kernel":
        document["draws"][value] = document["draws"].pop(kernel)
    else:
        at = next(i for i, one in enumerate(document["parameters"]) if one.partition(":")[0] == name)
        document["draws"][kernel]["values"][1][at] = value
    path.write_text(json.dumps(document))
    for command in made.commands("fit", path, tmp_path):
        assert message in refusal(*command)


def test_a_fit_of_a_loss_that_predicts_beyond_every_loss_is_damaged(tmp_path):
    """A draw of a loss has no chance level to end at; e^900 is no loss that anyone measures."""
    path = tmp_path / "fit.json"
    runs = measured(true_law(2, unit="loss"), singles(2, (1, 2, 4, 8)), noise=0.003)
    write_fit(fit_law(runs, draws=10), path)
    document = json.loads(path.read_text())
    next(iter(document["draws"].values()))["values"][1][0] = 900.0
    path.write_text(json.dumps(document))
    pool = document["pools"][0]["pool"]
    assert "predicts errors outside 0 to" in refusal("predict", path, "--pools", pool, "--samples-seen", "1B")


# --- what is no file of text ---------------------------------------------------------------------------------------

CONTENTS = {
    "empty": (b"", "is damaged: it is"),
    "a mark alone": (b"\xef\xbb\xbf", "is damaged: it is"),
    "latin-1": (b'{"format": "d\xe9j\xe0"}', "is damaged: it is not a text file (byte 13 is not UTF-8)"),
    "utf-16": ('{"format": 1}'.encode("utf-16"), "is damaged: it is not a text file"),
    "a text": (b'"format"', "is not a thresher-"),
    "a number": (b"17", "is not a thresher-"),
    "null": (b"null", "is"),
    "many digits": (b'{"format": ' + b"1" * 5000 + b"}", "a whole number has 5000 digits"),
    "beyond numbers": (b'{"format": "thresher-x", "a": 1e999}', "is"),
    "half a character": (b'{"format": "\\ud800"}', "is"),
    "NUL": (b'{"format": "a\\u0000"}', "is damaged"),
    "a key twice": (
        b'{"format": "a", "format": "b"}',
        'is damaged: the key "format" appears twice in one object',
    ),
}


@pytest.mark.parametrize("content", CONTENTS)
def test_what_is_no_whole_text_is_one_sentence_for_every_kind(made, tmp_path, content):
    """Bytes, marks, digits, half characters and keys given twice."""
    data, message = CONTENTS[content]
    for kind in KINDS:
        path = made.copy(kind, tmp_path)
        path.write_bytes(data)
        for command in made.commands(kind, path, tmp_path):
            said = refusal(*command)
            assert message in said or (kind == "shards" and "is not a JSON object like" in said)


def test_a_folder_a_device_and_a_pipe_are_refused(made, tmp_path):
    """/dev/zero has no end, and nobody writes into the pipe."""
    os.mkfifo(tmp_path / "pipe")
    for kind in ("fit", "plan", "buckets", "pilot"):
        for path, message in (
            (tmp_path, "is a folder"),
            (Path("/dev/zero"), "is a device or a pipe"),
            (tmp_path / "pipe", "is a device or a pipe"),
        ):
            for command in made.commands(kind, path, tmp_path):
                assert message in refusal(*command)


def test_a_file_beyond_the_limit_is_not_read(made, tmp_path, monkeypatch):
    """The limit is on bytes, so that no file of another kind fills the memory."""
    from thresher import stored

    monkeypatch.setattr(stored, "MOST_BYTES", 1 << 20)
    monkeypatch.setattr(stored, "MOST_YAML_BYTES", 1 << 20)
    for kind in KINDS:
        path = made.copy(kind, tmp_path)
        path.write_text(path.read_text() + " " * (1 << 20))
        for command in made.commands(kind, path, tmp_path):
            assert "it is larger than 1 MB" in refusal(*command)


def test_a_byte_order_mark_in_front_is_no_damage(made, tmp_path):
    """Editors on Windows put one there."""
    path = made.copy("fit", tmp_path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert all(answer(*command)[0] == 0 for command in made.commands("fit", path, tmp_path))


YAML = {
    "aliases": ("a: &a [1, 2]\nb: *a\n", "line 1 has an anchor or an alias"),
    "laughs": (
        "a: &a [x]\n" + "".join(f"b{i}: &b{i} [*a, *a]\n" for i in range(30)),
        "an anchor or an alias",
    ),
    "a tag": ("a: !!python/object/apply:os.system [true]\n", "has the tag"),
    "our own tag": ("a: !x 1\n", "has the tag"),
    "a key that is a list": ("? [1, 2]\n: 3\n", "is not text"),
    "a key twice": ("a: 1\na: 2\n", 'the key "a" appears twice'),
    "digits": ("a: " + "9" * 6000 + "\n", "a whole number has 6000 digits"),
    "tabs": ("a:\n\t- b\n", "line 2 is not YAML"),
    "two documents": ("a: 1\n---\nb: 2\n", "is not YAML"),
    "a merge": ("<<: {a: 1}\n", "is not a thresher-pilot file"),
}


@pytest.mark.parametrize("name", YAML)
def test_yaml_is_values_alone(made, tmp_path, name):
    """A few lines of aliases can stand for billions of values; tags can stand for objects."""
    text, message = YAML[name]
    path = made.copy("pilot", tmp_path)
    path.write_text(text)
    for command in made.commands("pilot", path, tmp_path):
        assert message in refusal(*command)


# --- mutations -----------------------------------------------------------------------------------------------------

KINDS = ("fit", "plan", "buckets", "manifest", "index", "pilot", "shards")


class Made:
    """Real stored files, made by the commands, and the commands that read each."""

    def __init__(self, folder):
        self.folder = folder
        write_table(folder / "meta", hex_ids(300), scores(300), files=2)
        meta = folder / "meta"
        self._run("buckets", meta, "--score", SCORE, "--buckets", "4", "--names", "top_0_10,top_10_20,top_20_30,top_30_40",
                  "--sample", "0.5", "-o", folder / "buckets.json")  # fmt: skip
        self._run("cut", meta, "--pool", "top_10_20", "--pool", "top_20_30", "--buckets", folder / "buckets.json", "--sample",
                  "0.5", "-o", folder / "subset.npy")  # fmt: skip
        self._run("index", meta, "--score", SCORE, "-o", folder / "index")
        write_fit(fit_law(load_example("datacomp_medium_tmars"), draws=10), folder / "fit.json")
        self._run(
            "plan", folder / "fit.json", "--budget", "64M", "--budget", "640M", "-o", folder / "plan.json"
        )
        self._run("pilot", "plan", folder / "buckets.json", "--pool-size", "1.28B", "--budget", "1.28B", "--pilot-budget",
                  "15%", "--top", "3", "--replicates", "5", "--prior", folder / "fit.json", "-o", folder / "pilots")  # fmt: skip
        shutil.copytree(CASES / "R15_pilot_yaml_traceback" / "logs", folder / "logs")
        found = {
            name: {"shards": 5, "path": f"{name}/{{0..4}}.tar", "samples": 2560000}
            for name in json.loads((folder / "plan.json").read_text())["plans"][0]["candidates"][-1]["pools"]
        }
        (folder / "shards.json").write_text(json.dumps(found))

    @staticmethod
    def _run(*arguments):
        status, _, err = answer(*arguments, "--quiet") if arguments[0] != "recipe" else answer(*arguments)
        assert status == 0, err

    def source(self, kind):
        names = {
            "manifest": "subset.npy.manifest.json",
            "index": "index/index.json",
            "pilot": "pilots/pilot.yaml",
        }
        return self.folder / names.get(kind, f"{kind}.json")

    def copy(self, kind, folder):
        """A copy in a folder, with what must lie beside it."""
        place = folder / "index" if kind == "index" else folder
        place.mkdir(exist_ok=True)
        beside = {"index": ("index/ids.npy", "index/scores.npy"), "manifest": ("subset.npy",)}.get(kind, ())
        for name in beside:
            shutil.copyfile(self.folder / name, place / Path(name).name)
        return Path(shutil.copyfile(self.source(kind), place / self.source(kind).name))

    def commands(self, kind, path, folder):
        """The commands that read a file of this kind."""
        out, meta = folder / "out.npy", self.folder / "meta"
        fit = self.folder / "fit.json"
        planned = ("--budget", "640M", "--buckets", self.folder / "buckets.json")
        sharded = ("--for", "open_clip", "--budget", "640M", "--shards-json")
        return {
            "fit": [
                ("predict", path, "--pools", "top_0_10+top_10_20", "--samples-seen", "64M", "--json"),
                ("plan", path, "--budget", "640M", "--json"),
            ],
            "plan": [
                ("recipe", path, "--budget", "640M", "--for", "yaml", "--json"),
                ("cut", meta, "--plan", path, *planned, "-o", out, "--force", "--json"),
            ],
            "buckets": [
                ("cut", meta, "--pool", "top_0_10", "--buckets", path, "-o", out, "--force", "--json"),
                ("plan", fit, "--budget", "64M", "--pool-size", "1B", "--buckets", path, "--json"),
            ],
            "manifest": [
                ("cut", "--verify", path.with_name("subset.npy"), "--json"),
                ("cut", meta, "--pool", "top_10_20", "--pool", "top_20_30", "--buckets", self.folder / "buckets.json",
                 "--sample", "0.5", "-o", path.with_name("subset.npy"), "--json"),
            ],
            "index": [("cut", path.parent, "--keep", "0.3", "-o", out, "--force", "--json")],
            "pilot": [("pilot", "collect", path, self.folder / "logs", "-o", folder / "c.csv", "--json")],
            "shards": [("recipe", self.folder / "plan.json", *sharded, path, "--json")],
        }[kind]  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return Made(tmp_path_factory.mktemp("made"))


def test_whole_files_are_read(made, tmp_path):
    """What the mutations begin with is accepted, so that they are not refused for another reason."""
    for kind in KINDS:
        path = made.copy(kind, tmp_path)
        for command in made.commands(kind, path, tmp_path):
            status, _, err = answer(*command)
            wanted = 2 if kind == "pilot" else 0  # the logs are of another pilot
            assert status == wanted, (kind, command, err)


STRANGE = (
    None, True, False, 0, 1, -1, 0.5, -0.5, 1.5, 2, 3, 1e-300, 1e9, 1e18, 1e19, 1e300, -1e308, 2**31, 2**32, 2**63, 2**64, 10**39,
    10**60, float("nan"), float("inf"), "", "x", "nan", "1", "\0", "\ud800", "../x", "a" * 1000, "é\n\x1b[31m", [], {}, [0], [[]],
    {"a": 1}, [None], ["x"], "$(x)",
)  # fmt: skip


def places(value, at=()):
    """Where something stands in a document."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inside:
        yield (*at, key)
        yield from places(one, (*at, key))


def mutate(document, rng):
    """The text of a damaged copy of a document."""
    document = deepcopy(document)
    known = list(places(document))
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        depth = rng.randint(1, max(map(len, known)))  # of a long list few entries are worth a try
        at = rng.choice([place for place in known if len(place) == depth])
        try:
            holder = document
            for key in at[:-1]:
                holder = holder[key]
            old, kind = holder[at[-1]], rng.randrange(8)
            if kind == 0:
                del holder[at[-1]]
            elif kind == 1 and isinstance(holder, dict):
                holder[f"new_{at[-1]}"] = holder.pop(at[-1])
            elif kind == 2 and isinstance(old, list) and old:
                old.append(deepcopy(old[rng.randrange(len(old))]))
            elif kind == 3 and isinstance(old, int | float) and not isinstance(old, bool):
                holder[at[-1]] = old * rng.choice((-1, 0, 1.0001, 2, 10, 1e6, 1e30)) + rng.choice(
                    (0, 0, 1, -1)
                )
            elif kind == 4 and isinstance(old, list):
                rng.shuffle(old)
            elif kind == 5:
                deep = old
                for _ in range(rng.choice((1, 40))):
                    deep = [deep]
                holder[at[-1]] = deep
            else:
                holder[at[-1]] = deepcopy(rng.choice(STRANGE))
        except (KeyError, IndexError, TypeError, OverflowError):
            continue  # an earlier mutation took it away
    return json.dumps(document)


def damage(text, rng):
    """The same text with bytes taken out, doubled or changed."""
    first = rng.randrange(len(text) + 1)
    last = min(len(text), first + rng.choice((1, 1, 3, 50, 10**9)))
    piece = text[first:last]
    return text[:first] + rng.choice(("", piece * 2, "9", "[", '"', "}", "-")) + text[last:]


def nonsense(value):
    """The first number of an answer that no answer may hold; None where all make sense."""
    if isinstance(value, list):
        return next((found for one in value if (found := nonsense(one))), None)
    if not isinstance(value, dict):
        return value if isinstance(value, float) and not math.isfinite(value) else None
    shares = [
        f"probability is {one}"
        for name, one in value.items()
        if "probability" in name and not 0 <= (one or 0) <= 1
    ]
    for name in ("error", "low", "high", "keep") if {"pools", "error"} <= set(value) else ():
        if not 0 <= (value.get(name) or 0) <= 1:
            shares.append(f"{name} is {value[name]}")
    return next(iter(shares), None) or nonsense(list(value.values()))


def check_mutation(made, kind, seed, folder):
    rng = random.Random(seed)
    path = made.copy(kind, folder)
    original = path.read_text()
    if rng.random() < 0.15:
        text = damage(original, rng)
    else:
        text = mutate(yaml.safe_load(original) if kind == "pilot" else json.loads(original), rng)
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    for command in made.commands(kind, path, folder):
        status, out, err = answer(*command)
        assert status in (0, 2), (kind, seed, err)
        assert "Traceback" not in err
        if status == 2:
            assert out == ""
            assert err.startswith("Error: "), (kind, seed, err)
            assert len([line for line in err.splitlines() if line.startswith("Error")]) == 1
        else:
            assert nonsense(json.loads(out)) is None, (kind, seed, nonsense(json.loads(out)), text[:2000])
    return text


@given(kind=st.sampled_from(KINDS), seed=st.integers(0, 2**40))
@settings(max_examples=60)
def test_a_mutated_file_is_refused_or_answered_with_sense(made, tmp_path_factory, kind, seed):
    """Any key at any depth deleted, doubled, nested, of another type or size; and cuts in the text itself."""
    check_mutation(made, kind, seed, tmp_path_factory.mktemp("mutated"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_many_mutations_are_refused_or_answered_with_sense(made, tmp_path, kind):
    """The same, many times."""
    for seed in range(int(os.environ.get("THRESHER_MUTATIONS", "150"))):
        folder = tmp_path / str(seed)
        folder.mkdir()
        check_mutation(made, kind, seed, folder)
        shutil.rmtree(folder)
