"""The URLs of the sandbox: the plugin's at the same place as in the host, the about pages as in the LMS, the admin."""

from django.contrib import admin
from django.contrib.auth.views import LoginView
from django.urls import include, path

from sandbox.course_overviews.views import course_about, courses

urlpatterns = [
    path("", courses),
    path("courses/<str:course_id>/about", course_about, name="about_course"),
    path("", include("course_sync_plugin.urls")),
    path("login/", LoginView.as_view(template_name="admin/login.html")),
    path("admin/", admin.site.urls),
]
