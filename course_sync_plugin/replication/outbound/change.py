"""Writes the fields of an entity to a linked system: it is read first, what somebody changed there is merged."""

from __future__ import annotations

from django.db import transaction

from course_sync_plugin.data import Entity
from course_sync_plugin.models import LedgerReplica
from course_sync_plugin.replication.merge.replica import sending, to_write, written
from course_sync_plugin.replication.outbound.carry import Carry
from course_sync_plugin.replication.outbound.changed_at import changed_at
from course_sync_plugin.replication.outbound.late_reads import values_that_may_be_read, written_now
from course_sync_plugin.replication.outbound.looks import look_at_openedx, look_at_site
from course_sync_plugin.replication.store.replicas import replica_of, save_replica


def change(carry: Carry, row: LedgerReplica, entity: Entity) -> bool:
    """Write the fields that the site lacks. Return whether a request was made to write.

    Raises :class:`course_sync_plugin.targets.two_way.site.Gone` if the entity is not there any more.
    """
    remote = carry.site.read(entity, row.base)
    changed = changed_at(carry, entity, row.base, remote)
    with transaction.atomic():
        stored = look_at_openedx(carry, entity)
        replica = replica_of(row, carry.link.site, carry.site.kind)
        wanted, replica = look_at_site(carry, entity, stored, replica, remote, row.replaced, changed)
        published = {name: side.value for name, side in stored.openedx.known.items()}
        sides = carry.sendable(entity, to_write(wanted, replica, published))
        replaced = values_that_may_be_read(carry, row, replica, sides)
        replica = sending(replica, sides) if sides else replica
        save_replica(row, replica, replaced=replaced)
    if not sides:
        return False
    answer = carry.site.write(entity, {name: side.value for name, side in sides.items()})
    with transaction.atomic():
        carry.check_lease()
        wanted = look_at_openedx(carry, entity).wanted
        save_replica(row, written(wanted, replica, sides, answer), replaced=written_now(carry, replaced, sides))
    return True
