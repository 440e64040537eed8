"""How a view describes itself for OpenAPI.

A view has the attribute ``described`` for what its filters and its serializer do not say. The decorators of
drf-spectacular would use the class that the host has set.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
from drf_spectacular.openapi import AutoSchema


@attrs.frozen
class Described:
    """An operation that is no list and no row of one."""

    operation_id: str
    parameters: Sequence[Any]
    response: Any
    request: Any = None


class DescribedView(AutoSchema):
    """Describes a view by its filters, its serializers and its docstring."""

    def get_override_parameters(self) -> list[Any]:
        """Return the names in the query, and the headers."""
        described = self._described
        if described:
            return list(described.parameters)
        return [self.view.filters] if self.view.action == "list" else []

    def get_operation_id(self) -> str:
        return self._described.operation_id if self._described else str(super().get_operation_id())

    def get_request_serializer(self) -> Any:
        return self._described.request if self._described else None

    def get_response_serializers(self) -> Any:
        return self._described.response if self._described else super().get_response_serializers()

    def get_serializer_name(self, serializer: Any, direction: Any) -> str:
        return str(super().get_serializer_name(serializer, direction)).removesuffix("Shown")

    def get_paginated_name(self, serializer_name: str) -> str:
        return f"{serializer_name}Page"

    def get_tags(self) -> list[str]:
        return [self._tokenize_path()[0]]

    def get_auth(self) -> list[Any]:
        """Return nothing: all views have the same, which the description says once."""
        return []

    @property
    def _described(self) -> Described | None:
        found: Described | None = getattr(self.view, "described", None)
        return found
