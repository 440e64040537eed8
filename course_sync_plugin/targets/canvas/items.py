"""The items of modules. Source of the rules: canvas-lms, app/controllers/context_module_items_api_controller.rb."""

from __future__ import annotations

from typing import Any, Literal, TypedDict, Unpack

import attrs

from course_sync_plugin.targets.canvas.answers import Fields, a_flag, a_text, a_whole_number, an_id, ignored, unique
from course_sync_plugin.targets.canvas.client import CanvasClient
from course_sync_plugin.targets.canvas.paths import path

#: The kinds that we create. People add others: files, quizzes, external tools.
Kind = Literal["SubHeader", "ExternalUrl", "Page", "Assignment", "Discussion"]


@attrs.frozen
class Item:
    """An item of a module. It has no time of its last change.

    ``kind``: one of ``Kind``, or another one of Canvas. ``position``: None after a move without a position.
    ``content_id``: of the assignment or discussion; a page has ``page_url`` instead. ``published``: None if the
    token's user may not know it.
    """

    id: str
    module_id: str
    title: str
    kind: str
    position: int | None = None
    indent: int = 0
    content_id: str | None = None
    page_url: str | None = None
    external_url: str | None = None
    published: bool | None = None


class ItemValues(TypedDict, total=False):
    """What can be set. What is not named stays. ``title`` renames the page, assignment or discussion too."""

    title: str
    position: int
    indent: int
    external_url: str
    new_tab: bool


class NewItemValues(ItemValues, total=False):
    """What can be set of a new item. ``page_url``: for a page. ``content_id``: for an assignment or discussion."""

    page_url: str
    content_id: str


def list_all(client: CanvasClient, course_id: str, module_id: str) -> list[Item]:
    """Return all items of a module by position; those without one come last."""
    return unique(client.rows(_path(course_id, module_id), read_item))


def show(client: CanvasClient, course_id: str, module_id: str, item_id: str) -> Item:
    """Show an item. Raises NotThere also if it is in another module."""
    return client.call("GET", _path(course_id, module_id, item_id), read_item)


def create(client: CanvasClient, course_id: str, module_id: str, kind: Kind, **values: Unpack[NewItemValues]) -> Item:
    """Create an item, at the end of the module unless ``position`` is given.

    The item of a page, assignment or discussion has its state; others are unpublished.
    """
    return client.call("POST", _path(course_id, module_id), read_item, {"module_item": {"type": kind, **values}})


def update(client: CanvasClient, course_id: str, module_id: str, item_id: str, **values: Unpack[ItemValues]) -> Item:
    """Change an item. Canvas finds it by its id alone, so it is changed in whatever module it is."""
    return _put(client, course_id, module_id, item_id, {**values})


def move(client: CanvasClient, course_id: str, item: Item, module_id: str, position: int) -> Item:
    """Move an item to another module of the course. Without a position it would lose its own."""
    values = {"module_id": module_id, "position": position}
    return _put(client, course_id, item.module_id, item.id, values)


def publish(client: CanvasClient, course_id: str, module_id: str, item_id: str, published: bool) -> Item:
    """Publish or unpublish an item, and the page, assignment or discussion that it shows."""
    return _put(client, course_id, module_id, item_id, {"published": published})


def delete(client: CanvasClient, course_id: str, module_id: str, item_id: str) -> None:
    """Delete an item. What it shows stays. Raises NotThere."""
    client.call("DELETE", _path(course_id, module_id, item_id), ignored)


def read_item(value: Any) -> Item:
    """Read an item from an answer. Raises Unreadable."""
    fields = Fields.of("an item", value)
    return Item(
        id=fields.required("id", an_id),
        module_id=fields.required("module_id", an_id),
        title=fields.required("title", a_text),
        kind=fields.required("type", a_text),
        position=fields.optional("position", a_whole_number),
        indent=fields.optional("indent", a_whole_number) or 0,
        content_id=fields.optional("content_id", an_id),
        page_url=fields.optional("page_url", a_text),
        external_url=fields.optional("external_url", a_text),
        published=fields.optional("published", a_flag),
    )


def _put(client: CanvasClient, course_id: str, module_id: str, item_id: str, values: dict[str, Any]) -> Item:
    return client.call("PUT", _path(course_id, module_id, item_id), read_item, {"module_item": values})


def _path(course_id: str, module_id: str, *item_id: str) -> str:
    return path("courses", course_id, "modules", module_id, "items", *item_id)
