"""What a run counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import attrs

#: Failures kept in the run record; more say nothing new.
_KEPT_FAILURES = 50
_NAMES = (
    "retrieved", "repeated", "matched", "changed", "unchanged", "unknown", "refused", "ccx_filled", "drifting",
    "unseen",
)  # fmt: skip


@attrs.define
class Tally:
    """Counts of a run, which add up over its parts.

    ``counts``: runs ``retrieved`` (each once), ``repeated`` (given again), ``matched`` with an overview, of these
    ``changed`` and ``unchanged``, ``unknown`` here, ``refused``; ``ccx_filled`` from their parents; ``drifting``;
    ``unseen``, which the catalog counts and does not list. ``refused`` and ``kept`` are by reason.
    """

    counts: Counter[str] = attrs.field(factory=Counter)
    refused: Counter[str] = attrs.field(factory=Counter)
    kept: Counter[str] = attrs.field(factory=Counter)
    failures: list[str] = attrs.field(factory=list)
    pages: int = 0

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Tally:
        """Return the tally that a run had come to when :meth:`as_dict` was stored."""
        reasons = {name: Counter(stored[name]) for name in ("counts", "refused", "kept")}
        return cls(**reasons, failures=list(stored["failures"]), pages=stored["pages"])

    def failed(self, text: str) -> None:
        """Note a failure to reach the catalog."""
        if len(self.failures) < _KEPT_FAILURES and self.failures[-1:] != [text]:
            self.failures.append(text)

    def as_dict(self) -> dict[str, Any]:
        """Return the columns of the run record."""
        return {
            "counts": {name: self.counts[name] for name in _NAMES},
            "refused": dict(self.refused),
            "kept": dict(self.kept),
            "failures": self.failures,
            "pages": self.pages,
        }
