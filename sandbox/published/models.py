"""The sandbox's modulestore: one row for each published course, and one for each course with a draft."""

from django.db import models


class PublishedCourse(models.Model):
    """A course as it is published now. ``structure`` holds, as JSON, the structure that the OLX reader returned.

    ``html``: the HTML of its html components, by entity id.

    .. no_pii:
    """

    course_key = models.CharField(max_length=255, unique=True)
    published_version = models.CharField(max_length=64)
    structure = models.JSONField()
    html = models.JSONField(default=dict)

    def __str__(self) -> str:
        return self.course_key


class DraftCourse(models.Model):
    """A course as its authors have edited it. Without a row, the draft is the published course.

    ``structure`` and ``html`` hold the whole course, in the same form as those of ``PublishedCourse``.

    .. no_pii:
    """

    course_key = models.CharField(max_length=255, unique=True)
    structure = models.JSONField()
    html = models.JSONField(default=dict)

    def __str__(self) -> str:
        return self.course_key
