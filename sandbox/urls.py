"""The sandbox mounts the plugin where the host does, and has an about page for each course as the LMS has."""

from django.contrib import admin
from django.urls import include, path

from sandbox.course_overviews.views import course_about, courses

urlpatterns = [
    path("", courses),
    path("courses/<str:course_id>/about", course_about, name="about_course"),
    path("api/course_sync/", include("course_sync_plugin.urls")),
    path("admin/", admin.site.urls),
]
