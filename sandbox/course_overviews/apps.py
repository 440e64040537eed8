"""The host's app by its label, so that what reads it finds the model where the platform has it."""

from django.apps import AppConfig


class CourseOverviewsConfig(AppConfig):
    """A small ``course_overviews``."""

    name = "sandbox.course_overviews"
    label = "course_overviews"
    default_auto_field = "django.db.models.BigAutoField"
