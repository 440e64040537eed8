"""Describes the API by OpenAPI 3.1. ``docs/schema/openapi-v1.yaml`` is a copy, which a test compares."""

from __future__ import annotations

from functools import cache
from threading import Lock
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.utils.translation import override
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer
from drf_spectacular.settings import patched_settings

from course_sync_plugin.rest_api.v1.problem_details import CONTENT_TYPE
from course_sync_plugin.rest_api.v1.routes import urlpatterns

#: Where the host mounts the API.
ROOT = "api/course_sync/v1/"

_SETTINGS = {
    "TITLE": "Course sync",
    "DESCRIPTION": "What is in step, what is not, and what can be done about it. A host may have further rules.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": f"/{ROOT}",
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "PREPROCESSING_HOOKS": [],
    "POSTPROCESSING_HOOKS": ["course_sync_plugin.rest_api.v1.schema.add_problems"],
    "APPEND_COMPONENTS": {
        "securitySchemes": {
            "jwt": {
                "type": "apiKey",
                "in": "header",
                "name": "Authorization",
                "description": "`JWT` and a token of the host.",
            },
            "session": {
                "type": "apiKey",
                "in": "cookie",
                "name": "sessionid",
                "description": "The session of a browser. A POST needs the header `X-CSRFToken` too.",
            },
        }
    },
    "SECURITY": [{"jwt": []}, {"session": []}],
    "TAGS": [],
    "SERVERS": [],
}

_PROBLEM_DETAILS = {
    "type": "object",
    "description": "Problem details (RFC 9457).",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "description": "What is wrong with each name of the request.",
            "items": {
                "type": "object",
                "required": ["name", "detail"],
                "properties": {"name": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}

_LOCK = Lock()


@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    """Return the description. Anybody may read it: it names nothing of this site."""
    return HttpResponse(openapi(), content_type="application/yaml")


def openapi() -> str:
    """Return the description as YAML."""
    with _LOCK:  # the settings of drf-spectacular are global
        return _openapi()


@cache
def _openapi() -> str:
    with patched_settings(_SETTINGS), override("en"):
        found = SchemaGenerator(patterns=[path(ROOT, include(urlpatterns))]).get_schema(request=None, public=True)
        written: bytes = OpenApiYamlRenderer().render(found)
    return written.decode()


def add_problems(result: dict[str, Any], **_options: Any) -> dict[str, Any]:
    """Add the answers that are errors, and take the slash at the end of each path off."""
    content = {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}
    result["components"]["schemas"]["ProblemDetails"] = _PROBLEM_DETAILS
    for operations in result["paths"].values():
        for operation in operations.values():
            operation["responses"]["4XX"] = {"description": "An error.", "content": content}
    paths = {path.rstrip("/"): found for path, found in result["paths"].items()}
    shown: dict[str, Any] = _without_ids({**result, "paths": paths})
    return shown


def _without_ids(value: Any) -> Any:
    """Return a part of the description without the digests that drf-spectacular uses to find equal choices."""
    if isinstance(value, dict):
        return {key: _without_ids(one) for key, one in value.items() if key != "x-spec-enum-id"}
    return [_without_ids(one) for one in value] if isinstance(value, list) else value
