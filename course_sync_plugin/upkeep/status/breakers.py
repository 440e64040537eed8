"""Shows the circuit breaker of a target, from the columns of its row."""

from __future__ import annotations

from typing import Any

from course_sync_plugin.data import utc_text
from course_sync_plugin.models import Target


def breaker_state(target: Target) -> dict[str, Any]:
    """Return the breaker of a target: ``state``, ``since``, ``next_probe`` and ``error``.

    ``state``: ``closed``, ``open``, or ``half-open`` while a probe is being sent. The others say since when it is open,
    when the next probe may be sent, and why the last request had no answer. They are empty while it is closed.
    """
    if target.breaker_opened_at is None:
        return {"state": "closed", "since": None, "next_probe": None, "error": ""}
    return {
        "state": "half-open" if target.breaker_token else "open",
        "since": utc_text(target.breaker_opened_at),
        "next_probe": target.breaker_probe_at and utc_text(target.breaker_probe_at),
        "error": target.breaker_error or "",
    }
