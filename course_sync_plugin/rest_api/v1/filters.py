"""The filters of lists: each is one name in the query. A wrong value or an unknown name is refused with status 400."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from rest_framework import serializers

from course_sync_plugin.exceptions import ConfigurationError, UnknownName
from course_sync_plugin.keys import parse_course_id
from course_sync_plugin.models import Course, Lane, Target
from course_sync_plugin.rest_api.v1.paging import LARGEST, SIZE
from course_sync_plugin.upkeep.targets.change import get_target

#: The largest key that every database takes.
LARGEST_KEY = 2**63 - 1


class Moment(serializers.DateTimeField):
    """A time, in UTC where it is shown. A given one without a time zone counts as UTC."""

    def __init__(self, **options: Any):
        super().__init__(format="iso-8601", default_timezone=UTC, **options)


class TargetName(serializers.CharField):
    """The exact name of a target. Its value is the row. A target without a course that the user sees is unknown."""

    def to_internal_value(self, data: Any) -> Target:
        name = super().to_internal_value(data)
        try:
            found = get_target(name)
        except UnknownName:
            found = None
        if found is None or not self._is_visible(found):
            raise serializers.ValidationError("There is no such target.")
        return found

    def _is_visible(self, target: Target) -> bool:
        ids = self.context["view"].course_ids
        return ids is None or Lane.objects.filter(target=target, course__in=ids).exists()


class CourseId(serializers.CharField):
    """The id of a course. Its value is the row. A course that the user may not see is unknown."""

    def to_internal_value(self, data: Any) -> Course:
        try:
            key = parse_course_id(super().to_internal_value(data))
        except ConfigurationError as error:
            raise serializers.ValidationError(error.message) from None
        found: Course | None = self.context["view"].access.sees.find(key)
        if found is None:
            raise serializers.ValidationError("There is no such course.")
        return found


class Filters(serializers.Serializer):
    """What every list takes."""

    limit = serializers.IntegerField(
        min_value=1, max_value=LARGEST, default=SIZE, help_text="The most rows of the answer."
    )
    cursor = serializers.IntegerField(
        min_value=0, max_value=LARGEST_KEY, required=False, help_text="Take it from `next`: where the page begins."
    )

    @classmethod
    def read(cls, view: Any) -> dict[str, Any]:
        """Return the values in the query of a view's request. Raises ValidationError, which names what is wrong."""
        query = view.request.query_params
        known = set(cls().fields)
        wrong = {name: ["There is no such filter."] for name in query if name not in known}
        wrong |= {name: ["It is given more than once."] for name in known if len(query.getlist(name)) > 1}
        if wrong:
            raise serializers.ValidationError(wrong)
        filters = cls(data=query.dict(), context={"view": view})
        filters.is_valid(raise_exception=True)
        found: dict[str, Any] = filters.validated_data
        return found


class OfCourse(Filters):
    """The filter of what belongs to a course."""

    course = CourseId(required=False, help_text="The id of a course: `course-v1:Org+Course+Run`.")


class OfLane(OfCourse):
    """The filters of what belongs to a lane: a course at a target."""

    target = TargetName(required=False, help_text="The exact name of a target.")


class OfTime(serializers.Serializer):
    """The filters of what has a time."""

    since = Moment(required=False, help_text="From this time on.")
    until = Moment(required=False, help_text="Before this time.")
