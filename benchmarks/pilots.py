"""How often a planned pilot leads to the right choice, on pools like those of the T-MARS ranking, and what it costs.

python benchmarks/pilots.py [--whole-way]

About 20 seconds of CPU. "Right" is within the noise of one run of the best candidate; worlds are draws of the fit to the
published runs, and no law that is fitted is told which. `--whole-way` (half a minute more) holds the simulation to the real
thing: `fit_law` is given the runs of simulated worlds, and chosen from as `thresher plan` does.
"""

import sys
import time
import warnings

import numpy as np

from thresher.errors import InputError, ThresherWarning
from thresher.examples import load_example
from thresher.fits.fit import Fit
from thresher.fits.fit_law import fit_law
from thresher.fits.forecast import forecast, settings_of
from thresher.fits.transfer import resized
from thresher.pilots.choosing import choose_design
from thresher.pilots.design import Design
from thresher.pilots.simulation import simulate_design
from thresher.pilots.worlds import borrowed_world, draw_worlds, nested
from thresher.pools import Pool, union
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
WHOLE_FITS = 80
LIMIT_SECONDS = 60.0
HIGHEST = 0.9999


def main() -> None:
    """Plan a pilot for each setting, with joint runs and without, and print what it would tell."""
    warnings.simplefilter("ignore", ThresherWarning)
    prior = fit_law(load_example("datacomp_medium_tmars"))
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
        alone = choose_design(
            world, target, share * target, schedule="constant", seeds=1, joint=False, replicates=REPLICATES
        ).simulation
        print(
            f"  Without joint runs: right in {alone.right:.0%}, mean regret {alone.mean_regret:.4f}.",
            flush=True,
        )
        if "--whole-way" in sys.argv and target >= CHECKED:
            _whole_way(world, found.design, target)


def _whole_way(world: Fit, design: Design, target: float) -> None:
    """Fit the law to simulated runs of the design, choose, and count how often that is right."""
    worlds = draw_worlds(world, WHOLE_FITS, seed=7)
    parts = {part.name: Pool(part.name, float(part.unique_samples), part.rank) for part in design.pools}
    planned = [(run, epoch) for run in design.runs for epoch in run.epochs]
    clean = worlds.errors(
        worlds.settings(
            [union([parts[name] for name in run.pools]) for run, _ in planned],
            [epoch * run.unique_samples for run, epoch in planned],
        )
    )
    sd = np.hypot(world.misfit, world.noise_sd / clean)
    noisy = np.minimum(clean * np.exp(sd * np.random.default_rng(7).standard_normal(clean.shape)), HIGHEST)
    whole = nested(world.pools)
    truth = worlds.errors(settings_of(world, whole, np.array([target])))
    excess = []
    for errors, true in zip(noisy, truth, strict=True):
        rows = tuple(
            Measurement(
                "+".join(run.pools), float(run.unique_samples), float(epoch * run.unique_samples), world.metric,
                float(error), run=run.name, rank=parts[run.pools[0]].rank if len(run.pools) == 1 else None,
            )
            for (run, epoch), error in zip(planned, errors, strict=True)
        )  # fmt: skip
        fit = fit_law(RunTable(rows, "simulated runs"))
        fit = resized(fit, {pool.name: pool.unique_samples for pool in world.pools})
        told = forecast(fit, whole, np.array([target]))
        excess.append(true[told.mean[:, 0].argmin()] - true.min())
    right = np.mean(np.array(excess) <= world.noise_sd)
    quick = simulate_design(world, design, target, replicates=WHOLE_FITS, seed=7)
    print(
        f"  `fit` and `plan` on simulated runs: right in {right:.0%} of {WHOLE_FITS}, mean regret {np.mean(excess):.4f}; the "
        f"simulation says {quick.right:.0%} and {quick.mean_regret:.4f} of the same worlds.",
        flush=True,
    )


if __name__ == "__main__":
    main()
