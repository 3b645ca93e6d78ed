"""Golden values of the reference implementation's two objectives, to 1e-12."""

import json
from pathlib import Path

import numpy as np
import pytest

from thresher.laws import Law
from thresher.laws.reference import effective_data_error, floor_decayed_error, reference_onset

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "reference_laws.json").read_text())


@pytest.mark.parametrize("value", GOLDEN["single"])
def test_one_pool_has_the_value_of_both_reference_objectives(value):
    law = {
        "a": value["a"],
        "b": np.array([value["b"]]),
        "tau": np.array([value["half_life"]]),
        "d": value["d"],
    }
    n = np.array([value["samples_seen"]])
    N = value["unique_samples"]
    assert floor_decayed_error(n, N, **law)[0] == pytest.approx(value["utility_floor_decayed"], abs=1e-12)
    assert effective_data_error(n, N, **law)[0] == pytest.approx(value["effective_data"], abs=1e-12)


@pytest.mark.parametrize("value", GOLDEN["single"])
def test_the_effective_data_kernel_is_the_reference_objective_of_one_pool(value):
    law = Law(
        kernel="effective_data",
        amplitude=1.0,
        onset=reference_onset(value["a"]),
        utility=value["b"],
        half_life=value["half_life"],
        floor=value["d"],
    )
    assert law.error(value["samples_seen"], value["unique_samples"]) == pytest.approx(
        value["effective_data"], abs=1e-12
    )


@pytest.mark.parametrize("value", GOLDEN["mixture"])
def test_a_mixture_has_the_value_of_both_reference_objectives(value):
    law = {
        "a": value["a"],
        "b": np.array(value["b"]),
        "tau": np.array(value["half_life"]),
        "d": value["d"],
    }
    n = np.array([float(value["samples_seen"])])
    N = value["unique_samples_each"]
    assert floor_decayed_error(n, N, **law)[0] == pytest.approx(value["utility_floor_decayed"], abs=1e-12)
    assert effective_data_error(n, N, **law)[0] == pytest.approx(value["effective_data"], abs=1e-12)


def test_budgets_evaluated_together_are_the_same_as_one_by_one():
    law = {"a": 0.022, "b": np.array([-0.18, -0.1]), "tau": np.array([4.0, 1.5]), "d": 0.1}
    n = np.array([6.4e6, 32e6, 64e6, 130e6, 640e6])
    for objective in (floor_decayed_error, effective_data_error):
        alone = [objective(np.array([one]), 12.8e6, **law)[0] for one in n]
        assert objective(n, 12.8e6, **law) == pytest.approx(alone, abs=1e-14)
