"""Modules: list, create, show, update, delete.

Source: canvas-lms, app/controllers/context_modules_api_controller.rb, app/models/context_module.rb and
lib/api/v1/context_module.rb. A module has no ``updated_at`` in the API.
"""

from __future__ import annotations

from typing import Any

from course_sync_plugin.testing.canvas import contents, dates, refusals
from course_sync_plugin.testing.canvas.call import Call, Json, Listing, find
from course_sync_plugin.testing.canvas.item_json import item_json
from course_sync_plugin.testing.canvas.objects import DELETED, Course, Module, living
from course_sync_plugin.testing.canvas.parameters import to_boolean, to_integer
from course_sync_plugin.testing.canvas.positions import in_order, insert_at, next_position


def index(call: Call, course: Course) -> Listing:
    """List the modules by position. ``include[]=items`` adds the items, ``search_term`` selects by name."""
    term = str(call.parameters.get("search_term", "")).lower()
    modules = [module for module in in_order(living(course.modules.values())) if term in module.name.lower()]
    if not call.manages(course):
        modules = [module for module in modules if module.published]
    return Listing(modules, lambda module: module_json(call, course, module))


def create(call: Call, course: Course) -> Json:
    """Create a module. It is unpublished, whatever ``published`` says."""
    given = _given(call)
    if not given.get("name"):
        raise refusals.message("missing module name")
    module = Module(id=call.site.new_id(), created_at=call.now(), name=str(given["name"]))
    module.position = next_position(living(course.modules.values()))
    course.modules[module.id] = module
    _assign(call, module, given)
    _set_position(course, module, given)
    tell_of_module(call, course, module, "created")
    return module_json(call, course, module)


def show(call: Call, course: Course, module_id: str) -> Json:
    """Show a module."""
    return module_json(call, course, find(course.modules, module_id))


def update(call: Call, course: Course, module_id: str) -> Json:
    """Update a module. ``published`` publishes or unpublishes all its items too, unless ``skip_content_tags``.

    A null for ``published`` unpublishes. An item whose content may not be unpublished stays published.
    """
    module = find(course.modules, module_id)
    given = _given(call)
    warnings = _publish(call, course, module, given) if "published" in given else {}
    _assign(call, module, given)
    _set_position(course, module, given)
    tell_of_module(call, course, module, "updated")
    return module_json(call, course, module) | {"publish_warning": False, "unpublish_warning": False} | warnings


def destroy(call: Call, course: Course, module_id: str) -> Json:
    """Delete a module and all its items. Their contents stay, and the other modules keep their positions."""
    module = find(course.modules, module_id)
    module.state, module.deleted_at = DELETED, call.now()
    for item in course.module_items(module.id):
        contents.delete_item(call, course, item)
    tell_of_module(call, course, module, "updated")
    return module_json(call, course, module)


def relock(call: Call, course: Course, module_id: str) -> Json:
    """Answer as if the progress of the students was reset."""
    return show(call, course, module_id)


def module_json(call: Call, course: Course, module: Module) -> Json:
    """Return a module as the API shows it. Items are left out if there are more than the greatest page."""
    items = in_order(course.module_items(module.id), then="title")
    value: Json = {
        "id": module.id,
        "name": module.name,
        "position": module.position,
        "unlock_at": dates.written(module.unlock_at),
        "require_sequential_progress": module.require_sequential_progress,
        "requirement_type": "all",
        "publish_final_grade": False,
        "prerequisite_module_ids": module.prerequisites,
        "items_count": len(items),
        "items_url": call.link(f"/api/v1/courses/{course.id}/modules/{module.id}/items"),
    }
    if call.manages(course):
        value["published"] = module.published
    if "items" in call.parameters.get("include", ()) and len(items) <= call.site.behaviour.max_per_page:
        value["items"] = [item_json(call, course, item) for item in items]
    return call.dress("module", value)


def _given(call: Call) -> dict[str, Any]:
    given = call.group("module")
    if given is None:
        raise refusals.message("missing module parameter")
    return given


def _assign(call: Call, module: Module, given: Json) -> None:
    """Set the attributes that are given. A date that cannot be read becomes null (assumed: Rails casts it)."""
    if "name" in given:
        module.name = str(given["name"] or "")
    if "unlock_at" in given:
        try:
            module.unlock_at = dates.read_date(given["unlock_at"], call.site.behaviour.time_zone)
        except ValueError:
            module.unlock_at = None
    if "require_sequential_progress" in given:
        module.require_sequential_progress = to_boolean(given["require_sequential_progress"])
    if "prerequisite_module_ids" in given:
        module.prerequisites = [to_integer(one) for one in given["prerequisite_module_ids"] or () if one]


def _set_position(course: Course, module: Module, given: Json) -> None:
    if given.get("position") is not None:
        insert_at(module, to_integer(given["position"]), living(course.modules.values()))


def _publish(call: Call, course: Course, module: Module, given: Json) -> Json:
    published = to_boolean(given["published"])
    module.state = "active" if published else "unpublished"
    if to_boolean(given.get("skip_content_tags")):
        return {}
    items = course.module_items(module.id)
    for item in items:
        content = contents.content_of(course, item)
        if published or content is None or contents.can_unpublish(course, content):
            contents.publish(call, course, item, published)
    return {} if published else {"unpublish_warning": any(item.published for item in items)}


def tell_of_module(call: Call, course: Course, module: Module, what: str) -> None:
    """Tell of a module. Its event has local ids."""
    body = {
        "context_id": str(course.id),
        "context_type": "Course",
        "module_id": str(module.id),
        "name": module.name,
        "position": module.position,
        "workflow_state": module.state,
    }
    call.tell(f"module_{what}", course, body)
