"""The URLs of the pages."""

from django.urls import path

from course_sync_plugin.dashboard.act import act
from course_sync_plugin.dashboard.course import course
from course_sync_plugin.dashboard.courses import courses
from course_sync_plugin.dashboard.decisions import conflicts, proposals
from course_sync_plugin.dashboard.errors import errors
from course_sync_plugin.dashboard.history import export, history
from course_sync_plugin.dashboard.jobs import job, jobs
from course_sync_plugin.dashboard.overview import overview
from course_sync_plugin.dashboard.performance import performance
from course_sync_plugin.dashboard.staff import staff
from course_sync_plugin.dashboard.targets import target, targets
from course_sync_plugin.dashboard.tree import tree

urlpatterns = [
    path("", overview, name="overview"),
    path("targets/", targets, name="targets"),
    path("targets/<str:name>/", target, name="target"),
    path("performance/", performance, name="performance"),
    path("courses/", courses, name="courses"),
    path("courses/<str:course_key>/", course, name="course"),
    path("courses/<str:course_key>/tree/", tree, name="tree"),
    path("staff/<str:course_key>/", staff, name="staff"),
    path("conflicts/", conflicts, name="conflicts"),
    path("proposals/", proposals, name="proposals"),
    path("errors/", errors, name="errors"),
    path("history/", history, name="history"),
    path("history/export/<slug:form>/", export, name="history_export"),
    path("jobs/", jobs, name="jobs"),
    path("jobs/<int:job_id>/", job, name="job"),
    path("act/<slug:name>/", act, name="act"),
]
