"""What every test relies on: array axes are checked, and examples drawn by hypothesis never change."""

from pathlib import Path

from hypothesis import settings
from jaxtyping import install_import_hook

SOURCE = Path(__file__).parents[1] / "src"
ARRAYS = ("laws", "fits", "plans", "recipes")
"""Folders whose functions take arrays; the axes in their types are checked at every call (thresher/shapes.py)."""
NOT_CHECKED = ("saved", "fit_file", "fit_model", "urls", "__init__")
"""Files without arrays, whose types are pydantic's or imported only for the type checker."""


def checked_modules() -> list[str]:
    paths = [path for folder in ARRAYS for path in sorted((SOURCE / "thresher" / folder).glob("*.py"))]
    return [
        ".".join(path.relative_to(SOURCE).with_suffix("").parts)
        for path in paths
        if path.stem not in NOT_CHECKED
    ]


install_import_hook(checked_modules(), "axes.checked")
settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=60)
settings.load_profile("repeatable")
