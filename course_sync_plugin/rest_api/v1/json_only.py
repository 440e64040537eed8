"""Reads JSON of a bounded size, and answers in JSON whatever the client prefers."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import JSONParser
from rest_framework.renderers import JSONRenderer

from course_sync_plugin.rest_api.v1.problem_details import TooLarge

#: The most bytes of a body: 500 tokens and a note are less.
MOST_BYTES = 2**16


class AlwaysJson(BaseContentNegotiation):
    """Chooses the first parser that fits and the only renderer. A browser that asks for HTML gets JSON too."""

    def select_parser(self, request: Any, parsers: Sequence[Any]) -> Any:
        kind = request.content_type.split(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == kind), None)

    def select_renderer(self, request: Any, renderers: Sequence[Any], format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class AsciiJson(JSONRenderer):
    """Writes every character beyond ASCII as an escape: a terminal obeys some of them, and texts come from others."""

    ensure_ascii = True
    charset = None


class BoundedJsonParser(JSONParser):
    """Refuses bodies that are too large or too deep."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        body = stream.read(MOST_BYTES + 1)
        if len(body) > MOST_BYTES:
            raise TooLarge(f"The body has more than {MOST_BYTES} bytes.")
        try:
            return super().parse(BytesIO(body), media_type, parser_context)
        except RecursionError:
            raise ParseError("The JSON is nested too deep.") from None
