"""Raises a course: its lanes are delivered before all others of their targets."""

from __future__ import annotations

import attrs
from django.db import transaction
from django.utils.translation import gettext as _

from course_sync_plugin.exceptions import UnknownName
from course_sync_plugin.keys import parse_course_id
from course_sync_plugin.models import Lane, digest_of
from course_sync_plugin.upkeep.audit import record
from course_sync_plugin.upkeep.pending import with_pending
from course_sync_plugin.upkeep.targets.change import get_target, lanes_of


@attrs.frozen
class RaisedLane:
    """A lane after raising or lowering it. ``changed``: it was not so before. ``pending``: what it has to deliver."""

    target: str
    raised: bool
    changed: bool
    pending: int


def raise_course(course: str, name: str = "", *, undo: bool = False) -> tuple[RaisedLane, ...]:
    """Deliver a course before the other courses, at one target or at all; with ``undo`` in its turn again.

    It stays raised until it is undone. Raises ConfigurationError for a wrong course key, UnknownName if there is no
    such target or no lane of the course.
    """
    key = parse_course_id(course)
    lanes = lanes_of(get_target(name), key) if name else Lane.objects.filter(course__key_digest=digest_of(key))
    with transaction.atomic():
        were_raised = set(lanes.filter(raised=True).values_list("pk", flat=True))
        if not lanes.update(raised=not undo):
            raise UnknownName(_("No target has a lane of {course}.").format(course=key))
        record("raise", target=name, course=key, arguments={"undo": undo}, changed={"lanes": lanes.count()})
    rows = with_pending(lanes).order_by("target__name").values_list("pk", "target__name", "pending")
    return tuple(RaisedLane(name, not undo, (pk in were_raised) == undo, pending) for pk, name, pending in rows)
