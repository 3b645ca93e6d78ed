"""open_clip's own trainer with the laboratory's models and evaluation classes: `python -m` this module.

Everything after `--` goes to `open_clip_train.main` as it stands.
"""

import argparse
import os
import sys
import threading
import traceback
from collections.abc import Sequence
from pathlib import Path

from thresher.errors import MissingExtraError
from thresher.lab.open_clip.operators import EXIT_MISSING_EXTRA, import_trainer
from thresher.stored import checked, load_json

MODELS = Path(__file__).parent / "models"
"""Configurations that open_clip finds by the names of their files."""


def main(arguments: Sequence[str]) -> int:
    """Train, or say why not; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m thresher.lab.open_clip.launch", description=__doc__)
    parser.add_argument(
        "--classes", type=Path, help="JSON: the classes and templates that zero-shot evaluation uses"
    )
    parser.add_argument("--threads", type=int, help="threads of the process")
    parser.add_argument("--end-with-parent", action="store_true", help="end when standard input does")
    parser.add_argument("trainer", nargs="*", metavar="-- TRAINER ARGUMENTS")
    given = parser.parse_args(arguments)
    if given.end_with_parent:
        threading.Thread(target=_end_with_input, daemon=True).start()
    os.environ.setdefault("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "1")  # open_clip resumes without unpickling
    try:
        trainer = import_trainer()
    except MissingExtraError as error:
        print(error, file=sys.stderr)
        return EXIT_MISSING_EXTRA
    import open_clip

    open_clip.add_model_config(MODELS)
    if given.threads is not None:
        import torch

        torch.set_num_threads(given.threads)
    if given.classes is not None:
        from thresher.lab.lab_model import SavedClasses

        use_classes(**vars(checked(load_json(given.classes, "the classes"), SavedClasses)))
    return int(trainer.main(list(given.trainer)) or 0)


def use_classes(classes: Sequence[str], templates: Sequence[str]) -> None:
    """Let open_clip's zero-shot evaluation of `--imagenet-val` use these names and prompts instead of ImageNet's."""
    import open_clip_train.zero_shot as zero_shot

    zero_shot.IMAGENET_CLASSNAMES = list(classes)
    zero_shot.OPENAI_IMAGENET_TEMPLATES = list(templates)


def _end_with_input() -> None:
    """A pipe ends when whoever holds its other end does, killed or not."""
    while os.read(0, 1024):  # not sys.stdin, whose lock the interpreter wants when it ends
        pass
    os._exit(1)


if __name__ == "__main__":
    try:
        status = main(sys.argv[1:])
    except Exception:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)  # torch prints statistics when it ends; the last line shall be the error
    sys.exit(status)
