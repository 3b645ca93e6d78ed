"""Random inputs near real ones: each generator writes files into a folder and returns the command to run there.

A generator draws everything from the `random.Random` that it is given, so a number names an input for good.
"""

import csv
import io
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from logs import write_clip_benchmark, write_datacomp, write_open_clip
from thresher.cli.app import run

NUMBERS = (
    "0", "1", "-1", "0.5", "1.0", "30%", "640M", "1.28B", "1e3", "1e300", "1e-300", "1e400", "9" * 400, "NaN", "nan", "inf",
    "-inf", "-0.0", "0x10", "1_000", "1,000", "1.000", "1.280.000", "1 000", "٣", "½", "1e", "--1", "True", "None", "null",
    "9007199254740993", "18446744073709551616", "1e18", "2e18", "1e-9",
)  # fmt: skip
NAMES = (
    "a", "b", "top_0_10", "a+b", "+", "a+", "$(touch PWNED)", "`id`", "a b", "top 10%", "../../x", "/etc/passwd", ".", "..",
    "", " ", "\t", "a\nb", "[b]", "[/b]", "[link=x]", ":smile:", "é", "e\u0301", "\u202egnp", "\x1b[2J", "\x00", "'", '"',
    "=1+1", "@x", "-x", "--help", "a" * 300, "a/b", "a\\b", "CON", "*", "?", "[ab]", "{a,b}", "#x", "a;b", "a|b", "%s", "{}",
)  # fmt: skip
CONDITIONS = (
    "(", ")", "and", "or", "not", "in", "is", "null", "=", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", ",",
    "score", "width", "text", "safe", "uid", "pool", "error", "samples_seen", "model", "length", "words", "least", "greatest",
    "length(text)", "words(text)", "least(width, score)", "'a'", '"width"', "'", "true", "False", "None", ";", "--", "%", "$",
    "ViT-B-32", *NUMBERS,
)  # fmt: skip
COMMANDS = (
    "demo", "fit", "predict", "plan", "frontier", "backtest", "next", "buckets", "cut", "index", "recipe", "runs", "pilot",
)  # fmt: skip
FLAGS = (
    "--budget", "--samples-seen", "--pools", "--weights", "--unique-samples", "--pool-size", "--max-epochs", "--must",
    "--never", "--metric", "--where", "--chance", "--floor", "--kernel", "--law", "--power", "--onset", "--from-epoch",
    "--seed", "--keep", "--threshold", "--score", "--buckets", "--names", "--sample", "--memory", "--workers", "--passes",
    "--flops", "--gpu-hours", "--cost", "--target", "--near", "--kl", "--also", "--from", "--to", "--exposure", "--choice",
    "--for", "--gpus", "--shards", "--pool", "--json", "--quiet", "--within", "--without", "--id",
)  # fmt: skip
POOLS = ("a", "b", "c")
SIZE = 1_000_000


class Workshop:
    """Real files that the generators damage, made once by the program itself."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.runs = folder / "runs.csv"
        self.runs.write_text(run_table(Random(0)), encoding="utf-8")
        self.metadata = folder / "metadata.parquet"
        write_metadata(self.metadata)
        make = [
            ["fit", self.runs, "--kernel", "utility", "-o", folder / "fit.json"],
            ["plan", folder / "fit.json", "--budget", "5M", "--pool-size", "10M", "-o", folder / "plan.json"],
            ["buckets", self.metadata, "--score", "score", "--buckets", "5", "-o", folder / "buckets.json"],
            ["cut", self.metadata, "--score", "score", "--keep", "30%", "-o", folder / "subset.npy"],
            ["index", self.metadata, "--score", "score", "-o", folder / "index"],
            [
                "pilot", "plan", folder / "buckets.json", "--budget", "640M", "--pilot-budget", "30%", "--pool-size", "128M",
                "-o", folder / "pilots",
            ],
        ]  # fmt: skip
        for arguments in make:
            status = run([*map(str, arguments), "--quiet"])
            if status:
                raise RuntimeError(f"{arguments} ended with status {status}")

    def copy(self, name: str, to: Path) -> Path:
        """A copy of one of the files, or of a folder."""
        source, target = self.folder / name, to / Path(name).name
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
        return target


def run_table(random: Random) -> str:
    """A sound run table of a few pools."""
    lines = io.StringIO()
    write = csv.writer(lines)
    write.writerow(["pool", "unique_samples", "samples_seen", "metric", "error", "rank"])
    for rank, pool in enumerate(POOLS, start=1):
        for epochs in (1, 2, 4, 8):
            error = 0.1 + (0.7 + 0.05 * rank) * epochs**-0.15 + random.gauss(0, 0.002)
            write.writerow([pool, SIZE, SIZE * epochs, "x_error", f"{error:.4f}", rank])
    return lines.getvalue()


def write_metadata(path: Path) -> None:
    """A metadata table with a column of every common type."""
    random = np.random.default_rng(0)
    count = 300
    pq.write_table(
        pa.table(
            {
                "uid": [f"{value:032x}" for value in random.integers(0, 2**62, count)],
                "score": pa.array(random.normal(size=count).astype(np.float32)),
                "width": pa.array(random.integers(1, 1000, count)),
                "text": pa.array(
                    [random.choice(["a dog", "", "two words more", None]) for _ in range(count)]
                ),
                "safe": pa.array([random.choice([True, False, None]) for _ in range(count)]),
            }
        ),
        path,
    )


def damaged_bytes(random: Random, content: bytes) -> bytes:
    """The content with a few bytes changed, cut short, doubled, or marked with a byte order mark."""
    how = random.randrange(5)
    at = random.randrange(len(content) + 1)
    if how == 0:
        return content[:at]
    if how == 1:
        return content[:at] + random.randbytes(random.randrange(1, 9)) + content[at + random.randrange(9) :]
    if how == 2:
        return random.choice([b"\xef\xbb\xbf", b"\xff\xfe", b"\x00", b"\n", b'"']) + content
    if how == 3:
        return content + content[at:]
    return random.randbytes(random.randrange(200))


def damaged_json(random: Random, document: object) -> object:
    """The document with one value deleted, replaced, or buried, at any depth."""
    places = [((), document)]
    for path, value in places:
        if isinstance(value, dict):
            places += [((*path, key), inner) for key, inner in value.items()]
        elif isinstance(value, list):
            places += [((*path, at), inner) for at, inner in enumerate(value[:3])]
    path, found = random.choice(places[1:])
    document = json.loads(json.dumps(document))
    holder = document
    for key in path[:-1]:
        holder = holder[key]
    how = random.randrange(6)
    if how == 0:
        del holder[path[-1]]
    elif how == 1 and isinstance(found, int | float):
        holder[path[-1]] = random.choice([0, -1, -found, found * 1e6, 1e300, 10**400, 1e-300, found + 0.5])
    elif how == 2:
        holder[path[-1]] = json.loads("[" * 50 + "]" * 50)
    elif how == 3 and isinstance(found, list):
        holder[path[-1]] = found * 2 if random.random() < 0.5 else found[:-1]
    elif how == 4:
        holder[path[-1]] = random.choice(NAMES)
    else:
        holder[path[-1]] = random.choice([None, True, "x", [], {}, 0, -1.5, [[]], [None], "1", float("inf")])
    return document


def run_tables(random: Random, shop: Workshop, folder: Path) -> list[str]:
    """A run table with a few hostile cells, columns or bytes."""
    rows = list(csv.reader(io.StringIO(run_table(random))))
    for _ in range(random.randrange(4)):
        row = rows[random.randrange(len(rows))]
        column = random.randrange(len(row))
        row[column] = random.choice(NUMBERS if random.random() < 0.6 else NAMES)
    for _ in range(random.randrange(2)):
        how = random.randrange(4)
        column = random.randrange(6)
        if how == 0:
            rows = [row[:column] + row[column + 1 :] for row in rows]
        elif how == 1:
            rows = [[*row, row[column % len(row)]] for row in rows]
        elif how == 2:
            extra = random.choice(
                ["weights", "subset_of", "schedule", "exposure", "seed", "quality", "standard_error"]
            )
            rows = [
                [*row, extra if at == 0 else random.choice(NUMBERS + NAMES)] for at, row in enumerate(rows)
            ]
        else:
            rows = rows[: random.randrange(len(rows))]
    if random.random() < 0.3:
        rows.append(["a+b", f"{SIZE}+{SIZE}", str(4 * SIZE), "x_error", "0.7", random.choice(["", "1"])])
    text = io.StringIO()
    csv.writer(text, delimiter=random.choice(",,,,,;\t")).writerows(rows)
    content = text.getvalue().encode()
    (folder / "t.csv").write_bytes(damaged_bytes(random, content) if random.random() < 0.2 else content)
    if random.random() < 0.6:
        return ["runs", "check", "t.csv"]
    return [
        "fit",
        "t.csv",
        "--kernel",
        random.choice(["utility", "resampled", "muennighoff"]),
        "-o",
        "f.json",
        "--json",
    ]


def stored_files(random: Random, shop: Workshop, folder: Path) -> list[str]:
    """A stored file with one thing wrong, and a command that reads it."""
    name, arguments = random.choice(
        [
            ("fit.json", ["predict", "fit.json", "--pools", "a+b", "--samples-seen", "5M", "--json"]),
            ("fit.json", ["plan", "fit.json", "--budget", "5M", "--json"]),
            ("plan.json", ["recipe", "plan.json", "--budget", "5M", "--for", "yaml"]),
            (
                "buckets.json",
                ["cut", "metadata.parquet", "--buckets", "buckets.json", "--pool", "b0", "-o", "s.txt"],
            ),
            ("subset.npy.manifest.json", ["cut", "--verify", "subset.npy"]),
            ("index", ["cut", "index", "--keep", "20%", "-o", "s.npy"]),
            ("pilots/pilot.yaml", ["pilot", "collect", "pilot.yaml", "logs", "-o", "c.csv"]),
        ]
    )
    path = shop.copy(name, folder)
    if name == "subset.npy.manifest.json":
        shop.copy("subset.npy", folder)
    if name in ("buckets.json", "subset.npy.manifest.json"):
        shop.copy("metadata.parquet", folder)
    if path.is_dir():
        path = random.choice(sorted(inner for inner in path.rglob("*") if inner.is_file()))
    content = path.read_bytes()
    if path.suffix == ".json" and random.random() < 0.8:
        path.write_text(json.dumps(damaged_json(random, json.loads(content))), encoding="utf-8")
    else:
        path.write_bytes(damaged_bytes(random, content))
    (folder / "logs").mkdir()
    return arguments


def logs(random: Random, shop: Workshop, folder: Path) -> list[str]:
    """The log of a training or an evaluation with damaged lines."""
    home = folder / "logs" / "r"
    home.mkdir(parents=True)
    kind = random.randrange(4)
    metric = []
    if kind == 0:
        write_open_clip(home, {epoch: 0.1 * epoch for epoch in range(1, 5)})
    elif kind == 1:
        write_datacomp(home / "eval_results.jsonl")
    elif kind == 2:
        write_clip_benchmark(home / "epoch_4.json", "r", 4)
    else:
        metric = ["--metric", random.choice(["imagenet_error", "loss", "eval/acc1"])]
        rows = [
            [random.choice(["Step", "epoch", "_step", "Relative Time"]), "r - eval/acc1", "r - eval/loss"]
        ]
        rows += [[str(step), str(0.1 * step), str(3 - 0.2 * step)] for step in range(1, 6)]
        rows[random.randrange(6)][random.randrange(3)] = random.choice(NUMBERS + NAMES)
        text = io.StringIO()
        csv.writer(text).writerows(rows)
        (home / "wandb.csv").write_text(text.getvalue(), encoding="utf-8", errors="surrogatepass")
    for path in sorted(home.rglob("*")):
        if path.is_file() and random.random() < 0.5:
            content = path.read_bytes()
            if random.random() < 0.5:
                lines = content.split(b"\n")
                random.shuffle(lines) if random.random() < 0.2 else lines.pop(random.randrange(len(lines)))
                content = b"\n".join(lines)
            old, new = random.choice(
                [(b"0.", b"NaN"), (b"0.", b"9" * 400), (b":", b""), (b"1", b"null"), (b'"', b"'")]
            )
            content = content.replace(old, new, random.randrange(3))
            path.write_bytes(damaged_bytes(random, content) if random.random() < 0.4 else content)
    more = ["--samples-per-epoch", random.choice(["1M", *NUMBERS])] if random.random() < 0.7 else []
    if random.random() < 0.3:
        more += ["--batch-size", random.choice(NUMBERS)]
    return [
        "runs",
        "import",
        "logs",
        "--pool",
        "a",
        "--unique-samples",
        "1M",
        *more,
        *metric,
        "-o",
        "out.csv",
    ]


def conditions(random: Random, shop: Workshop, folder: Path) -> list[str]:
    """Words of the grammar of `--where`, in a likely order or in none."""
    if random.random() < 0.5:
        text = " ".join(random.choice(CONDITIONS) for _ in range(random.randrange(1, 9)))
    else:
        sides = [
            "score",
            "width",
            "text",
            "safe",
            "uid",
            "length(text)",
            "words(text)",
            "width * 2",
            *NUMBERS[:8],
            "'a'",
        ]
        compare = ("=", "!=", "<", "<=", ">", ">=")
        text = random.choice([" and ", " or "]).join(
            f"{random.choice(['', 'not '])}{random.choice(sides)} {random.choice(compare)} {random.choice(sides)}"
            for _ in range(random.randrange(1, 4))
        )
    if random.random() < 0.02:
        text = "(" * 5000 + text + ")" * 5000
    if random.random() < 0.3:
        shop.copy("runs.csv", folder)
        return ["fit", "runs.csv", "--kernel", "utility", "--where", text, "-o", "f.json", "--json"]
    shop.copy("metadata.parquet", folder)
    return [
        "cut",
        "metadata.parquet",
        "--score",
        "score",
        "--keep",
        "50%",
        "--where",
        text,
        "-o",
        "s.txt",
        "--json",
    ]


def flags(random: Random, shop: Workshop, folder: Path) -> list[str]:
    """A command with flags and values that may or may not belong to it."""
    for name in ("runs.csv", "fit.json", "plan.json", "buckets.json", "metadata.parquet"):
        shop.copy(name, folder)
    given = {
        "fit": ["runs.csv", "--kernel", "utility", "-o", "f.json"], "predict": ["fit.json", "--pools", "a+b"],
        "plan": ["fit.json"], "frontier": ["fit.json"], "next": ["fit.json"], "backtest": ["runs.csv", "--law", "paper"],
        "buckets": ["metadata.parquet", "--score", "score", "-o", "b.json"],
        "cut": ["metadata.parquet", "-o", "s.npy"], "index": ["metadata.parquet", "--score", "score", "-o", "ix"],
        "recipe": ["plan.json"], "runs": ["check", "runs.csv"],
        "pilot": ["plan", "buckets.json", "-o", "p"],
    }  # fmt: skip
    command = random.choice(list(given))
    usual = {"predict": ["--samples-seen", "5M"], "plan": ["--budget", "5M"], "next": ["--budget", "5M"],
             "cut": ["--score", "score", "--keep", "30%"], "recipe": ["--for", "yaml"]}  # fmt: skip
    arguments = [command, *given[command]]
    if random.random() < 0.7:
        arguments += usual.get(command, [])
    for _ in range(random.randrange(3)):
        arguments += [
            random.choice(FLAGS),
            random.choice(random.choice([NUMBERS, NAMES, ("a", "b", "a+b", "0.7,0.3")])),
        ]
    return arguments


def names(random: Random, shop: Workshop, folder: Path) -> list[str]:
    """Hostile names of pools, of models and of files."""
    name = random.choice(NAMES) + random.choice(["", "", random.choice(NAMES)])
    how = random.choices(range(4), (10, 1, 10, 10))[0]  # a plan of pilots takes seconds
    if how == 0:
        shop.copy("metadata.parquet", folder)
        return [
            "buckets",
            "metadata.parquet",
            "--score",
            "score",
            "--buckets",
            "2",
            "--names",
            f"{name},b",
            "-o",
            "b.json",
        ]
    if how == 1:
        shop.copy("buckets.json", folder)
        document = json.loads((folder / "buckets.json").read_text())
        document["buckets"][0]["name"] = name
        (folder / "buckets.json").write_text(json.dumps(document))
        return [
            "pilot", "plan", "buckets.json", "--budget", "640M", "--pilot-budget", "30%", "--pool-size", "128M", "--model", name,
            "-o", "p",
        ]  # fmt: skip
    if how == 2:
        rows = list(csv.reader(io.StringIO(run_table(random))))
        text = io.StringIO()
        csv.writer(text).writerows([[name if cell == "a" else cell for cell in row] for row in rows])
        (folder / "t.csv").write_bytes(text.getvalue().encode())
        return ["fit", "t.csv", "--kernel", "utility", "-o", "f.json"]
    shop.copy("metadata.parquet", folder)
    return ["cut", "metadata.parquet", "--score", "score", "--keep", "50%", "-o", f"{name}.npy"]


GENERATORS: Mapping[str, Callable[[Random, Workshop, Path], list[str]]] = MappingProxyType(
    {
        "run tables": run_tables,
        "stored files": stored_files,
        "logs": logs,
        "conditions": conditions,
        "flags": flags,
        "names": names,
    }
)
