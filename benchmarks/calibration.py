"""How often 90 % intervals hold what they are about: on every published bed, and on simulated worlds.

python benchmarks/calibration.py [--worlds 200] [--seed 0]

A held-out run, single or joint, is never in the fit that predicts it. docs/calibration.md shows what this prints.
"""

import argparse
import warnings
from collections.abc import Iterable, Sequence

import numpy as np

from beds import Bed, Said, ask, averaged, bucket_beds, single_beds, swarm
from simulated_runs import BUCKETS, EPOCHS, SIZE, draw_world
from thresher import FitError, fit_law
from thresher.backtests.measured import trained_on
from thresher.backtests.splits import splits_of
from thresher.fits import Fit
from thresher.fits.forecast import forecast
from thresher.fits.quantiles import interval
from thresher.plans.choice import compare
from thresher.runs import Measurement, RunTable

SINGLES = ("last epochs", "one budget", "one pool")
FEWEST_KEPT = 0.4
"""Share of the rows that must stay: most language models were trained at one budget, and the rest would say little of it."""
FEW_EPOCHS = 2.05
SWARM_FITTED = 64
Rows = tuple[Measurement, ...]
KERNELS = ("muennighoff", "utility_smooth")
WITHIN, BEYOND = (3.0, 7.0), (16.0, 30.0)
"""Epochs over one bucket at which simulated worlds are predicted; runs go from 2 to 10."""


def joined(parts: Sequence[Said]) -> Said:
    """Several predictions in a row."""
    names = ("measured", "error", "mean", "low", "high")
    return Said(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def print_row(name: str, what: str, said: Said) -> None:
    """One line of the tables."""
    print(
        f"{name:30} {what:16} {len(said.measured):5}   {said.inside.mean():4.0%}   {said.interval_score.mean():.4f}"
        f"   {np.mean(said.high - said.low):.4f}   {said.rmse:.4f}"
    )


def held_out_singles(bed: Bed) -> Iterable[tuple[str, Said]]:
    """Each kind of held-out single run, predicted by fits to the rest."""
    found: dict[str, list[Said]] = {}
    for kind, kept, left_out in divisions(bed):
        if len(kept) < FEWEST_KEPT * len(bed.pilots):
            continue
        try:
            fit = fit_law(RunTable(kept, bed.name), chance=bed.chance)
        except FitError:  # too few runs are left
            continue
        known = {pool.name for pool in fit.pools} | {pool.quality for pool in fit.pools}
        rows = [row for row in left_out if row.pool in known or (row.quality and row.quality in known)]
        if rows:
            found.setdefault(kind, []).append(ask(fit, rows))
    return [(kind, joined(parts)) for kind, parts in found.items()]


def divisions(bed: Bed) -> Iterable[tuple[str, Rows, Rows]]:
    """What is held out, the rows that stay, and those that do not."""
    for split in splits_of(bed.pilots.rows):
        kind = split.label.partition(":")[0]
        if kind in SINGLES:
            yield kind, split.kept, split.left_out
    if bed.pilots.unit == "loss":
        kept = tuple(row for row in bed.pilots.rows if row.epochs <= FEW_EPOCHS)
        yield "past 2 epochs", kept, tuple(row for row in bed.pilots.rows if row.epochs > FEW_EPOCHS)


def print_published() -> None:
    """Singles, then joint runs, bed by bed."""
    head = f"{'':30} {'':16} {'runs':>5}  {'inside':>6}   {'score':6}   {'width':6}   RMSE"
    print(f"Single pools, held out\n{head}")
    for bed in (*bucket_beds(), *single_beds()):
        for kind, said in held_out_singles(bed):
            print_row(bed.name, kind, said)
    print(f"\nJoint runs, none of them fitted (seeds apart)\n{head}")
    for bed in bucket_beds():
        fit = fit_law(bed.pilots, chance=bed.chance)
        assert bed.joints is not None
        said_of_bed = ask(fit, [row for row in bed.joints.rows if row.is_joint])
        print_row(bed.name, "from singles", said_of_bed)
    train, test = swarm()
    said = []
    for loss in train.metrics:
        rows = spread([row for row in train.rows if row.metric == loss], SWARM_FITTED)
        fit = fit_law(RunTable(tuple(rows), loss))
        said.append(ask(fit, [row for row in test.rows if row.metric == loss]))
    print_row("regmix, 17 domains, 8 losses", f"from {SWARM_FITTED} mixtures", joined(said))


def spread(rows: Sequence[Measurement], count: int) -> list[Measurement]:
    """So many of the rows, evenly spaced."""
    return [rows[round(at)] for at in np.linspace(0, len(rows) - 1, count)]


def claimed_best(fit: Fit, rows: Sequence[Measurement]) -> tuple[float, bool, float, float]:
    """Of candidates measured at one budget: the probability claimed for the choice, whether it is best, and both regrets."""
    mixtures = [trained_on(fit, row) for row in rows]
    found = forecast(fit, mixtures, np.array([rows[0].samples_seen]))
    share, regret = compare(found.errors[:, :, 0], found.weights)
    chosen, true = int(np.argmin(regret)), np.array([row.error for row in rows])
    return (
        float(share[chosen]),
        chosen == int(np.argmin(true)),
        float(regret[chosen]),
        float(true[chosen] - true.min()),
    )


def print_claims(name: str, claims: Sequence[tuple[float, bool, float, float]]) -> None:
    """Claimed and true, on average."""
    claimed, right, expected, regret = np.mean(claims, axis=0)
    print(f"{name:44} {len(claims):5}   {claimed:4.0%}    {right:4.0%}   {expected:.4f}   {regret:.4f}")


def print_choices(worlds: int, seed: int) -> None:
    """How often the choice is best, beside what is claimed, on the beds and in simulated worlds."""
    print(f"\nChoices{'':38} count  claimed   best   regret: expected, true")
    for bed in bucket_beds():
        fit = fit_law(bed.pilots, chance=bed.chance)
        best_bucket = next(row.pool for row in bed.pilots.rows if row.rank == 1)
        alone = [row for row in bed.pilots.rows if row.pool == best_bucket]
        budgets: dict[float, dict[str, Measurement]] = {}
        for row in (*averaged(alone), *averaged(bed.joints.rows)):
            budgets.setdefault(row.samples_seen, {})[row.pool] = row
        claims = [claimed_best(fit, list(rows.values())) for rows in budgets.values() if joint_in(rows)]
        print_claims(bed.name, claims)
    for joint in (False, True):
        claims = []
        for index in range(worlds):
            rng = np.random.default_rng([seed, 1, index])
            world = draw_world(rng, KERNELS[index % 2])
            fit = fit_law(world.table(rng, joint=joint))
            for epochs in (*WITHIN, *BEYOND):
                widths = np.arange(1, BUCKETS + 1)
                true = world.errors(widths, np.full(BUCKETS, epochs * SIZE))
                claims.append(claimed_best(fit, nested_rows(fit, epochs, true)))
        print_claims(f"simulated worlds, {'one joint run' if joint else 'no joint run'}", claims)


def joint_in(rows: dict[str, Measurement]) -> bool:
    """Whether several candidates were measured, one of them a union."""
    return len(rows) > 1 and any(row.is_joint for row in rows.values())


def nested_rows(fit: Fit, epochs: float, errors: np.ndarray) -> list[Measurement]:
    """The best 1, 2, .. buckets at one budget."""
    return [
        Measurement(
            "+".join(f"b{i}" for i in range(k + 1)),
            SIZE * (k + 1),
            float(epochs * SIZE),
            fit.metric,
            float(y),
        )
        for k, y in enumerate(errors)
    ]


def print_simulated(worlds: int, seed: int) -> None:
    """Parameters and new runs of simulated worlds inside their intervals."""
    cases: dict[str, list[float]] = {}
    for index in range(worlds):
        rng = np.random.default_rng([seed, index])
        world = draw_world(rng, KERNELS[index % 2])
        joint = bool(index // 2 % 2)
        fit = fit_law(world.table(rng, joint=joint))
        for name, truth in (("kappa", world.law.kappa), ("power", world.law.power), ("floor", world.law.floor),
                            ("exponent", world.law.exponent)):  # fmt: skip
            add(cases, f"{name}", fit.over_draws(name), truth[0], fit)
        half_lives = np.concatenate([law.half_lives(np.full(BUCKETS, SIZE))[1:] for law in fit.laws])
        for at in range(BUCKETS):
            add(cases, "half-life", half_lives[:, at], world.law.half_life[0, at], fit)
            worth = fit.over_draws("worth")
            if at:
                add(
                    cases,
                    "worth",
                    worth[:, at] / worth[:, 0],
                    world.law.worth[0, at] / world.law.worth[0, 0],
                    fit,
                )
        for where, epochs in (("2 to 10 epochs", WITHIN), ("beyond", BEYOND)):
            at = np.array(epochs)
            for bucket in range(BUCKETS):
                new = world.measured(rng, world.single_errors(bucket, at * SIZE), at)
                inside(cases, f"one bucket, {where}", fit, [bucket], at, new)
            for width in range(2, BUCKETS + 1):
                new = world.measured(rng, world.errors(np.full(len(at), width), at * SIZE), at)
                joint_words = "one joint run" if joint else "no joint run"
                inside(cases, f"unions, {where}, {joint_words}", fit, list(range(width)), at, new)
    print(
        f"\n{worlds} worlds drawn from the priors, runs of {EPOCHS[0]:g} to {EPOCHS[-1]:g} epochs: inside 90 % intervals"
    )
    for name, found in cases.items():
        print(f"{name:44} {np.mean(found):4.0%} of {len(found):5,}")


def add(cases: dict[str, list[float]], name: str, draws: np.ndarray, truth: float, fit: Fit) -> None:
    """Whether the interval of the draws holds the truth."""
    low, high = interval(draws, fit.draw_weights)
    cases.setdefault(name, []).append(bool(low <= truth <= high))


def inside(
    cases: dict[str, list[float]],
    name: str,
    fit: Fit,
    buckets: list[int],
    epochs: np.ndarray,
    new: np.ndarray,
) -> None:
    """Whether the interval of one new run holds one."""
    pool = "+".join(f"b{i}" for i in buckets)
    rows = [
        Measurement(pool, SIZE * len(buckets), float(e * SIZE), fit.metric, float(y))
        for e, y in zip(epochs, new, strict=True)
    ]
    cases.setdefault(name, []).extend(ask(fit, rows).inside.tolist())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    print_published()
    print_simulated(given.worlds, given.seed)
    print_choices(given.worlds, given.seed)
