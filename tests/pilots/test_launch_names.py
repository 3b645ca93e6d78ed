"""Launch files of pools with hostile names: bash accepts them, and programs get the names exactly."""

import json
import os
import shutil
import subprocess
import sys

import braceexpand
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from hostile import pool_names
from thresher.errors import InputError
from thresher.pilots.design import PilotPool, PilotRun
from thresher.pilots.launch import Trainer, datacomp_script, open_clip_script, reshard_script, slurm_script
from thresher.pilots.pilot_file import Pilot, read_pilot, write_pilot
from thresher.quoting import check_file_names

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="launch files are bash scripts")
NAMES = [
    "top 10%", "$(touch PWNED)", "`touch PWNED`", "it's", "{a,b}", "{0..9}", "${HOME}", "a;touch PWNED", "!x", "~", "#", "[a-z]",
    "中 é", "%s", "a,b", "a&b", "(x)", "^", "@", "esac", "x'$(touch PWNED)'",
]  # fmt: skip
MODEL = "$(touch${IFS}PWNED)"
TRAINER = Trainer(model=MODEL)


def runs_of(pools):
    singles = [PilotRun(f"{pool}-s0", (pool,), 1000, (2, 4), "constant", 0) for pool in pools]
    return [*singles, PilotRun("+".join(pools[:3]) + "-s0", tuple(pools[:3]), 3000, (3,), "constant", 0)]


def scripts(pools):
    runs = runs_of(pools)
    return {
        "open_clip.sh": open_clip_script(runs, TRAINER),
        "datacomp.sh": datacomp_script(runs, TRAINER),
        "slurm.sh": slurm_script(runs, TRAINER),
        "reshard.sh": reshard_script(pools),
    }


def set_of_names():
    def allowed(names):
        try:
            check_file_names(names)
        except InputError:
            return False
        return True

    return st.lists(pool_names(), min_size=1, max_size=4).filter(allowed)


@given(set_of_names())
@settings(max_examples=30)
def test_bash_accepts_every_launch_file(names):
    for text in scripts(list(dict.fromkeys(names))).values():
        done = subprocess.run(["bash", "-n"], input=text.encode(), capture_output=True, check=False)
        assert done.returncode == 0, done.stderr


@given(set_of_names())
def test_the_pilots_yaml_gives_names_back(tmp_path_factory, names):
    names = tuple(dict.fromkeys(names))
    path = tmp_path_factory.mktemp("pilot") / "pilot.yaml"
    pools = tuple(PilotPool(name, name, 1.0, 1000, rank) for rank, name in enumerate(names, start=1))
    pilot = Pilot(1e6, 0, pools, TRAINER, tuple(runs_of(names)[:-1]))
    write_pilot(path, pilot, {})
    assert read_pilot(path) == pilot
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["trainer"]["model"] == MODEL


@pytest.fixture
def folder(tmp_path):
    """Launch files, shards of every pool, and programs that only record how they were called."""
    for name, text in scripts(NAMES).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    for at, pool in enumerate(NAMES):
        (tmp_path / "my {shards}, all" / pool).mkdir(parents=True)
        for number in range(at + 1):  # more than ten for some
            (tmp_path / "my {shards}, all" / pool / f"{number}.tar").touch()
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("torchrun", "python", "sbatch", "srun", "aws"):
        (programs / name).write_text(
            f"#!{sys.executable}\nimport json, os, sys\n"
            "open(os.environ['RECORD'], 'a').write(json.dumps([os.path.basename(sys.argv[0]), *sys.argv[1:]]) + '\\n')\n"
        )
        (programs / name).chmod(0o755)
    return tmp_path


def called(folder, script, *arguments, **variables):
    """What a launch file calls, as lists of words."""
    record = folder / "record"
    record.unlink(missing_ok=True)
    done = subprocess.run(
        ["bash", script, *arguments], check=False, capture_output=True, text=True, cwd=folder,
        env={
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "SHARDS": "my {shards}, all", "POOL": "-p $x",
            "IMAGENET": "a b", "RECORD": str(record), **variables,
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not list(folder.rglob("PWNED*"))
    return [json.loads(line) for line in record.read_text().splitlines()]


def value(words, flag):
    return words[words.index(flag) + 1]


@pytest.mark.parametrize("script", ["open_clip.sh", "datacomp.sh"])
def test_the_trainer_gets_names_and_shards_exactly(folder, script):
    calls = called(folder, script)
    trained = [words for words in calls if words[0] == "torchrun"]
    assert [value(words, "--name") for words in trained] == [run.name for run in runs_of(NAMES)]
    assert {value(words, "--model") for words in trained} == {MODEL}
    for words, run in zip(trained, runs_of(NAMES), strict=True):
        read = [
            url for part in value(words, "--train-data").split("::") for url in braceexpand.braceexpand(part)
        ]
        held = [
            f"my {{shards}}, all/{pool}/{number}.tar"
            for pool in run.pools
            for number in range(NAMES.index(pool) + 1)
        ]
        assert read == held


def test_datacomp_evaluates_by_exact_names(folder):
    evaluated = [words for words in called(folder, "datacomp.sh") if words[0] == "python"]
    assert [value(words, "--use_model").split(maxsplit=1) for words in evaluated] == [
        [MODEL, f"logs/{run.name}/checkpoints/epoch_{epoch}.pt"]
        for run in runs_of(NAMES)
        for epoch in run.epochs
    ]


def test_slurm_starts_each_run_by_its_exact_name(folder):
    runs = runs_of(NAMES)
    for at in (0, 1, 7, len(runs) - 1):
        run = runs[at]
        ((*_, words),) = [called(folder, "slurm.sh", SLURM_ARRAY_TASK_ID=str(at))]
        assert value(words, "--name") == run.name


def test_the_resharder_gets_exact_folders_and_files(folder):
    found = called(folder, "reshard.sh")
    assert [value(words, "-o") for words in found] == [f"my {{shards}}, all/{name}" for name in NAMES]
    assert [value(words, "-s") for words in found] == [f"{folder}/uids/{name}.npy" for name in NAMES]
    assert {value(words, "-i") for words in found} == {"-p $x"}


@pytest.mark.parametrize("names", [(), ("a",), ("0", "2")], ids=["none", "no number", "a gap"])
def test_shards_that_open_clip_would_not_find_stop_the_script(tmp_path, names):
    """An empty folder, or one with a gap, trained on files that are not there."""
    (tmp_path / "s" / "b0").mkdir(parents=True)
    for name in names:
        (tmp_path / "s" / "b0" / f"{name}.tar").touch()
    (tmp_path / "open_clip.sh").write_text(open_clip_script(runs_of(["b0"])[:1], Trainer()))
    done = subprocess.run(
        ["bash", "open_clip.sh"], check=False, capture_output=True, text=True, cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "SHARDS": "s", "IMAGENET": "x"},
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == "s/b0 must hold tar files with numbers for names, none left out\n"
