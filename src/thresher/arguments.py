"""What a message calls an argument: `pool_size` to a program, `--pool-size` to whoever typed a command.

The library names arguments with `argument("pool_size")` inside its messages and never writes a flag; the command
line runs its commands inside `as_flags()`.
"""

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

OTHER_FLAGS: Mapping[str, str] = MappingProxyType(
    {
        "path": "-o",
        "folder": "-o",
        "id_column": "--id",
        "replace": "--force",
        "number": "--buckets",
        "smallest": "--from",
        "largest": "--to",
    }
)
"""Arguments whose flag is not their own name with dashes."""

_FLAGS: ContextVar[Mapping[str, str] | None] = ContextVar("thresher_flags", default=None)


def argument(name: str, value: object = None) -> str:
    """The argument as its user writes it, with a value where one is given.

    Args:
        name: The Python name; its flag is the same with dashes, but for those in `OTHER_FLAGS`.
        value: What to give it, as an example or as a remedy; True for a switch.

    >>> argument("pool_size"), argument("metric", "top 1")
    ('pool_size', "metric='top 1'")
    >>> with as_flags():
    ...     argument("pool_size"), argument("metric", "top 1"), argument("ignore_joint", True)
    ('--pool-size', "--metric 'top 1'", '--ignore-joint')
    """
    flags = _FLAGS.get()
    if flags is None:
        return name if value is None else f"{name}={value!r}"
    flag = flags.get(name, "--" + name.replace("_", "-"))
    return flag if value is None or value is True else f"{flag} {shlex.quote(str(value))}"


@contextmanager
def as_flags(**others: str) -> Iterator[None]:
    """Inside the block messages name flags; threads that should do so too need a copy of the context.

    Args:
        others: Flags of this one command that are not the argument's own name with dashes: `samples_seen="--budget"`.
    """
    token = _FLAGS.set({**OTHER_FLAGS, **(_FLAGS.get() or {}), **others})
    try:
        yield
    finally:
        _FLAGS.reset(token)
