"""The targets, without their secrets, tokens and addresses."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import Http404
from rest_framework import serializers

from course_sync_plugin.exceptions import UnknownName
from course_sync_plugin.keys import org_of
from course_sync_plugin.models import Lane, Target
from course_sync_plugin.rest_api.v1.filters import Moment
from course_sync_plugin.rest_api.v1.resource import Resource
from course_sync_plugin.roles.access import Scope
from course_sync_plugin.sanitize.text import host_of
from course_sync_plugin.upkeep.status.breakers import breaker_state
from course_sync_plugin.upkeep.status.lanes import other_site
from course_sync_plugin.upkeep.targets.change import get_target


class Breaker(serializers.Serializer):
    """The circuit breaker of a target."""

    state = serializers.ChoiceField(["closed", "open", "half-open"])
    since = serializers.DateTimeField(allow_null=True)
    next_probe = serializers.DateTimeField(allow_null=True)
    error = serializers.CharField(help_text="Why the last request had no answer.")


class TargetShown(serializers.Serializer):
    """A target."""

    name = serializers.CharField()
    backend = serializers.CharField(help_text="The kind of the target.")
    host = serializers.CharField(help_text="Host and port of its address. The rest may hold a secret.")
    paused = serializers.BooleanField()
    error = serializers.CharField(help_text="Why it is disabled, or for which other site it was made.")
    breaker = Breaker()
    orgs = serializers.ListField(child=serializers.CharField(), help_text="The organisations that it wants.")
    courses = serializers.ListField(
        child=serializers.CharField(), help_text="The single courses that it wants. Both are empty: it wants all."
    )
    entity_types = serializers.ListField(child=serializers.CharField(), help_text="Empty: all.")
    created_at = Moment()

    def to_representation(self, instance: Target) -> dict[str, Any]:
        subscriptions = list(instance.subscriptions.all())
        sees: Scope = self.context["view"].access.sees
        return {
            "name": instance.name,
            "backend": instance.backend,
            "host": host_of(instance.url),
            "paused": instance.paused,
            "error": instance.disabled_reason or other_site(instance),
            "breaker": breaker_state(instance),
            "orgs": sorted(one.org for one in subscriptions if one.org and (sees.site or one.org in sees.orgs)),
            "courses": sorted(
                one.course_key
                for one in subscriptions
                if one.course_key and sees.includes(org_of(one.course_key), one.course_key)
            ),
            "entity_types": instance.entity_types,
            "created_at": self.fields["created_at"].to_representation(instance.created_at),
        }


class Targets(Resource):
    """The targets that have a course which the user sees."""

    queryset = Target.objects.prefetch_related("subscriptions")
    serializer_class = TargetShown
    lookup_url_kwarg = "name"

    def among(self, course_ids: list[int]) -> Q:
        return Q(Exists(Lane.objects.filter(target=OuterRef("pk"), course__in=course_ids)))

    def get_object(self) -> Target:
        """Return the target with exactly this name."""
        try:
            found = get_target(self.kwargs["name"])
        except UnknownName:
            raise Http404 from None
        rows: QuerySet[Target] = self.get_queryset()
        row = rows.filter(pk=found.pk).first()
        if row is None:
            raise Http404
        return row
