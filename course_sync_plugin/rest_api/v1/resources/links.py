"""The links: which course belongs to which counterpart at a two-way target."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from course_sync_plugin.models import Link, Seed
from course_sync_plugin.rest_api.v1.filters import Moment, OfLane
from course_sync_plugin.rest_api.v1.resource import Resource
from course_sync_plugin.sanitize.text import host_of


class LinkShown(serializers.Serializer):
    """A link."""

    id = serializers.IntegerField()
    target = serializers.CharField(source="target.name")
    course_id = serializers.CharField(source="course.key")
    remote_id = serializers.CharField(help_text="The identifier of the counterpart there.")
    remote_title = serializers.CharField()
    remote_host = serializers.SerializerMethodField(help_text="Host and port of its address.")
    seed = serializers.ChoiceField(Seed.values)
    created_at = Moment()
    polled_at = Moment(allow_null=True, help_text="When the counterpart was last looked at.")

    def get_remote_host(self, row: Any) -> str:
        """Return host and port of the address of the counterpart."""
        return host_of(row.remote_url)


class Links(Resource):
    """The links."""

    queryset = Link.objects.select_related("target", "course")
    serializer_class = LinkShown
    filters = OfLane
    columns = {"target": "target", "course": "course"}
