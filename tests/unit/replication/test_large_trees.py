"""Deep trees and long lists of siblings. A time that grows with the square of the size would take minutes here."""

from __future__ import annotations

from course_sync_plugin.replication.merge.places import KnownPlaces, WantedPlaces, found_places, to_write_places
from course_sync_plugin.replication.merge.tree import Places, merge_places
from tests.unit.replication.sides import ROOT, STRATEGIES

NAMES = tuple(f"block-v1:Org+Course+Run+type@vertical+block@{at:06d}" for at in range(20_000))


def chain(names: tuple[str, ...]) -> Places:
    return Places(ROOT, dict(zip((ROOT, *names), ([name] for name in names))))


def flat(names: tuple[str, ...]) -> Places:
    return Places(ROOT, {ROOT: list(names)} if names else {})


def test_all_ancestors_deleted():
    names = NAMES[:5_000]
    merged = merge_places(chain(names), flat(names[-1:]), chain(names))
    assert merged.parents == {names[-1]: ROOT}


def test_a_deep_tree_turned_upside_down():
    names = NAMES[:2_000]
    merged = merge_places(chain(names), chain(names), chain(names[::-1]))
    assert merged.parents == chain(names[::-1]).parents


def test_one_of_many_siblings_moved():
    turned = flat(NAMES[1:] + NAMES[:1])
    assert merge_places(flat(NAMES), flat(NAMES), turned) == turned


def test_many_siblings_moved_everywhere_and_deleted_at_a_target():
    base, turned, other = flat(NAMES), flat(NAMES[::-1]), flat(NAMES[1::2] + NAMES[::2])
    known = KnownPlaces("school", "canvas", base)
    done = found_places(WantedPlaces(turned), known, other, STRATEGIES["manual"], 1)
    assert done.known.conflicts
    assert to_write_places(done.wanted, done.known, turned).parents == turned.parents
    after = found_places(done.wanted, done.known, flat(()), STRATEGIES["manual"], 2)
    assert after.deleted == set(NAMES)
    assert after.wanted.places.parents == turned.parents
