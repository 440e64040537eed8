"""Answers every error of the API as problem details (RFC 9457)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import SuspiciousOperation
from rest_framework.exceptions import APIException, ParseError
from rest_framework.response import Response
from rest_framework.views import exception_handler

CONTENT_TYPE = "application/problem+json"


class Conflict(APIException):
    """The same request is being carried out at this moment."""

    status_code = HTTPStatus.CONFLICT


class Unprocessable(APIException):
    """The request can be read, but it contradicts an earlier one."""

    status_code = HTTPStatus.UNPROCESSABLE_ENTITY


class TooLarge(APIException):
    """The body is too large."""

    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def as_problem(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Return the answer for an error of a request. None: it is a fault of ours, which the host reports (status 500)."""
    if isinstance(error, SuspiciousOperation):  # such as a query with thousands of names
        error = ParseError("The request is not acceptable.")
    answer: Response | None = exception_handler(error, context)
    if answer is not None:
        answer.data = _problem(answer.status_code, answer.data)
        answer.content_type = CONTENT_TYPE
    return answer


def _problem(status: int, found: Any) -> dict[str, Any]:
    """``found``: what REST framework says: a ``detail``, or what is wrong with each name."""
    problem = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    if isinstance(found, Mapping) and "detail" in found and not isinstance(found["detail"], list):
        return {**problem, "detail": str(found["detail"])}
    errors = [{"name": name, "detail": text} for name, text in _flat("", found)]
    detail = " ".join(f"{one['name']}: {one['detail']}" if one["name"] else one["detail"] for one in errors)
    return {**problem, "detail": detail, "errors": errors}


def _flat(name: str, found: Any) -> Iterator[tuple[str, str]]:
    """Yield each wrong name, such as ``tokens.0``, and what is wrong with it."""
    if isinstance(found, Mapping):
        for key, value in found.items():
            yield from _flat(f"{name}.{key}" if name else str(key), value)
    elif isinstance(found, list):
        for value in found:
            yield from _flat(name, value)
    else:
        yield name, str(found)
