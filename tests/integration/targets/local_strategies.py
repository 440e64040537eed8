"""Strategies for tests of the target ``local``: they write as the real ones do, and fail on demand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from course_sync_plugin.targets.local.strategy import Change, Strategy, strategies

Fault = Callable[[str, Change], None]


def fail_with(monkeypatch: pytest.MonkeyPatch, entity_type: str, fault: Fault) -> list[str]:
    """Let ``fault`` act after each change of a type, in bulk or single; return the list of operations so far."""
    real = strategies.get(entity_type)
    seen: list[str] = []

    class Faulty(real):
        def apply(self, operation: str, changes: Sequence[Change]) -> None:
            super().apply(operation, changes)
            for change in changes:
                seen.append(change.operation.id)
                fault(operation, change)

    assert issubclass(Faulty, Strategy)
    monkeypatch.setitem(strategies._loaded, entity_type, Faulty)
    return seen


def raise_for(entity_id: str, error: BaseException) -> Fault:
    """Return a fault that raises an error for one entity."""

    def fault(operation: str, change: Change) -> None:
        if change.entity.entity_id == entity_id:
            raise error

    return fault
