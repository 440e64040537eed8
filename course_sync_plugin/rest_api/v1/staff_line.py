"""What the staff of a course are told about it, for the widgets in the MFEs (``docs/mfe``)."""

from __future__ import annotations

from typing import Any

import attrs
from django.http import Http404
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.response import Response

from course_sync_plugin import api
from course_sync_plugin.rest_api.v1.base import ApiView
from course_sync_plugin.rest_api.v1.description import Described

_COURSE = OpenApiParameter("course_id", str, OpenApiParameter.PATH)


class NotTakenShown(serializers.Serializer):
    """Something that a target does not have as it is here."""

    text = serializers.CharField(help_text="What: a sentence.")
    reason = serializers.CharField(help_text="What the target said. Empty: nothing.")


class UndecidedShown(serializers.Serializer):
    """A change there about which somebody must decide on the page."""

    id = serializers.IntegerField(help_text="The number of the conflict, or of the proposal.")
    text = serializers.CharField(help_text="What was changed: a sentence.")
    take = serializers.CharField(help_text="The action that takes what is there: of a conflict or of a proposal.")
    keep = serializers.CharField(help_text="The action that keeps what is here.")


class StaffTargetShown(serializers.Serializer):
    """What a target has of the course."""

    target = serializers.CharField()
    sentences = serializers.ListField(child=serializers.CharField(), help_text="To be read one after the other.")
    not_taken = NotTakenShown(many=True)
    undecided = UndecidedShown(many=True)
    is_well = serializers.BooleanField(help_text="Nothing is wrong: it has everything, or a change is on its way.")


class StaffLineShown(serializers.Serializer):
    """What the staff of a course are told, in their words and in the language of the request."""

    course_id = serializers.CharField(source="key")
    title = serializers.CharField()
    notes = serializers.ListField(child=serializers.CharField(), help_text="Sentences about the course itself.")
    targets = StaffTargetShown(many=True, help_text="Empty: the course is not sent to any other system.")
    page = serializers.CharField(help_text="The path of the page for course staff at this site.")


class StaffLine(ApiView):
    """What the staff of a course are told."""

    described = Described("courses_staff_line", [_COURSE], StaffLineShown)

    def get(self, request: Any, course_id: str) -> Response:
        """Return what the page for course staff says. Those who may see that page may call this."""
        course = self.access.sees.find(course_id)
        if course is None:
            raise Http404
        found = attrs.asdict(api.staff_report(course))
        page = reverse("course_sync:staff", args=[course.key])
        return Response(StaffLineShown({**found, "page": page}).data)
