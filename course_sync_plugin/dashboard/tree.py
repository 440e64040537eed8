"""The tree of a course: as each target is known to hold it, or as it was at a time, with the differences marked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from course_sync_plugin import api
from course_sync_plugin.dashboard.access import for_operators, may_act, visible_course
from course_sync_plugin.dashboard.page import page
from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.models import Course

#: What the marks mean where the course is compared with a target, and where it is compared with an earlier time.
_AT_A_TARGET: Mapping[str, Promise] = {
    "missing": gettext_lazy("missing there"),
    "extra": gettext_lazy("only there"),
    "renamed": gettext_lazy("other title there"),
    "different": gettext_lazy("other values there"),
    "misplaced": gettext_lazy("other place there"),
}
_SINCE: Mapping[str, Promise] = {
    "missing": gettext_lazy("added"),
    "extra": gettext_lazy("deleted"),
    "renamed": gettext_lazy("renamed"),
    "different": gettext_lazy("changed"),
    "misplaced": gettext_lazy("moved"),
}


@require_safe
@for_operators
def tree(request: HttpRequest, course_key: str) -> HttpResponse:
    """Show the tree of a course: without ``at``, as ``target`` is known to hold it (without it, the first target)."""
    course = visible_course(request, course_key)
    lanes = api.lanes_of_course(course)
    asked = {name: request.GET.get(name, "").strip() for name in ("target", "at", "until", "entity")}
    if not asked["at"]:
        asked["target"] = asked["target"] or next(iter(lanes), "")
    found, error = _find(course, lanes, asked)
    labels = _SINCE if asked["at"] else _AT_A_TARGET
    context: dict[str, Any] = {
        "course": course,
        "targets": lanes,
        "asked": asked,
        "tree": found,
        "error": error,
        "lines": [(line, [(mark, labels[mark]) for mark in line.marks]) for line in found.lines],
        "may_act": may_act(request, course.key),
        # Once for the page, since a tree may have two thousand links. The id of the entity is what is missing.
        "fields_of": "?" + urlencode({**{name: asked[name] for name in ("target", "at", "until")}, "entity": ""}),
    }
    return page(request, "tree", context)


def _find(course: Course, lanes: Mapping[str, Any], asked: Mapping[str, str]) -> tuple[api.CourseTree, str]:
    """Return the tree, and what is wrong with what was asked."""
    try:
        at = api.read_moment(asked["at"])
        if at is not None:
            return api.course_at(course, at, api.read_moment(asked["until"]), asked["entity"]), ""
    except ConfigurationError as error:
        return api.CourseTree(), error.message
    lane = lanes.get(asked["target"])
    if lane is None:
        return api.CourseTree(), _("No target of this name gets the course.")
    return api.target_tree(lane, asked["entity"]), ""
