"""The courses, with their state at each target."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.db.models import Exists, OuterRef
from django.http import Http404
from rest_framework import serializers

from course_sync_plugin.models import Course, Marker, digest_of
from course_sync_plugin.rest_api.v1.filters import Filters, Moment, TargetName
from course_sync_plugin.rest_api.v1.resource import Resource
from course_sync_plugin.rest_api.v1.resources.lanes import CourseAtTarget, lanes_of


class HeldShown(serializers.Serializer):
    """A run that is held, because it would delete too much."""

    published_version = serializers.CharField(help_text="Empty: the course is deleted.")
    deletes = serializers.IntegerField()
    of = serializers.IntegerField()
    since = Moment()


class CourseShown(serializers.Serializer):
    """A course as it was last recorded, and its lanes."""

    course_id = serializers.CharField(source="key")
    org = serializers.CharField()
    recorded_version = serializers.CharField(
        source="published_version", help_text="Empty: it was never recorded, or it is deleted."
    )
    has_publish_waiting = serializers.BooleanField(help_text="A publish waits to be recorded.")
    error = serializers.CharField(source="last_error", help_text="Why it could not be read.")
    held = HeldShown(source="held_run", allow_null=True)
    targets = CourseAtTarget(source="counted", many=True)


class CourseFilters(Filters):
    """The filters of courses."""

    target = TargetName(required=False, help_text="Only courses that this target gets.")


class Courses(Resource):
    """The courses that were published since the plugin was installed, or recorded."""

    queryset = Course.objects.select_related("held").annotate(
        has_publish_waiting=Exists(Marker.objects.filter(course=OuterRef("key_digest")))
    )
    serializer_class = CourseShown
    filters = CourseFilters
    columns = {"target": "lanes__target"}
    course_column = "pk"
    lookup_url_kwarg = "course_id"

    def get_object(self) -> Course:
        """Return the course with exactly this id."""
        found = self.get_queryset().filter(key_digest=digest_of(self.kwargs["course_id"]))
        rows: list[Course] = self.shown(list(found))
        if not rows:
            raise Http404
        return rows[0]

    def shown(self, rows: list[Any]) -> list[Any]:
        lanes = defaultdict(list)
        for one in lanes_of([row.pk for row in rows]):
            lanes[one.lane.course_id].append(one)
        for row in rows:
            row.counted, row.held_run = lanes[row.pk], getattr(row, "held", None)
        return rows
