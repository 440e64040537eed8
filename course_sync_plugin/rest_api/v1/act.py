"""Plans an action, and carries out exactly the plans that were shown."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.response import Response

from course_sync_plugin import api
from course_sync_plugin.rest_api.v1.base import ApiView
from course_sync_plugin.rest_api.v1.description import Described
from course_sync_plugin.rest_api.v1.idempotency import HEADER, once
from course_sync_plugin.row_actions.action import MOST_ROWS, carry_out, shown_plans
from course_sync_plugin.row_actions.offered import OFFERED, Offered
from course_sync_plugin.sanitize.text import cleaned

#: The most tokens of a request.
MOST_TOKENS = 10 * MOST_ROWS

#: The actions of the API. Those whose result is a secret are left out: a page shows it once, and no answer repeats it.
NAMES = tuple(sorted(name for name, offered in OFFERED.items() if not offered.has_secret))

_NAME = OpenApiParameter("name", str, OpenApiParameter.PATH, enum=NAMES, description="The name of the action.")
_KEY = OpenApiParameter(
    HEADER,
    {"type": "string", "pattern": "^[!-~]{1,255}$"},
    OpenApiParameter.HEADER,
    description="A UUID, say. The same request with the same key is answered like the first one, for a day.",
)


class Chosen(serializers.Serializer):
    """What an action concerns. Without a course it concerns the whole site."""

    target = serializers.CharField(required=False, default="", allow_blank=True, max_length=64)
    course = serializers.CharField(required=False, default="", allow_blank=True, max_length=255)
    id = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=255,
        help_text="The `operation_id` of a problem, the `id` of a conflict or a proposal, an `entity_id`, or the name "
        "of the user to whom a cause is assigned, of an organisation for `backfill`, or the `id` of a job.",
    )
    cause = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=64, help_text="The `cause` of a cause of errors."
    )

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict) and (unknown := data.keys() - self.fields.keys()):
            raise serializers.ValidationError({str(name): ["There is no such name."] for name in sorted(unknown)})
        return super().to_internal_value(data)

    @classmethod
    def read(cls, data: Any) -> dict[str, Any]:
        """Return the values. Raises ValidationError, which names what is wrong, also a name that is not known."""
        chosen = cls(data=data)
        chosen.is_valid(raise_exception=True)
        found: dict[str, Any] = chosen.validated_data
        return found


class ToCarryOut(Chosen):
    """The plans that are to be carried out: those with these tokens, and no others."""

    tokens = serializers.ListField(
        child=serializers.CharField(max_length=64), min_length=1, max_length=MOST_TOKENS, help_text="Those of plans."
    )
    note = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=1000, help_text="Why. It is recorded."
    )


class Planned(serializers.Serializer):
    """One plan: what would be done."""

    token = serializers.CharField(help_text="Empty: it cannot be carried out.")
    lines = serializers.ListField(child=serializers.CharField())


class Plans(serializers.Serializer):
    """What an action would do."""

    action = serializers.CharField()
    label = serializers.CharField()
    plans = Planned(many=True)
    errors = serializers.ListField(child=serializers.CharField(), help_text="Why there is no plan.")


class Result(serializers.Serializer):
    """What became of one plan."""

    token = serializers.CharField()
    text = serializers.CharField()
    failed = serializers.BooleanField(help_text="Nothing was done.")
    job = serializers.IntegerField(help_text="The `id` of the job that it has started. 0: none.")


class Results(serializers.Serializer):
    """What an action did."""

    action = serializers.CharField()
    results = Result(many=True, help_text="One for each token, in their order.")


class _OfAction(ApiView):
    def offered(self, chosen: api.Filters) -> tuple[Offered, Any]:
        """Return the action and its row. Raises Http404, or PermissionDenied if the user may see it and not act."""
        name = self.kwargs["name"]
        if name not in NAMES:
            raise Http404
        return OFFERED[name], OFFERED[name].row_for(self.access, chosen)


class Plan(_OfAction):
    """The plans of an action."""

    described = Described("actions_plan", [_NAME, Chosen], Plans)

    def get(self, request: Any, name: str) -> Response:
        """Say what an action would do. Nothing is changed."""
        chosen = api.Filters(**Chosen.read(request.query_params.dict()))
        offered, row = self.offered(chosen)
        shown, errors = shown_plans(offered.action, [row])
        plans = [{"token": token, "lines": lines} for token, lines in shown]
        return Response({"action": name, "label": str(offered.action.label), "plans": plans, "errors": errors})


class Act(_OfAction):
    """An action."""

    described = Described("actions_carry_out", [_NAME, _KEY], Results, request=ToCarryOut)

    def post(self, request: Any, name: str) -> Response:
        """Carry out the plans with these tokens. A plan that has changed since it was shown is not carried out."""
        return Response(once(request, lambda: self._carry_out(request, name)))

    def _carry_out(self, request: Any, name: str) -> dict[str, Any]:
        asked = ToCarryOut.read(request.data)
        tokens, note = list(dict.fromkeys(asked.pop("tokens"))), asked.pop("note")
        offered, row = self.offered(api.Filters(**asked))
        done = carry_out(offered.action, [row], tokens, request.user.get_username(), note)
        results = [
            {"token": token, "text": cleaned(one.text), "failed": one.failed, "job": one.job}
            for token, one in zip(tokens, done)
        ]
        return {"action": name, "results": results}
