"""The open envelopes: what each lane is sending. Their bodies are not shown."""

from __future__ import annotations

from rest_framework import serializers

from course_sync_plugin.models import Envelope
from course_sync_plugin.rest_api.v1.filters import OfLane
from course_sync_plugin.rest_api.v1.resource import Resource


class EnvelopeShown(serializers.Serializer):
    """An open envelope: it was made, and not answered yet."""

    id = serializers.IntegerField(source="pk", help_text="That of its lane, which has at most one.")
    target = serializers.CharField(source="lane.target.name")
    course_id = serializers.CharField(source="lane.course.key")
    message_id = serializers.CharField()
    sequence = serializers.IntegerField()
    last = serializers.IntegerField(help_text="The position of its last operation in the course.")
    operation_ids = serializers.ListField(child=serializers.CharField())
    published_version = serializers.CharField()
    end_of_run = serializers.BooleanField()


class Envelopes(Resource):
    """The open envelopes."""

    queryset = Envelope.objects.select_related("lane__target", "lane__course").defer("body")
    serializer_class = EnvelopeShown
    filters = OfLane
    columns = {"target": "lane__target", "course": "lane__course"}
    course_column = "lane__course"
