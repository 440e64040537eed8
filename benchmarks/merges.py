"""``merges.py SIZE PERCENT``: measures the merge of a course that two targets changed, and a keyed comparison.

Both look at two targets, each of which changed PERCENT percent of the course. The keyed comparison only lists the
differences. The merge also decides them, field by field and place by place.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from courses import COURSE_ID, changed_course, plain_course
from keyed_reference import keyed_diff
from measuring import interleaved

from course_sync_plugin.ledger.causal_time import Stamp
from course_sync_plugin.ledger.vectors import VersionVector
from course_sync_plugin.replication.merge.places import KnownPlaces, WantedPlaces, found_places
from course_sync_plugin.replication.merge.replica import Replica, Wanted, found
from course_sync_plugin.replication.merge.tree import Places
from course_sync_plugin.replication.strategies.base import OPENEDX, Side
from course_sync_plugin.replication.strategies.prefer import merge_prefer_openedx

SITES = {"school": "canvas", "forum": "discourse"}


class ThreeSites:
    """A course in Open edX and at two targets, as it was last known everywhere."""

    def __init__(self, course: dict[str, Any]):
        stamp = Stamp(0, OPENEDX)
        self.places = places_of(course)
        self.wanted, self.replicas = {}, {site: {} for site in SITES}
        for key, row in course["entities"].items():
            sides = {name: Side(value, stamp, OPENEDX) for name, value in row["fields"].items()}
            self.wanted[key] = Wanted(row["entity_type"], key, VersionVector(), sides)
            for site, kind in SITES.items():
                self.replicas[site][key] = Replica(site, kind, VersionVector(), row["fields"], sides)

    def merge(self, remotes: dict[str, dict[str, Any]]) -> int:
        """Merge what both targets have; return the number of changes. Nothing is stored."""
        wanted, places, changes = dict(self.wanted), WantedPlaces(self.places), 0
        for site, remote in remotes.items():
            for key, replica in self.replicas[site].items():
                row = remote["entities"].get(key)
                if row and row["fields"] != replica.base:
                    wanted[key] = found(wanted[key], replica, row["fields"], merge_prefer_openedx, 1).wanted
                    changes += 1
            known = KnownPlaces(site, SITES[site], self.places)
            places = found_places(places, known, remote["places"], merge_prefer_openedx, 1).wanted
        return changes


def places_of(course: dict[str, Any]) -> Places:
    """Return the tree of a plain course."""
    return Places(COURSE_ID, course["children"])


def main(size: int, percent: float) -> None:
    """Print the seconds of each round as JSON."""
    course = plain_course(size)
    sites = ThreeSites(course)
    remotes = {site: changed_course(course, percent, seed) for seed, site in enumerate(SITES, start=2)}
    for remote in remotes.values():
        remote["entities"] = {key: row for key, row in remote["entities"].items() if key in course["entities"]}
        remote["children"] = {
            parent: [child for child in children if child in course["entities"]]
            for parent, children in remote["children"].items()
        }
        remote["places"] = places_of(remote)
    assert sites.merge(remotes) >= size * percent / 100  # six of ten changes at each target are those of a field
    competitors = {
        "merge": lambda: sites.merge(remotes),
        "keyed": lambda: [keyed_diff(course, remote) for remote in remotes.values()],
    }
    print(json.dumps(interleaved(9, competitors)))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
