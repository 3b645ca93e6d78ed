"""How often a planned pilot leads to the right choice, on pools like those of the T-MARS ranking, and what it costs.

python benchmarks/pilots.py [--whole-way]

About two minutes of CPU. "Right" is within the noise of one run of the best candidate; worlds differ in kernel, floor,
mixing rule and kappa, and no law that is fitted is told which. `--whole-way` (three minutes more) holds the simulation
to the real thing: `fit_ensemble` is given the runs of simulated worlds, and chosen from as `thresher plan` does.
"""

import sys
import time
import warnings

import numpy as np

from thresher.errors import InputError, ThresherWarning
from thresher.examples import load_example
from thresher.fits import fit_ensemble
from thresher.fits.fit import Fit
from thresher.fits.predict import draw_errors
from thresher.fits.resize import resized
from thresher.pilots.choosing import choose_design
from thresher.pilots.design import Design
from thresher.pilots.plan_pilot import WORLD_REPLICATES
from thresher.pilots.worlds import borrowed_world, draw_worlds, nested, trained_on
from thresher.pools import Pool
from thresher.runs import Measurement, RunTable

SETTINGS = (
    ("tenths of 128M, trained on 640M", 12.8e6, 640e6, 0.15),
    ("tenths of 128M, trained on 640M", 12.8e6, 640e6, 0.5),
    ("tenths of 128M, trained on 1.28B", 12.8e6, 1.28e9, 0.25),
    ("tenths of 128M, trained on 2.56B", 12.8e6, 2.56e9, 0.25),
    ("tenths of 1.28B, trained on 1.28B", 128e6, 1.28e9, 0.15),
    ("tenths of 1.28B, trained on 6.4B", 128e6, 6.4e9, 0.15),
    ("tenths of 1.28B, trained on 12.8B", 128e6, 12.8e9, 0.15),
)
CHECKED = 6.4e9
BUCKETS = 4
REPLICATES = 200
WHOLE_FITS = 40
LIMIT_SECONDS = 60.0
HIGHEST = 0.9999


def main() -> None:
    """Plan a pilot for each setting and print what it would tell."""
    warnings.simplefilter("ignore", ThresherWarning)
    prior = fit_ensemble(load_example("datacomp_medium_tmars"), replicates=WORLD_REPLICATES)
    for name, size, target, share in SETTINGS:
        world = borrowed_world(prior, tuple(Pool(f"b{i}", size, rank=i + 1) for i in range(BUCKETS)))
        name = f"{name}, pilots of {share:.0%}"
        start = time.process_time()
        try:
            found = choose_design(
                world, target, share * target, schedule="constant", seeds=1, joint=True, replicates=REPLICATES
            )
        except InputError as error:
            print(f"{name}, {time.process_time() - start:.0f} CPU s\n  {error}", flush=True)
            continue
        seconds = time.process_time() - start
        print(f"{name}, {seconds:.0f} CPU s (limit {LIMIT_SECONDS:g})\n  {found.verdict}", flush=True)
        if "--whole-way" in sys.argv and target == CHECKED:
            _whole_way(world, found.design, target)


def _whole_way(world: Fit, design: Design, target: float) -> None:
    """Fit the ensemble to simulated runs of the design, choose, and count how often that is right."""
    rng = np.random.default_rng(7)
    worlds = draw_worlds(world, WHOLE_FITS, rng)
    planned = [(run, epoch) for run in design.runs for epoch in run.epochs]
    clean = worlds.errors(
        [trained_on(design, run, world.pools, by_bucket=True) for run, _ in planned],
        [epoch * run.unique_samples for run, epoch in planned],
    )
    noisy = np.minimum(clean + rng.normal(0.0, world.noise_sd, clean.shape), HIGHEST)
    whole = nested(world.pools)
    truth = worlds.errors(whole, [target] * len(whole))
    parts = {part.name: part for part in design.pools}
    excess = []
    for errors, true in zip(noisy, truth, strict=True):
        rows = tuple(
            Measurement(
                "+".join(run.pools), float(run.unique_samples), float(epoch * run.unique_samples), world.metric,
                float(error), run=run.name,
                rank=parts[run.pools[0]].rank if len(run.pools) == 1 else None,
                quality=parts[run.pools[0]].bucket if len(run.pools) == 1 else None,
            )
            for (run, epoch), error in zip(planned, errors, strict=True)
        )  # fmt: skip
        fit = fit_ensemble(RunTable(rows, "simulated runs"), replicates=WORLD_REPLICATES)
        fit = resized(fit, {pool.name: pool.unique_samples for pool in world.pools})
        draws, weights = draw_errors(fit, whole, np.array([target]))
        regret = weights @ (draws[:, :, 0] - draws[:, :, 0].min(axis=1, keepdims=True))
        excess.append(true[regret.argmin()] - true.min())
    right = np.mean(np.array(excess) <= world.noise_sd)
    print(
        f"  The same with `fit` and `plan` on simulated runs: right in {right:.0%} of {WHOLE_FITS}, mean regret "
        f"{np.mean(excess):.4f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
