"""The sandbox's modulestore: one row per published course."""

from django.db import models


class PublishedCourse(models.Model):
    """A course as it is published now. ``structure`` is what the OLX source read, as JSON.

    .. no_pii:
    """

    course_key = models.CharField(max_length=255, unique=True)
    published_version = models.CharField(max_length=64)
    structure = models.JSONField()

    def __str__(self) -> str:
        return self.course_key
