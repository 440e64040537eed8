"""Fills a site for the pages: a course at three targets, a problem, a conflict and a proposal."""

from __future__ import annotations

from typing import Any

import attrs

from course_sync_plugin import api
from course_sync_plugin.models import LedgerReplica, digest_of
from course_sync_plugin.structure.olx.reader import read_olx
from course_sync_plugin.testing.faults import Fail
from sandbox.demo import SAMPLE
from sandbox.published.drafts import editing
from sandbox.published.publishing import publish


@attrs.frozen
class Systems:
    """The three systems that the course is kept in step with: a receiver of webhooks, and fakes of the other two."""

    receiver: Any
    canvas: Any
    forum: Any


def fill(systems: Systems) -> str:
    """Publish the sample course and let people edit it at each site. Return its key.

    The receiver refuses one unit. A teacher in Canvas and an author renamed the same section, and nobody has decided
    yet. A moderator's new title of a topic is a proposal.
    """
    key = read_olx(str(SAMPLE / "old")).course_id
    publish(str(SAMPLE / "old"), key)
    api.sync_course(key)
    there = _add_targets(systems, key)
    api.deliver_until_empty()
    systems.receiver.faults.append(
        Fail(entity_id=_block(key, "vertical", "smoker"), reason="the title is taken", times=None)
    )
    _edit_everywhere(systems, key, there)
    api.deliver_until_empty()
    return key


def _add_targets(systems: Systems, key: str) -> int:
    """Add the targets and link the course. Return the id of its counterpart in Canvas."""
    api.add_target("crm", url=systems.receiver.url, secret=systems.receiver.secret)
    asks = ["conflict_strategy=manual"]
    api.add_target("canvas", backend="canvas", url=systems.canvas.url, token=systems.canvas.token, options=asks)
    api.add_target("forum", backend="discourse", url=systems.forum.url, token=systems.forum.key)
    there = int(systems.canvas.add_course("Bees 101, spring").id)
    for name, remote in (("canvas", str(there)), ("forum", "")):
        plan = api.link_plan(key, name, remote)
        api.link_shown(key, name, remote, plan.seed, plan.token)
    return there


def _edit_everywhere(systems: Systems, key: str, there: int) -> None:
    section, subsection = _block(key, "chapter", "honey"), _block(key, "sequential", "equipment")
    unit = _block(key, "vertical", "smoker")
    systems.canvas.teacher.rename_module(there, _number("canvas", section, "module"), "Honey and wax")
    topic = _number("forum", subsection, "topic")
    systems.forum.person("moderator").edit_topic(topic, title="Tools of the trade (equipment)")
    with editing(key) as course:
        course.edit(section, {"display_name": "Sweet honey"})
        course.edit(unit, {"display_name": "Smoker and gloves"})
        course.publish(unit)
    api.sync_course(key)
    api.poll_now(course=key)


def _block(key: str, kind: str, name: str) -> str:
    return f"block-v1:{key.removeprefix('course-v1:')}+type@{kind}+block@{name}"


def _number(target: str, entity_id: str, part: str) -> int:
    row = LedgerReplica.objects.get(link__target__name=target, id_digest=digest_of(entity_id))
    return int(row.objects_there[part])
