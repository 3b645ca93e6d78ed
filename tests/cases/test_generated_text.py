"""Names in generated text and files, and paths of shards: each was answered wrongly once."""

import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from made_fits import example_fit
from thresher import write_fit
from thresher.cli.app import run

CASES = Path(__file__).parent
BASH = pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")


@pytest.fixture
def meta(tmp_path, monkeypatch):
    """A folder beside a copy of the metadata."""
    shutil.copytree(CASES / "meta", tmp_path / "meta")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.fixture
def plan(tmp_path, monkeypatch):
    shutil.copy(CASES / "36_nested_braces" / "plan.json", tmp_path / "plan.json")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal(command, capsys):
    """The one sentence with which a command refuses."""
    capsys.readouterr()
    before = sorted(Path().rglob("*"))
    status = run(shlex.split(command))
    printed = capsys.readouterr()
    assert status == 2, printed.err
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1, printed.err
    assert sorted(Path().rglob("*")) == before
    return printed.err.removeprefix("Error: ").rstrip("\n")


def recipe(shards, capsys, trainer="open_clip", more=""):
    """The JSON of a recipe for shards of the first pool."""
    capsys.readouterr()
    second = "top_10_20=8:p1" if trainer == "mosaicml" else "top_10_20=8:p1/{000..007}.tar"
    words = ["--shards", f"top_0_10={shards}", "--shards", second]
    status = run(["recipe", "plan.json", "--for", trainer, *words, "--json", "--quiet", *shlex.split(more)])
    printed = capsys.readouterr()
    assert status == 0, printed.err
    return json.loads(printed.out)


PILOT = "pilot plan bk.json --budget 640M --pilot-budget 30% --pool-size 128000000 --replicates 2 --quiet -o"


@BASH
def test_r01_names_in_launch_files_never_run(meta, capsys):
    """Case R01: `$(touch PWNED)` as a bucket and as a model is data to every launch file."""
    sentence = refusal(
        "buckets ../meta --score s --buckets 4 --names 'a,$(touch PWNED),x\";touch PWNED2;\",ok' -o bk.json",
        capsys,
    )
    assert sentence.startswith('--names: bucket \'x";touch PWNED2;"\' holds "')
    names = "a,$(touch PWNED),top 10%,`touch PWNED2`"
    assert (
        run(["buckets", "../meta", "--score", "s", "--buckets", "4", "--names", names, "-o", "bk.json"]) == 0
    )
    words = shlex.split(f"{PILOT} pilots --metadata ../meta")
    assert run([*words, "--model", "$(touch${IFS}PWNED3)"]) == 0
    programs = meta / "bin"
    programs.mkdir()
    for name in ("python", "torchrun"):
        (programs / name).write_text('#!/bin/sh\nprintf "%s\\n" "$@" >> "$RECORD"\n')
        (programs / name).chmod(0o755)
    for name in names.split(","):
        (meta / "s" / name).mkdir(parents=True)
        (meta / "s" / name / "00000000.tar").touch()
    environment = {
        "PATH": f"{programs}:{os.environ['PATH']}", "RECORD": str(meta / "record"), "SHARDS": "s", "POOL": "p",
        "IMAGENET": "i", "SLURM_ARRAY_TASK_ID": "1", "SLURM_SUBMIT_DIR": "pilots",
    }  # fmt: skip
    for script in ("reshard.sh", "open_clip.sh", "datacomp.sh"):
        subprocess.run(["bash", f"pilots/{script}"], env=environment, check=True)
    subprocess.run(["bash", "pilots/slurm.sh"], env=environment | {"SHARDS": str(meta / "s")}, check=True)
    assert not list(meta.rglob("PWNED*"))
    given = (meta / "record").read_text().splitlines()
    for name in names.split(","):
        assert {f"s/{name}", f"{meta}/pilots/uids/{name}.npy", f"{name}-s0"} <= set(given)
    assert "$(touch${IFS}PWNED3)" in given


def test_r02_a_name_of_a_pool_is_no_path(meta, capsys):
    """Case R02: `../../../escaped` is refused as a name, also from a buckets.json that somebody else made."""
    sentence = refusal(
        "buckets ../meta --score s --buckets 4 --names ../../../escaped,b,c,d -o bk.json", capsys
    )
    assert sentence.startswith("--names: bucket '../../../escaped' holds /")
    assert run(shlex.split("buckets ../meta --score s --buckets 4 --names a,b,c,d -o bk.json --quiet")) == 0
    made = json.loads(Path("bk.json").read_text())
    Path("a/b/c").mkdir(parents=True)
    for name in ("../../../escaped", "x/y", "B", "a+b", "a\nb", "-x", "con"):
        made["buckets"][0]["name"] = name
        Path("bk.json").write_text(json.dumps(made))
        sentence = refusal(f"{PILOT} a/b/c/pilots --metadata ../meta", capsys)
        assert "another name" in sentence or "joins pools" in sentence


@pytest.mark.parametrize("model", ["a b", "a\nb", "$(touch x)", ""])
def test_a_name_of_a_model_is_one_word(meta, capsys, model):
    """evaluate.py splits the model from its checkpoint at the first blank."""
    assert run(shlex.split("buckets ../meta --score s --buckets 4 -o bk.json --quiet")) == 0
    assert "odel" in refusal(f"{PILOT} pilots --model {shlex.quote(model)}", capsys)


def test_a_pilot_larger_than_its_bucket_is_said_first(meta, capsys):
    """Buckets of a random part of the pool, and a forgotten `--pool-size`."""
    assert run(shlex.split("buckets ../meta --score s --buckets 4 -o bk.json --quiet")) == 0
    forgotten = PILOT.replace("--pool-size 128000000 ", "")
    sentence = refusal(f"{forgotten} pilots", capsys)
    assert sentence.startswith(
        "The pilots would be larger than their buckets: --pilot-budget is 192M samples"
    )
    assert "give the rows of the whole: --pool-size" in sentence
    small = forgotten.replace("30%", "100K")
    assert "passes 64,000 times over all 10,000 samples of the buckets" in refusal(f"{small} pilots", capsys)


def test_36_nested_braces_are_counted_as_braceexpand_does(plan, capsys):
    """Case 36: {{000..004},{007..009}} names 5 + 3 shards."""
    found = recipe("8:p0/{{000..004},{007..009}}.tar", capsys)
    assert "'p0/{{000..004},{007..009}}.tar::p1/{000..007}.tar'" in found["text"]
    assert found["weights"] == pytest.approx([0.5, 0.5])


def test_37_letters_in_braces_are_a_range(plan, capsys):
    """Case 37: {a..c} names 3 shards."""
    assert recipe("3:p0/{a..c}.tar", capsys)["weights"] == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize(
    ("shards", "words"),
    [
        ("8:p0/{0..14..2}.tar", "p0/{0..14..2}.tar"),
        ("3:p0/{,a,b}.tar", "p0/{,a,b}.tar"),
        ("4:x/{8..10}.tar::y/1.tar", "x/{8..10}.tar::y/1.tar"),
        ("1:p0/\\{x\\}.tar", "p0/\\{x\\}.tar"),
        ("1:p0/{x}.tar", "p0/{x}.tar"),
        ("1:p[0]/x.tar", "p[0]/x.tar"),
        ("2:https://h/{0..1}.tar?key=a&b=$", "https://h/{0..1}.tar?key=a&b=$"),
        ("2:pipe:cat $HOME/*/{0..1}.tar", "pipe:cat $HOME/*/{0..1}.tar"),
        ("2:s3://b/{0..1}.tar", "pipe:aws s3 cp s3://b/{0..1}.tar -"),
        ("2:s3://b/my x/{0..1}.tar", "pipe:aws s3 cp 's3://b/my x/{0..1}.tar' -"),
        ("2:$(touch PWNED)/{0..1}.tar", "$(touch PWNED)/{0..1}.tar"),
    ],
)
def test_paths_are_read_as_open_clip_reads_them(plan, capsys, shards, words):
    """Neighbours of 36 and 37."""
    given = shlex.split(recipe(shards, capsys)["text"])
    assert given[given.index("--train-data") + 1] == f"{words}::p1/{{000..007}}.tar"


@pytest.mark.parametrize(
    ("shards", "sentence"),
    [
        (
            "1000:p0/*.tar",
            "open_clip does not expand *, so p0/*.tar is one file to it; write the shards' numbers in",
        ),
        ("1:p0/*.tar", "open_clip does not expand *"),
        ("10:p0/00?.tar", "open_clip does not expand ?"),
        ("10:p0/[0-9].tar", "p0/[0-9].tar names 1 shard, not 10; open_clip does not expand [..]"),
        ("2:p0/{0..1.tar", "p0/{0..1.tar has unbalanced braces"),
        ("2:p0/0..1}.tar", "has unbalanced braces"),
        ("2:p0/\\{0..1}.tar", "has unbalanced braces"),
        ("1:p0/}{a,b}{", "has unbalanced braces"),
        ("2:p0/{000000..999999999}.tar", "names more than 2,000,000 shards"),
        ("2:p0/" + "{a,b}" * 99, "names more than 2,000,000 shards"),
        ("2:p0/" + "{" * 40 + "a,b" + "}" * 40, "more than 20 within each other"),
        ("2:p0/{0.." + "9" * 5000 + "}.tar", "has unbalanced braces"),
        ("5M:p0/x", "has 5,000,000 shards; give 1 to 2,000,000"),
        ("2:p0/{0..1}.tar::", "has an empty part"),
        ("2:p0/{a,a}.tar", "The path p0/a.tar is given twice"),
        ("2:p1/{007..008}.tar", "The path p1/007.tar is given twice"),
        ("2:hdfs://x/{0..1}.tar", "open_clip does not open hdfs: paths"),
        ("2:~/p0/{0..1}.tar", "neither the shell nor open_clip expands ~ or $ in ~/p0"),
        ("2:$DATA/{0..1}.tar", "neither the shell nor open_clip expands ~ or $"),
        ("8:p0", "p0 names 1 shard, not 8"),
        ("2:p0/{0..1}\n.tar", "holds a control character"),
    ],
)
def test_39_what_open_clip_would_read_otherwise_is_one_sentence(plan, capsys, shards, sentence):
    """Case 39, a pattern that is one URL to open_clip, and its neighbours."""
    command = ["recipe", "plan.json", "--for", "open_clip", "--shards", f"top_0_10={shards}"]
    assert sentence in refusal(shlex.join([*command, "--shards", "top_10_20=8:p1/{000..007}.tar"]), capsys)


def test_a_stream_of_mosaicml_is_one_folder(plan, capsys):
    """MosaicML expands no braces."""
    words = "recipe plan.json --for mosaicml --shards 'top_0_10=2:s3://b/{0..1}' --shards top_10_20=8:p1"
    assert "MosaicML does not expand s3://b/{0..1}; give the one folder" in refusal(words, capsys)
    text = recipe('2:s3://b/"); import os #', capsys, "mosaicml")["text"]
    compile(text, "recipe", "exec")
    assert "remote='s3://b/\"); import os #'" in text


def test_yaml_and_python_hold_names_as_they_are(plan, capsys):
    """Pools of a plan may have any name."""
    content = json.loads(Path("plan.json").read_text())
    names = ['a"b', "wiki/DE: {x}\n- #\x85"]
    content["plans"][0]["best"]["pools"] = names
    Path("plan.json").write_text(json.dumps(content))
    assert run(["recipe", "plan.json", "--for", "yaml", "-o", "out.yaml", "--quiet"]) == 0
    assert [pool["name"] for pool in yaml.safe_load(Path("out.yaml").read_text("utf-8"))["pools"]] == names
    Path("shards.json").write_text(
        json.dumps({name: {"shards": 2, "path": f"p{i}"} for i, name in enumerate(names)})
    )
    assert "control character" in refusal("recipe plan.json --for mosaicml --shards-json shards.json", capsys)


def test_a_datacomp_scale_of_another_model_is_refused(plan, capsys):
    """ViT-B-32 at 1.28B became `--scale large`, a ViT-B-16."""
    content = json.loads(Path("plan.json").read_text())
    content["plans"][0]["samples_seen"] = 1.28e9
    Path("plan.json").write_text(json.dumps(content))
    for model in ("", " --model ViT-B-32"):
        sentence = refusal(f"recipe plan.json --for datacomp{model}", capsys)
        assert "At 1.28B samples train.py's --scale is large, which trains ViT-B-16, not ViT-B-32" in sentence
        assert "--model ViT-B-16" in sentence
    assert run(shlex.split("recipe plan.json --for datacomp --model ViT-B-16 --batch-size 8192")) == 0
    printed = capsys.readouterr()
    assert "--scale large" in printed.out
    assert "fixes the batch" not in printed.err
    assert run(shlex.split("recipe plan.json --for datacomp --model ViT-B-16")) == 0
    assert "8,192 samples, not the 4,096 of the simulated sampler" in capsys.readouterr().err


@pytest.mark.parametrize("folder", ["a::b", "a{b}", "a*", "a,b"])
def test_a_folder_that_train_py_reads_as_several_is_refused(plan, capsys, folder):
    """train.py hands it to open_clip's braceexpand."""
    assert "takes" in refusal(f"recipe plan.json --for datacomp --resharded '{folder}'", capsys)


def test_datacomp_commands_give_paths_exactly(plan, capsys):
    """Paths with blanks, dollars and dashes are words."""
    paths = ["-m", "$(touch PWNED)", "it's {a,b}", "b c"]
    flags = dict(zip(("metadata", "buckets", "data", "resharded"), paths, strict=True))
    words = [word for flag, value in flags.items() for word in (f"--{flag}={value}",)]
    words = [word for word in words if "{" not in word]
    assert run(["recipe", "plan.json", "--for", "datacomp", *words, "--quiet", "--json"]) == 0
    text = json.loads(capsys.readouterr().out)["text"]
    given = shlex.split(text)
    assert given[2] == "./-m"
    assert given[given.index("--buckets") + 1] == "$(touch PWNED)"
    assert given[given.index("--data_dir") + 1] == "b c"


@pytest.mark.parametrize("trainer", ["open_clip", "datacomp"])
def test_the_exposure_that_is_given_is_believed(plan, capsys, trainer):
    """`--exposure resampled`: views are Poisson, and the trainer draws with replacement."""
    found = recipe("8:p0/{000..007}.tar", capsys, trainer, "--exposure resampled")
    assert [one["assumed"]["unseen"] for one in found["exposure"]] == pytest.approx([0.00674] * 2, abs=1e-5)
    assert found["replacement"]
    assert trainer == "datacomp" or "--dataset-resampled" in found["text"]


def test_the_exposure_of_the_plan_is_taken_and_not_contradicted(plan, capsys):
    """A plan for resampled exposure says so, and its recipe needs no flag."""
    content = json.loads(Path("plan.json").read_text())
    content["plans"][0]["exposure"] = "resampled"
    Path("plan.json").write_text(json.dumps(content))
    found = recipe("8:p0/{000..007}.tar", capsys)
    assert found["exposure"][0]["assumed"]["unseen"] == pytest.approx(0.00674, abs=1e-5)
    sentence = refusal("recipe plan.json --for yaml --exposure epochs", capsys)
    assert sentence.startswith("--exposure is epochs, but the plan was made for resampled. Leave it out, or")
    assert "often" in refusal("recipe plan.json --for datacomp --exposure often", capsys)


@pytest.mark.parametrize(("flags", "unseen"), [("", 0.0), ("--exposure resampled", 0.00674)])
def test_a_plan_keeps_the_exposure_that_it_was_made_for(tmp_path, monkeypatch, capsys, flags, unseen):
    """`thresher plan --exposure resampled`, then `thresher recipe` without a flag."""
    monkeypatch.chdir(tmp_path)
    write_fit(example_fit(), tmp_path / "fit.json")
    assert (
        run(
            shlex.split(
                f"plan fit.json --budget 128M --pools top_0_10+top_10_20 --quiet {flags} -o plan.json"
            )
        )
        == 0
    )
    content = json.loads(Path("plan.json").read_text())
    assert content["plans"][0]["exposure"] == (flags.split()[-1] if flags else None)
    content["plans"][0]["best"] |= {"pools": ["a", "b"], "weights": [0.5, 0.5], "epochs": [5.0, 5.0]}
    Path("plan.json").write_text(json.dumps(content))
    capsys.readouterr()
    assert run(shlex.split("recipe plan.json --for datacomp --json --quiet")) == 0
    found = json.loads(capsys.readouterr().out)["exposure"]
    assert [one["assumed"]["unseen"] for one in found] == pytest.approx([unseen] * 2, abs=1e-5)
