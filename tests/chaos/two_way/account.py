"""The account at the end of a campaign for two-way targets: what was lost, doubled, touched or left over."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from course_sync_plugin import api
from course_sync_plugin.models import (
    Conflict,
    InboundEvent,
    Intent,
    LedgerReplica,
    Proposal,
)
from sandbox.published.source import PublishedSource
from tests.chaos.account import left_over
from tests.chaos.two_way.author import COURSE
from tests.chaos.two_way.edits import Edit
from tests.chaos.two_way.places import Place, places
from tests.chaos.two_way.site import Person
from tests.chaos.two_way.world import TwoWayWorld

#: What ``check --remote`` may say of a course in step: what people deleted there, and what is not made below that.
_ALLOWED = {"remote-deleted-noted", "remote-missing-below"}

#: The names under which a request writes a field.
_NAMES = {"display_name": ("name", "title"), "start": ("unlock_at",), "due": ("due_at",)}


def account(world: TwoWayWorld, people: Sequence[Person]) -> dict[str, list[str]]:
    """Return the findings by name. In a campaign that passes, each list is empty."""
    lost, overtaken = _lost(world)
    world.overtaken = len(overtaken)
    sites = [places(world, person) for person in people]
    return {
        "edits lost in silence": lost,
        "objects made twice": [line for site in sites for line in site.twice()],
        "foreign objects touched": [line for person in people for line in _touched(world, person)],
        "objects that differ from the course": [line for site in sites for line in site.different()],
        "deletions by nobody": [line for site in sites for line in _deleted(world, site)],
        "states that a teacher chose and that were changed": list(_changed_states(world)),
        "rows left over": open_rows(),
        "findings of check": list(_checked()),
    }


def open_rows() -> list[str]:
    """Return a line for each kind of row that says that something is still to be done."""
    counts = {
        "intents": Intent.objects.count(),
        "notices that wait": InboundEvent.objects.filter(taken_at=None).count(),
    }
    return [*left_over(), *(f"{count} {name}" for name, count in counts.items() if count)]


def _lost(world: TwoWayWorld) -> tuple[list[str], list[str]]:
    """Return the values that are nowhere and that no record explains.

    The second list has those that were overtaken (:mod:`.overtaken`).
    """
    kept = {str(value) for row in Conflict.objects.values_list("base", "openedx", "remote") for value in row if value}
    kept |= {str(value) for row in Proposal.objects.values_list("base", "value") for value in row if value}
    kept = {value.strip() for value in kept} | world.edits.superseded | _values_now(world)
    missing = [one for one in world.edits.written if one.value not in kept]
    values = {site: witness.overtaken() for site, witness in world.witnesses.items()}
    overtaken = [one for one in missing if one.value in values.get(one.site, ())]
    lost = [f"{one}; kept: {_rows(one)}; then {_afterwards(world, one)}" for one in missing if one not in overtaken]
    return lost, [str(one) for one in overtaken]


def _rows(edit: Edit) -> list[Any]:
    """Return what is recorded of the field of an edit."""
    names = {"entity_id": edit.entity_id, "field": edit.field}
    columns = ("pk", "link__target__name", "base", "state", "since")
    conflicts = Conflict.objects.filter(**names).values_list(*columns, "openedx", "remote", "taken", "reason")
    return [*conflicts, *Proposal.objects.filter(**names).values_list(*columns, "value", "note")]


def _afterwards(world: TwoWayWorld, edit: Edit) -> str:
    """Return the requests after an edit that concern its objects, for whoever looks for the cause."""
    seen = [one for one in world.watches[edit.site].seen if edit.at < one[0]] if edit.site in world.watches else []
    found = [(at, one) for at, one in seen if one.method == "GET" or _overwrites(one, edit)]
    first = next((place for place, (_at, one) in enumerate(found) if one.method != "GET"), len(found))
    return "; ".join(
        f"{at - edit.at:.2f} s {one.method} {one.path} {one.status}" for at, one in found[max(0, first - 5) : first + 2]
    )


def _values_now(world: TwoWayWorld) -> set[str]:
    entities = PublishedSource().read(COURSE).entities.values()
    values = {
        str(one.fields[name]) for one in entities for name in ("display_name", "start", "due") if name in one.fields
    }
    return values | world.values_there()


def _overwrites(request: Any, edit: Edit) -> bool:
    if request.method == "GET" or not edit.objects & set(re.findall(r"\d+", request.path)):
        return False
    given = {name for value in request.parameters.values() if isinstance(value, dict) for name in value}
    return request.method == "DELETE" or bool({*given, *request.parameters} & set(_NAMES[edit.field]))


def _touched(world: TwoWayWorld, person: Person) -> Iterator[str]:
    """Yield each object of others that is not as they last made it, or is gone."""
    for key, made in person.foreign.items():
        if not person.is_there(key):
            yield f"{person.site}: {key} is gone: {made}"
        elif (now := person.snapshot(key)) != made:
            yield f"{person.site}: {key} is {now}, was {made}"
    if person.site == "forum":
        posts = world.forum.forum.posts
        for number, text in world.replies.items():
            if number not in posts or posts[number].raw != text:
                yield f"forum: the reply {number} was changed"


def _deleted(world: TwoWayWorld, site: Place) -> Iterator[str]:
    """Yield each entity that counts as deleted there although nobody deleted it, or although it is made again."""
    for entity_id in site.absent:
        if world.policy == "recreate" or entity_id not in world.deleted[site.name]:
            yield f"{site.name}: {entity_id}"


def _changed_states(world: TwoWayWorld) -> Iterator[str]:
    owned = {number for row in LedgerReplica.objects.all() for number in row.objects_there.values()}
    for number, state in world.states.items():
        item = world.course_there.items[number]
        if str(number) in owned and not item.deleted and item.state != state:
            yield f"canvas: item {number} is {item.state}, was {state}"


def _checked() -> Iterator[str]:
    requests = [api.CheckRequest(), *(api.CheckRequest(remote=name) for name in ("canvas", "forum"))]
    for request in requests:
        for finding in api.check(request).findings:
            if finding.kind not in _ALLOWED:
                yield f"{finding.kind} {finding.target} {finding.entity_id}: {finding.what}"
