import re

import numpy as np
import pytest

from ensembles import ensemble
from simulated import N
from thresher.fits.fit_law import fit_law
from thresher.fits.predict import draw_errors
from thresher.plans.candidates import candidates
from thresher.plans.sensitivity import AXES, SMALLEST_SHARE, draw_members, sensitivity

BUDGETS = (N, 4 * N, 8 * N, 16 * N, 40 * N, 100 * N)
SENTENCE = re.compile(r"It would be (.+) if (the kernel is|the mixing rule is|kappa is|the floor is) (.+)\.")


def value(member, axis):
    return f"{member.parameters.floor[0]:.3g}" if axis == "floor" else str(getattr(member, axis))


def recomputed(fit, budget):
    """The choice if one part of the ensemble were true, for every part with weight, the slow way."""
    options = candidates(fit)
    labels = [option.label for option in options]
    choices, at_large = {}, np.zeros(len(options))
    for member in fit.members:
        one = type(fit)(**{**vars(fit), "members": (member,)})
        mean = np.average(
            draw_errors(one, [option.mixture for option in options], np.array([budget]))[0], axis=0
        )
        at_large += member.weight * mean[:, 0]
        for axis in AXES:
            sums = choices.setdefault((axis, value(member, axis)), [0.0, np.zeros(len(options))])
            sums[0] += member.weight
            sums[1] += member.weight * mean[:, 0]
    best = labels[int(np.argmin(at_large))]
    return best, {
        part: labels[int(np.argmin(errors))]
        for part, (weight, errors) in choices.items()
        if weight >= SMALLEST_SHARE
    }


def said(fit, budget):
    options = candidates(fit)
    draws, weights = draw_errors(fit, [option.mixture for option in options], np.array([budget]))
    labels = [option.label for option in options]
    best = int(np.argmin(weights @ draws[:, :, 0]))
    return sensitivity(fit, draws[:, :, 0], weights, labels, best)


@pytest.mark.parametrize("budget", BUDGETS)
def test_every_sentence_is_true_and_none_is_missing(budget):
    best, choices = recomputed(ensemble(), budget)
    expected = {part: choice for part, choice in choices.items() if choice != best}
    words = {text: axis for axis, text in AXES.items()}
    found = {}
    for sentence in said(ensemble(), budget):
        match = SENTENCE.fullmatch(sentence)
        if match:
            found |= {(words[match[2]], one): match[1] for one in match[3].split(" or ")}
        else:
            assert sentence.startswith(f"It is {best} under every kernel")
    assert found == expected


def test_some_choice_hangs_on_an_assumption():
    assert any(
        sentence.startswith("It would be") for budget in BUDGETS for sentence in said(ensemble(), budget)
    )


def test_draws_belong_to_members_in_order():
    owners = draw_members(ensemble())
    assert len(owners) == len(draw_errors(ensemble(), [candidates(ensemble())[0].mixture], np.array([N]))[0])
    assert np.all(np.diff(owners) >= 0)
    assert set(owners) == set(range(len(ensemble().members)))


def test_a_single_law_hangs_on_nothing_that_could_be_said():
    from ensembles import runs

    assert said(fit_law(runs(), replicates=4), 8 * N) == ()
