"""CPU seconds of the default fit and of what is asked of it, on published runs.

python benchmarks/ensemble.py
"""

import tempfile
import time
from pathlib import Path

from thresher.examples import load_example
from thresher.fits.ensemble import fit_ensemble
from thresher.fits.saved import read_fit, write_fit
from thresher.pilots.next_run import choose_next_run
from thresher.plans.candidates import candidates
from thresher.plans.frontier import trace_frontier
from thresher.plans.plan import choose_plans
from thresher.reports.demo import run_demo
from thresher.runs import RunTable

BUDGETS = (8e3, 32e3, 128e3)
POINTS = 10


def timed(what, work):
    """What `work` answers; its CPU seconds are printed."""
    start = time.process_time()
    answer = work()
    print(f"{what:<52} {time.process_time() - start:6.2f} s of CPU")
    return answer


def four_pools_of_ten():
    """Four published pools with ten measurements each: two seeds at every budget past one epoch."""
    table = load_example("icon_lab")
    ranked = [name for name in table.pools if name in table.ranks][:4]
    rows = []
    for pool in ranked:
        mine = sorted((r for r in table.rows if r.pool == pool), key=lambda r: (r.samples_seen, r.seed))
        past = [row for row in mine if row.samples_seen >= 0.99 * row.unique_samples]
        rows += past[::2][:POINTS]
    return RunTable(tuple(rows), "four pools")


def main():
    """Print every line of the benchmark."""
    table = four_pools_of_ten()
    print(f"{len(table.rows)} measurements of {len(table.pools)} pools, 200 replicates a member")
    fit = timed("fit, default ensemble", lambda: fit_ensemble(table))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fit.json"
        timed(f"write FIT ({len(fit.members)} members)", lambda: write_fit(fit, path))
        print(f"{'FIT file':<52} {path.stat().st_size / 1e6:6.2f} MB")
        saved = timed("read FIT", lambda: read_fit(path))
    timed("plan at three budgets", lambda: choose_plans(saved, BUDGETS))
    timed(
        "frontier of 200 budgets",
        lambda: trace_frontier(saved, candidates(saved), smallest=4e3, largest=512e3),
    )
    timed("next, without recovery", lambda: choose_next_run(saved, 128e3))
    timed("demo, without its chart", run_demo)


if __name__ == "__main__":
    main()
