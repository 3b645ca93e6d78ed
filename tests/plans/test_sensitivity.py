"""What a plan says of its unknowns is true: of the draws themselves, and of fits in which the unknown is fixed."""

import re
from functools import cache

import numpy as np
import pytest

from made_fits import example_fit, known_fit, made_fit, one_law, ranked_example
from thresher.fits.fit_law import fit_law
from thresher.fits.forecast import REPEATS, forecast
from thresher.plans.candidates import candidates
from thresher.plans.plan import choose_plans
from thresher.plans.sensitivity import PARTS, sensitivity

pytestmark = pytest.mark.filterwarnings("ignore::thresher.errors.ExtrapolationWarning")
SENTENCE = re.compile(
    r"It would be (.+) if (kappa|the mixing power|the floor) were (below|above) (\d[\d.e+-]*?)"
    r"(, which these runs cannot identify)?\."
)
EVERYTHING = re.compile(
    r"It is (.+) whatever kappa, the mixing power and the floor are, within what runs and priors allow\."
)
EXAMPLES = ("datacomp_medium_tmars", "icon_lab_small_buckets")
TIMES = (0.5, 2, 5, 30)
PART_OF = {words: part for part, words in PARTS.items()}


@cache
def claims(name):
    """Every sentence for an example at budgets from half to 30 times its largest run."""
    fit = example_fit(name)
    plans = choose_plans(fit, [times * fit.reach.largest_run for times in TIMES])
    return [(plan, text) for plan in plans for text in plan.sensitivity]


def label_errors(fit, budget):
    """Mean error of every candidate by label."""
    options = candidates(fit)
    mean = forecast(fit, [option.mixture for option in options], np.array([budget])).mean[:, 0]
    return dict(zip([option.label for option in options], mean, strict=True))


def fixed_at_the_end(name, part, end):
    """The fit in which a part of the law is fixed at the end of its interval over the draws."""
    rows = ranked_example(name)
    values = example_fit(name).over_draws(part)
    value = float(np.quantile(values, 0.05 if end == "below" else 0.95))
    value = min(value, 0.975 * min(row.error for row in rows.rows)) if part == "floor" else max(value, 0.05)
    return example_fit(name, **{part: value})


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_choice_that_would_change_does_change_where_the_unknown_is_fixed_there(name):
    excess = []
    for plan, text in claims(name):
        said = SENTENCE.fullmatch(text)
        if said:
            errors = label_errors(fixed_at_the_end(name, PART_OF[said[2]], said[3]), plan.samples_seen)
            excess.append(errors[said[1]] - errors[plan.best.candidate.label])
    assert len(excess) >= 2
    assert np.mean(np.array(excess) < 0) > 0.8
    assert max(excess) < example_fit(name).noise_sd  # a refit is another fit: near a tie it may say otherwise


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_choice_that_would_never_change_is_within_noise_of_the_best_wherever_the_unknowns_are_fixed(name):
    fit = example_fit(name)
    steady = [plan for plan, text in claims(name) if EVERYTHING.fullmatch(text)]
    assert steady
    for part in PARTS:
        for end in ("below", "above"):
            other = fixed_at_the_end(name, part, end)
            for plan in steady:
                errors = label_errors(other, plan.samples_seen)
                assert errors[plan.best.candidate.label] <= min(errors.values()) + fit.noise_sd


@pytest.mark.parametrize("name", EXAMPLES)
def test_of_the_draws_beyond_a_threshold_the_other_candidate_has_less_error_and_of_all_it_has_more(name):
    fit = example_fit(name)
    for plan, text in claims(name):
        said = SENTENCE.fullmatch(text)
        if not said:
            assert EVERYTHING.fullmatch(text)[1] == plan.best.candidate.label
            continue
        options = candidates(fit)
        labels = [option.label for option in options]
        found = forecast(fit, [option.mixture for option in options], np.array([plan.samples_seen]))
        errors = found.errors[:, :, 0].reshape(-1, REPEATS, len(options)).mean(axis=1)
        gap = errors[:, labels.index(said[1])] - errors[:, labels.index(plan.best.candidate.label)]
        values, at = fit.over_draws(PART_OF[said[2]]), float(said[4])
        beyond = values < at if said[3] == "below" else values > at
        weights = fit.draw_weights
        assert weights @ gap > 0
        # the threshold is said with two digits
        assert weights[beyond] @ gap[beyond] < 2e-4 * weights[beyond].sum()
        low, high = np.quantile(values, [0.05, 0.95])
        assert low - 0.02 <= at <= high + 0.05


def test_parts_that_runs_do_not_identify_are_called_that():
    fit = example_fit()
    identified = {part.name: part.identified for part in fit.shared}
    for _, text in claims("datacomp_medium_tmars"):
        said = SENTENCE.fullmatch(text)
        if said:
            assert (said[5] is None) is identified[PART_OF[said[2]]]


def made_choice(slope, bend=0.0, count=60):
    """Two candidates whose gap is a curve in kappa, which runs from 0 to 2; the first is chosen."""
    kappa = np.linspace(0.0, 2.0, count)
    law = one_law(np.ones((count + 1, 1)), [4.0], kappa=np.concatenate([[1.0], kappa]))
    fit = made_fit([1e6], law)
    gap = 0.01 + slope * (kappa - 1.0) + bend * (kappa - 1.0) ** 2
    return sensitivity(fit, np.stack([np.zeros(count), gap], axis=1), ["one", "other"], 0)


@pytest.mark.parametrize(
    ("slope", "bend", "said"),
    [
        (0.02, 0.0, ["It would be other if kappa were below 0.5."]),
        (-0.02, 0.0, ["It would be other if kappa were above 1.5."]),
        (0.0, -0.02, ["It would be other if kappa were below 0.29.", "It would be other if kappa were above 1.7."]),
        (0.005, 0.0, ["It is one whatever kappa, the mixing power and the floor are, within what runs and priors allow."]),
        (0.0, 0.0, ["It is one whatever kappa, the mixing power and the floor are, within what runs and priors allow."]),
    ],
)  # fmt: skip
def test_the_threshold_is_where_the_gap_is_0(slope, bend, said):
    assert list(made_choice(slope, bend)) == said


def test_nothing_is_said_where_nothing_is_unknown():
    fixed = known_fit(kappa=1.0, power=1.0, floor=0.3)
    errors = np.zeros((fixed.draws, 2))
    errors[:, 1] = np.random.default_rng(0).normal(0.001, 0.01, fixed.draws)
    assert sensitivity(fixed, errors, ["one", "other"], 0) == (
        "It is one whatever kappa, the mixing power and the floor are, within what runs and priors allow.",
    )
    assert sensitivity(known_fit(), np.zeros((known_fit().draws, 1)), ["one"], 0) == ()


def test_the_papers_law_and_fits_with_few_draws_say_nothing():
    rows = ranked_example()
    for fit in (fit_law(rows, law="paper", draws=10), fit_law(rows, draws=2)):
        (plan,) = choose_plans(fit, [640e6])
        assert plan.sensitivity == ()
