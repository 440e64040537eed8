"""Open edX and two other sites in memory, and the hub that keeps them in step. One entity with two fields."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import attrs

from course_sync_plugin.ledger.causal_time import Stamp
from course_sync_plugin.ledger.vectors import VersionVector
from course_sync_plugin.replication.merge import replica as merge
from course_sync_plugin.replication.merge.replica import Replica, Take, Wanted
from course_sync_plugin.replication.strategies.base import OPENEDX, Conflict, Side, Strategy
from tests.unit.replication.sides import ENTITY, FIELDS

Fields = dict[str, str]

KINDS = {"openedx": OPENEDX, "school": "canvas", "forum": "discourse"}
TARGETS = ("school", "forum")


@attrs.define
class Site:
    """A system with its own people. ``cleans``: it stores texts without spaces at the ends, as real ones do."""

    cleans: bool
    fields: Fields
    writes: int = 0

    def put(self, fields: Mapping[str, str]) -> Fields:
        """Store values and return all of them as they are stored."""
        self.fields |= {name: self.stored(value) for name, value in fields.items()}
        return dict(self.fields)

    def stored(self, value: str) -> str:
        return value.strip() if self.cleans else value

    def write(self, fields: Mapping[str, str]) -> Fields:
        self.writes += 1
        return self.put(fields)


class Hub:
    """What we store, and what we do. A delivery can be killed before it stores the answer (``dies``)."""

    def __init__(self, strategy: Strategy, stores_all: Collection[str] = ()):
        self.strategy = strategy
        start = dict.fromkeys(FIELDS, "old")
        self.sites = {name: Site(name not in stores_all, dict(start)) for name in KINDS}
        self.draft: Fields = {}
        self.clock = 0
        side = Side("old", Stamp(0, "openedx"), OPENEDX)
        sides = dict.fromkeys(FIELDS, side)
        self.wanted = Wanted(*ENTITY, VersionVector(), sides)
        self.replicas = {name: Replica(name, kind, VersionVector(), dict(start), sides) for name, kind in KINDS.items()}
        self.kept: set[str] = set()

    def poll(self, name: str, changed_at: int | None = None) -> None:
        """Read a site and merge what changed there."""
        remote = dict(self.sites[name].fields)
        done = merge.found(self.wanted, self.replicas[name], remote, self.strategy, self.clock, changed_at=changed_at)
        self.wanted = done.wanted
        self.replicas[name] = done.replica
        for decision in done.decisions.values():
            if decision.is_kept:
                self._keep(decision.conflict)
        self.replicas |= {other: merge.reviewed(self.wanted, one) for other, one in self.replicas.items()}

    def deliver(self, name: str, *, dies: bool = False) -> None:
        """Look at a target once more, then write what it lacks. ``dies``: the answer is lost."""
        self.poll(name)
        sent = merge.to_write(self.wanted, self.replicas[name], self.published)
        if not sent:
            return
        self.replicas[name] = merge.sending(self.replicas[name], sent)
        answer = self.sites[name].write({field: side.value for field, side in sent.items()})
        if not dies:
            self.replicas[name] = merge.written(self.wanted, self.replicas[name], sent, answer)

    def write_back(self) -> None:
        """Look at Open edX once more, then write what it lacks to its draft. An author publishes that."""
        self.poll("openedx")
        sent = self.proposals
        self.draft = {name: self.sites["openedx"].stored(side.value) for name, side in sent.items()}
        self.replicas["openedx"] = merge.sending(self.replicas["openedx"], sent, self.draft)

    def edit(self, name: str, field: str, value: str) -> set[str]:
        """Let a person replace what the person can see, and return that. An author sees the draft."""
        site, seen = self.sites[name], set()
        if name == "openedx" and field in self.draft:
            seen.add(self.draft.pop(field))
        seen.add(site.fields[field])
        site.put({field: value})
        return {value.strip() for value in seen}

    def publish(self) -> None:
        """An author publishes the draft, and a run follows."""
        self.sites["openedx"].put(self.draft)
        self.draft = {}
        self.poll("openedx")

    def resolve(self, name: str, field: str, take: Take) -> None:
        self._keep(self.replicas[name].conflicts[field])
        self.wanted, self.replicas[name] = merge.resolve(self.wanted, self.replicas[name], field, take, self.clock)

    def reject(self, field: str) -> None:
        self.kept.add(self.wanted.sides[field].value)
        self.wanted = merge.reject(self.wanted, self.replicas["openedx"], field, self.clock)
        self.draft.pop(field, None)

    def _keep(self, conflict: Conflict) -> None:
        self.kept |= {conflict.base, conflict.ours.value, conflict.theirs.value}

    @property
    def published(self) -> Fields:
        return {name: side.value for name, side in self.replicas["openedx"].known.items()}

    @property
    def proposals(self) -> dict[str, Side]:
        return merge.to_write(self.wanted, self.replicas["openedx"])

    @property
    def conflicts(self) -> list[tuple[str, str]]:
        return [(name, field) for name, one in self.replicas.items() for field in one.conflicts]

    def snapshot(self) -> object:
        sites = {name: (dict(site.fields), site.writes) for name, site in self.sites.items()}
        return sites, self.wanted, dict(self.replicas), dict(self.draft)
