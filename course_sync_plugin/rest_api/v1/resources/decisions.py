"""The conflicts and the proposals of two-way targets. Both stay when their link or their target is removed."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from course_sync_plugin.models import Conflict, ConflictState, Proposal, ProposalState
from course_sync_plugin.rest_api.v1.filters import Moment, OfCourse, OfTime
from course_sync_plugin.rest_api.v1.resource import Resource


class _FieldShown(serializers.Serializer):
    """A field of an entity about which the sites differ."""

    id = serializers.IntegerField()
    target = serializers.CharField(source="target_name")
    course_id = serializers.CharField(source="course.key")
    entity_type = serializers.CharField()
    entity_id = serializers.CharField()
    field = serializers.CharField()
    base = serializers.JSONField(help_text="The value on which both sites agreed last.")
    since = Moment()
    ended_at = Moment(allow_null=True)


class ConflictShown(_FieldShown):
    """A field that two sites changed without knowing of each other."""

    openedx = serializers.JSONField()
    remote = serializers.JSONField()
    relation = serializers.CharField(help_text="How the versions of both sites relate.")
    strategy = serializers.CharField()
    reason = serializers.CharField()
    taken = serializers.CharField(help_text="`openedx` or `remote`. Empty: a person is asked.")
    state = serializers.ChoiceField(ConflictState.values)


class ProposalShown(_FieldShown):
    """A change that was accepted from a linked system and that Open edX does not have yet."""

    value = serializers.JSONField(help_text="The proposed value.")
    note = serializers.CharField(help_text="Why it was not written to Studio by itself.")
    state = serializers.ChoiceField(ProposalState.values)


class _Filters(OfCourse, OfTime):
    """The filters of both: by the time since which they are there."""

    target = serializers.CharField(max_length=64, required=False, help_text="A target, which may be removed by now.")


class ConflictFilters(_Filters):
    """The filters of conflicts."""

    state = serializers.ChoiceField(ConflictState.values, required=False)


class ProposalFilters(_Filters):
    """The filters of proposals."""

    state = serializers.ChoiceField(ProposalState.values, required=False)


class _OfTargets(Resource):
    columns = {"course": "course", "state": "state", "since": "since__gte", "until": "since__lt"}
    narrowing = ("target",)

    def narrowed(self, rows: list[Any]) -> list[Any]:
        target = self.chosen.get("target")
        return [row for row in rows if target in (None, row.target_name)]


class Conflicts(_OfTargets):
    """The conflicts. With ``target`` a page may have fewer than there are, and still name a next page."""

    queryset = Conflict.objects.select_related("course")
    serializer_class = ConflictShown
    filters = ConflictFilters


class Proposals(_OfTargets):
    """The proposals. With ``target`` a page may have fewer than there are, and still name a next page."""

    queryset = Proposal.objects.select_related("course")
    serializer_class = ProposalShown
    filters = ProposalFilters
