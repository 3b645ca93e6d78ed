from dataclasses import replace

import pytest

from ensembles import ensemble, runs
from simulated import N
from thresher.fits.guards import floor_warnings, model_warnings, overfitting_warnings, run_warnings
from thresher.pools import union


def rows(**values):
    return [replace(row, **values) for row in runs().rows]


def loss_fit():
    return replace(ensemble(), unit="loss", chance=None)


def only_floor(floor):
    """The ensemble with nearly all weight on one floor."""
    members = ensemble().members
    mine = [abs(member.parameters.floor[0] - floor) < 1e-9 for member in members]
    return replace(
        ensemble(),
        members=tuple(
            replace(member, weight=0.9 / sum(mine) if own else 0.1 / (len(mine) - sum(mine)))
            for member, own in zip(members, mine, strict=True)
        ),
    )


def test_runs_of_one_kind_raise_no_doubt():
    assert run_warnings(rows(schedule="constant", exposure="epochs")) == ()


def test_mixed_schedules_are_named():
    (text,) = run_warnings([*rows(schedule="finished")[:5], *rows(schedule="mid-run")[5:]])
    assert text.startswith("Runs of different schedules are mixed (finished, mid-run)")


def test_checkpoints_of_a_decaying_schedule_are_doubted_even_alone():
    (text,) = run_warnings(rows(schedule="mid-run"))
    assert "middle of a schedule" in text


def test_mixed_exposures_are_named_but_an_unknown_one_is_no_mixture():
    (text,) = run_warnings([*rows(exposure="epochs")[:5], *rows(exposure="resampled")[5:]])
    assert text.startswith("Runs of different exposure are mixed (epochs, resampled)")
    assert run_warnings([*rows(exposure="epochs")[:5], *rows(exposure="unknown")[5:]]) == ()


def test_pools_with_the_same_measurements_are_called_copies():
    copies = [replace(row, pool="twin") for row in runs().rows if row.pool == "b"]
    (text,) = run_warnings([*runs().rows, *copies])
    assert text.startswith("Pools b and twin have the same errors")


def test_weight_at_the_highest_floor_is_said_to_be_at_its_bound():
    (text,) = floor_warnings(only_floor(0.2))
    assert text.startswith("The highest floor tried, 0.2, has 0.90 of the weight")
    assert floor_warnings(only_floor(0.1)) == ()


@pytest.mark.parametrize(("epochs", "warned"), [(14, False), (27, False), (29, True), (200, True)])
def test_plans_far_beyond_the_epochs_of_any_run_risk_over_fitting(epochs, warned):
    found = overfitting_warnings(ensemble(), union(ensemble().pools[:1]), epochs * N)
    assert bool(found) is warned
    assert all(text.startswith(f"Over-fitting risk: the plan needs {epochs} epochs") for text in found)


def test_losses_are_held_to_the_epochs_that_language_models_tolerate():
    mixture = union(ensemble().pools[:1])
    small, large = 1e6, 1e9
    assert overfitting_warnings(loss_fit(), mixture, 14 * N, small) == ()
    (text,) = overfitting_warnings(loss_fit(), mixture, 14 * N, large)
    assert "losses of language models were seen to rise after 0.576 to 1.47 epochs" in text
    assert overfitting_warnings(ensemble(), mixture, 14 * N, large) == ()


def test_another_model_than_that_of_the_runs_is_warned_of():
    fit = replace(ensemble(), rows=tuple(rows(model="ViT-B-32")))
    (text,) = model_warnings(fit, "ViT-L-14")
    assert text.startswith("The runs are of ViT-B-32, the plan is for ViT-L-14")
    assert model_warnings(fit, "ViT-B-32") == ()
    assert model_warnings(fit, None) == ()
