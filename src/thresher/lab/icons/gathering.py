"""From a source of icons to the laboratory's data."""

import hashlib
import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from thresher.errors import InputError
from thresher.lab.icons.drawing import Drawing, SetOfDrawings
from thresher.lab.icons.iconify import fetch_iconify, iconify_folder, read_iconify
from thresher.lab.icons.likeness import resemble_any
from thresher.lab.icons.rendering import check_renderer, render
from thresher.lab.icons.split import LICENCES, ROLES, read_split
from thresher.lab.icons.wheels import fetch_wheels, read_wheels
from thresher.lab.pairs import IconSet, LabData, Labelled, Pairs
from thresher.lab.stored import read_lab_data, write_lab_data

SOURCES = ("auto", "iconify", "wheels")
LEAST_FAMILIES = {"iconify": 10, "wheels": 4}
"""Held-out families that must know a name for it to be a class: 241 classes of 25 families, 325 of 9."""
MOST_A_CLASS = 2
"""Images of one class from one family, so that no family with many styles decides."""
MOST_A_SET = 1500
"""Icons that one set gives to the pool, so that no maker's taste is the pool's; `wheels` has too few sets for a limit."""
SPARE = 1.2
"""Icons drawn for each one wanted; the rest replaces near-duplicates and blanks."""
FEWEST = 2000
"""Pairs in the pool and of the teacher below which nothing can be learned here."""
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class _Placed:
    drawing: Drawing
    family: str
    role: str

    @property
    def id(self) -> str:
        return hashlib.md5(f"{self.drawing.set}:{self.drawing.name}".encode()).hexdigest()


def make_lab_data(
    folder: Path,
    *,
    icons: Path | None = None,
    source: str = "auto",
    pool: int = 16_000,
    teacher: int = 24_000,
    processes: int | None = None,
    progress: Progress | None = None,
) -> LabData:
    """Pool, teacher's pairs and evaluation images, drawn once and kept in `folder`; packages are kept for the user.

    The same source gives the same bytes: icons are taken in the order of the md5 of set and name.

    Args:
        folder: Where the drawn data are kept; an existing folder.
        icons: An unpacked @iconify/json, instead of fetching one.
        source: `iconify`, `wheels`, or `auto`: `iconify` where `icons` is given or npm is installed, else `wheels`.
        pool: Most pairs in the pool.
        teacher: Most pairs that the teacher is trained on.
        processes: How many draw at once; all cores if None.
        progress: Called with what is being done, icons done and icons in all.

    Raises:
        InputError: No icons, too few, or they cannot be fetched or kept.
        MissingExtraError: What draws them is not installed.
    """
    kind = chosen_source(icons, source)
    kept = data_folder(folder, kind, pool, teacher)
    stored = read_lab_data(kept)
    if stored is not None:
        return stored
    check_renderer()
    if kind == "iconify":
        place = iconify_folder(icons) if icons is not None else fetch_iconify(cache_folder())
        sets: Iterable[SetOfDrawings] = read_iconify(place, LICENCES)
    else:
        sets = read_wheels(fetch_wheels(cache_folder()), LICENCES)
    data = gather(kind, list(sets), pool=pool, teacher=teacher, processes=processes, progress=progress)
    write_lab_data(data, kept)
    return data


def data_folder(folder: Path, source: str, pool: int, teacher: int) -> Path:
    """Where `make_lab_data` keeps what it has drawn."""
    return folder / f"data-{source}-{pool}-{teacher}"


def cache_folder() -> Path:
    """Where fetched packages are kept for every laboratory of this user: below `XDG_CACHE_HOME`, or else `~/.cache`.

    Raises:
        InputError: It cannot be made.
    """
    place = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "thresher" / "icons"
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{place} cannot be made: {error.strerror}. Set XDG_CACHE_HOME to another folder."
        ) from error
    return place


def chosen_source(icons: Path | None, source: str) -> str:
    """`iconify` or `wheels`.

    Raises:
        InputError: No such source, or --icons with `wheels`.
    """
    if source not in SOURCES:
        raise InputError(f"--source {source} is none of {', '.join(SOURCES)}.")
    if icons is not None and source == "wheels":
        raise InputError("--icons takes icons of iconify; leave out --source wheels.")
    if source == "auto":
        return "iconify" if icons is not None or shutil.which("npm") else "wheels"
    return source


def gather(
    source: str, sets: Sequence[SetOfDrawings], *, pool: int, teacher: int, processes: int | None = None,
    progress: Progress | None = None,
) -> LabData:  # fmt: skip
    """Split, draw and check sets of drawings; see `make_lab_data`.

    Raises:
        InputError: Too few icons are left.
    """
    split = read_split(source)
    placed: dict[str, list[_Placed]] = {role: [] for role in ROLES}
    for one in sets:
        place = split.place(one.name)
        if place is not None:
            found = [_Placed(drawing, *place) for drawing in one.drawings]
            if place[1] == "pool" and source == "iconify":
                found = sorted(found, key=lambda p: p.id)[:MOST_A_SET]
            placed[place[1]] += found
    wanted = [
        *_of_classes(placed["evaluation"], LEAST_FAMILIES[source]),
        *_first(placed["teacher"], round(teacher * SPARE)),
        *_first(placed["pool"], round(pool * SPARE)),
    ]
    report = None if progress is None else lambda done: progress("drawing icons", done, len(wanted))
    images, shown = render([one.drawing for one in wanted], processes, report)
    roles = np.array([one.role for one in wanted], dtype=object)
    held_out = np.flatnonzero((roles == "evaluation") & shown)
    rest = np.flatnonzero((roles != "evaluation") & shown)
    alike = resemble_any(images[rest], images[held_out])
    rest = rest[~alike]
    chosen = {
        "evaluation": held_out, "teacher": rest[roles[rest] == "teacher"][:teacher],
        "pool": rest[roles[rest] == "pool"][:pool],
    }  # fmt: skip
    for role in ("teacher", "pool"):
        if len(chosen[role]) < FEWEST:
            raise InputError(
                f"Only {len(chosen[role]):,} icons are left for the {role}, and it takes {FEWEST:,}; "
                "give a complete source of icons (--icons, --source)."
            )
    if not len(held_out):
        raise InputError(
            "No icons are left to evaluate on; give a complete source of icons (--icons, --source)."
        )
    used = Counter(
        (wanted[i].drawing.set, wanted[i].family, role) for role, rows in chosen.items() for i in rows
    )
    about = {one.name: one for one in sets}
    return LabData(
        source,
        _pairs(wanted, images, chosen["pool"]),
        _pairs(wanted, images, chosen["teacher"]),
        _labelled(wanted, images, held_out),
        tuple(
            IconSet(name, about[name].version, about[name].licence, family, role, count)
            for (name, family, role), count in sorted(used.items())
        ),
        int(alike.sum()),
    )


def _first(placed: Sequence[_Placed], most: int) -> list[_Placed]:
    return sorted(placed, key=lambda one: one.id)[:most]


def _of_classes(placed: Sequence[_Placed], least_families: int) -> list[_Placed]:
    """Of each name that enough families know, a few icons a family."""
    families, seen = defaultdict(set), Counter[tuple[str, str]]()
    for one in placed:
        families[one.drawing.caption].add(one.family)
    found = []
    for one in sorted(placed, key=lambda one: one.id):
        key = (one.drawing.caption, one.family)
        if len(families[key[0]]) >= least_families and seen[key] < MOST_A_CLASS:
            seen[key] += 1
            found.append(one)
    return found


def _pairs(wanted: Sequence[_Placed], images: np.ndarray, rows: np.ndarray) -> Pairs:
    return Pairs(
        images[rows], tuple(wanted[i].drawing.caption for i in rows), tuple(wanted[i].id for i in rows)
    )


def _labelled(wanted: Sequence[_Placed], images: np.ndarray, rows: np.ndarray) -> Labelled:
    names = [wanted[i].drawing.caption for i in rows]
    classes = sorted(set(names))
    place = {name: at for at, name in enumerate(classes)}
    return Labelled(images[rows], np.array([place[name] for name in names], dtype=np.int64), tuple(classes))
