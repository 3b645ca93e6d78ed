"""Everything thresher raises or warns about, one hierarchy.

ThresherError
├── InputError            the user's input is wrong: one sentence, exit status 2
│   ├── FileFormatError   a file is not what it should be
│   └── FitError          the data cannot support the fit that was asked for
├── LostEngineError       a cluster failed or went away: exit status 1, and what was finished is kept
└── MissingExtraError     an optional part is not installed; names its install line
ThresherWarning
├── ExtrapolationWarning  a prediction past everything that was measured
└── DataWarning           input that was accepted, with a doubt worth reading
"""


class ThresherError(Exception):
    """Root of every error that thresher raises on purpose."""


class InputError(ThresherError, ValueError):
    """Input from outside that cannot be used; the message says what, where and what to do."""


class FileFormatError(InputError):
    """A file that cannot be read as what it was given for."""


class LostEngineError(ThresherError):
    """What queries the metadata failed or went away; the same command, run again, goes on from what was finished."""


class MissingExtraError(ThresherError, ImportError):
    """An optional part that is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f'{what} needs an extra: pip install "thresher[{extra}]".')


class FitError(InputError):
    """Runs that are too few or too flat for the law that was asked for."""


class ThresherWarning(UserWarning):
    """Root of every warning that thresher gives."""


class ExtrapolationWarning(ThresherWarning):
    """A prediction beyond the largest run, the most epochs or the widest mixture measured."""


class DataWarning(ThresherWarning):
    """Runs that were accepted although something about them is doubtful."""
