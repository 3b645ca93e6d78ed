from collections import defaultdict

import pytest

from thresher.lab.icons.split import LICENCES, ROLES, read_split
from thresher.lab.icons.wheels import WHEELS

SOURCES = ("iconify", "wheels")


@pytest.mark.parametrize("source", SOURCES)
def test_a_family_stands_on_one_side_only(source):
    roles = defaultdict(set)
    for family, role in read_split(source).named.values():
        roles[family].add(role)
    assert all(len(found) == 1 for found in roles.values())
    assert {role for found in roles.values() for role in found} <= set(ROLES)


@pytest.mark.parametrize("source", SOURCES)
def test_what_is_left_out_has_a_reason_and_no_role(source):
    split = read_split(source)
    for name, reason in split.left_out.items():
        assert len(reason) > 10
        assert name not in split.named
        assert split.place(name) is None


def test_sets_that_redraw_others_are_left_out():
    assert {"iconmind", "meteor-icons", "sidekickicons"} <= set(read_split("iconify").left_out)


def test_a_set_that_is_not_named_is_a_family_of_its_own_in_the_pool():
    assert read_split("iconify").place("new-icons") == ("new-icons", "pool")


def test_every_set_of_the_wheels_is_placed_and_permissive():
    split = read_split("wheels")
    sets = [part for parts in WHEELS.values() for part in parts]
    assert {part.name for part in sets} == set(split.named)
    assert {part.licence for part in sets} <= LICENCES


def test_all_sets_of_one_maker_are_one_family():
    named = read_split("wheels").named
    assert {named[name] for name in ("codicon", "fluent-light", "fluent-filled", "fluent-regular")} == {
        ("microsoft", "teacher")
    }


def test_no_licence_that_binds_what_is_made_from_a_set():
    assert not [name for name in LICENCES if "GPL" in name or "SA" in name or "NC" in name]
