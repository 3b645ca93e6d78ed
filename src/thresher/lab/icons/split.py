"""Which sets serve for what, fixed in advance in split.toml."""

import tomllib
from dataclasses import dataclass
from importlib.resources import files

LICENCES = frozenset(
    {"Apache-2.0", "BSD-3-Clause", "CC-BY-3.0", "CC-BY-4.0", "CC0-1.0", "ISC", "MIT", "OFL-1.1", "Unlicense"}
)
"""Licences that let anyone draw, crop and train on a set; share-alike, copyleft and non-commercial ones are left out."""
ROLES = ("evaluation", "teacher", "pool")


@dataclass(frozen=True)
class Split:
    """Family and role of every set of one source.

    Attributes:
        named: (family, role) by set; other sets are a family of their own, in the pool.
        left_out: Why, by set.
    """

    named: dict[str, tuple[str, str]]
    left_out: dict[str, str]

    def place(self, name: str) -> tuple[str, str] | None:
        """Family and role of a set; None where it is left out."""
        if name in self.left_out:
            return None
        return self.named.get(name, (name, "pool"))


def read_split(source: str) -> Split:
    """The split of `iconify` or `wheels`."""
    table = tomllib.loads(files("thresher.lab.icons").joinpath("split.toml").read_text(encoding="utf-8"))[
        source
    ]
    named = {
        name: (family, role) for role in ROLES for family, names in table[role].items() for name in names
    }
    return Split(named, table["leave_out"])
