"""The URLs that the host mounts at its root: the API below ``/api/course_sync/``, the pages below ``/course_sync/``."""

from django.urls import include, path

from course_sync_plugin.rest_api.v1.inbound import inbound
from course_sync_plugin.rest_api.v1.views import health, metrics, status

app_name = "course_sync"
urlpatterns = [
    path("course_sync/", include("course_sync_plugin.dashboard.urls")),
    path("api/course_sync/v1/status", status, name="status"),
    path("api/course_sync/v1/metrics", metrics, name="metrics"),
    path("api/course_sync/v1/health", health, name="health"),
    path("api/course_sync/v1/inbound/<str:name>", inbound, name="inbound"),
    path("api/course_sync/v1/inbound/<str:name>/<path:secret>", inbound, name="inbound_secret"),
    path("api/course_sync/v1/", include("course_sync_plugin.rest_api.v1.urls")),
]
