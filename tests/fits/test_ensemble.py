import random
from dataclasses import replace

import numpy as np
import pytest

from ensembles import (
    SETS,
    at_epochs,
    ensemble,
    heaviest,
    joint_row,
    joint_rows_of,
    runs,
    share_of,
    short_runs,
    with_rows,
)
from simulated import HALF_LIVES, UTILITY, N, simulated_runs
from thresher.errors import InputError
from thresher.fits.ensemble import (
    FEWEST_DRAWS,
    FRACTION_FLOORS,
    KAPPA_PRIOR,
    KERNEL_PRIOR,
    MIXING_PRIOR,
    fit_ensemble,
)
from thresher.fits.fit import Verdict
from thresher.fits.predict import predict_mixture
from thresher.fits.saved import fit_document, read_fit, write_fit
from thresher.runs import RunTable


def key(member):
    return member.kernel, member.mixing, member.kappa, float(member.parameters.floor[0])


def same_parameters(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one.arrays(), other.arrays(), strict=True))


def changed(table, **values):
    return RunTable(tuple(replace(row, **values) for row in table.rows), table.name)


def of_sizes(metric="x_error", sizes=(N, 2 * N, 4 * N), kappa=1.0):
    """One quality at several sizes, whose half-life grows with size^kappa."""
    from simulated import law_of

    rows = []
    for at, size in enumerate(sizes):
        law = replace(law_of("b"), half_life=HALF_LIVES["b"] * (size / N) ** kappa)
        for row in at_epochs(simulated_runs(pools=("b",), metric=metric)).rows:
            n = row.samples_seen / N * size
            rows.append(
                replace(
                    row,
                    pool=f"b{at}",
                    rank=None,
                    quality="good",
                    unique_samples=size,
                    samples_seen=n,
                    error=float(law.error(n, size)),
                )
            )
    return RunTable(tuple(rows), "sizes")


def test_weights_sum_to_1():
    assert sum(member.weight for member in ensemble().members) == pytest.approx(1.0, abs=1e-12)


def test_truth_lies_inside_the_intervals():
    for report in ensemble().reports:
        low, high = report.utility_interval
        assert low <= UTILITY <= high
        low, high = report.half_life_interval
        assert low <= HALF_LIVES[report.pool.name] <= high


def test_the_same_seed_gives_the_same_fit_whatever_the_order_of_rows():
    joints = [joint_row(pools, 3 * N, 0.5 + 0.01 * i) for i, pools in enumerate(SETS)]
    rows = [*runs().rows, *joints]
    first = fit_document(fit_ensemble(RunTable(tuple(rows), "runs"), replicates=3, seed=5))
    random.Random(0).shuffle(rows)
    assert fit_document(fit_ensemble(RunTable(tuple(rows), "runs"), replicates=3, seed=5)) == first


@pytest.mark.slow
def test_another_seed_changes_replicates_but_neither_weights_nor_best_fits():
    one = ensemble()
    other = fit_ensemble(runs(), replicates=12, seed=1)
    assert [key(m) for m in other.members] == [key(m) for m in one.members]
    for a, b in zip(one.members, other.members, strict=True):
        assert a.weight == b.weight
        assert same_parameters(a.best, b.best)
    assert not np.array_equal(one.members[0].replicates.utility, other.members[0].replicates.utility)


def test_every_member_has_draws():
    assert min(len(member.replicates) for member in ensemble().members) >= FEWEST_DRAWS


def test_kappas_share_one_fit_where_all_pools_have_one_size():
    laws = {}
    for member in ensemble().members:
        laws.setdefault((member.kernel, member.mixing, float(member.parameters.floor[0])), []).append(member)
    several = [members for members in laws.values() if len(members) > 1]
    assert several
    for members in several:
        assert len({member.kappa for member in members}) == len(members)
        assert all(same_parameters(member.best, members[0].best) for member in members)


@pytest.mark.slow
def test_kappas_are_fitted_apart_where_a_quality_has_several_sizes():
    fit = fit_ensemble(of_sizes(), replicates=2, smallest_weight=0.0)
    mine = [m for m in fit.members if m.kernel == "utility" and m.mixing == "sample_worth"]
    assert {member.kappa for member in mine} == set(KAPPA_PRIOR["fraction"])
    for member in mine:
        tau = member.best.half_life[0]
        assert tau[1] / tau[0] == pytest.approx(2.0**member.kappa)
        assert tau[2] / tau[0] == pytest.approx(4.0**member.kappa)
    assert (
        len({float(member.best.half_life[0, 0]) for member in mine if member.parameters.floor[0] == 0.1}) == 4
    )


@pytest.mark.slow
def test_sizes_that_grow_as_kappa_1_move_the_weight_to_kappa_1():
    fit = fit_ensemble(of_sizes(), replicates=2)
    assert share_of(fit, kappa=1.0) > 2 * KAPPA_PRIOR["fraction"][1.0]


def test_single_pools_leave_mixing_rules_and_kappa_at_their_priors():
    fit = fit_ensemble(runs(), replicates=0, smallest_weight=0.0)
    for mixing, prior in MIXING_PRIOR.items():
        assert share_of(fit, mixing=mixing) == pytest.approx(prior)
    for kappa, prior in KAPPA_PRIOR["fraction"].items():
        assert share_of(fit, kappa=kappa) == pytest.approx(prior)
    assert "prior: pools alone say nothing of it" in " ".join(fit.notes)


def test_the_kernel_that_made_the_runs_gains_on_one_that_ignores_repeats():
    assert share_of(ensemble(), kernel="utility") > 10 * share_of(ensemble(), kernel="fresh")


@pytest.mark.parametrize("mixing", MIXING_PRIOR)
def test_joint_runs_move_weight_to_the_rule_that_made_them(mixing):
    member = heaviest(ensemble(), mixing)
    fit = fit_ensemble(with_rows(runs(), *joint_rows_of(ensemble(), member)), replicates=2)
    assert share_of(fit, mixing=mixing) > min(0.9, MIXING_PRIOR[mixing] + 0.2)
    assert fit.joint_rows == 8
    assert "8 joint rows weigh mixing rules and kappa" in " ".join(fit.notes)


@pytest.mark.slow
@pytest.mark.parametrize("kappa", [0.0, 1.5])
def test_joint_runs_move_weight_to_the_kappa_that_made_them(kappa):
    member = heaviest(ensemble(), "sample_worth", kappa)
    rows = joint_rows_of(ensemble(), member, epochs=(4.0, 10.0))
    fit = fit_ensemble(with_rows(runs(), *rows), replicates=2)
    assert share_of(fit, kappa=kappa) > 2 * KAPPA_PRIOR["fraction"][kappa]


def test_joint_rows_change_no_law_and_no_weight_of_kernel_and_floor_within_a_rule():
    def shares(fit):
        found = {}
        for member in fit.members:
            cell = found.setdefault((member.mixing, member.kappa), {})
            cell[member.kernel, float(member.parameters.floor[0])] = member.weight
        return {
            rule: {law: weight / sum(cell.values()) for law, weight in cell.items()}
            for rule, cell in found.items()
        }

    plain = fit_ensemble(runs(), replicates=0, smallest_weight=0.0)
    joint = fit_ensemble(
        with_rows(runs(), *joint_rows_of(ensemble(), heaviest(ensemble(), "utility_mean"))),
        replicates=0,
        smallest_weight=0.0,
    )
    laws = {key(member): member for member in plain.members}
    assert {key(member) for member in joint.members} == set(laws)
    assert all(same_parameters(member.best, laws[key(member)].best) for member in joint.members)
    before, after = shares(plain), shares(joint)
    for rule, cell in after.items():
        if sum(m.weight for m in joint.members if (m.mixing, m.kappa) == rule) > 1e-12:
            assert cell == pytest.approx(before[rule], abs=1e-9)


def test_runs_drawn_with_replacement_get_the_kernels_for_it():
    fit = fit_ensemble(changed(runs(), exposure="resampled"), replicates=0, smallest_weight=0.0)
    kernels = {member.kernel for member in fit.members}
    assert {"resampled", "effective_data_resampled"} < kernels
    assert not kernels & {"utility", "effective_data"}


def test_too_few_budgets_to_hold_any_out_keep_the_priors_and_say_so():
    few = RunTable(tuple(row for row in runs().rows if row.samples_seen in (N, 4 * N, 14 * N)), "few")
    fit = fit_ensemble(few, replicates=2)
    for kernel in KERNEL_PRIOR:
        assert share_of(fit, kernel=kernel) == pytest.approx(1 / len(KERNEL_PRIOR), abs=0.02)
    assert "too few runs to hold any out" in fit.notes[0]
    assert any(warning.startswith("No hold-out was possible") for warning in fit.warnings)


def test_one_pool_alone_is_enough():
    fit = fit_ensemble(at_epochs(simulated_runs(noise=0.002, pools=("b",))), replicates=8)
    (report,) = fit.reports
    assert report.utility_interval[0] <= UTILITY <= report.utility_interval[1]


@pytest.mark.slow
def test_identical_pools_get_one_law_and_a_warning():
    copies = [replace(row, pool="twin", rank=9) for row in runs().rows if row.pool == "a"]
    fit = fit_ensemble(with_rows(runs(), *copies), replicates=2)
    for member in fit.members:
        assert member.best.utility[0, 0] == pytest.approx(member.best.utility[0, 3], rel=1e-4)
    assert any(text.startswith("Pools a and twin have the same errors") for text in fit.warnings)


@pytest.mark.parametrize("epochs", [1, 2])
def test_runs_without_repetition_leave_half_lives_unknown_in_words(epochs):
    table = short_runs([share * epochs for share in (0.2, 0.4, 0.7, 1.0)])
    for report in fit_ensemble(table, replicates=8).reports:
        (finding,) = report.findings
        assert finding.verdict is Verdict.NOT_IDENTIFIABLE
        assert f"half-lives cannot be identified from at most {epochs} epochs" in finding.message
        assert "inf" not in finding.message


@pytest.mark.slow
def test_the_epochs_of_a_quality_are_those_of_its_most_repeated_pool():
    small = short_runs((0.2, 0.4, 0.7, 1.0, 2.0), ("b",)).rows
    large = [replace(row, pool="b2", unique_samples=2 * N) for row in small[:4]]
    rows = [
        replace(row, rank=None, quality="good", error=row.error - 0.01 * (row is small[4]))
        for row in (*small, *large)
    ]
    fit = fit_ensemble(RunTable(tuple(rows), "short"), replicates=8)
    messages = [finding.message for report in fit.reports for finding in report.findings]
    assert len(messages) == 2
    assert all("at most 2 epochs of quality good" in message for message in messages)


def test_worth_is_that_of_the_rule_that_has_one():
    worth = [report.worth for report in ensemble().reports]
    assert worth[0] == 1.0
    assert worth[0] > worth[1] > worth[2]


@pytest.mark.slow
def test_losses_take_floors_below_the_smallest_loss():
    table = changed(runs(), metric="x_loss")
    fit = fit_ensemble(table, replicates=2)
    smallest = min(row.error for row in table.rows)
    assert all(member.parameters.floor[0] <= 0.95 * smallest for member in fit.members)
    assert fit.chance is None


def test_an_error_of_zero_is_refused():
    perfect = [replace(row, error=0.0) if row.samples_seen > 13 * N else row for row in runs().rows]
    with pytest.raises(InputError, match="No law can be fitted to errors as small as 0"):
        fit_ensemble(RunTable(tuple(perfect), "perfect"))


def test_a_chance_below_measured_errors_is_refused():
    with pytest.raises(InputError, match=r"chance is 0\.2, but errors reach"):
        fit_ensemble(runs(), chance=0.2)


def test_progress_counts_up_to_the_number_of_steps():
    steps = []
    fit_ensemble(runs(), replicates=1, progress=lambda what, done, total: steps.append((what, done, total)))
    assert {what for what, _, _ in steps} == {"laws", "replicates"}
    for kind in ("laws", "replicates"):
        mine = [(done, total) for what, done, total in steps if what == kind]
        assert [done for done, _ in mine] == list(range(1, mine[0][1] + 1))
    assert ("laws", 30, 30) in steps
    assert len(KERNEL_PRIOR) * 2 * len(FRACTION_FLOORS) == 30


@pytest.mark.slow
def test_a_saved_ensemble_is_small_and_predicts_the_same(tmp_path):
    fit = fit_ensemble(runs())
    path = tmp_path / "fit.json"
    write_fit(fit, path)
    assert path.stat().st_size <= 10e6
    again = read_fit(path)
    (before,) = predict_mixture(fit, ["a"], 12 * N)
    (after,) = predict_mixture(again, ["a"], 12 * N)
    assert after.error == before.error
    assert (after.low, after.high) == pytest.approx((before.low, before.high), abs=1e-6)
