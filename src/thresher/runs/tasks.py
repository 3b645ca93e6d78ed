"""Zero-shot tasks: DataComp's forty, the paper's eighteen, and the error that a set of them gives."""

from collections.abc import Mapping

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


def task_metric(key: str) -> str:
    """The run table's metric for the error of a task.

    >>> task_metric("imagenet1k"), task_metric("vtab/cifar100"), task_metric("imagenet1k_it")
    ('imagenet1k_zeroshot_error', 'vtab/cifar100_error', 'imagenet1k_it_error')
    """
    return IMAGENET_METRIC if key == IMAGENET else f"{key}_error"
