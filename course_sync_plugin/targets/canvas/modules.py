"""Modules. Source of the rules: canvas-lms, app/controllers/context_modules_api_controller.rb."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypedDict, Unpack

import attrs

from course_sync_plugin.targets.canvas.answers import (
    Fields,
    a_flag,
    a_moment,
    a_text,
    a_whole_number,
    an_id,
    ignored,
    rows_of,
    unique,
    written,
)
from course_sync_plugin.targets.canvas.client import CanvasClient
from course_sync_plugin.targets.canvas.items import Item, read_item
from course_sync_plugin.targets.canvas.paths import path


@attrs.frozen
class Module:
    """A module. It has no time of its last change.

    ``position``: may leave gaps. ``published``: None if the token's user may not know it. ``items``: only in a list
    that was asked for with them; None if Canvas left them out, which it does where they are many.
    """

    id: str
    name: str
    position: int | None = None
    unlock_at: datetime | None = None
    published: bool | None = None
    items: tuple[Item, ...] | None = None


class ModuleValues(TypedDict, total=False):
    """What can be set. What is not named stays; None removes ``unlock_at``."""

    name: str
    position: int
    unlock_at: datetime | None


def list_all(client: CanvasClient, course_id: str, *, with_items: bool = False) -> list[Module]:
    """Return all modules by position."""
    include = {"include[]": "items"} if with_items else {}
    return unique(client.rows(path("courses", course_id, "modules"), _read, **include))


def show(client: CanvasClient, course_id: str, module_id: str) -> Module:
    """Show a module, without its items."""
    return client.call("GET", path("courses", course_id, "modules", module_id), _read)


def create(client: CanvasClient, course_id: str, **values: Unpack[ModuleValues]) -> Module:
    """Create a module. It is unpublished, and the last one unless ``position`` is given."""
    return client.call("POST", path("courses", course_id, "modules"), _read, {"module": written(values)})


def update(client: CanvasClient, course_id: str, module_id: str, **values: Unpack[ModuleValues]) -> Module:
    """Change a module. Its items stay as they are, and so does its state."""
    return _put(client, course_id, module_id, written(values))


def publish(client: CanvasClient, course_id: str, module_id: str, published: bool) -> Module:
    """Publish or unpublish a module alone. Without ``skip_content_tags`` Canvas would publish people's drafts in it."""
    return _put(client, course_id, module_id, {"published": published, "skip_content_tags": True})


def delete(client: CanvasClient, course_id: str, module_id: str) -> None:
    """Delete a module and all items in it, also those of people. Raises NotThere."""
    client.call("DELETE", path("courses", course_id, "modules", module_id), ignored)


def _put(client: CanvasClient, course_id: str, module_id: str, values: dict[str, Any]) -> Module:
    return client.call("PUT", path("courses", course_id, "modules", module_id), _read, {"module": values})


def _read(value: Any) -> Module:
    fields = Fields.of("a module", value)
    return Module(
        id=fields.required("id", an_id),
        name=fields.required("name", a_text),
        position=fields.optional("position", a_whole_number),
        unlock_at=fields.optional("unlock_at", a_moment),
        published=fields.optional("published", a_flag),
        items=fields.optional("items", lambda items: tuple(rows_of(items, read_item))),
    )
