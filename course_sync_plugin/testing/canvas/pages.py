"""Pages: list, create, show, update, delete, and the front page.

Source: canvas-lms, app/controllers/wiki_pages_api_controller.rb and lib/api/v1/wiki_page.rb.
"""

from __future__ import annotations

from typing import Any

from course_sync_plugin.testing.canvas import dates, refusals
from course_sync_plugin.testing.canvas.call import Call, Json, Listing, user_json
from course_sync_plugin.testing.canvas.objects import Course, Page, living
from course_sync_plugin.testing.canvas.page_names import find_page
from course_sync_plugin.testing.canvas.page_saving import create_page, delete_page, save_page
from course_sync_plugin.testing.canvas.parameters import to_boolean
from course_sync_plugin.testing.canvas.slugs import titleize

_ROLES = {"teachers", "students", "members", "public"}


def index(call: Call, course: Course) -> Listing:
    """List the pages, without their bodies unless ``include[]=body``."""
    pages: list[Page] = living(course.pages.values())
    wanted = call.parameters
    if "published" in wanted:
        pages = [page for page in pages if page.published == to_boolean(wanted["published"])]
    if wanted.get("search_term"):
        pages = [page for page in pages if str(wanted["search_term"]).lower() in page.title.lower()]
    with_body = "body" in wanted.get("include", ())
    return Listing(_sorted(pages, wanted), lambda page: page_json(call, course, page, with_body))


def create(call: Call, course: Course) -> Json:
    """Create a page. It is unpublished unless ``published`` says otherwise."""
    given = call.group("wiki_page") or {}
    values = _values(call, course, None, given)
    page = create_page(call, course, {"title": "", **values})
    _set_front_page(course, page, given)
    return page_json(call, course, page)


def show(call: Call, course: Course, name: str) -> Json:
    """Show a page. A deleted page that is asked for by ``page_id:`` is refused like one without the right."""
    return page_json(call, course, found(call, course, name))


def update(call: Call, course: Course, name: str) -> Json:
    """Update a page. If there is no page with this url, one is created: its title is the url in words."""
    given = call.group("wiki_page") or {}
    page = find_page(course, name, call.site.behaviour)
    if page is not None:
        found(call, course, name)
        save_page(call, course, page, _values(call, course, page, given))
    else:
        page = create_page(call, course, {"title": titleize(name), **_values(call, course, None, given)})
    _set_front_page(course, page, given)
    return page_json(call, course, page)


def destroy(call: Call, course: Course, name: str) -> Json:
    """Delete a page, but not the front page, nor one that a blueprint course locks."""
    page = found(call, course, name)
    if page.locked:
        raise refusals.unauthorized(call.site.behaviour)
    if page.url == course.front_page_url:
        raise refusals.invalid({"front_page": "The front page cannot be deleted"})
    delete_page(call, course, page)
    return page_json(call, course, page)


def show_front_page(call: Call, course: Course) -> Json:
    """Show the front page."""
    if course.front_page_url is None:
        raise refusals.message("No front page has been set", 404)
    return show(call, course, course.front_page_url)


def update_front_page(call: Call, course: Course) -> Json:
    """Update the front page. If there is none, one is created and published."""
    if course.front_page_url is None:
        given = call.group("wiki_page") or {}
        page = create_page(call, course, {"title": "", **_values(call, course, None, given), "state": "active"})
        course.front_page_url = page.url
        return page_json(call, course, page)
    return update(call, course, course.front_page_url)


def found(call: Call, course: Course, name: str) -> Page:
    """Return a page. Raises Refusal: 404 if there is none, 403 (401) if it is deleted and asked for by its id."""
    page = find_page(course, name, call.site.behaviour)
    if page is None:
        raise refusals.message("page not found", 404)
    if page.deleted:
        raise refusals.unauthorized(call.site.behaviour)
    return page


def page_json(call: Call, course: Course, page: Page, with_body: bool = True) -> Json:
    """Return a page as the API shows it. ``updated_at`` is the time of the last change of title or body."""
    value = {
        "title": page.title,
        "created_at": dates.written(page.created_at),
        "url": page.url,
        "editing_roles": page.editing_roles,
        "page_id": page.id,
        "last_edited_by": user_json(page.user, call.site),
        "published": page.published,
        "hide_from_students": not page.published,
        "front_page": not page.deleted and page.url == course.front_page_url,
        "html_url": call.link(f"/courses/{course.id}/pages/{page.url}"),
        "todo_date": None,
        "publish_at": None,
        "updated_at": dates.written(page.revised_at),
        "locked_for_user": False,
    }
    body = {"body": call.shown_html(page.body)} if with_body else {}
    return call.dress("page", {**value, **body})


def _sorted(pages: list[Page], wanted: Json) -> list[Page]:
    keys = {
        "title": lambda page: page.title.lower(),
        "created_at": lambda page: page.created_at,
        "updated_at": lambda page: page.revised_at,
    }
    key = keys.get(str(wanted.get("sort")), lambda page: page.id)
    return sorted(pages, key=key, reverse=wanted.get("order") == "desc")


def _values(call: Call, course: Course, page: Page | None, given: Json) -> dict[str, Any]:
    """Return the attributes to set. Raises Refusal 400 (``get_update_params``)."""
    values: dict[str, Any] = {name: str(given[name] or "") for name in ("title",) if name in given}
    if "body" in given:
        values["body"] = call.stored_html(given["body"])
    if given.get("published", "") != "":
        values["state"] = "active" if to_boolean(given["published"]) else "unpublished"
    if "editing_roles" in given:
        values["editing_roles"] = _roles(str(given["editing_roles"]))
    _check_front_page(course, page, given, values)
    return values


def _roles(text: str) -> str:
    roles = [role.strip() for role in text.split(",")]
    if not _ROLES.issuperset(roles):
        raise refusals.invalid({"editing_roles": "The provided editing roles are invalid"})
    return ",".join(roles)


def _check_front_page(course: Course, page: Page | None, given: Json, values: dict[str, Any]) -> None:
    was = page is not None and page.url == course.front_page_url
    wanted = to_boolean(given["front_page"]) if "front_page" in given else was
    state = values.get("state", page.state if page else "unpublished")
    if wanted and state != "active":
        fields = ["front_page"] * (wanted != was) + ["published"] * ("state" in values)
        raise refusals.invalid(dict.fromkeys(fields, "The front page cannot be unpublished"))


def _set_front_page(course: Course, page: Page, given: Json) -> None:
    if "front_page" in given:
        if to_boolean(given["front_page"]):
            course.front_page_url = page.url
        elif course.front_page_url == page.url:
            course.front_page_url = None
