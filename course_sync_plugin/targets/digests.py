"""Reads the digests of what a receiver holds. They come from outside, so every part is checked."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import attrs

from course_sync_plugin.data import LONGEST_KEY, HeldCourse, HeldEntity
from course_sync_plugin.sanitize.limits import HELD_INDEX, SEQUENCE
from course_sync_plugin.sanitize.text import is_text

#: The type of the message that asks a receiver for digests.
DIGESTS_TYPE = "course_sync.digests"

#: The most answers that are read for one course.
PAGES = 1000

_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


class NotUnderstood(ValueError):
    """An answer with digests has a form that the contract does not allow. The message says which part is wrong."""


@attrs.frozen
class Page:
    """One answer. ``next``: where the next one begins; empty if this is the last."""

    held: HeldCourse
    next: str


def read_page(body: bytes, course_id: str) -> Page | None:
    """Read one answer. Returns None if it holds no digests: the receiver does not offer them.

    Raises NotUnderstood if it holds digests in a wrong form.
    """
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(answer, dict) or "entities" not in answer:
        return None
    if answer.get("course_id") != course_id:
        raise NotUnderstood("'course_id' is not the course that was asked for")
    version, following = answer.get("published_version"), answer.get("next") or ""
    sequence: Any = answer.get("sequence")
    if not isinstance(version, str) or not SEQUENCE.holds(sequence) or not isinstance(following, str):
        raise NotUnderstood("'published_version', 'sequence' or 'next' is missing or of a wrong type")
    return Page(HeldCourse(version, sequence, _entities(answer["entities"])), following)


def joined(pages: list[Page]) -> HeldCourse:
    """Return the course that the pages describe together. Raises NotUnderstood if it changed between two of them."""
    heads = {(page.held.published_version, page.held.sequence) for page in pages}
    if len(heads) != 1:
        raise NotUnderstood("the course changed while its pages were read")
    entities: dict[str, HeldEntity] = {}
    for page in pages:
        entities.update(page.held.entities)
    return attrs.evolve(pages[0].held, entities=entities)


def _entities(values: Any) -> dict[str, HeldEntity]:
    if not isinstance(values, dict):
        raise NotUnderstood("'entities' is not an object")
    if not all(_is_key(entity_id) for entity_id in values):
        raise NotUnderstood("an id in 'entities' is not valid")
    return {entity_id: _entity(value) for entity_id, value in values.items()}


def _entity(value: Any) -> HeldEntity:
    if not isinstance(value, Mapping):
        raise NotUnderstood("an entry of 'entities' is not an object")
    parent_id, index, digest = value.get("parent_id"), value.get("index"), value.get("digest")
    if parent_id is not None and not _is_key(parent_id):
        raise NotUnderstood("a 'parent_id' is not valid")
    if index is not None and not HELD_INDEX.holds(index):
        raise NotUnderstood("an 'index' is not valid")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise NotUnderstood("a 'digest' is not a sha256 of 64 hexadecimal characters")
    return HeldEntity(parent_id, index or 0, digest)


def _is_key(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_KEY and is_text(value)
