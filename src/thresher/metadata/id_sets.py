"""Sets of ids: subset files that the rows of a table must be in, or must not be in."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from thresher.arguments import argument
from thresher.errors import InputError
from thresher.metadata.id_files import id_blocks, list_id_files
from thresher.metadata.ids import IdKind
from thresher.metadata.keys import Keys
from thresher.metadata.parquet import file_stamp
from thresher.metadata.work import fingerprint

MOST_SETS = 63
"""Sets that are told apart by one bit each."""

Paths: TypeAlias = str | Path | Sequence[str | Path]


@dataclass(frozen=True)
class KnownSet:
    """A set of ids by what proves it: its path, and the sha256 of its content."""

    path: str
    sha256: str


@dataclass(frozen=True)
class IdSet:
    """A set of ids as it was when the work began.

    Attributes:
        path: As it was given, made absolute.
        sha256: Of its content.
        inside: Whether rows must be in it (`within`) or must not be (`without`).
        files: Its files, each with size and time of change; none where an index was made with it.
        id_kind: What its ids are.
        id_column: Column of Parquet files.
    """

    path: str
    sha256: str
    inside: bool
    files: tuple[tuple[str, int, str], ...]
    id_kind: IdKind
    id_column: str

    @property
    def mark(self) -> tuple[bool, str]:
        """What it asks of rows: two sets of one mark ask the same."""
        return self.inside, self.sha256

    def blocks(self) -> Iterator[Keys]:
        """Its ids in the order of the files, repeats included, a block at a time.

        Raises:
            InputError: A file cannot be read, is damaged, or holds ids of another kind.
        """
        if not self.files:
            raise InputError(
                f"{self.path} is part of an index, whose rows pass it already; cut it with FromIndex."
            )
        for path, *_ in self.files:
            yield from id_blocks(path, self.id_kind, self.id_column)

    def check_unchanged(self) -> None:
        """Refuse to go on with a set whose content is no longer the same; a new time of change alone is no matter.

        Raises:
            InputError: A file is gone or its content was changed.
        """
        try:
            if all(file_stamp(path) == (size, stamp) for path, size, stamp in self.files):
                return
            same = _sha256(path for path, *_ in self.files) == self.sha256
        except OSError as error:
            raise InputError(
                f"{self.path} vanished while it was being read; run the command again."
            ) from error
        if not same:
            raise InputError(f"{self.path} changed while it was being read; run the command again.")


def open_sets(within: Paths, without: Paths, *, kind: IdKind, id_column: str) -> tuple[IdSet, ...]:
    """Look at sets of ids, and refuse what cannot be compared with a table's ids.

    Args:
        within: Files that every row's id must be in, all of them.
        without: Files that no row's id may be in, none of them.
        kind: What the table's ids are.
        id_column: Where Parquet files hold the ids, unless they have one column.

    Returns:
        The sets, each content once.

    Raises:
        InputError: A file that is missing, damaged, empty or of other ids, or one that is both within and without.
    """
    found: dict[tuple[bool, str], IdSet] = {}  # by mark
    for inside, given in ((True, within), (False, without)):
        for path in [given] if isinstance(given, str | Path) else given:
            if "://" in str(path) and not Path(path).exists():
                raise InputError(f"{path} is a URL; fetch the file first, and give its path.")
            one = _open(Path(path), inside, kind, id_column)
            found.setdefault(one.mark, one)
    for one in found.values():
        if one.inside and (False, one.sha256) in found:
            raise InputError(
                f"{one.path} is given with {argument('within')} and with {argument('without')}, which leaves no row. "
                "Give it with one of them."
            )
    if len(found) > MOST_SETS:
        raise InputError(
            f"{len(found)} sets of ids are given, more than {MOST_SETS}. Join some of them in one file."
        )
    return tuple(found.values())


def _open(path: Path, inside: bool, kind: IdKind, id_column: str) -> IdSet:
    paths = [str(Path(one).absolute()) for one in list_id_files(path)]
    try:
        files = tuple((one, *file_stamp(one)) for one in paths)
        sha256 = _sha256(paths)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    found = IdSet(str(path.absolute()), sha256, inside, files, kind, id_column)
    if not any(len(keys) for keys in found.blocks()):
        raise InputError(f"{path} holds no ids at all. Give another file, or leave it out.")
    return found


def _sha256(paths: Iterator[str] | Sequence[str]) -> str:
    """The sha256 of one file; of several, the sha256 of theirs in ascending order, whatever their names."""
    each = []
    for path in paths:
        with Path(path).open("rb") as file:
            each.append(hashlib.file_digest(file, "sha256").hexdigest())
    return each[0] if len(each) == 1 else hashlib.sha256("\n".join(sorted(each)).encode()).hexdigest()


def known(sets: Sequence[IdSet], *, inside: bool) -> tuple[KnownSet, ...]:
    """The sets of one sort, in an order that does not depend on how they were given."""
    return tuple(
        sorted((KnownSet(s.path, s.sha256) for s in sets if s.inside is inside), key=lambda s: s.sha256)
    )


def describe_sets(within: Sequence[KnownSet], without: Sequence[KnownSet]) -> dict[str, list[dict[str, str]]]:
    """Sets as stored files list them; nothing where there are none."""
    found = {"within": [vars(one) for one in within], "without": [vars(one) for one in without]}
    return found if within or without else {}


def known_sets(document: Mapping[str, Any], name: str) -> tuple[KnownSet, ...]:
    """The sets that a stored file lists under `name`; none where it lists nothing."""
    return tuple(KnownSet(str(one["path"]), str(one["sha256"])) for one in document.get(name) or ())


def check_same_sets(
    sets: Sequence[IdSet], within: Sequence[KnownSet], without: Sequence[KnownSet], made: str
) -> None:
    """Refuse sets that are not those under which something was made.

    Args:
        sets: What is given now.
        within: What was given then, of either sort.
        without: The same.
        made: What was made, for the message, for example `The buckets were made`.

    Raises:
        InputError: They differ.
    """
    for name, theirs in (("within", within), ("without", without)):
        ours = known(sets, inside=name == "within")
        if {one.sha256 for one in ours} == {one.sha256 for one in theirs}:
            continue
        then = {one.path: one.sha256 for one in theirs}
        changed = next((one.path for one in ours if then.get(one.path, one.sha256) != one.sha256), None)
        if changed is not None:
            raise InputError(f"{made} {name} {changed}, whose content has changed since; make them again.")
        raise InputError(
            f"{made} {_named(name, theirs)}, not {_named(name, ours)}; give the same files with {argument(name)}, "
            "or make them again."
        )


def _named(name: str, sets: Sequence[KnownSet]) -> str:
    return f"{name} {' and '.join(one.path for one in sets)}" if sets else f"{name} no set of ids"


def mark_of(sets: Sequence[IdSet]) -> str:
    """A short digest of what a row is asked, for names in a work folder."""
    return fingerprint({"sets": sorted(one.mark for one in sets)})[:12]


def row_filters(where: str | None, sets: Sequence[IdSet]) -> str:
    """The filters of a table as they were given, for the message that no row passes them; empty without any."""
    given = [argument("where", where)] if where is not None else []
    given += [argument("within" if one.inside else "without", one.path) for one in sets]
    return " ".join(given)
