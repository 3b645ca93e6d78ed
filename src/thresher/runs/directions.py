"""Which way a metric points: accuracies rise, losses and errors fall; nothing is taken for either by its values."""

import re
from enum import StrEnum

from thresher.arguments import argument
from thresher.errors import InputError

TRAINER_PREFIX = "val/"
"""open_clip puts this before what it measures; run tables do without it."""


class Kind(StrEnum):
    """What a number measures.

    Attributes:
        ACCURACY: A fraction, better when higher; its error is 1 minus it.
        LOSS: A positive number, better when lower.
        ERROR: A fraction, better when lower.
    """

    ACCURACY = "accuracy"
    LOSS = "loss"
    ERROR = "error"


HIGHER, LOWER = "higher", "lower"
DIRECTIONS = (HIGHER, LOWER)

_ACCURACY = re.compile(
    r"(acc|accuracy|accuracies|top|recall|precision|f1|f|map|auc|auroc|auprc|em|iou|miou|hit|hits|r|ndcg|mrr)@?(\d*)"
)
_WITH_NUMBER = ("top", "f", "r", "hit", "hits")
"""Words that are an accuracy only with a number behind them: top1, F1, R@5."""
_LOSSES = frozenset(
    (
        "loss", "losses", "ppl", "perplexity", "nll", "bpb", "bpc", "bits", "ce", "xent", "entropy", "crossentropy", "mse",
        "rmse", "mae",
    )
)  # fmt: skip
_ERRORS = frozenset(("error", "errors", "err"))


def kind_of(name: str) -> Kind | None:
    """What a metric is by the words of its name; None where they do not say it, or say two things.

    >>> kind_of("eval/loss"), kind_of("top1"), kind_of("x_error"), kind_of("hellaswag"), kind_of("loss_acc")
    (<Kind.LOSS: 'loss'>, <Kind.ACCURACY: 'accuracy'>, <Kind.ERROR: 'error'>, None, None)
    """
    if name.endswith("_error"):
        return Kind.ERROR
    if name.endswith("_loss"):
        return Kind.LOSS
    humps = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    words = {word for text in (name, humps) for word in re.split(r"[^a-z0-9@]+", text.lower()) if word}
    found = set()
    if words & _ERRORS:
        found.add(Kind.ERROR)
    if words & _LOSSES:
        found.add(Kind.LOSS)
    if any(_is_accuracy(word) for word in words):
        found.add(Kind.ACCURACY)
    last = re.split(r"[^a-z0-9@]+", humps.lower().strip())[-1]
    if found == {Kind.ERROR, Kind.ACCURACY} and last in _ERRORS:  # top1_err is the error of top1
        return Kind.ERROR
    return found.pop() if len(found) == 1 else None


def _is_accuracy(word: str) -> bool:
    match = _ACCURACY.fullmatch(word)
    return match is not None and (bool(match[2]) or match[1] not in _WITH_NUMBER)


def check_direction(direction: str | None) -> None:
    """Refuse a word that is no direction.

    Raises:
        InputError: It is none.
    """
    if direction is not None and direction not in DIRECTIONS:
        raise InputError(f"{argument('direction')} is {direction!r}; it can be {' or '.join(DIRECTIONS)}.")


def stated_kind(name: str, direction: str | None, *, alone: bool = True) -> Kind:
    """What a metric is: what the user says, or else what its name says.

    Args:
        name: The metric, as logged.
        direction: `higher` or `lower` is better; None where the user does not say.
        alone: Whether it is the only metric that `direction` can be about; among several, names that say it keep it.

    Raises:
        InputError: Neither says it.
    """
    said = kind_of(name)
    if direction is not None and (alone or said is None):
        if direction == HIGHER:
            return Kind.ACCURACY
        return Kind.ERROR if said is Kind.ERROR else Kind.LOSS
    if said is None:
        raise InputError(
            f"Nothing says whether {name!r} is better when higher, as an accuracy, or when lower, as a loss. Say it with "
            f"{argument('direction', HIGHER)} or {argument('direction', LOWER)}."
        )
    return said


def table_metric(name: str, kind: Kind) -> str:
    """The run table's name for a logged metric: one that ends in `_loss`, or in `_error` for a fraction.

    >>> table_metric("eval/loss", Kind.LOSS), table_metric("val/loss", Kind.LOSS), table_metric("bpb", Kind.LOSS)
    ('eval_loss', 'val_loss', 'bpb_loss')
    >>> table_metric("val/clip_val_loss", Kind.LOSS), table_metric("eval/top1", Kind.ACCURACY)
    ('clip_val_loss', 'eval/top1_error')
    """
    ending = "loss" if kind is Kind.LOSS else "error"
    plain = name.removeprefix(TRAINER_PREFIX)
    if plain.endswith(f"_{ending}"):
        return plain
    if match := re.fullmatch(rf"(.+)[/._\- ]{ending}", name, re.IGNORECASE):
        return f"{match[1]}_{ending}"
    return f"logged_{ending}" if plain.lower() == ending else f"{plain}_{ending}"
