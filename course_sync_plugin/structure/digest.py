"""Computes digests that show whether something changed.

They are made from canonical JSON, so the order of keys does not matter.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from course_sync_plugin.data import Structure


def canonical(value: Any) -> bytes:
    """Return a value as JSON in UTF-8. Equal values give equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def field_digests(structure: Structure) -> dict[str, str]:
    """Return the digest of the fields of every entity, by entity id."""
    return {entity_id: digest(entity.fields) for entity_id, entity in structure.entities.items()}


def digest(fields: Mapping[str, Any]) -> str:
    """Return the digest of one entity's fields (sha256, 64 hexadecimal characters)."""
    return sha256(canonical(fields)).hexdigest()


def entity_digest(entity_type: str, block_type: str, fields: Mapping[str, Any]) -> str:
    """Return the digest that a receiver computes of an entity that it holds (sha256, 64 hexadecimal characters).

    The contract for receivers describes it, so it must stay as it is. A field without a value counts as absent, and a
    whole number has no fraction: many languages read 1.0 as 1.
    """
    held = {name: value for name, value in fields.items() if value is not None}
    plain = json.loads(canonical([entity_type, block_type, held]), parse_float=_number)
    return sha256(canonical(plain)).hexdigest()


def _number(text: str) -> int | float:
    value = float(text)
    return int(value) if value.is_integer() else value


def structure_digest(structure: Structure, digests: Mapping[str, str]) -> str:
    """Return the digest of a whole course: every entity in document order with its parent and its fields.

    The unreadable entities count too: a subsection that becomes unreadable changes the digest.
    """
    whole = sha256(canonical(sorted(structure.unreadable)))
    for entity_id, entity in structure.entities.items():
        whole.update(f"{entity_id}\n{entity.parent_id}\n{digests[entity_id]}\n".encode())
    return whole.hexdigest()
