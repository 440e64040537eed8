"""Makes and ends links."""

from __future__ import annotations

import attrs

from course_sync_plugin.lanes.begin_anew import begin_anew
from course_sync_plugin.models import DatabaseNow, Lane, Link, digest_of
from course_sync_plugin.replication.links.endings import end_what_waits
from course_sync_plugin.replication.links.plan import LinkPlan, check_unambiguous, course_of, entities_in_order
from course_sync_plugin.replication.outbound.create import take_over
from course_sync_plugin.replication.outbound.target import TwoWayTarget
from course_sync_plugin.replication.store.former import former_replicas, remember, take_back


def make_link(target: TwoWayTarget, link: Link, plan: LinkPlan) -> None:
    """Save a link as it was planned. Its lane begins with a snapshot. Call it in a transaction; no request is made.

    Raises ConfigurationError if an entity matches several objects.
    """
    check_unambiguous(plan)
    link.remote_title, link.remote_url = plan.counterpart.title, plan.counterpart.url
    link.created_at = DatabaseNow()
    link.save()
    link.refresh_from_db(fields=["created_at"])
    if plan.taken_over:
        _take_over(target, link, plan)
    begin_anew(Lane.objects.filter(target=link.target_id, course=link.course_id))


def create_counterpart(target: TwoWayTarget, link: Link, plan: LinkPlan) -> LinkPlan:
    """Create the counterpart of a link that has none yet, and set it on the link. Return the plan with it.

    Raises ConfigurationError if the target does not create counterparts, and the errors of ``Target.send``.
    """
    carry = target.carry_for(link)
    try:
        counterpart = carry.site.create_counterpart(course_of(carry))
    finally:
        carry.site.close()
    link.remote_id, link.remote_digest = counterpart.remote_id, digest_of(counterpart.remote_id)
    return attrs.evolve(plan, counterpart=counterpart)


def end_link(link: Link) -> None:
    """End a link. Nothing is carried to its objects any more. What waits for people ends and is kept.

    Call it in a transaction.
    """
    remember(link)
    end_what_waits(link)
    lanes = Lane.objects.filter(target=link.target_id, course=link.course_id)
    begin_anew(lanes)
    link.delete()


def delete_objects(target: TwoWayTarget, link: Link) -> tuple[int, list[str]]:
    """Delete what is ours there. Return how many objects were deleted, and why others were left.

    Children are deleted before their parents. Raises the errors of ``Target.send``.
    """
    carry = target.carry_for(link)
    deleted, left = 0, []
    try:
        order = [entity.entity_id for entity in entities_in_order(carry)]
        gone = [one for one in carry.known.entities() if one not in carry.tree]
        for entity_id in [*gone, *reversed(order)]:
            for row in link.replicas.filter(id_digest=digest_of(entity_id)):
                for part in carry.site.in_removal_order(row.objects_there):
                    note = carry.site.remove(row.entity_type, part, row.objects_there[part])
                    deleted += not note and part not in carry.site.marks
                    left += [note] if note else []
    finally:
        carry.site.close()
    return deleted, left


def _take_over(target: TwoWayTarget, link: Link, plan: LinkPlan) -> None:
    former = former_replicas(link)
    carry = target.carry_for(link)
    try:
        for one in plan.taken_over:
            entity = carry.tree.entity(one.entity_id)
            if entity and one.is_former:
                row = take_back(link, entity, one.part, one.there.remote_id, former[one.entity_id])
                carry.known.set(one.entity_id, row.objects_there)
            elif entity:
                take_over(carry, entity, one.part, one.there)
    finally:
        carry.site.close()
