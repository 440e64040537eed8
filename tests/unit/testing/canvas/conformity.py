"""Checks requests, answers and events against the published descriptions of Canvas."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from course_sync_plugin.testing.canvas.exchange import Request
from course_sync_plugin.testing.canvas.parameters import flat_names
from tests.conftest import shared_data, shared_names

#: The parameter of Canvas' own web interface: ui/features/context_modules in canvas-lms sends it, and no page describes
#: it.
NOT_DESCRIBED = "has no parameter module.skip_content_tags"


@cache
def description(name: str) -> Any:
    """Return a published description. The test is skipped if the folder is absent."""
    return json.loads((shared_data() / "specs" / f"canvas_{name}.json").read_text("utf-8"))


def has_descriptions() -> bool:
    """Tell whether the folder of descriptions is there."""
    return shared_names("specs/canvas_openapi_subset.json") != ["absent"]


def violations(request: Request) -> list[str]:
    """Return what of a request is not in the published description: path, method, names and values of parameters."""
    operation = _operation(request)
    if operation is None:
        return [f"{request.method} {request.path} is not described"]
    known = dict(_parameters(operation))
    found = []
    for name in flat_names(request.parameters):
        if name not in known:
            found.append(f"{request.method} {request.path} has no parameter {name}")
        elif known[name] and _value(request.parameters, name) not in known[name]:
            found.append(f"{name} of {request.path} is none of {known[name]}")
    return found


def check_requests(sent: Iterable[Request]) -> None:
    """Fail if the description does not know one of these requests. Without the description nothing is checked."""
    if has_descriptions():
        problems = {problem for request in sent for problem in violations(request)}
        assert {problem for problem in problems if NOT_DESCRIBED not in problem} == set()


def conforms(request: Request) -> bool:
    """Tell whether a request is as the published description says."""
    return not violations(request)


def _operation(request: Request) -> Any:
    paths = description("openapi_subset")["paths"]
    # a name in the path that is spelled out goes before one that is a parameter
    for template in sorted(paths, key=lambda path: path.count("{")):
        pattern = re.sub(r"\{\w+\}", "[^/]+", template)
        if re.fullmatch(pattern, request.path) and request.method.lower() in paths[template]:
            return paths[template][request.method.lower()]
    return None


def _parameters(operation: Any) -> Iterator[tuple[str, list[str]]]:
    for parameter in operation["parameters"]:
        if parameter["in"] == "query":
            yield parameter["name"].removesuffix("[]"), []
    yield from {"page": [], "per_page": []}.items()  # API documentation, Pagination: every list has them
    body = operation.get("requestBody", {}).get("content", {})
    for content in body.values():
        yield from _properties(content["schema"], "")


def _properties(schema: Any, before: str) -> Iterator[tuple[str, list[str]]]:
    for name, inner in schema.get("properties", {}).items():
        if inner.get("properties"):
            yield from _properties(inner, f"{before}{name}.")
        else:
            yield f"{before}{name}", [] if inner.get("type") == "array" else inner.get("enum", [])


def _value(parameters: Any, name: str) -> Any:
    for one in name.split("."):
        parameters = parameters[one]
    return parameters


def model(resource: str, name: str) -> dict[str, str]:
    """Return the fields of an object in the older description (Swagger 1.2), with their types."""
    properties = description(f"swagger12_{resource}")["models"][name]["properties"]
    return {field: one.get("type", "object") for field, one in properties.items()}


_TYPES: dict[str, Any] = {
    "integer": int, "Integer": int, "string": str, "boolean": bool, "datetime": str, "array": list,
    "number": (int, float),
}  # fmt: skip


def of_wrong_type(value: dict[str, Any], fields: dict[str, str]) -> set[str]:
    """Return the fields of an answer whose values are not of the described type. Null is allowed everywhere."""
    return {
        name
        for name, one in value.items()
        if one is not None and fields.get(name) in _TYPES and not isinstance(one, _TYPES[fields[name]])
    }
