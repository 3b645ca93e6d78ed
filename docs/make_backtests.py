"""Print the tables of docs/backtests.md: the shipped runs, predicted by laws that have not seen them. Takes about 8 s of CPU.

python docs/make_backtests.py
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from thresher import Backtest, backtest, fit_law, load_example
from thresher.backtests.backtest import ONE_JOINT_RUN
from thresher.backtests.laws import nothing_of, predict
from thresher.backtests.measured import measured_in
from thresher.backtests.scores import Entry, choices, score
from thresher.runs import Measurement, RunTable

BEDS = {
    "datacomp_medium_tmars": (0.999, 1.0),
    "icon_lab": (1 - 1 / 212, 1.0),
    "icon_lab_small_buckets": (1 - 1 / 241, 1.5),
    "icon_lab_weak_buckets": (1 - 1 / 241, 1.0),
}
"""Error of guessing, and the first epoch of single buckets to fit; before 1.5, small buckets had 20 steps and fewer."""
SAME_BUDGETS = "default, later budgets"
FEW_EPOCHS = 2.05
LANGUAGE_MODELS = ("gpt-2.8B", "gpt-4.2B")
LARGE = 2e10
HIDDEN_POOL = "laion_400M"


def main() -> None:
    """Print every table."""
    print("Joint runs of buckets, predicted from single buckets")
    print(_line("bed", "law", "budgets", "regret", "RMSE all", "RMSE joint", "inside", "score"))
    found = {name: bed(name) for name in BEDS}
    for name, one in found.items():
        print("\n".join(bed_lines(name, one)))
    print("\n".join(mean_lines(list(found.values()))))
    print()
    print("Runs of one quality at several sizes")
    print(_line("runs", "law", "rows", "RMSE", "inside"))
    for label, fitted, unseen in (*language_models(), *laion()):
        for law in ("default", "paper"):
            print(size_line(label, law, fitted, unseen))


def bed(name: str) -> Backtest:
    """The backtest of one bed; pools without a rank are left out."""
    chance, from_epoch = BEDS[name]
    found = backtest(
        load_example(name).where("rank >= 1"),
        load_example(name, "joint"),
        chance=chance,
        from_epoch=from_epoch,
    )
    # the default once more, on the budgets at which it is compared with itself after one joint run
    said = found.joint.said
    later = said["default"].where(np.isfinite(said[ONE_JOINT_RUN].error))
    entry = Entry(SAME_BUDGETS, nothing_of(()), later, choices(later, found.contests))
    scored = score(entry, entry, (), found.contests, found.noise_sd, 0)
    joint = replace(found.joint, said={**said, SAME_BUDGETS: later})
    return replace(found, laws=(*found.laws[:2], scored, found.laws[2]), joint=joint)


def bed_lines(name: str, found: Backtest) -> Iterator[str]:
    """One line per law."""
    for at, law in enumerate(found.laws):
        yield _line(name, law.name, str(law.picks), *_shown(_numbers(found, at)))


def mean_lines(beds: Sequence[Backtest]) -> Iterator[str]:
    """The mean over the beds, law by law."""
    for at, law in enumerate(beds[0].laws):
        picks = sum(found.laws[at].picks for found in beds)
        mean = np.mean([_numbers(found, at) for found in beds], axis=0)
        yield _line("mean of beds", law.name, str(picks), *_shown(mean))


def language_models() -> Iterator[tuple[str, RunTable, tuple[Measurement, ...]]]:
    """Runs of at most two epochs, to predict the later ones."""
    for model in LANGUAGE_MODELS:
        table = load_example("datablations").where(f'model = "{model}"')
        yield _parted(f"{model}, 2 to 4 epochs", table, [row.epochs > FEW_EPOCHS for row in table.rows])


def laion() -> Iterator[tuple[str, RunTable, tuple[Measurement, ...]]]:
    """The largest budget, then a pool size, to be predicted from the rest."""
    for model in ("ViT-B-32", "ViT-B-16"):
        table = load_example("laion_openclip").where(f'model = "{model}"')
        yield _parted(f"LAION {model[4:]}, 34B", table, [row.samples_seen > LARGE for row in table.rows])
        yield _parted(f"LAION {model[4:]}, 400M pool", table, [row.pool == HIDDEN_POOL for row in table.rows])


def size_line(label: str, law: str, fitted: RunTable, unseen: Sequence[Measurement]) -> str:
    """How one law predicts unseen runs."""
    fit = fit_law(fitted, law=law)
    runs = [one for row in unseen for one in measured_in(fit, [row])]
    said, y = predict(fit, runs), np.array([one.error for one in runs])
    inside = float(np.mean((said.low <= y) & (y <= said.high)))
    rmse = float(np.sqrt(np.mean((said.error - y) ** 2)))
    return _line(label, law, str(len(runs)), f"{rmse:.4f}", f"{inside:.0%}")


def _parted(
    label: str, table: RunTable, is_unseen: Sequence[bool]
) -> tuple[str, RunTable, tuple[Measurement, ...]]:
    parts = {
        part: tuple(row for row, out in zip(table.rows, is_unseen, strict=True) if out is part)
        for part in (True, False)
    }
    return label, replace(table, rows=parts[False]), parts[True]


def _numbers(found: Backtest, at: int) -> tuple[float, ...]:
    law = found.laws[at]
    return law.mean_regret, found.joint.rmse(law.name), law.joint_rmse, law.inside, law.interval_score


def _shown(numbers: Sequence[float]) -> list[str]:
    regret, all_candidates, joint, inside, interval = numbers
    return [f"{regret:.4f}", f"{all_candidates:.4f}", f"{joint:.4f}", f"{inside:.0%}", f"{interval:.3f}"]


def _line(name: str, law: str, *cells: str) -> str:
    return f"{name:<24}{law:<23}{''.join(f'{cell:>11}' for cell in cells)}"


if __name__ == "__main__":
    main()
