"""open_clip's own trainer with a model configuration and evaluation classes of ours: `python -m` this module.

Everything after `--` goes to `open_clip_train.main` as it stands.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from thresher.errors import MissingExtraError
from thresher.lab.open_clip.operators import import_trainer

EXIT_MISSING_EXTRA = 3
"""Exit status where open_clip is not installed; its trainer uses 1."""


def main(arguments: Sequence[str]) -> int:
    """Train, or say why not; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m thresher.lab.open_clip.launch", description=__doc__)
    parser.add_argument("--model-config", type=Path, help="JSON of a model, known to open_clip by the file's name")
    parser.add_argument("--classes", type=Path, help="JSON: the classes and templates that zero-shot evaluation uses")
    parser.add_argument("--threads", type=int, help="threads of the process")
    parser.add_argument("trainer", nargs="*", metavar="-- TRAINER ARGUMENTS")
    given = parser.parse_args(arguments)
    os.environ.setdefault("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "1")  # open_clip resumes without unpickling
    try:
        trainer = import_trainer()
    except MissingExtraError as error:
        print(error, file=sys.stderr)
        return EXIT_MISSING_EXTRA
    if given.threads is not None:
        import torch

        torch.set_num_threads(given.threads)
    if given.model_config is not None:
        import open_clip

        open_clip.add_model_config(given.model_config)
    if given.classes is not None:
        use_classes(**json.loads(given.classes.read_text(encoding="utf-8")))
    return int(trainer.main(list(given.trainer)) or 0)


def use_classes(classes: Sequence[str], templates: Sequence[str]) -> None:
    """Let open_clip's zero-shot evaluation of `--imagenet-val` use these names and prompts instead of ImageNet's."""
    import open_clip_train.zero_shot as zero_shot

    zero_shot.IMAGENET_CLASSNAMES = list(classes)
    zero_shot.OPENAI_IMAGENET_TEMPLATES = list(templates)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
