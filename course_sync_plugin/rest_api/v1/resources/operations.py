"""The operations of the journal, as a list and as a feed of changes from a position on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.response import Response

from course_sync_plugin.models import JournalOperation
from course_sync_plugin.rest_api.v1.filters import LARGEST_KEY, Moment, OfCourse
from course_sync_plugin.rest_api.v1.paging import following
from course_sync_plugin.rest_api.v1.resource import Resource
from course_sync_plugin.upkeep.filters import KINDS
from course_sync_plugin.upkeep.reports.feed import changes_after

#: The most seconds that a request waits for a change, and the seconds between two looks.
LONGEST_WAIT, LOOK_SECONDS = 25, 1.0


class OperationShown(serializers.Serializer):
    """An operation. It is the same as in the messages to a webhook, with its course and its place in the journal."""

    id = serializers.IntegerField(help_text="Its position in the feed: what follows has a larger one.")
    course_id = serializers.CharField(source="course.key")
    position = serializers.IntegerField(help_text="Its position in its course: without gaps.")
    run = serializers.IntegerField(source="run_id")
    published_version = serializers.CharField(source="run.published_version")
    recorded_at = Moment(source="run.ended_at")
    target = serializers.CharField(
        source="run.target_name", allow_null=True, help_text="The only target that it is for. Null: every target."
    )
    operation_id = serializers.UUIDField()
    operation = serializers.ChoiceField(KINDS)
    entity_type = serializers.CharField()
    entity_id = serializers.CharField()
    block_type = serializers.CharField()
    parent_id = serializers.CharField(allow_null=True)
    index = serializers.IntegerField(allow_null=True)
    after_id = serializers.CharField(allow_null=True)
    fields = serializers.DictField()
    previous = serializers.DictField()


class OperationFilters(OfCourse):
    """The filters of operations. With ``after`` the list is the feed."""

    run = serializers.IntegerField(
        min_value=0, max_value=LARGEST_KEY, required=False, help_text="Only operations of this run."
    )
    after = serializers.IntegerField(
        min_value=0,
        max_value=LARGEST_KEY,
        required=False,
        help_text="The feed: operations for every target behind this `id`, the oldest first. 0: from the beginning.",
    )
    wait = serializers.IntegerField(
        min_value=0,
        max_value=LONGEST_WAIT,
        required=False,
        help_text="Seconds to wait for a change if there is none yet. Only with `after`.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "wait" in attrs and "after" not in attrs:
            raise serializers.ValidationError({"wait": "It needs 'after'."})
        if "cursor" in attrs and "after" in attrs:
            raise serializers.ValidationError({"cursor": "The feed has none: go on with 'after'."})
        return attrs


class Operations(Resource):
    """The operations, the newest first. With `after` they are a feed: follow `next`, also if it has no results yet."""

    queryset = JournalOperation.objects.select_related("course", "run")
    serializer_class = OperationShown
    filters = OperationFilters
    columns = {"course": "course", "run": "run"}

    def list(self, request: Any, *args: Any, **options: Any) -> Response:
        """Return a page of the list, or of the feed."""
        after = self.chosen.get("after")
        if after is None:
            return super().list(request, *args, **options)
        found = self._changes(after, self.filter_queryset(self.get_queryset()).filter(lane=None))
        shown = self.get_serializer(found, many=True).data
        return Response({"results": shown, "next": following(request, found[-1].pk if found else after)})

    def _changes(self, after: int, rows: QuerySet[JournalOperation]) -> Sequence[JournalOperation]:
        """Return the first changes. If there are none, look again until the time to wait is over."""
        deadline = time.monotonic() + self.chosen.get("wait", 0)
        while True:
            found = changes_after(after, rows.all(), self.chosen["limit"])
            left = deadline - time.monotonic()
            if found or left <= 0:
                return found
            time.sleep(min(LOOK_SECONDS, left))
