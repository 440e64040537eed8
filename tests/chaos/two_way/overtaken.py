"""Which edits a request overwrote before a read could show them: nobody can know of these (ADR 28).

It is seen as each request is carried out, while the system's lock is held. When a request came says too little: it may
have waited for a person who was editing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tests.chaos.two_way.edits import Edit, Edits

#: The lists in which the plugin sees an edit, by target.
_LISTS = {"canvas": r"/(modules|assignments)$", "forum": r"/(categories|site|t/|c/)"}

#: The writes that a system refuses if somebody has edited the object meanwhile.
_CONDITIONAL = {"canvas": r"(?!)", "forum": r"PUT /t/"}


class Witness:
    """Sees the requests to one site. ``values``: returns all values that the site has."""

    def __init__(self, edits: Edits, site: str, values: Callable[[], set[str]]):
        self._edits, self._site, self._values = edits, site, values
        self._seen: list[tuple[Any, set[str], set[str]]] = []

    def carry_out(self, request: Any, act: Callable[[Any], Any]) -> Any:
        """Carry out a request and return its answer. Call it with the lock of the system."""
        before = self._values() if request.method != "GET" else set()
        answer = act(request)
        edits = self._edits.by_site(self._site)
        if request.method == "GET":
            text = answer.body.decode(errors="replace")
            self._seen.append((request, {one.value for one in edits if self._shows(request, text, one)}, set()))
        elif not re.match(_CONDITIONAL[self._site], f"{request.method} {request.path}"):
            self._seen.append((request, set(), {one.value for one in edits} & (before - self._values())))
        return answer

    def overtaken(self) -> set[str]:
        """Return the values that were overwritten or deleted before a read that was answered had shown them."""
        shown: set[str] = set()
        found: set[str] = set()
        for request, values, gone in self._seen:
            shown |= values if request.status == 200 else set()
            found |= gone - shown
        return found

    def _shows(self, request: Any, text: str, edit: Edit) -> bool:
        """Tell whether an answer shows an edit, and is of a kind from which the plugin takes the value."""
        is_read = re.search(_LISTS[self._site], request.path) or edit.objects & set(re.findall(r"\d+", request.path))
        return bool(is_read) and bool(re.search(re.escape(edit.value) + r"(?!\d)", text))
