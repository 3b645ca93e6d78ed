"""Zero-shot tasks: DataComp's forty, the paper's eighteen, and the error that a set of them gives."""

from collections.abc import Mapping
from difflib import get_close_matches

from thresher.errors import InputError

IMAGENET = "imagenet1k"
IMAGENET_METRIC = "imagenet1k_zeroshot_error"
PAPER_18 = "paper18"
AVERAGE_38 = "average38"

PAPER_TASKS = (
    "imagenet1k", "cifar10", "vtab/caltech101", "vtab/cifar100", "food101", "imagenet_sketch", "imagenetv2",
    "imagenet-a", "imagenet-o", "imagenet-r", "objectnet", "vtab/flowers", "vtab/pets", "voc2007", "vtab/resisc45",
    "cars", "retrieval/flickr_1k_test_image_text_retrieval", "retrieval/mscoco_2014_5k_test_image_text_retrieval",
)  # fmt: skip
"""The tasks whose mean Goyal et al. 2024 (arXiv:2404.07177) report beside ImageNet."""
DATACOMP_TASKS = (
    *PAPER_TASKS, "vtab/clevr_count_all", "vtab/clevr_closest_object_distance", "country211", "vtab/dtd",
    "vtab/eurosat", "fgvc_aircraft", "gtsrb", "vtab/kitti_closest_vehicle_distance", "mnist", "vtab/pcam",
    "renderedsst2", "stl10", "sun397", "vtab/svhn", "misc/winogavil", "wilds/iwildcam", "wilds/camelyon17",
    "wilds/fmow", "fairness/dollar_street", "fairness/geode",
)  # fmt: skip
"""The 38 tasks with a main metric, whose mean is DataComp's average."""
WITHOUT_MAIN_METRIC = ("fairness/fairface", "fairness/utkface")
"""Evaluated by DataComp, but without a number that enters its average."""
PER_CLASS_TASKS = frozenset(("vtab/caltech101", "fgvc_aircraft", "vtab/flowers", "vtab/pets"))
"""Tasks whose main metric is the mean over classes of recall, in DataComp's task list."""
ALIASES: Mapping[str, str] = {
    "retrieval/flickr30k": "retrieval/flickr_1k_test_image_text_retrieval",
    "vtab/sun397": "sun397",
    "sst2": "renderedsst2",
}
"""Other names that releases of DataComp and CLIP_benchmark give to the same task."""
GROUPS: Mapping[str, tuple[tuple[str, ...], str]] = {
    PAPER_18: (PAPER_TASKS, "paper_18_tasks_error"),
    AVERAGE_38: (DATACOMP_TASKS, "datacomp_38_tasks_error"),
}
MOST_NAMED = 5


def task_key(name: str) -> str:
    """The name under which a task is known here.

    >>> task_key("wds/vtab/cifar100"), task_key("retrieval/flickr30k")
    ('vtab/cifar100', 'retrieval/flickr_1k_test_image_text_retrieval')
    """
    plain = name.removeprefix("wds/")
    return ALIASES.get(plain, plain)


def metric_name(wanted: str) -> str:
    """The run table's metric for what `--metric` asks for.

    >>> metric_name("imagenet1k"), metric_name("paper18"), metric_name("val/clip_val_loss")
    ('imagenet1k_zeroshot_error', 'paper_18_tasks_error', 'clip_val_loss')
    """
    if wanted in GROUPS:
        return GROUPS[wanted][1]
    plain = wanted.removeprefix("val/")
    if plain.endswith(("_loss", "_error")):
        return plain
    key = task_key(plain)
    return IMAGENET_METRIC if key == IMAGENET else f"{key}_error"


def group_error(wanted: str, tasks: Mapping[str, float], place: str) -> float:
    """1 minus the mean accuracy over the tasks of a group.

    Args:
        wanted: `paper18` or `average38`.
        tasks: Main metric by task.
        place: Where the checkpoint stands, for messages.

    Raises:
        InputError: Tasks are missing, or there is one that the group's source does not have.
    """
    members, _ = GROUPS[wanted]
    missing = [task for task in members if task not in tasks]
    if missing:
        shown = ", ".join(missing[:MOST_NAMED]) + (", .." if len(missing) > MOST_NAMED else "")
        raise InputError(
            f"{place}: {len(missing)} of the {len(members)} tasks of --metric {wanted} are missing ({shown}). Finish that "
            "evaluation, or import another metric, for example --metric imagenet1k."
        )
    strange = [task for task in tasks if task not in DATACOMP_TASKS]
    if wanted == AVERAGE_38 and strange:
        raise InputError(
            f"{place}: task {strange[0]!r} is not one of DataComp's 38, so an average over it would not be DataComp's. Remove "
            "its line, or import another metric."
        )
    return 1.0 - sum(tasks[task] for task in members) / len(members)


def check_metric(wanted: str, tasks: frozenset[str], logged: frozenset[str]) -> None:
    """Refuse a metric that no checkpoint holds.

    Raises:
        InputError: Nothing read has it; the message names what is near or there.
    """
    if wanted in GROUPS or task_key(wanted) in tasks or wanted in logged:
        return
    known = sorted({*tasks, *logged, *GROUPS, *DATACOMP_TASKS})
    close = get_close_matches(wanted, known, n=1, cutoff=0.6)
    there = sorted({*tasks, *logged})
    hint = f"Did you mean {close[0]}? " if close else ""
    raise InputError(
        f"--metric {wanted!r} is in none of the logs. {hint}They hold {', '.join(there[:8])}"
        f"{' and more' if len(there) > 8 else ''}."
    )
