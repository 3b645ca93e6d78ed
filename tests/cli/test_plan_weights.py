"""`thresher plan` and `predict` agree on mixtures, through the JSON that scripts read."""

import json

import pytest

from made_fits import example_fit
from thresher.cli.app import run
from thresher.fits.fit_file import write_fit


@pytest.fixture(scope="module")
def fit_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("fit") / "fit.json"
    write_fit(example_fit(), path)
    return str(path)


def answer(capsys, *arguments):
    assert run([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("limits", [(), ("--max-share", "0.5"), ("--at-most", "2"), ("--integer-repeats",)])
def test_predict_gives_the_error_that_plan_gives_for_the_mixture(fit_file, capsys, limits):
    (plan,) = answer(capsys, "plan", fit_file, "--budget", "640M", *limits)["plans"]
    mixture = plan["mixture"]
    assert min(mixture["weights"]) > 0
    found = answer(
        capsys,
        "predict",
        fit_file,
        "--pools",
        "+".join(mixture["pools"]),
        "--weights",
        ",".join(repr(weight) for weight in mixture["weights"]),
        "--samples-seen",
        "640M",
    )
    assert found["predictions"][0]["error"] == pytest.approx(mixture["error"], abs=1e-9)
    assert plan["mixture_saving"]["probability"] <= 1
    assert plan["mixture_verdict"].startswith("At 640M samples")


def test_predict_gives_the_error_that_plan_gives_for_every_candidate(fit_file, capsys):
    (plan,) = answer(capsys, "plan", fit_file, "--budget", "640M")["plans"]
    for candidate in plan["candidates"]:
        words = ["predict", fit_file, "--pools", "+".join(candidate["pools"]), "--samples-seen", "640M"]
        (found,) = answer(capsys, *words)["predictions"]
        assert found["error"] == pytest.approx(candidate["error"], abs=1e-9)


def test_a_clash_is_one_sentence_and_nothing_is_written(fit_file, capsys, tmp_path):
    status = run(
        ["plan", fit_file, "--budget", "640M", "--max-share", "0.2", "-o", str(tmp_path / "plan.json")]
    )
    assert status == 2
    assert "Within --max-share there is room for 0.8" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
