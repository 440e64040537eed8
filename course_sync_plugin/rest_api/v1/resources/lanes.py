"""The lanes: the state of each course at each target."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from course_sync_plugin.models import Lane
from course_sync_plugin.rest_api.v1.filters import Moment, OfLane
from course_sync_plugin.rest_api.v1.resource import Resource
from course_sync_plugin.upkeep.status.lanes import STATES, CountedLane, count_lanes


class CourseAtTarget(serializers.Serializer):
    """How far a course is at a target. The states are those of ``status``."""

    target = serializers.CharField(source="lane.target.name")
    state = serializers.ChoiceField(STATES)
    error = serializers.CharField(help_text="The last error, the missing context, or the warning of the last answer.")
    delivered_version = serializers.SerializerMethodField(help_text="Empty: none yet.")
    pending = serializers.IntegerField(help_text="The number of operations that are not delivered.")
    waiting_since = Moment(allow_null=True, help_text="Since when the first of them waits.")
    open_problems = serializers.IntegerField()
    next_attempt = Moment(allow_null=True, help_text="When a lane without an answer sends again.")

    def get_delivered_version(self, counted: CountedLane) -> str:
        """Return the version that the target has."""
        return counted.delivered_version(counted.lane.course.published_version)


class LaneShown(CourseAtTarget):
    """A lane: one course at one target."""

    id = serializers.IntegerField(source="lane.pk")
    course_id = serializers.CharField(source="lane.course.key")
    paused = serializers.BooleanField(source="lane.paused", help_text="The lane itself. Its target may be paused too.")
    attempts = serializers.IntegerField(source="lane.attempts", help_text="How often the open envelope was sent.")

    def to_representation(self, instance: Any) -> Any:
        return super().to_representation(instance.counted)


class LaneFilters(OfLane):
    """The filters of lanes."""

    state = serializers.ChoiceField(STATES, required=False)


class Lanes(Resource):
    """The lanes. With ``state`` a page may have fewer lanes than there are, and still name a next page."""

    queryset = Lane.objects.select_related("target", "course")
    serializer_class = LaneShown
    filters = LaneFilters
    columns = {"target": "target", "course": "course"}
    narrowing = ("state",)

    def shown(self, rows: list[Any]) -> list[Any]:
        found = {one.lane.pk: one for one in count_lanes(Lane.objects.filter(pk__in=[row.pk for row in rows]))}
        for row in rows:
            row.counted = found.get(row.pk)
        return [row for row in rows if row.counted]  # a lane may be removed at this moment

    def narrowed(self, rows: list[Any]) -> list[Any]:
        state = self.chosen.get("state")
        return [row for row in rows if state in (None, row.counted.state)]


def lanes_of(course_ids: list[int]) -> list[CountedLane]:
    """Return the lanes of courses, counted."""
    return count_lanes(Lane.objects.filter(course__in=course_ids))
