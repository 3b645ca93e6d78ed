"""How often a planned pilot leads to the right choice, on pools like those of the T-MARS ranking, and what it costs.

python benchmarks/pilots.py

About two minutes. "Right" is within the noise of one run of the best candidate; worlds differ in kernel, floor, mixing
rule and kappa, and no law that is fitted is told which.
"""

import time
import warnings

from thresher.errors import ThresherWarning
from thresher.examples import load_example
from thresher.fits import fit_ensemble
from thresher.pilots.choosing import choose_design
from thresher.pilots.plan_pilot import WORLD_REPLICATES
from thresher.pilots.worlds import borrowed_world
from thresher.pools import Pool

SETTINGS = (
    ("tenths of 128M, trained on 640M", 12.8e6, 640e6),
    ("tenths of 1.28B, trained on 1.28B", 128e6, 1.28e9),
    ("tenths of 1.28B, trained on 6.4B", 128e6, 6.4e9),
    ("tenths of 1.28B, trained on 12.8B", 128e6, 12.8e9),
)
PILOT_SHARE = 0.15
BUCKETS = 4
REPLICATES = 200
LIMIT_SECONDS = 60.0


def main() -> None:
    """Plan a pilot for each setting and print what it would tell."""
    warnings.simplefilter("ignore", ThresherWarning)
    prior = fit_ensemble(load_example("datacomp_medium_tmars"), replicates=WORLD_REPLICATES)
    for name, size, target in SETTINGS:
        pools = tuple(Pool(f"b{i}", size, rank=i + 1) for i in range(BUCKETS))
        start = time.process_time()
        found = choose_design(
            borrowed_world(prior, pools), target, PILOT_SHARE * target, schedule="constant", seeds=1, joint=True,
            replicates=REPLICATES,
        )  # fmt: skip
        seconds = time.process_time() - start
        told = found.simulation
        print(
            f"{name}: right in {told.right:.0%} (best in {told.exact:.0%}), mean regret {told.mean_regret:.4f}, "
            f"{seconds:.0f} CPU s (limit {LIMIT_SECONDS:g})\n  {found.verdict}"
        )


if __name__ == "__main__":
    main()
