"""What a message calls an argument: `pool_size` to a program, `--pool-size` to whoever typed a command.

The library names arguments with `argument("pool_size")` inside its messages and never writes a flag; the command
line runs its commands inside `as_flags()`.
"""

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

_FLAGS: ContextVar[Mapping[str, str] | None] = ContextVar("thresher_flags", default=None)

OTHER_FLAGS = {"path": "-o", "smallest": "--from", "largest": "--to"}
"""Arguments whose flag is not their own name with dashes."""


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
    other = _FLAGS.get()
    if other is None:
        return name if value is None else f"{name}={value!r}"
    flag = other.get(name) or OTHER_FLAGS.get(name, "--" + name.replace("_", "-"))
    return flag if value is None or value is True else f"{flag} {shlex.quote(str(value))}"


@contextmanager
def as_flags(**other: str) -> Iterator[None]:
    """Inside the block messages name flags; threads that should do so too need a copy of the context.

    Args:
        other: Flags of one command for arguments that are not named like them: `samples_seen="--budget"`.
    """
    token = _FLAGS.set({**(_FLAGS.get() or {}), **other})
    try:
        yield
    finally:
        _FLAGS.reset(token)
