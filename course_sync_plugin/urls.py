"""What the host mounts below ``/api/course_sync/``."""

from django.urls import path

from course_sync_plugin.rest_api.v1.views import status

app_name = "course_sync"
urlpatterns = [path("v1/status", status, name="status")]
