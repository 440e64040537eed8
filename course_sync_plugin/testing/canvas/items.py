"""The items of modules: list, create, show, update, move, delete.

Source: canvas-lms, app/controllers/context_module_items_api_controller.rb, app/models/content_tag.rb,
``add_item`` in app/models/context_module.rb, and lib/api/v1/context_module.rb.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from course_sync_plugin.testing.canvas import contents, refusals
from course_sync_plugin.testing.canvas.call import Call, Json, Listing, find
from course_sync_plugin.testing.canvas.item_json import item_json
from course_sync_plugin.testing.canvas.objects import Course, Item, Module, living
from course_sync_plugin.testing.canvas.page_saving import save_page
from course_sync_plugin.testing.canvas.parameters import to_boolean, to_integer
from course_sync_plugin.testing.canvas.positions import in_order, insert_at, next_position, remove_from_list

_NAMES = {
    "page": "Page", "wikipage": "Page", "assignment": "Assignment", "discussion": "Discussion",
    "discussiontopic": "Discussion", "subheader": "SubHeader", "contextmodulesubheader": "SubHeader",
    "externalurl": "ExternalUrl",
}  # fmt: skip


def index(call: Call, course: Course, module_id: str) -> Listing:
    """List the items of a module by position, then title; those without a position come last."""
    module = find(course.modules, module_id)
    term = str(call.parameters.get("search_term", "")).lower()
    items = [item for item in course.module_items(module.id) if term in item.title.lower()]
    if not call.manages(course):
        items = [item for item in items if item.published]
    return Listing(in_order(items, then="title"), lambda item: item_json(call, course, item))


def create(call: Call, course: Course, module_id: str) -> Json:
    """Create an item at the end of a module, or at ``position``. Contents give it their state, others begin hidden."""
    module = find(course.modules, module_id)
    given = _given(call)
    item = _new_item(call, course, module, given)
    item.position = next_position(course.module_items(module.id))
    course.items[item.id] = item
    _set_position(course, item, given)
    contents.tell_of_item(call, course, item, "created")
    return item_json(call, course, item)


def show(call: Call, course: Course, module_id: str, item_id: str) -> Json:
    """Show an item, but only inside its module."""
    return item_json(call, course, _in_module(course, module_id, item_id))


def update(call: Call, course: Course, module_id: str, item_id: str) -> Json:
    """Update an item. The module in the address is not looked at.

    ``title`` renames the content too. ``module_id`` moves it: it loses its position unless ``position`` is sent.
    ``published`` publishes the content. Raises Refusal 400.
    """
    item: Item = find(course.items, item_id)
    given = _given(call)
    _refuse_locked_title(course, item, given)
    target = _target(course, item, given)
    _assign(item, given)
    _move(course, item, target)
    if "published" in given:
        contents.publish(call, course, item, to_boolean(given["published"]))
    _set_position(course, item, given)
    if given.get("title") is not None:
        _rename(call, course, item, str(given["title"]))
    contents.tell_of_item(call, course, item, "updated")
    return item_json(call, course, item)


def destroy(call: Call, course: Course, module_id: str, item_id: str) -> Json:
    """Delete an item. What it shows stays."""
    item = find(course.items, item_id)
    contents.delete_item(call, course, item)
    return item_json(call, course, item)


def _given(call: Call) -> dict[str, Any]:
    given = call.group("module_item")
    if given is None:
        raise refusals.message("missing module item parameter")
    return given


def _in_module(course: Course, module_id: str, item_id: str) -> Item:
    module = find(course.modules, module_id)
    item: Item = find(course.items, item_id)
    if item.module_id != module.id:
        raise refusals.not_found()
    return item


def _new_item(call: Call, course: Course, module: Module, given: Json) -> Item:
    kind = _NAMES.get(str(given.get("type", "")).replace("_", "").lower(), "")
    if kind == "Page":
        content: Any = _page(course, given)
    elif kind in contents.KINDS:
        content = contents.rows_of(course, kind).get(to_integer(given.get("content_id")))
    else:
        content = None
    if not kind or (kind in contents.KINDS and (content is None or content.deleted)):
        raise refusals.message("Could not find content")
    title = given.get("title") or (contents.title_of(content) if content else "No title")
    return Item(
        id=call.site.new_id(),
        created_at=call.now(),
        module_id=module.id,
        title=str(title),
        kind=kind,
        content_id=content and content.id,
        url=_url(given) if kind == "ExternalUrl" else None,
        indent=to_integer(given.get("indent", 0)),
        new_tab=to_boolean(given.get("new_tab")),
        state=contents.state_of(content) if content else "unpublished",
    )


def _page(course: Course, given: Json) -> Any:
    if not given.get("page_url"):
        raise refusals.message("missing page_url parameter")
    pages = [page for page in living(course.pages.values()) if page.url == given["page_url"]]
    if not pages:
        raise refusals.message("invalid page_url parameter")
    return pages[0]


def _url(given: Json) -> str:
    """Return the address of a link. Raises Refusal 400; the text of the error is assumed."""
    url = str(given.get("external_url") or "")
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
        raise refusals.invalid({"url": "is not a valid URL"})
    return url


def _refuse_locked_title(course: Course, item: Item, given: Json) -> None:
    """Refuse a new title for what a blueprint course locks (``check_for_restricted_content_changes``)."""
    content = contents.content_of(course, item)
    if content is not None and "content" in content.locked and given.get("title", item.title) != item.title:
        raise refusals.invalid({"title": "cannot change title - associated content locked by Master Course"})


def _assign(item: Item, given: Json) -> None:
    if given.get("external_url") and item.kind == "ExternalUrl":
        item.url = _url(given)
    if given.get("indent") is not None:
        item.indent = to_integer(given["indent"])
    if given.get("new_tab") is not None:
        item.new_tab = to_boolean(given["new_tab"])


def _target(course: Course, item: Item, given: Json) -> int:
    """Return the id of the module that an item will be in. It may be a deleted module. Raises Refusal 400."""
    target = to_integer(given["module_id"]) if given.get("module_id") is not None else item.module_id
    if target not in course.modules:
        raise refusals.message("invalid module_id")
    return target


def _move(course: Course, item: Item, module_id: int) -> None:
    """Move an item to another module; the items behind it in the old one move up."""
    if module_id != item.module_id:
        remove_from_list(item, course.module_items(item.module_id, deleted=True))
        item.module_id = module_id


def _set_position(course: Course, item: Item, given: Json) -> None:
    if given.get("position") is not None:
        insert_at(item, to_integer(given["position"]), course.module_items(item.module_id, deleted=True))


def _rename(call: Call, course: Course, item: Item, title: str) -> None:
    """Rename an item, its content, and the other items of the content (``update_asset_name!``).

    A content that refuses the title keeps its own, without an error.
    """
    item.title = title
    content = contents.content_of(course, item)
    if content is None or contents.title_of(content) == title:
        return
    if item.kind == "Page":
        _rename_page(call, course, content, title)
    else:
        setattr(content, "name" if item.kind == "Assignment" else "title", title)
        contents.follow(call, course, content)


def _rename_page(call: Call, course: Course, page: Any, title: str) -> None:
    try:
        save_page(call, course, page, {"title": title})
    except refusals.Refusal:
        return
