"""What a plan says about weights: what they save, how sure, and when they are not offered."""

from dataclasses import replace

import numpy as np
import pytest

from made_fits import example_fit, made_fit, one_law, random_fit
from thresher.errors import InputError
from thresher.fits.forecast import forecast
from thresher.fits.predict import predict_mixture
from thresher.plans.constraints import Constraints
from thresher.plans.mixture import best_weights
from thresher.plans.plan import choose_plans
from thresher.pools import Mixture

pytestmark = pytest.mark.filterwarnings("ignore::thresher.errors.ExtrapolationWarning")
BUDGETS = (64e6, 256e6, 1e9)


def guarded(fit):
    """The same fit under laws that cannot gain from dilution."""
    return replace(fit, laws=tuple(law.without_dilution() for law in fit.laws))


@pytest.mark.parametrize(
    "fit",
    [
        example_fit(),
        example_fit("datacomp_medium_clip"),
        *(random_fit(seed, 5, kappa=0.5) for seed in range(3)),
    ],
    ids=["tmars", "clip", "made 0", "made 1", "made 2"],
)
def test_offered_weights_beat_every_nested_pool_as_the_law_is_and_without_dilution(fit):
    plans = choose_plans(fit, BUDGETS)
    assert any(plan.weighted.offered for plan in plans)
    for plan in plans:
        mixtures = [plan.mixture.candidate.mixture, *(choice.candidate.mixture for choice in plan.choices)]
        for law in (fit, guarded(fit)):
            error, *nested = forecast(law, mixtures, np.array([plan.samples_seen])).expected[:, 0]
            if plan.weighted.offered:
                assert error < min(nested)
            elif law is fit:
                assert error == min(nested)
        if plan.weighted.offered:
            least = min(choice.error for choice in plan.choices)
            assert plan.weighted.saving.error == pytest.approx(least - plan.mixture.error)
            assert plan.mixture.low < plan.mixture.error < plan.mixture.high


def test_worthless_data_is_not_offered_though_the_law_predicts_that_it_helps():
    law = one_law([1.0, 1e-6], [3.0, 3.0], kappa=1.5)
    fit = made_fit([4e6, 100e6], law)
    (plan,) = choose_plans(fit, [640e6], max_epochs=200)
    half = Mixture(fit.pools, (0.5, 0.5))
    assert forecast(fit, [half], np.array([640e6])).expected[0, 0] < plan.choices[0].error - 0.005
    assert not plan.weighted.offered
    assert plan.mixture in plan.choices


def test_a_gain_that_needs_dilution_is_said_to_and_weights_that_dilution_would_spoil_are_too():
    seen = set()
    for seed in (2, 6):
        fit = random_fit(seed, 3, draws=12, kappa=1.5)
        for plan in choose_plans(fit, (64e6, 256e6)):
            verdict, mixtures = plan.weighted.verdict, [choice.candidate.mixture for choice in plan.choices]
            if plan.weighted.offered or "no weights are better" in verdict:
                continue
            weights, _ = best_weights(fit, plan.samples_seen)
            as_it_is, without = (
                forecast(law, [weights, *mixtures], np.array([plan.samples_seen])).expected[:, 0]
                for law in (fit, guarded(fit))
            )
            helps = "only because dilution is assumed to help" in verdict
            assert helps == (as_it_is[0] < as_it_is[1:].min())
            assert helps != ("if dilution did not help" in verdict)
            assert (without[0] < without[1:].min()) is not helps
            seen.add(helps)
    assert seen == {True, False}


def test_with_a_cap_on_shares_the_weights_are_compared_only_with_pools_that_keep_it():
    fit = random_fit(4, 3, kappa=1.5)
    (plan,) = choose_plans(fit, [64e6], constraints=Constraints(max_share={"*": 0.6}))
    alone, *_, everything = plan.choices
    weights = plan.mixture.candidate.mixture
    errors = forecast(guarded(fit), [weights, everything.candidate.mixture], np.array([64e6])).expected[:, 0]
    assert alone.error < plan.mixture.error < everything.error
    assert errors[0] < errors[1]
    assert plan.weighted.offered
    assert max(weights.weights) <= 0.6 + 1e-9


def test_the_mixtures_error_is_the_one_that_predict_gives():
    fit = example_fit()
    for plan in choose_plans(fit, BUDGETS):
        mixture = plan.mixture.candidate.mixture
        (found,) = predict_mixture(fit, mixture.names, plan.samples_seen, weights=mixture.weights)
        assert plan.mixture.error == pytest.approx(found.error, abs=1e-9)
        assert all(weight > 0 for weight in mixture.weights)


def test_equal_pools_are_sampled_evenly_and_no_weights_are_offered():
    fit = made_fit([8e6] * 3, one_law([1.0] * 3, [4.0] * 3))
    (plan,) = choose_plans(fit, [640e6])
    assert not plan.weighted.offered
    assert plan.mixture is plan.choices[-1]
    assert "no weights are better than sampling p0 + p1 + p2 evenly" in plan.weighted.verdict


@pytest.mark.parametrize(("noise", "advice"), [(0.2, True), (1e-4, False)])
def test_a_saving_below_the_noise_of_a_run_prefers_the_simpler_choice(noise, advice):
    fit = replace(random_fit(2, 5), noise_sd=noise)
    (plan,) = choose_plans(fit, [640e6])
    assert plan.weighted.offered
    assert (
        "which is below the noise of one run (0.2000): prefer the simpler" in plan.weighted.verdict
    ) is advice
    assert ("more than the noise of one run (0.0001)" in plan.weighted.verdict) is not advice


def test_shares_that_were_asked_for_are_given_even_where_they_cost():
    fit = made_fit([20e6, 20e6], one_law([1.0, 0.1], [4.0, 4.0]))
    (plan,) = choose_plans(fit, [32e6], constraints=Constraints(min_share={"p1": 0.8}))
    assert plan.weighted.offered
    assert plan.weighted.saving.error < 0
    assert plan.mixture.candidate.mixture.weights == pytest.approx((0.2, 0.8))
    assert "what was asked for costs" in plan.weighted.verdict


def test_limits_on_every_choice_hold_for_the_nested_pools_too():
    (plan,) = choose_plans(random_fit(2, 5), [640e6], constraints=Constraints(at_most=2))
    assert all(len(choice.candidate.mixture.pools) <= 2 for choice in (*plan.choices, plan.mixture))


def test_without_ranks_all_pools_may_enter_the_mixture_and_nothing_is_kept():
    fit = replace(example_fit(), pools=tuple(replace(pool, rank=None) for pool in example_fit().pools))
    (plan,) = choose_plans(fit, [1e9], pool_size=128e6)
    assert [len(choice.candidate.mixture.pools) for choice in plan.choices] == [1] * len(fit.pools)
    assert len(plan.mixture.candidate.mixture.pools) > 2
    assert {choice.candidate.keep for choice in (*plan.choices, plan.mixture)} == {None}
    (ranked,) = choose_plans(example_fit(), [1e9], pool_size=128e6)
    assert ranked.mixture.candidate.keep == pytest.approx(0.4)


def test_a_pool_without_a_rank_among_ranked_ones_is_in_no_mixture():
    law = one_law([1.0, 1.0, 0.9], [4.0] * 3)
    (plan,) = choose_plans(made_fit([8e6] * 3, law, ranked=[1, None, 2]), [640e6])
    assert set(plan.mixture.candidate.mixture.names) <= {"p0", "p2"}
    assert all("p1" not in choice.candidate.mixture.names for choice in plan.choices)


def test_one_pool_leaves_nothing_to_weigh():
    (plan,) = choose_plans(made_fit([8e6], one_law([1.0], [4.0])), [640e6])
    assert plan.weighted is None
    assert plan.mixture is None


def test_weights_outside_the_shares_that_were_trained_are_doubted():
    fit = random_fit(2, 3)
    narrow = replace(fit, reach=replace(fit.reach, largest_shares=(0.3, 0.3, 0.3)))
    for one, said in ((fit, False), (narrow, True)):
        (plan,) = choose_plans(one, [640e6])
        assert plan.weighted.offered
        assert max(plan.mixture.candidate.mixture.weights) > 0.4
        assert ("UNTRAINED_SHARES" in plan.weighted.verdict) is said


def test_the_saving_and_its_interval_are_those_of_the_draws():
    fit = example_fit()
    (plan,) = choose_plans(fit, [640e6])
    best = min(plan.choices, key=lambda choice: choice.error).candidate.mixture
    found = forecast(fit, [plan.mixture.candidate.mixture, best], np.array([640e6]))
    gaps = found.errors[:, 1, 0] - found.errors[:, 0, 0]
    saving = plan.weighted.saving
    assert saving.probability == pytest.approx(found.weights @ (gaps > 0), abs=0.01)
    assert saving.low < found.weights @ gaps < saving.high
    assert found.weights @ ((gaps >= saving.low) & (gaps <= saving.high)) == pytest.approx(0.9, abs=0.01)


@pytest.mark.parametrize(
    "limits", [{"max_share": {"zzz": 0.5}}, {"min_share": {"zzz": 0.1}}, {"never": ["zzz"]}]
)
def test_a_limit_on_a_pool_that_does_not_exist_is_refused(limits):
    with pytest.raises(InputError, match="There is no pool 'zzz' in this fit"):
        choose_plans(random_fit(2, 3), [640e6], constraints=Constraints(**limits))


def test_a_share_of_a_pool_that_is_in_no_mixture_is_refused_and_leaving_it_out_changes_nothing():
    fit = made_fit([8e6] * 3, one_law([1.0, 1.0, 0.9], [4.0] * 3), ranked=[1, None, 2])
    for limits in ({"max_share": {"p1": 0.5}}, {"min_share": {"p1": 0.1}}):
        with pytest.raises(InputError, match="'p1' is not among the pools that mix: p0, p2"):
            choose_plans(fit, [640e6], constraints=Constraints(**limits))
    (without,) = choose_plans(fit, [640e6], constraints=Constraints(never=["p1"]))
    (plain,) = choose_plans(fit, [640e6])
    assert without.mixture == plain.mixture
