"""Builds the structure of a course from raw blocks, by the rules that all sources share.

Inheritance follows the platform (``xmodule/modulestore/inheritance.py``): the effective value is the block's own, else
that of the nearest ancestor that sets one.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import attrs

from course_sync_plugin.data import LONGEST_KEY, Entity, Structure
from course_sync_plugin.diff.handlers import chain, handler_for
from course_sync_plugin.exceptions import InvalidCourse
from course_sync_plugin.structure.values import Reading, read


@attrs.frozen(slots=True)
class RawBlock:
    """One block as its source stores it.

    ``fields``: the raw values of the fields that are explicitly set, and a component's ``content_digest``.
    ``unreadable``: some children could not be read, so entities that are missing below the block are not deleted.
    """

    entity_id: str
    block_type: str
    fields: Mapping[str, Any]
    children: tuple[str, ...] = ()
    unreadable: bool = False


@lru_cache(maxsize=1)
def inheritable() -> frozenset[str]:
    """Return the names of the fields that are effective for at least one entity type."""
    return frozenset(name for handler in chain() for name, field in handler.fields.items() if field.effective)


@attrs.define
class StructureBuilder:
    """Walks through the raw blocks of one course from the root and collects the entities.

    ``blocks``: the raw blocks by entity id; the root's id is the course key. A block with two parents belongs to the
    first one in document order. Blocks that the walk does not reach (orphans) are not in the structure.
    """

    course_id: str
    published_version: str
    blocks: Mapping[str, RawBlock]
    warnings: list[str] = attrs.field(factory=list)
    _entities: dict[str, Entity] = attrs.field(factory=dict, init=False)
    _unreadable: set[str] = attrs.field(factory=set, init=False)
    _readings: dict[tuple[str, int], Reading] = attrs.field(factory=dict, init=False)

    def build(self) -> Structure:
        """Return the structure. Raises InvalidCourse if an entity id is longer than 255 characters."""
        waiting: list[tuple[str, str | None, Mapping[str, Any]]] = [(self.course_id, None, {})]
        while waiting:  # a stack instead of recursion, because courses can be deep
            entity_id, parent_id, inherited = waiting.pop()
            if entity_id in self._entities:
                continue
            block = self.blocks.get(entity_id)
            if block is None:
                if parent_id is not None:
                    self._unreadable.add(parent_id)
                continue
            settings = self._settings(block, inherited)
            self._entities[entity_id] = self._entity(block, parent_id, settings)
            if block.unreadable:
                self._unreadable.add(entity_id)
            waiting.extend((child, entity_id, settings) for child in reversed(block.children))
        return self._structure()

    @staticmethod
    def _settings(block: RawBlock, inherited: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the values that the block's children inherit."""
        own = {name: value for name, value in block.fields.items() if name in inheritable()}
        return {**inherited, **own} if own else inherited

    def _entity(self, block: RawBlock, parent_id: str | None, settings: Mapping[str, Any]) -> Entity:
        if len(block.entity_id) > LONGEST_KEY:
            raise InvalidCourse(
                f"{block.entity_id} has {len(block.entity_id)} characters; a usage key may have "
                f"{LONGEST_KEY}. Give the block a shorter url_name. Nothing was synced.",
                course=self.course_id,
                entity=block.entity_id,
            )
        handler = handler_for(block.block_type)
        fields = {}
        for name, field in handler.fields.items():
            raw = (settings if field.effective else block.fields).get(name)
            if raw is None:
                continue
            reading = self._read_once(field.kind, raw) if field.effective else read(field.kind, raw)
            if reading.warning:
                self.warnings.append(f"{block.entity_id}: {name} {reading.warning}")
            if reading.value is not None:
                fields[name] = reading.value
        return Entity(block.entity_id, handler.entity_type, block.block_type, parent_id, fields)

    def _read_once(self, kind: str, raw: Any) -> Reading:
        """Return the reading of an effective value.

        Many blocks inherit the same raw value, which may be large, so it is read only once. The cache uses the identity
        of the raw value, which is safe because ``blocks`` keeps it alive.
        """
        key = kind, id(raw)
        if key not in self._readings:
            self._readings[key] = read(kind, raw)
        return self._readings[key]

    def _structure(self) -> Structure:
        children: dict[str, list[str]] = {}
        for entity in self._entities.values():
            if entity.parent_id is not None:
                children.setdefault(entity.parent_id, []).append(entity.entity_id)
        return Structure(
            self.course_id,
            self.published_version,
            self._entities,
            {parent: tuple(kids) for parent, kids in children.items()},
            frozenset(self._unreadable),
            tuple(self.warnings),
        )
