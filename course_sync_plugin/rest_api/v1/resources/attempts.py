"""The attempts: each request of a lane to its target, with the beginning of the answer."""

from __future__ import annotations

from rest_framework import serializers

from course_sync_plugin.models import Attempt
from course_sync_plugin.rest_api.v1.filters import Moment, OfLane, OfTime
from course_sync_plugin.rest_api.v1.resource import Resource


class AttemptShown(serializers.Serializer):
    """An attempt to send an envelope."""

    id = serializers.IntegerField()
    target = serializers.CharField(source="lane.target.name")
    course_id = serializers.CharField(source="lane.course.key")
    message_id = serializers.CharField()
    sequence = serializers.IntegerField()
    first = serializers.IntegerField(allow_null=True, help_text="The position of its first operation in the course.")
    last = serializers.IntegerField(allow_null=True, help_text="The position of its last operation in the course.")
    operations = serializers.IntegerField(help_text="The number of its operations.")
    failed = serializers.IntegerField(help_text="How many of them the target refused.")
    began_at = Moment()
    seconds = serializers.FloatField(help_text="How long the request took.")
    status = serializers.IntegerField(allow_null=True, help_text="The HTTP status. Null: there was no HTTP answer.")
    error_class = serializers.CharField(help_text="Empty: the target accepted the envelope.")
    error = serializers.CharField()
    request_head = serializers.CharField(
        source="request",
        allow_null=True,
        help_text="The method, address and headers of the request, without secrets.",
    )
    answer_head = serializers.CharField(source="head", help_text="The headers of the answer, without secrets.")
    answer_body = serializers.CharField(source="body", help_text="The first 2 kB of the answer, without secrets.")


class AttemptFilters(OfLane, OfTime):
    """The filters of attempts: by the time at which they began."""


class Attempts(Resource):
    """The attempts."""

    queryset = Attempt.objects.select_related("lane__target", "lane__course")
    serializer_class = AttemptShown
    filters = AttemptFilters
    columns = {
        "target": "target",
        "course": "lane__course",
        "since": "began_at__gte",
        "until": "began_at__lt",
    }
    course_column = "lane__course"
