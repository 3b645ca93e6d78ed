"""Import open_clip's trainer beside a build of torch that torchvision was not compiled for."""

import sys
import warnings
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from thresher.errors import MissingExtraError

SCHEMAS = tuple(
    f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor" for name in ("nms", "qnms")
)
"""What torchvision looks up at import; neither runs in a contrastive training."""
NEEDED = ("torch", "torchvision", "open_clip", "open_clip_train", "webdataset", "pandas", "PIL")
EXIT_MISSING_EXTRA = 3
"""Exit status of a process that cannot import them; open_clip's trainer uses 1."""
_kept: list[Any] = []


def check_installed() -> None:
    """Refuse to go on without what open_clip's trainer imports; nothing is imported.

    Raises:
        MissingExtraError: Something is missing; the message names it and the install line.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise MissingExtraError(f"Training by open_clip ({missing[0]} is missing)", "open-clip")


def import_trainer() -> ModuleType:
    """`open_clip_train.main`.

    Beside a CPU build of torch, torchvision as PyPI has it fails at import, since its compiled operators are missing.
    Only then are two of them declared, without a body.

    Raises:
        MissingExtraError: open_clip, torch or what they need is not installed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            _import_torchvision()
            import open_clip_train.main as trainer
        except ImportError as error:
            raise MissingExtraError(
                f"Training by open_clip ({error.name} is missing)", "open-clip"
            ) from error
    return trainer


def _import_torchvision() -> None:
    try:
        import torchvision  # noqa: F401
    except RuntimeError as error:
        if "does not exist" not in str(error):
            raise
        _declare()


def _declare() -> None:
    torch: Any = import_module("torch")  # whose functions have types in some releases and in others not
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]  # half imported
    library = torch.library.Library("torchvision", "FRAGMENT")
    for schema in SCHEMAS:
        library.define(schema)
    _kept.append(library)  # a declaration ends with its library
