"""Acts on stored notices: each makes the counterpart that it names due for a look. Nothing else in it is believed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from course_sync_plugin.exceptions import CourseSyncError
from course_sync_plugin.lanes.site import made_here
from course_sync_plugin.log import get_logger
from course_sync_plugin.models import DatabaseNow, InboundEvent, LedgerReplica, Link, Target
from course_sync_plugin.replication.inbound.poll import poll_soon
from course_sync_plugin.targets.inbound.contract import Notice
from course_sync_plugin.targets.registry import targets

log = get_logger(__name__)

#: The most notices that are taken at once.
BATCH = 1000


def take_notices(limit: int = BATCH) -> int:
    """Take the oldest notices that wait, and make what they name due for a look. Return how many were taken.

    Notices of targets that are paused, disabled or of another site wait. A notice is marked before the look. So one
    that comes during the look is stored again.
    """
    acting = Target.objects.filter(made_here(), paused=False, disabled_reason="")
    rows = InboundEvent.objects.filter(taken_at=None, target__in=acting).order_by("pk")
    waiting = list(rows.values_list("pk", "target_id", "event_name", "body")[:limit])
    notices: defaultdict[int, list[Notice]] = defaultdict(list)
    backends = dict(acting.values_list("pk", "backend"))
    for _pk, target_id, event, body in waiting:
        notices[target_id] += _read(backends[target_id], bytes(body), event)
    for target_id, named in notices.items():
        poll_soon(_links_of(target_id, named))
    InboundEvent.objects.filter(pk__in=[row[0] for row in waiting]).update(taken_at=DatabaseNow(), digest=None)
    if waiting:
        log.info("course_sync: notices=%s targets=%s", len(waiting), len(notices))
    return len(waiting)


def _read(backend: str, body: bytes, event: str) -> Sequence[Notice]:
    """Return what a notice names; nothing if the kind of its target is not installed any more."""
    try:
        inbound = targets.get(backend).inbound
    except CourseSyncError:
        return ()
    return inbound.read(body, event) if inbound else ()


def _links_of(target_id: int, notices: Iterable[Notice]) -> list[int]:
    """Return the ids of the links that notices concern: by their counterpart, or by the object of a section."""
    ids = {one for notice in notices for one in (notice.container_id, notice.remote_id) if one}
    links = {pk for pk, remote in Link.objects.filter(target=target_id).values_list("pk", "remote_id") if remote in ids}
    sections = LedgerReplica.objects.filter(link__target=target_id, entity_type="section")
    links |= {pk for pk, objects in sections.values_list("link_id", "objects_there") if ids & {*objects.values()}}
    return sorted(links)
