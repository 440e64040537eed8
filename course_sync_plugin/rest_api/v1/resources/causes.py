"""The causes of what failed, each with what operators noted about it."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.response import Response

from course_sync_plugin import api
from course_sync_plugin.rest_api.v1.base import ApiView
from course_sync_plugin.rest_api.v1.description import Described
from course_sync_plugin.rest_api.v1.filters import OfLane


class StepShown(serializers.Serializer):
    """A step of an operator on a cause."""

    at = serializers.CharField()
    operator = serializers.CharField(help_text="The name of a user, or `user@host` for a command.")
    action = serializers.CharField()
    note = serializers.CharField()
    assignee = serializers.CharField(help_text="Of `assign-cause`: the name of the user, or empty for nobody.")
    came_back = serializers.CharField(help_text="When the newest error began that was there although it was resolved.")


class NotedShown(serializers.Serializer):
    """What operators noted. What concerned courses of other organisations too is left out."""

    state = serializers.ChoiceField(["open", "resolved", "reopened"])
    assignee = serializers.CharField()
    resolved_at = serializers.CharField(allow_null=True)
    resolved_by = serializers.CharField()
    steps = StepShown(many=True, help_text="The oldest first.")


class EndedCauseShown(serializers.Serializer):
    """A cause that is gone."""

    cause = serializers.CharField(help_text="Names the cause: the `cause` of the actions.")
    target = serializers.CharField()
    what = serializers.CharField(help_text="`operations`, or the state of lanes.")
    state = serializers.CharField(help_text="The state of the operations or lanes.")
    error_class = serializers.CharField()
    status = serializers.IntegerField(allow_null=True)
    reason = serializers.CharField(help_text="With `#` for each key, id and number.")
    noted = NotedShown()


class CauseShown(EndedCauseShown):
    """What several operations or lanes of a target have in common."""

    count = serializers.IntegerField()
    parked = serializers.IntegerField(help_text="The number of operations that are parked behind them.")
    courses = serializers.IntegerField(help_text="How many are affected.")
    first = serializers.CharField(allow_null=True)
    last = serializers.CharField(allow_null=True)
    by_day = serializers.ListField(
        child=serializers.IntegerField(),
        help_text="How many began in each of the last seven times 24 hours, the oldest first.",
    )
    example = serializers.DictField()
    meaning = serializers.CharField()
    action = serializers.CharField(help_text="What an operator does about it.")


class CausesShown(serializers.Serializer):
    """The most frequent causes, at most 50."""

    results = CauseShown(many=True)
    more = serializers.IntegerField(help_text="The number of causes that are not in `results`.")
    hidden = serializers.IntegerField(help_text="The number of causes in another state.")
    ended = EndedCauseShown(many=True, help_text="With `resolved` or `all`: causes that are gone.")


class CauseFilters(OfLane):
    """The filters of causes."""

    limit = None
    cursor = None
    state = serializers.ChoiceField(
        api.NOTED_STATES, default="open", help_text="`open`: also those that came back after they were resolved."
    )


class Causes(ApiView):
    """The causes."""

    filters = CauseFilters
    described = Described("causes_list", [CauseFilters], CausesShown)

    def get(self, request: Any) -> Response:
        """List the causes of what failed in the courses that the user sees."""
        chosen, sees = CauseFilters.read(self), self.access.sees
        target, course = chosen.get("target"), chosen.get("course")
        filters = api.Filters(
            target=target.name if target else "", course=course.key if course else "", within=self.course_ids
        )
        found = api.errors(filters, state=chosen["state"], orgs=None if sees.site else sees.orgs)
        shown = {"results": found.listed["causes"], "more": found.more, "hidden": found.hidden, "ended": found.ended}
        return Response(CausesShown(shown).data)
