"""The URLs that the description of the API names. A slash at the end makes no difference."""

from django.urls import re_path
from django.urls.resolvers import URLPattern

from course_sync_plugin.rest_api.v1.act import Act, Plan
from course_sync_plugin.rest_api.v1.resource import Resource
from course_sync_plugin.rest_api.v1.resources.actions import Actions
from course_sync_plugin.rest_api.v1.resources.attempts import Attempts
from course_sync_plugin.rest_api.v1.resources.causes import Causes
from course_sync_plugin.rest_api.v1.resources.courses import Courses
from course_sync_plugin.rest_api.v1.resources.decisions import Conflicts, Proposals
from course_sync_plugin.rest_api.v1.resources.envelopes import Envelopes
from course_sync_plugin.rest_api.v1.resources.jobs import Jobs
from course_sync_plugin.rest_api.v1.resources.lanes import Lanes
from course_sync_plugin.rest_api.v1.resources.links import Links
from course_sync_plugin.rest_api.v1.resources.operations import Operations
from course_sync_plugin.rest_api.v1.resources.problems import Problems
from course_sync_plugin.rest_api.v1.resources.runs import Runs
from course_sync_plugin.rest_api.v1.resources.targets import Targets
from course_sync_plugin.rest_api.v1.staff_line import StaffLine

_NUMBER = "(?P<id>[0-9]{1,18})"


def _both(name: str, view: type[Resource], key: str = _NUMBER) -> list[URLPattern]:
    """Return the URLs of a list and of its rows."""
    return [
        re_path(rf"^{name}/?$", view.as_view({"get": "list"}), name=f"api_{name}"),
        re_path(rf"^{name}/{key}/?$", view.as_view({"get": "retrieve"}), name=f"api_{name}_one"),
    ]


_COURSE = "(?P<course_id>[^/]{1,255})"

urlpatterns = [
    *_both("targets", Targets, r"(?P<name>[\w-]{1,64})"),
    *_both("courses", Courses, _COURSE),
    re_path(f"^courses/{_COURSE}/staff-line/?$", StaffLine.as_view(), name="api_staff_line"),
    *_both("lanes", Lanes),
    *_both("runs", Runs),
    *_both("operations", Operations),
    *_both("envelopes", Envelopes),
    *_both("attempts", Attempts),
    *_both("problems", Problems),
    *_both("conflicts", Conflicts),
    *_both("proposals", Proposals),
    *_both("links", Links),
    *_both("actions", Actions),
    *_both("jobs", Jobs),
    re_path("^causes/?$", Causes.as_view(), name="api_causes"),
    re_path("^actions/(?P<name>[a-z][a-z-]{0,63})/plan/?$", Plan.as_view(), name="api_plan"),
    re_path("^actions/(?P<name>[a-z][a-z-]{0,63})/?$", Act.as_view(), name="api_act"),
]
