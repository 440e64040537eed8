"""The app ``course_overviews``: its label is the platform's, so the plugin finds the model under the same name."""

from django.apps import AppConfig


class CourseOverviewsConfig(AppConfig):
    """A small counterpart of the platform's app ``course_overviews``."""

    name = "sandbox.course_overviews"
    label = "course_overviews"
    default_auto_field = "django.db.models.BigAutoField"
