"""Published training runs that come with the package, and one set of our own; SOURCES.md cites each."""

from importlib.resources import files
from io import StringIO
from pathlib import Path

from thresher.errors import InputError
from thresher.runs import RunTable, read_csv_rows, refuse_faults

EXAMPLES = {
    "datablations": ("pilot",),
    "datacomp_baselines": ("pilot",),
    "datacomp_medium_clip": ("pilot",),
    "datacomp_medium_tmars": ("pilot", "joint"),
    "icon_lab": ("pilot", "joint"),
    "icon_lab_small_buckets": ("pilot", "joint"),
    "icon_lab_weak_buckets": ("pilot", "joint"),
    "laion_openclip": ("pilot",),
}
"""Kinds of run table of each example: runs on single pools, and runs on several pools jointly."""

SWARM_FILES = ("regmix_losses", "regmix_shares")
"""Files of a swarm, which are not run tables: each has one row per run, and the column `run` joins them."""


def list_examples() -> tuple[tuple[str, str], ...]:
    """Name and kind of every run table that `load_example` knows, sorted by name."""
    return tuple((name, kind) for name, kinds in EXAMPLES.items() for kind in kinds)


def load_example(name: str, kind: str = "pilot") -> RunTable:
    """The run table of a published set of runs.

    Args:
        name: The set, for example `datacomp_medium_tmars`.
        kind: `pilot` for runs on single pools, `joint` for runs on several; only some sets have both.

    Raises:
        InputError: There is no such example.

    >>> load_example("datacomp_medium_tmars").pools[:2]
    ('top_0_10', 'top_10_20')
    """
    if name not in EXAMPLES:
        raise InputError(f"There is no example {name!r}; the examples are {', '.join(EXAMPLES)}.")
    if kind not in EXAMPLES[name]:
        raise InputError(f"Example {name} has no {kind!r} runs; it has {' and '.join(EXAMPLES[name])}.")
    file = f"{name}_{kind}.csv"
    text = files("thresher.examples").joinpath(file).read_text(encoding="utf-8")
    table = RunTable(tuple(read_csv_rows(StringIO(text), file)), f"example {name} ({kind})")
    refuse_faults(table)
    return table


def example_path(name: str) -> Path:
    """Where a file of the examples is on this machine, for commands and functions that read files.

    The rows of `regmix_shares` and `regmix_losses` are the same runs in the same order. Runs named
    `train_..` are for fitting, runs named `test_..` for testing what was fitted.

    Args:
        name: The file without `.csv`: `regmix_shares` or `regmix_losses`, or name and kind of a run
            table, for example `icon_lab_joint`.

    Raises:
        InputError: There is no such file.

    >>> example_path("regmix_shares").name
    'regmix_shares.csv'
    """
    names = sorted([*SWARM_FILES, *(f"{example}_{kind}" for example, kind in list_examples())])
    if name not in names:
        raise InputError(f"There is no example file {name!r}; the files are {', '.join(names)}.")
    return Path(str(files("thresher.examples").joinpath(f"{name}.csv")))
