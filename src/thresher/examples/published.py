"""Published training runs that come with the package, and one set of our own; SOURCES.md cites each."""

from importlib.resources import files
from io import StringIO

from thresher.errors import InputError
from thresher.runs import RunTable, read_csv_rows, refuse_faults

EXAMPLES = {
    "datablations": ("pilot",),
    "datacomp_medium_clip": ("pilot",),
    "datacomp_medium_tmars": ("pilot", "joint"),
    "icon_lab": ("pilot", "joint"),
    "laion_openclip": ("pilot",),
}
"""Kinds of run table of each example: runs on single pools, and runs on several pools jointly."""


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
