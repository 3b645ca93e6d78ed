"""What the x axis of an export counts, as far as its name says it."""

import re

from thresher.runs.logged import TIME

EPOCHS = ("epoch", "epochs")
BATCHES = (
    "step",
    "steps",
    "global_step",
    "globalstep",
    "batch",
    "batches",
    "iteration",
    "iterations",
    "iter",
    "num_updates",
)
SAMPLES = (
    "samples_seen",
    "samples",
    "num_samples",
    "examples_seen",
    "examples",
    "images_seen",
    "consumed_samples",
)
TOKENS = ("tokens", "tokens_seen", "num_tokens", "consumed_tokens", "total_tokens")
TIMES = (
    "time",
    "timestamp",
    "runtime",
    "duration",
    "created",
    "date",
    "datetime",
    "elapsed",
    "seconds",
    "hours",
    "minutes",
)
"""Words of names that tell a time, which says nothing of samples."""


def is_time(name: str) -> bool:
    """Whether a column tells a time: `Relative Time (Process)`, `_timestamp`, `Wall time`."""
    words = re.split(r"[^a-z]+", name.lower())
    return any(word in TIMES for word in words)


def counts_of(name: str) -> str | None:
    """What a column counts by its name: `epochs`, `batches`, `samples`, `time`, or None for a name that does not say.

    Tokens are none of them: whether a pool's size is in tokens too is for the user to say.

    >>> counts_of("train/epoch"), counts_of("Step"), counts_of("Relative Time (Process)"), counts_of("tokens")
    ('epochs', 'batches', 'time', None)
    """
    if is_time(name):
        return TIME
    plain = name.rsplit("/", 1)[-1].strip().lower().lstrip("_").replace(" ", "_")
    for what, names in (("epochs", EPOCHS), ("batches", BATCHES), ("samples", SAMPLES)):
        if plain in names:
            return what
    return None
