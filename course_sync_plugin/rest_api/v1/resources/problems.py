"""The problems: operations that failed in a lane, with what to do about them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from course_sync_plugin import api
from course_sync_plugin.models import Problem, ProblemState
from course_sync_plugin.rest_api.v1.filters import Moment, OfLane, OfTime
from course_sync_plugin.rest_api.v1.resource import Resource


class ProblemShown(serializers.Serializer):
    """An operation that a target does not have, or did not have for a while."""

    id = serializers.IntegerField()
    target = serializers.CharField(source="lane.target.name")
    course_id = serializers.CharField(source="lane.course.key")
    operation_id = serializers.UUIDField(source="operation.operation_id", help_text="The `id` of the actions.")
    operation = serializers.CharField(source="operation.operation")
    entity_type = serializers.CharField(source="operation.entity_type")
    entity_id = serializers.CharField(source="operation.entity_id")
    state = serializers.ChoiceField(ProblemState.values)
    reason = serializers.CharField()
    error_class = serializers.SerializerMethodField(help_text="Empty in rows of an older release.")
    status = serializers.IntegerField(allow_null=True, help_text="The HTTP status of the refusal.")
    behind = serializers.IntegerField(
        source="behind_id", allow_null=True, help_text="The problem behind which it is parked."
    )
    since = Moment()
    closed_at = Moment(allow_null=True, help_text="When it was retried or skipped.")
    meaning = serializers.CharField(source="advice.meaning")
    action = serializers.CharField(source="advice.action", help_text="What an operator does about it.")

    def get_error_class(self, row: Problem) -> str:
        """Return the name of the class of the error."""
        return row.error_class or ""


class ProblemFilters(OfLane, OfTime):
    """The filters of problems: by the time since which they are there."""

    state = serializers.ChoiceField(ProblemState.values, required=False)


class Problems(Resource):
    """The problems, open and closed."""

    queryset = Problem.objects.select_related("lane__target", "lane__course", "operation").defer(
        "operation__fields", "operation__previous"
    )
    serializer_class = ProblemShown
    filters = ProblemFilters
    columns = {
        "target": "lane__target",
        "course": "lane__course",
        "state": "state",
        "since": "since__gte",
        "until": "since__lt",
    }
    course_column = "lane__course"

    def shown(self, rows: list[Any]) -> list[Any]:
        for row in rows:
            row.advice = api.advice_for(row.error_class, row.status, row.state, backend=row.lane.target.backend)
        return rows
