"""Carries out one envelope by the rules for receivers: sequences, snapshots, ends of runs.

docs/references/webhook_contract.rst has the rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from course_sync_plugin.data import Entity, FailedOperation, Operation
from course_sync_plugin.keys import org_of
from course_sync_plugin.models import DatabaseNow, LocalEntity, LocalReplica, bulk, digest_of
from course_sync_plugin.targets.local.operations import Operations
from course_sync_plugin.targets.local.tree import StoredTree


def carry_out(data: Mapping[str, Any]) -> tuple[FailedOperation, ...]:
    """Carry out an envelope, and return the operations that failed. The caller's transaction is open.

    ``data``: the ``data`` of its body. An envelope that was carried out already, or that is late, has no effect.
    Raises an error of the database, PermanentError, or an error of a strategy that concerns the whole envelope.
    """
    replica = _replica_of(data["course_id"])
    if data["sequence"] <= replica.sequence:
        return ()
    since = _snapshot_since(replica, data)
    _note_envelope(replica, data, since)
    operations = [Operation.from_dict(one) for one in data["operations"]]
    work = Operations(data["course_id"])
    failures: list[FailedOperation] = []
    if operations:
        stored = StoredTree(replica, operations, None if since is None else data["sequence"])
        tree, failures = work.carry_out(stored.tree(), operations)
        stored.write(tree)
    if since is not None and data["end_of_run"]:
        _drop_unnamed(replica, since, work)
    if failures:
        LocalReplica.objects.filter(pk=replica.pk).update(complete=False)
    return tuple(failures)


def _replica_of(course_id: str) -> LocalReplica:
    digest = digest_of(course_id)
    found = LocalReplica.objects.filter(key_digest=digest).first()
    return found or LocalReplica(course_key=course_id, key_digest=digest, org=org_of(course_id))


def _snapshot_since(replica: LocalReplica, data: Mapping[str, Any]) -> int | None:
    """Return the sequence with which the snapshot began that this envelope belongs to; None outside a snapshot."""
    begins = data["mode"] == "snapshot" and (replica.snapshot_since is None or data["previous_sequence"] == 0)
    return data["sequence"] if begins else replica.snapshot_since


def _note_envelope(replica: LocalReplica, data: Mapping[str, Any], since: int | None) -> None:
    replica.sequence, replica.updated_at = data["sequence"], DatabaseNow()
    replica.complete = data["end_of_run"]
    replica.snapshot_since = None if data["end_of_run"] else since
    if data["end_of_run"]:
        replica.published_version = data["published_version"]
    replica.save()


def _drop_unnamed(replica: LocalReplica, since: int, work: Operations) -> None:
    """Delete the entities that no envelope of the snapshot has named, with everything below them."""
    gone: dict[str, LocalEntity] = {}
    frontier = list(LocalEntity.objects.filter(replica=replica, named_in__lt=since))
    while frontier:
        gone.update((row.key_digest, row) for row in frontier)
        parents = [row.key_digest for row in frontier]
        below = (row for keys in bulk.chunks(parents) for row in LocalEntity.objects.filter(parent_digest__in=keys))
        frontier = [row for row in below if row.key_digest not in gone]
    work.delete([_entity(row) for row in reversed(gone.values())])
    for keys in bulk.chunks([row.pk for row in gone.values()]):
        LocalEntity.objects.filter(pk__in=keys).delete()


def _entity(row: LocalEntity) -> Entity:
    return Entity(row.entity_id, row.entity_type, row.block_type, row.parent_id, row.fields)
