"""A draft of the mapping for a table of runs: what the names of its columns say, with reasons, and `?` for the rest.

A draft is read and completed by a person; nothing is imported by it before that.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from thresher.errors import InputError
from thresher.runs.axes import TOKENS, counts_of, is_time
from thresher.runs.columns import quoted
from thresher.runs.directions import Kind, kind_of, table_metric
from thresher.runs.logged_csv import AGGREGATES, RUN_COLUMNS
from thresher.runs.measurement import COLUMNS, REQUIRED_COLUMNS
from thresher.runs.tabled import UNKNOWN, read_any_table
from thresher.runs.texts import Table, cell_value, has_comma, listed, number_of

SAME_NAME = ("pool", "unique_samples", "samples_seen", "metric", "error", "run", "model", "seed", "rank", "quality",
             "schedule", "exposure", "standard_error", "weights", "subset_of")  # fmt: skip
POOLS = ("bucket", "dataset", "data", "subset", "filter", "train_data", "train_dataset")
SIZES = ("pool_size", "dataset_size", "train_num_samples", "num_train_samples", "unique", "n_unique")
MODELS = ("model_name", "arch", "architecture")
SEEDS = ("random_seed", "rng_seed")
METRICS = ("key", "metric_name")


@dataclass(frozen=True)
class Guess:
    """What one column of a run table may be.

    Attributes:
        column: Of the run table.
        expression: Over the columns of the table; `?` where that is not known.
        reason: Why, in words.
    """

    column: str
    expression: str
    reason: str


def guess_columns(path: Path) -> tuple[Guess, ...]:
    """A draft of the mapping for a table.

    Raises:
        FileFormatError: It is no table.
        InputError: It has no rows.
    """
    if not path.is_file():
        raise InputError(
            f"{path}: no such file. Give a CSV or Parquet file with one row per run or per measurement."
        )
    table = read_any_table(path)
    if not table.rows:
        raise InputError(f"{path} has no rows. Give a table with one row per run or per measurement.")
    metric, error = _measured(table)
    found = [
        _named(
            table,
            "pool",
            POOLS,
            "which pool or bucket each run was trained on; a text such as 'b0' if all are of one",
        ),
        _named(table, "unique_samples", SIZES, "how many distinct samples that pool has, for example 12.8M"),
        _seen(table),
        metric,
        error,
        _run(table),
        _optional(table, "model", MODELS),
        _optional(table, "seed", SEEDS),
        *(
            _optional(table, name, ())
            for name in SAME_NAME
            if name not in (*REQUIRED_COLUMNS, "run", "model", "seed")
        ),
    ]
    return tuple(one for one in found if one is not None)


def drafted(path: Path, guesses: Sequence[Guess], output: Path | None = None) -> str:
    """The draft as the text of a TOML file, which will be called `output`."""
    name, own = _line(shlex.quote(str(path))), _line(shlex.quote(str(output or "MAPPING.toml")))
    lines = [
        f"# Drafted from {name}. Check every line and replace each {UNKNOWN!r}. Then run:",
        f"#   thresher runs import {name} --columns {own} -o runs.csv",
        f"# Left: columns of a run table ({', '.join(REQUIRED_COLUMNS)} are required). Right: arithmetic over the columns of",
        "# the table. A name that is no plain word stands in double quotes, a text in single quotes.",
    ]
    for one in guesses:
        lines += ["", f"# {_line(one.reason)}", f"{one.column} = {_toml(one.expression)}"]
    return "\n".join(lines) + "\n"


def _line(text: str) -> str:
    """A text on one line, without signs that a comment of TOML may not hold."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _toml(text: str) -> str:
    if "'" not in text and text.isprintable():
        return f"'{text}'"
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(one if one.isprintable() else f"\\U{ord(one):08x}" for one in escaped) + '"'


def _plain(name: str) -> str:
    return name.rsplit("/", 1)[-1].rsplit(".", 1)[-1].strip().lower().replace(" ", "_").replace("-", "_")


def _columns(table: Table, names: Sequence[str]) -> list[str]:
    return [
        name
        for name in dict.fromkeys(table.header)
        if _plain(name) in names and table.header.count(name) == 1
    ]


def _values(table: Table, column: str) -> list[object]:
    at = table.header.index(column)
    return [cell_value(cells[at]) for _, cells in table.rows]


def _numbers(table: Table, column: str) -> list[float]:
    return [number for value in _values(table, column) if (number := number_of(value)) is not None]


def _named(table: Table, column: str, names: Sequence[str], wanted: str) -> Guess:
    found = _columns(table, (column,)) or _columns(table, names)
    if len(found) == 1:
        shown = next((value for value in _values(table, found[0]) if value is not None), "nothing")
        return Guess(column, quoted(found[0]), f"named so; holds for example {shown!s:.40}")
    which = f"could be {' or '.join(map(quoted, found))}" if found else "no column is named so"
    return Guess(column, UNKNOWN, f"{wanted}: {which}. Columns: {listed(table.header, 12)}")


def _optional(table: Table, column: str, names: Sequence[str]) -> Guess | None:
    found = _columns(table, (column,)) or _columns(table, names)
    return Guess(column, quoted(found[0]), "named so") if len(found) == 1 and column in COLUMNS else None


def _run(table: Table) -> Guess | None:
    found = next((name for name in ("run", *RUN_COLUMNS) if table.header.count(name) == 1), None)
    if found is None:
        return None
    names = [value for value in _values(table, found) if value is not None]
    once = "each row its own" if len(set(names)) == len(names) else "one run has several rows"
    return Guess("run", quoted(found), f"names runs; {once}")


def _seen(table: Table) -> Guess:
    """Samples that were seen, if a column counts them; steps need the size of a batch, which only its column can say."""
    counted = [
        (name, counts_of(name)) for name in dict.fromkeys(table.header) if table.header.count(name) == 1
    ]
    samples = [name for name, what in counted if what == "samples"]
    if len(samples) == 1:
        return Guess("samples_seen", quoted(samples[0]), "counts samples, by its name")
    batches = _columns(table, ("global_batch_size", "total_batch_size"))
    steps = [name for name, what in counted if what == "batches"]
    if len(steps) == 1 and len(batches) == 1:
        return Guess(
            "samples_seen",
            f"{quoted(steps[0])} * {quoted(batches[0])}",
            "steps times the samples of one step",
        )
    hints = [f"{quoted(name)} * SAMPLES_PER_STEP" for name in steps]
    hints += [f"{quoted(name)} * SAMPLES_PER_EPOCH" for name, what in counted if what == "epochs"]
    hints += [f"{quoted(name)}, if pools are sized in tokens" for name in _columns(table, TOKENS)]
    hints += [f"{quoted(name)}" for name in samples]
    return Guess(
        "samples_seen",
        UNKNOWN,
        f"could be {' or '.join(hints)}" if hints else "no column counts samples or steps",
    )


def _measured(table: Table) -> tuple[Guess, Guess]:
    """The metric and its error, if exactly one column is an accuracy, an error or a loss by its name."""
    metric, error = _columns(table, ("metric", *METRICS)), _columns(table, ("error",))
    if len(metric) == 1 and len(error) == 1:
        return Guess("metric", quoted(metric[0]), "named so"), Guess("error", quoted(error[0]), "named so")
    measured = [
        (name, kind) for name in dict.fromkeys(table.header)
        if table.header.count(name) == 1 and (kind := kind_of(name)) is not None and not name.endswith(AGGREGATES)
        and not is_time(name) and _numbers(table, name)
    ]  # fmt: skip
    if len(measured) != 1:
        names = (
            ", ".join(f"{quoted(name)} ({kind})" for name, kind in measured[:12])
            or "no column is one by its name"
        )
        return (
            Guess(
                "metric",
                UNKNOWN,
                "a text that ends in _error or _loss, for example 'imagenet1k_zeroshot_error'",
            ),
            Guess("error", UNKNOWN, f"an error or a loss, or 1 minus an accuracy: {names}"),
        )
    name, kind = measured[0]
    expression = f"'{table_metric(name, kind)}'" if "'" not in name else UNKNOWN
    called = Guess("metric", expression, f"after {quoted(name)}; any name that ends so will do")
    values = _numbers(table, name)
    low, high = min(values), max(values)
    span = f"{quoted(name)} is {'an' if kind is not Kind.LOSS else 'a'} {kind} by its name, from {low:g} to {high:g}"
    if any(has_comma(value) for value in _values(table, name)):
        return called, Guess("error", UNKNOWN, f"{span}, with commas that may separate decimals or thousands")
    if kind is Kind.LOSS:
        return called, Guess("error", quoted(name), span)
    part = quoted(name)
    if high > 1:
        if not (low > 1 and high <= 100):
            return called, Guess("error", UNKNOWN, f"{span}: neither fractions nor percent throughout")
        part, span = f"{part} / 100", f"{span}: percent"
    return called, Guess("error", f"1 - {part}" if kind is Kind.ACCURACY else part, span)
