"""The background jobs: what operators have carried out item by item, and how far each job is."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from rest_framework import serializers

from course_sync_plugin import api
from course_sync_plugin.models import JobState
from course_sync_plugin.rest_api.v1.filters import Moment, OfCourse, OfTime
from course_sync_plugin.rest_api.v1.resource import Resource


class JobShown(serializers.Serializer):
    """A background job."""

    id = serializers.IntegerField()
    action = serializers.CharField()
    target = serializers.CharField(source="target_name", help_text="Empty: all, or none.")
    org = serializers.CharField(help_text="The organisation to which it is limited. Empty: none.")
    course_id = serializers.CharField(source="course_key", help_text="The course to which it is limited. Empty: none.")
    arguments = serializers.DictField()
    state = serializers.ChoiceField(JobState.values)
    total = serializers.IntegerField(help_text="The number of items.")
    position = serializers.IntegerField(help_text="How many are dealt with.")
    done = serializers.IntegerField()
    skipped = serializers.IntegerField(help_text="How many had changed since they were shown.")
    failed = serializers.IntegerField()
    errors = serializers.ListField(child=serializers.CharField(), help_text="The first reasons.")
    operator = serializers.CharField(help_text="The name of a user, or `user@host` for a command.")
    note = serializers.CharField()
    created_at = Moment()
    began_at = Moment(allow_null=True)
    ended_at = Moment(allow_null=True)


class JobDetails(JobShown):
    """A background job with what it found."""

    findings = serializers.ListField(
        child=serializers.DictField(), help_text="Of `check-remote`: what differs, at most 500."
    )


class JobFilters(OfCourse, OfTime):
    """The filters of jobs: by the time of their start."""

    state = serializers.ChoiceField(JobState.values, required=False)


class Jobs(Resource):
    """The jobs that are limited to what the user sees; for those who see the whole site, all."""

    queryset = api.all_jobs()
    serializer_class = JobShown
    filters = JobFilters
    columns = {"state": "state", "since": "created_at__gte", "until": "created_at__lt"}

    def get_serializer_class(self) -> type[serializers.Serializer]:
        return JobDetails if self.action == "retrieve" else JobShown

    def get_queryset(self) -> QuerySet:
        sees = self.access.sees
        return api.all_jobs() if sees.site else api.jobs_within(sees.orgs, sees.courses)

    def filter_queryset(self, queryset: QuerySet) -> QuerySet:
        rows = super().filter_queryset(queryset)
        course = self.chosen.get("course") if self.action == "list" else None
        return rows.filter(Q(course_digest=course.key_digest)) if course else rows

    def shown(self, rows: list[Any]) -> list[Any]:
        if self.action == "retrieve":
            for row in rows:
                row.findings = row.results.get("findings", [])
        return rows
