"""What training may spend: samples, passes, FLOPs, GPU-hours or money, one of them, as samples seen."""

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from thresher.arguments import argument
from thresher.errors import InputError
from thresher.units import MOST_SAMPLES, format_count

SECONDS_PER_HOUR = 3600
TRAINING_FORWARDS = 3
"""FLOPs of a training step in forward passes: one forward, and a backward of twice that (Kaplan et al. 2020,
arXiv:2001.08361, section 2.1). Gradient checkpointing adds one more forward and is not counted here."""

FORWARD_GFLOPS: Mapping[str, float] = MappingProxyType(
    {
        "RN50": 18.18,
        "RN101": 25.5,
        "RN50x4": 51.82,
        "RN50x16": 162.69,
        "RN50x64": 552.65,
        "ViT-S-32": 5.66,
        "ViT-S-16": 12.58,
        "ViT-M-32": 9.95,
        "ViT-M-16": 21.94,
        "ViT-B-32": 14.78,
        "ViT-B-32-256": 17.46,
        "ViT-B-32-plus-256": 24.83,
        "ViT-B-16": 41.09,
        "ViT-B-16-plus-240": 64.03,
        "ViT-B-16-SigLIP": 46.44,
        "ViT-L-16": 136.41,
        "ViT-L-14": 175.33,
        "ViT-L-14-336": 395.22,
        "ViT-L-16-SigLIP-256": 201.62,
        "ViT-SO400M-14-SigLIP": 233.54,
        "ViT-H-16": 301.72,
        "ViT-H-14": 381.68,
        "ViT-g-14": 581.15,
        "ViT-bigG-14": 1065.36,
        "ViT-e-14": 2091.45,
        "EVA02-B-16": 41.09,
        "EVA02-L-14": 175.3,
        "EVA01-g-14": 547.36,
        "convnext_base": 36.67,
        "convnext_base_w": 49.38,
        "convnext_large_d": 107.5,
        "convnext_xxlarge": 443.03,
        "coca_ViT-B-32": 33.34,
        "coca_ViT-L-14": 214.52,
    }
)
"""Forward GFLOPs of one image-text pair, both towers: column `gflops` of open_clip's docs/model_profile.csv (commit
3b37473b7178479e2494f60392442648ed262e8a). A multiplication and an addition count as two FLOPs, so GMACs are half of these;
DataComp's 7.4 GMACs for ViT-B-32 are the 14.78 here (Gadre et al. 2023, arXiv:2304.14108, table 1)."""

COMPANIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "samples_seen": (),
        "passes": ("pool_size",),
        "flops": ("flops_per_sample",),
        "gpu_hours": ("samples_per_second",),
        "cost": ("rate", "samples_per_second"),
    }
)
"""The ways to state a budget, and what each must be told besides to become samples."""
UNITS: Mapping[str, str] = MappingProxyType(
    {
        "samples_seen": "samples",
        "passes": "passes",
        "flops": "FLOPs",
        "gpu_hours": "GPU-hours",
        "cost": "money",
    }
)


@dataclass(frozen=True)
class Budget:
    """What training may spend, in exactly one unit.

    Attributes:
        samples_seen: Samples processed, repeats counted.
        passes: Passes over the whole metadata table; needs `pool_size`.
        flops: FLOPs of training; needs `flops_per_sample`.
        gpu_hours: Hours of one GPU; needs `samples_per_second`.
        cost: Money; needs `rate` and `samples_per_second`.
        pool_size: Rows of the metadata table.
        flops_per_sample: FLOPs to train on one sample; see `training_flops`.
        samples_per_second: Samples that one GPU trains on in a second.
        rate: Price of one GPU-hour, in the currency of `cost`.
        scoring: Part of the budget, in its own unit, that scoring the samples takes.
        pilots: Part of the budget, in its own unit, that pilot runs take.

    Raises:
        InputError: None or several of the five are given, what goes with it is missing or of no use, a value is not
            positive, or nothing is left for training.

    >>> Budget(gpu_hours=100, samples_per_second=1000, scoring=10).training_samples
    324000000.0
    """

    samples_seen: float | None = None
    passes: float | None = None
    flops: float | None = None
    gpu_hours: float | None = None
    cost: float | None = None
    pool_size: float | None = None
    flops_per_sample: float | None = None
    samples_per_second: float | None = None
    rate: float | None = None
    scoring: float = 0.0
    pilots: float = 0.0

    def __post_init__(self) -> None:
        stated = [name for name in COMPANIONS if getattr(self, name) is not None]
        if len(stated) != 1:
            raise InputError(
                f"A budget is exactly one of {', '.join(map(argument, COMPANIONS))}; this has "
                f"{' and '.join(map(argument, stated)) or 'none of them'}."
            )
        needed = COMPANIONS[stated[0]]
        for name in dict.fromkeys(name for names in COMPANIONS.values() for name in names):
            given = getattr(self, name) is not None
            if name in needed and not given:
                raise InputError(
                    f"A budget in {argument(stated[0])} needs {argument(name)}, to become samples."
                )
            if given and name not in needed:
                raise InputError(
                    f"{argument(name)} has no meaning for a budget in {argument(stated[0])}; leave it out."
                )
        for name in (stated[0], *needed):
            _check_positive(getattr(self, name), name)
        for name in ("scoring", "pilots"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise InputError(f"The cost of {name} is {value:g}; it must be 0 or more.")
        unit = UNITS[stated[0]]
        if self.scoring + self.pilots >= self.amount:
            raise InputError(
                f"Scoring ({self.scoring:g}) and pilot runs ({self.pilots:g}) take the whole budget of {self.amount:g} "
                f"{unit}; nothing is left for training."
            )
        if not 1 <= self.training_samples <= MOST_SAMPLES:
            raise InputError(
                f"A budget of {self.amount:g} {unit} is {self.training_samples:.3g} samples; training takes between 1 and "
                "10^18. Check its unit and rates."
            )

    @property
    def unit(self) -> str:
        """The one unit that was given: `samples_seen`, `passes`, `flops`, `gpu_hours` or `cost`."""
        return next(name for name in COMPANIONS if getattr(self, name) is not None)

    @property
    def amount(self) -> float:
        """The whole budget, in its own unit."""
        return float(getattr(self, self.unit))

    @property
    def samples_per_unit(self) -> float:
        """Samples that one unit of the budget trains on."""
        if self.pool_size is not None:
            return self.pool_size
        if self.flops_per_sample is not None:
            return 1.0 / self.flops_per_sample
        if self.samples_per_second is not None:
            return SECONDS_PER_HOUR * self.samples_per_second / (self.rate if self.rate is not None else 1.0)
        return 1.0

    @property
    def training_samples(self) -> float:
        """Samples that are left for training once scoring and pilot runs are paid."""
        return (self.amount - self.scoring - self.pilots) * self.samples_per_unit

    def describe(self) -> str:
        """One sentence: what is spent, and the samples that it buys."""
        spent = [
            f"{value:g} for {what}"
            for value, what in ((self.scoring, "scoring"), (self.pilots, "pilot runs"))
            if value
        ]
        less = f", less {' and '.join(spent)}," if spent else ""
        return f"{self.amount:g} {UNITS[self.unit]}{less} trains on {format_count(self.training_samples)} samples."


def training_flops(model: str) -> float:
    """FLOPs to train a CLIP model on one image-text pair: three times its published forward pass.

    Args:
        model: As open_clip names it; `ViT-B/32` and lower case are understood.

    Raises:
        InputError: The model is not in `FORWARD_GFLOPS`; the message names close ones.

    >>> round(training_flops("ViT-B/32") / 1e9, 2)
    44.34
    """
    wanted = _plain(model)
    for name, gflops in FORWARD_GFLOPS.items():
        if _plain(name) == wanted:
            return TRAINING_FORWARDS * gflops * 1e9
    plain = {_plain(name): name for name in FORWARD_GFLOPS}
    close = [plain[name] for name in difflib.get_close_matches(wanted, plain, n=4, cutoff=0.5)]
    near = f"close names are {', '.join(close)}" if close else f"known are {', '.join(FORWARD_GFLOPS)}"
    raise InputError(
        f"Model {model!r} is not in the table of FLOPs; {near}. For another model give its FLOPs per sample."
    )


def check_batch(samples_seen: float, batch_size: float) -> None:
    """Refuse a budget that does not fill one batch.

    Raises:
        InputError: The batch is empty, or larger than the budget.
    """
    _check_positive(batch_size, "batch_size")
    if samples_seen < batch_size:
        raise InputError(
            f"A budget of {format_count(samples_seen)} samples is below one batch of {format_count(batch_size)}; "
            f"raise the budget or lower {argument('batch_size')}."
        )


def _plain(model: str) -> str:
    return model.lower().replace("/", "-").replace("_", "-")


def _check_positive(value: float, name: str) -> None:
    if not (math.isfinite(value) and value > 0):
        raise InputError(f"{argument(name)} is {value:g}; it must be positive.")
