"""The source `iconify`: every set of the npm package @iconify/json, one JSON file each."""

import shutil
import subprocess
import tarfile
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from thresher.errors import DataWarning, InputError
from thresher.lab.icons.drawing import Drawing, SetOfDrawings
from thresher.stored import parse_foreign_json

PACKAGE = "@iconify/json"
FETCH_MINUTES = 15
DEFAULT_SIDE = 16
"""Width and height of an Iconify icon that states none."""


def fetch_iconify(folder: Path) -> Path:
    """The package unpacked below `folder`, fetched with npm unless it is there already (about 105 MB).

    Raises:
        InputError: npm is missing, or cannot fetch.
    """
    place = folder / "iconify"
    if (place / "collections.json").is_file():
        return place
    npm = shutil.which("npm")
    if npm is None:
        raise InputError(f"npm is not installed, and fetches {PACKAGE}; install it, or give --icons FOLDER.")
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".npm-") as temporary:
            with tarfile.open(_packed(npm, temporary)) as archive:
                archive.extractall(temporary, filter="data")
            if not (place / "collections.json").is_file():  # another command may have been faster
                (Path(temporary) / "package").rename(place)
    except OSError as error:
        raise InputError(f"{PACKAGE} cannot be unpacked in {folder}: {error.strerror or error}.") from error
    return place


def _packed(npm: str, folder: str) -> Path:
    """The package as npm packs it."""
    command = [npm, "pack", PACKAGE, "--silent", "--pack-destination", folder]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60 * FETCH_MINUTES, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(f"npm could not fetch {PACKAGE} in {FETCH_MINUTES} minutes.") from error
    found = sorted(Path(folder).glob("*.tgz"))
    if done.returncode or not found:
        said = (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        raise InputError(
            f"npm could not fetch {PACKAGE} ({said}). Use --icons FOLDER with an unpacked copy, or --source wheels."
        )
    return found[0]


def iconify_folder(path: Path) -> Path:
    """The folder that holds collections.json: `path`, or @iconify/json below it.

    Raises:
        InputError: Neither.
    """
    for place in (path, path / "node_modules" / "@iconify" / "json", path / "package"):
        if (place / "collections.json").is_file() and (place / "json").is_dir():
            return place
    if not path.exists():
        raise InputError(f"{path}: no such folder. --icons takes an unpacked {PACKAGE}.")
    raise InputError(
        f"{path} holds no icons: --icons takes an unpacked {PACKAGE}, with collections.json and a folder json/. "
        f"`npm pack {PACKAGE}` fetches one."
    )


def read_iconify(folder: Path, licences: frozenset[str]) -> Iterator[SetOfDrawings]:
    """Each set of one colour under one of `licences`, by name; a set that cannot be read is left out with a warning.

    Args:
        folder: Holds collections.json and json/.
        licences: SPDX identifiers to accept.

    Raises:
        InputError: collections.json is not one.
    """
    try:
        collections = parse_foreign_json((folder / "collections.json").read_text(encoding="utf-8"))
        listed = sorted(collections.items())
    except (OSError, ValueError, AttributeError) as error:
        raise InputError(
            f"{folder / 'collections.json'} cannot be read ({error}); unpack {PACKAGE} again."
        ) from error
    for name, about in listed:
        licence = str(about.get("license", {}).get("spdx", ""))
        if about.get("palette") or licence not in licences:
            continue
        try:
            content = parse_foreign_json((folder / "json" / f"{name}.json").read_text(encoding="utf-8"))
            drawings = tuple(_drawings(name, content))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            warnings.warn(f"Icon set {name} is left out: {_reason(error)}.", DataWarning, stacklevel=2)
            continue
        yield SetOfDrawings(name, str(about.get("version", "unknown")), licence, drawings)


def _drawings(name: str, content: dict[str, Any]) -> Iterator[Drawing]:
    width, height = content.get("width", DEFAULT_SIDE), content.get("height", DEFAULT_SIDE)
    for icon, about in sorted(content["icons"].items()):
        if not about.get("hidden"):
            box = (
                about.get("left", content.get("left", 0)), about.get("top", content.get("top", 0)),
                about.get("width", width), about.get("height", height),
            )  # fmt: skip
            view = " ".join(f"{value:g}" for value in box)
            yield Drawing(
                name, icon, f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{view}">{about["body"]}</svg>'
            )


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
