"""What the fake forum answers at ``/categories`` and ``/c``.

Sources: discourse, app/controllers/categories_controller.rb (an old version was read: that a change needs no name is
assumed), API documentation.
"""

from __future__ import annotations

from course_sync_plugin.testing.discourse.actions.calls import Call
from course_sync_plugin.testing.discourse.forum.categories import create_category, delete_category, update_category
from course_sync_plugin.testing.discourse.forum.guardian import ensure
from course_sync_plugin.testing.discourse.requests import Answer
from course_sync_plugin.testing.discourse.views.categories import category_list, category_shown


def index(call: Call) -> Answer:
    """List the categories."""
    inside = call.truth(call.parameters.get("include_subcategories"))
    return Answer.json(category_list(call.guardian, inside))


def create(call: Call) -> Answer:
    """Make a category."""
    category = create_category(call.forum, call.signed_in(), call.parameters)
    return Answer.json({"category": category_shown(call.guardian, category)})


def show(call: Call, identifier: str) -> Answer:
    """Show a category. A user who may not see it gets 403 (``ensure_can_see!``, assumed)."""
    category = call.category(identifier)
    ensure(call.guardian.sees_category(category))
    return Answer.json({"category": category_shown(call.guardian, category)})


def update(call: Call, identifier: str) -> Answer:
    """Change a category."""
    category = update_category(call.forum, call.signed_in(), call.category(identifier), call.parameters)
    return Answer.json({"success": "OK", "category": category_shown(call.guardian, category)})


def destroy(call: Call, identifier: str) -> Answer:
    """Delete an empty category."""
    delete_category(call.forum, call.signed_in(), call.category(identifier))
    return Answer.json({"success": "OK"})
