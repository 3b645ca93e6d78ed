"""Every example of README.md and docs/ runs, and prints what the page says."""

import importlib.util
import re
from pathlib import Path

import pytest
import yaml

from thresher.fits.doubts import Limit
from thresher.laws import KERNELS

ROOT = Path(__file__).parents[1]
specification = importlib.util.spec_from_file_location(
    "update_examples", ROOT / "docs" / "update_examples.py"
)
update_examples = importlib.util.module_from_spec(specification)
specification.loader.exec_module(update_examples)


@pytest.mark.parametrize("path", update_examples.documents(), ids=lambda path: path.name)
def test_every_example_prints_what_the_page_says(path):
    text = path.read_text(encoding="utf-8")
    assert update_examples.refreshed(text) == text, "run: python docs/update_examples.py"


def test_an_example_that_fails_is_not_taken_for_output():
    with pytest.raises(ValueError, match="ended with status 2"):
        update_examples.refreshed("```console\n$ thresher fit missing.csv\n```\n")


def test_an_example_runs_nothing_but_thresher():
    with pytest.raises(ValueError, match="not a thresher command"):
        update_examples.refreshed("```console\n$ rm -r .\n```\n")


def test_outdated_output_is_replaced():
    page = "```python\nprint(1 + 1)\n```\n\n```text\n3\n```\n"
    assert update_examples.refreshed(page) == page.replace("3", "2")


def test_the_example_in_the_readme_has_at_most_20_lines_of_python():
    readme = (ROOT / "README.md").read_text()
    example = re.search(r"```python\n(.*?)```", readme, re.DOTALL)
    assert len([line for line in example[1].splitlines() if line.strip()]) <= 20


def test_the_readme_names_the_two_commands_that_ci_runs():
    lines = [
        line
        for line in (ROOT / "README.md").read_text().splitlines()
        if line.startswith("python -m pip install")
    ]
    assert lines == [
        "python -m pip install . && thresher demo",
        'python -m pip install ".[test]" && python -m pytest -n auto',
    ]


def test_links_between_pages_lead_somewhere():
    for path in update_examples.documents():
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"


def test_every_page_is_in_the_navigation_and_every_entry_of_it_is_a_page():
    entries = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    named = {page for entry in entries for page in entry.values()}
    assert named == {path.name for path in (ROOT / "docs").glob("*.md")}


@pytest.mark.parametrize("name", [*Limit, *KERNELS])
def test_the_page_on_the_law_explains_every_limit_and_kernel(name):
    assert f"`{name}`" in (ROOT / "docs" / "law.md").read_text()


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks").glob("*.py")), ids=lambda path: path.name)
def test_the_readme_of_the_benchmarks_names_every_program(path):
    assert f"`{path.name}`" in (ROOT / "benchmarks" / "README.md").read_text()
