"""What operators did: who, when, a note, and what it changed."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from rest_framework import serializers

from course_sync_plugin.keys import org_of
from course_sync_plugin.models import Course, OperatorAction
from course_sync_plugin.rest_api.v1.filters import Moment, OfCourse, OfTime
from course_sync_plugin.rest_api.v1.resource import Resource


class ActionShown(serializers.Serializer):
    """An action of an operator."""

    id = serializers.IntegerField()
    at = Moment()
    operator = serializers.CharField(help_text="The name of a user, or `user@host` for a command.")
    action = serializers.CharField()
    target = serializers.CharField(source="target_name", help_text="Empty: several, or none.")
    course_id = serializers.CharField(source="course_key", help_text="Empty: several, or none.")
    arguments = serializers.DictField()
    note = serializers.CharField()
    changed = serializers.DictField()


class ActionFilters(OfCourse, OfTime):
    """The filters of actions."""

    target = serializers.CharField(max_length=64, required=False, help_text="A target, which may be removed by now.")


class Actions(Resource):
    """What operators did in courses that the user sees; for those who see the whole site, everything."""

    queryset = OperatorAction.objects.all()
    serializer_class = ActionShown
    filters = ActionFilters
    columns = {"since": "at__gte", "until": "at__lt"}
    narrowing = ("target", "course")

    def among(self, course_ids: list[int]) -> Q:
        """Return the condition for the actions in these courses. :meth:`shown` compares the exact keys."""
        keys = Course.objects.filter(pk__in=course_ids).values_list("key", flat=True)
        return Q(("course_key__in", list(keys)))

    def shown(self, rows: list[Any]) -> list[Any]:
        sees = self.access.sees
        return [row for row in rows if sees.site or sees.includes(org_of(row.course_key), row.course_key)]

    def narrowed(self, rows: list[Any]) -> list[Any]:
        target, course = self.chosen.get("target"), self.chosen.get("course")
        rows = [row for row in rows if target in (None, row.target_name)]
        return [row for row in rows if course is None or row.course_key == course.key]
