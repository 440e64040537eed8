"""Digests that tell whether something changed. Canonical JSON, so the order of keys never counts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from course_sync_plugin.data import Structure


def canonical(value: Any) -> bytes:
    """Return a value as JSON that is the same for equal values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def field_digests(structure: Structure) -> dict[str, str]:
    """Return the digest of the fields of every entity, by entity id."""
    return {entity_id: digest(entity.fields) for entity_id, entity in structure.entities.items()}


def digest(fields: Mapping[str, Any]) -> str:
    """Return the digest of one entity's fields (sha256, 64 hexadecimal characters)."""
    return sha256(canonical(fields)).hexdigest()


def structure_digest(structure: Structure, digests: Mapping[str, str]) -> str:
    """Return the digest of a whole course: every entity in document order with its parent and its fields.

    What could not be read counts too: a subsection that becomes unreadable is a difference.
    """
    whole = sha256(canonical(sorted(structure.unreadable)))
    for entity_id, entity in structure.entities.items():
        whole.update(f"{entity_id}\n{entity.parent_id}\n{digests[entity_id]}\n".encode())
    return whole.hexdigest()
