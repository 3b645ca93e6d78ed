import pytest

from thresher.errors import InputError
from thresher.lab.findings import Findings, Outcome, compare, findings_document, forecast
from thresher.runs import Measurement, RunTable


def outcome(samples_seen, measured, chosen=1, spread=0.001):
    return Outcome(
        samples_seen, tuple(measured), (spread,) * len(measured), (0.5,) * len(measured), chosen, 0.9
    )


def findings(*outcomes):
    return Findings(None, outcomes, None, RunTable((), "joint.csv"))


RISING = (
    outcome(1000, (0.5, 0.6, 0.7), chosen=1),
    outcome(2000, (0.45, 0.451, 0.6), chosen=1),
    outcome(4000, (0.44, 0.4, 0.5), chosen=3),
    outcome(8000, (0.43, 0.35, 0.3), chosen=3),
)


def test_a_pool_is_clearly_best_beyond_two_standard_errors_of_the_difference():
    assert [one.best for one in RISING] == [1, 1, 2, 3]
    assert [one.clearly_best for one in RISING] == [True, False, True, True]
    assert not outcome(1, (0.5, 0.5027)).clearly_best
    assert outcome(1, (0.5, 0.5029)).clearly_best


def test_rises_are_between_budgets_at_which_they_are_clear():
    assert findings(*RISING).rises == ((1, 1000, 2, 4000), (2, 4000, 3, 8000))
    assert findings(*RISING[:2]).rises == ()


def test_a_rise_is_from_the_pool_that_it_replaces_whatever_a_third_does():
    tie = outcome(8000, (0.43, 0.35, 0.3, 0.3001))
    first = [outcome(one.samples_seen, (*one.measured, 0.9)) for one in RISING[:3]]
    assert not tie.clearly_best
    assert findings(*first, tie).rises == ((1, 1000, 2, 4000), (2, 4000, 3, 8000))


def test_a_change_within_noise_waits_until_it_is_clear():
    within = outcome(2000, (0.451, 0.45, 0.6))
    assert findings(RISING[0], within, *RISING[2:]).rises == ((1, 1000, 2, 4000), (2, 4000, 3, 8000))
    assert findings(RISING[0], within).rises == ()
    assert findings(within, RISING[2]).rises == ()  # it was best 2 from the start


def test_a_fall_is_no_rise():
    assert findings(*RISING[::-1]).rises == ()


def test_regret_is_measured_error_above_the_least():
    found = findings(*RISING)
    assert found.mean_regret == pytest.approx((0 + 0 + 0.1 + 0) / 4)
    assert found.fixed_regrets == pytest.approx(
        ((0 + 0 + 0.04 + 0.13) / 4, (0.1 + 0.001 + 0 + 0.05) / 4, (0.2 + 0.15 + 0.1) / 4)
    )


def test_the_document_has_the_keys_that_scripts_rely_on():
    document = findings_document(findings(*RISING), 12.5)
    assert set(document) == {"seconds", "budgets", "best_by_budget", "mean_regret", "best_fixed_regret"}
    assert set(document["budgets"][0]) == {
        "samples_seen",
        "measured",
        "standard_error",
        "predicted",
        "chosen",
    }
    assert document["budgets"][2]["measured"] == {"1": 0.44, "2": 0.4, "3": 0.5}
    assert document["best_by_budget"] == [1, 1, 2, 3]


def runs(pool, size, at, seeds=(0, 1), rank=None, error=None):
    return [
        Measurement(pool, float(size), float(n), "icon_zeroshot_error", error or 0.1 + 0.8 * (n / 100) ** -0.3 + 0.01 * seed,
                    model="m", seed=str(seed), rank=rank, schedule="constant", exposure="epochs")
        for n in at for seed in seeds
    ]  # fmt: skip


def test_a_forecast_sees_no_joint_run():
    table = RunTable(tuple(runs("b0+b1", 200, [400, 800])), "runs.csv")
    with pytest.raises(InputError, match="A forecast is made from single buckets alone"):
        forecast(table, [400], pool_size=200, classes=20)


def test_a_budget_that_was_measured_once_is_refused():
    pilots = RunTable(
        tuple(row for at in range(2) for row in runs(f"b{at}", 100, [100, 200, 400, 800], rank=at + 1)),
        "runs.csv",
    )
    known = forecast(pilots, [400], pool_size=200, classes=20, draws=8)
    joint = runs("b0", 100, [400]) + runs("b0+b1", 200, [400], seeds=(0,))
    with pytest.raises(InputError, match="The best 2 at 400 samples were measured 1 times; it takes 2 seeds"):
        compare(known, RunTable(tuple(joint), "joint.csv"))
