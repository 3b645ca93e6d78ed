"""Damaged logs of every format: a run table without nonsense, or one sentence; never a traceback."""

import math
import random
import shutil
from pathlib import Path

import pytest

from thresher.cli.app import run
from thresher.runs import read_runs

SAMPLES = Path(__file__).parent / "samples"
STARTS = {
    "open_clip": (SAMPLES / "open_clip" / "b0-s1", ["--metric", "imagenet1k", "--metric", "clip_val_loss"]),
    "clip_benchmark": (SAMPLES / "clip_benchmark", ["--metric", "imagenet1k", "--metric", "flickr30k"]),
    "mlflow": (SAMPLES / "mlflow", []),
}
POOL = [
    "--pool",
    "b0",
    "--unique-samples",
    "512",
    "--samples-per-epoch",
    "512",
    "--batch-size",
    "32",
    "--quiet",
]
DATACOMP = "".join(
    f'{{"key": "{key}", "dataset": "x", "metrics": {{"acc1": 0.3, "main_metric": 0.3{at}}}}}\n'
    for at, key in enumerate(("imagenet1k", "cars", "vtab/pets"))
)
CHART = '"Step","b0 - val/imagenet-zeroshot-val-top1","b0 - eval/loss"\n"1","0.1","2.5"\n"2","0.2","2.25"\n'
RUN_LIST = (
    "Name,State,Created,epoch,_step,imagenet-zeroshot-val-top1,eval/loss\n"
    "r0,finished,2026,1,10,0.2,2.5\nr1,crashed,2026,2,20,0.3,2.25\n"
)
SWARM = ("run,web,code\n" + "".join(f"{at},0.{at},0.{10 - at}\n" for at in range(1, 9)),
         "run,web_loss,code_acc\n" + "".join(f"{at},3.{at},0.{at}\n" for at in range(1, 9)))  # fmt: skip
COLUMNS = "run=Name,pool=State,unique_samples=1M,samples_seen=_step*4096,metric='x_loss',error=\"eval/loss\""
PIECES = (
    b"NaN", b"Infinity", b"-1", b"1e999", b"9" * 400, b"null", b"{", b"[" * 3000, b'"', b",", b"\n", b"\0", b"\xff\xfe",
    b"\xef\xbb\xbf", b"\x80", b"epoch", b": ", b"true", b"0,5", b"1,000", b"-0", b"'", b"\r", b"$(x)", b"[red]", b"",
)  # fmt: skip


def damaged(data, choose):
    """`data` after one to four accidents: cut off, a piece lost, doubled, overwritten or put in."""
    for _ in range(choose.randint(1, 4)):
        at, end = sorted((choose.randint(0, len(data)), choose.randint(0, len(data))))
        piece = choose.choice(PIECES)
        data = choose.choice(
            [data[:at], data[:at] + data[end:], data[:end] + data[at:], data[:at] + piece + data[at:],
             data[:at] + piece + data[at + len(piece):], choose.randbytes(choose.randint(0, 200))]
        )  # fmt: skip
    return data


def answered(capsys, folder, words):
    """The rows of an import, or None where it was refused in one sentence."""
    out = folder / "out.csv"
    out.unlink(missing_ok=True)
    status = run(["runs", "import", *map(str, words), "-o", str(out)])
    said = capsys.readouterr().err
    assert "Traceback" not in said
    if status == 2:
        assert len([line for line in said.splitlines() if line.startswith("Error: ")]) == 1, said
        assert not out.exists()
        return None
    assert status == 0, said
    rows = read_runs(out).rows
    for row in rows:
        assert math.isfinite(row.error)
        assert row.samples_seen >= 1
        assert row.metric.endswith("_loss") or 0 <= row.error <= 1
    return rows


def one_of_each(folder, choose, capsys):
    kind = choose.choice([*STARTS, "datacomp", "chart", "run list", "swarm", "columns", "labels"])
    logs = folder / "logs"
    if kind in STARTS:
        source, words = STARTS[kind]
        shutil.copytree(source, logs / source.name)
    elif kind == "swarm":
        logs.mkdir(parents=True)
        for name, text in zip(("shares", "losses"), SWARM, strict=True):
            (logs / f"{name}.csv").write_text(text)
    else:
        text = {"datacomp": DATACOMP, "chart": CHART}.get(kind, RUN_LIST)
        path = logs / "b0" / "epoch_1" / ("eval_results.jsonl" if kind == "datacomp" else "a.csv")
        path.parent.mkdir(parents=True)
        path.write_text(text)
        if kind == "labels":
            (folder / "labels.csv").write_text("run,pool,unique_samples,rank\nr0,b0,1M,1\nr*,b1,2M,2\n")
    if kind not in STARTS:
        words = ["--metric", "eval/loss"] if kind in ("chart", "run list") else []
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in choose.sample(files, min(len(files), choose.randint(1, 2))):
        path.write_bytes(damaged(path.read_bytes(), choose))
    if kind == "swarm":
        answered(
            capsys, folder, ["--swarm", logs / "shares.csv", logs / "losses.csv", "--samples-seen", "1B"]
        )
    elif kind == "columns":
        answered(capsys, folder, [logs / "b0" / "epoch_1" / "a.csv", "--columns", COLUMNS])
        assert run(["runs", "import", "--guess", str(logs / "b0" / "epoch_1" / "a.csv")]) in (0, 2)
        assert "Traceback" not in capsys.readouterr().err
    elif kind == "labels":
        answered(capsys, folder, [logs, "--labels", folder / "labels.csv", "--samples-per-epoch", "512"])
    else:
        answered(capsys, folder, [logs, *POOL, *words])
        answered(capsys, folder, [*(path for path in files if path.parent != folder), *POOL, *words])


@pytest.mark.parametrize("part", range(4))
def test_damaged_logs_are_read_in_part_or_refused_in_one_sentence(tmp_path, capsys, part):
    choose = random.Random(part)
    for at in range(25):
        one_of_each(tmp_path / str(at), choose, capsys)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
def test_many_damaged_logs_are_read_in_part_or_refused_in_one_sentence(tmp_path, capsys, part):
    choose = random.Random(2026 + part)
    for at in range(100):
        folder = tmp_path / str(at)
        one_of_each(folder, choose, capsys)
        shutil.rmtree(folder)
