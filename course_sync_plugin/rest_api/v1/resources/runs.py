"""The runs: each sync of a course that found something."""

from __future__ import annotations

from rest_framework import serializers

from course_sync_plugin.models import Run, RunKind
from course_sync_plugin.rest_api.v1.filters import Moment, OfCourse, OfTime
from course_sync_plugin.rest_api.v1.resource import Resource


class RunShown(serializers.Serializer):
    """A run."""

    id = serializers.IntegerField()
    course_id = serializers.CharField(source="course.key")
    kind = serializers.ChoiceField(RunKind.values)
    target = serializers.CharField(
        source="target_name", allow_null=True, help_text="The only target that the run is for. Null: every target."
    )
    published_version = serializers.CharField(help_text="Empty: the course is deleted.")
    began_at = Moment()
    ended_at = Moment()
    operations = serializers.IntegerField(source="operations_count", help_text="The number of its operations.")
    incomplete = serializers.BooleanField(help_text="A part of the course could not be read.")


class RunFilters(OfCourse, OfTime):
    """The filters of runs: by the time at which they ended."""

    kind = serializers.ChoiceField(RunKind.values, required=False)


class Runs(Resource):
    """The runs."""

    queryset = Run.objects.select_related("course")
    serializer_class = RunShown
    filters = RunFilters
    columns = {"course": "course", "kind": "kind", "since": "ended_at__gte", "until": "ended_at__lt"}
