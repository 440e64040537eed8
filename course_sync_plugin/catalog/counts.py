"""Counts what a run of ``update_catalog_data`` reads and changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import attrs

#: The most failures that a run record stores; more would add no information.
_KEPT_FAILURES = 50
_NAMES = (
    "retrieved", "repeated", "matched", "changed", "unchanged", "unknown", "refused", "ccx_filled", "drifting",
    "unseen",
)  # fmt: skip


@attrs.define
class RunCounts:
    """The counts of a run. A run that resumes adds to the counts in its checkpoint.

    ``counts`` has these keys, each with a number of course runs: ``retrieved`` (read, each counted once), ``repeated``
    (read again), ``matched`` (with an overview here), ``changed`` and ``unchanged`` (parts of ``matched``), ``unknown``
    (without an overview here), ``refused`` (the row is not valid), ``ccx_filled`` (CCX courses that got columns),
    ``drifting`` (Studio has other values), ``unseen`` (the catalog counts them but does not list them).
    ``refused`` and ``kept`` map reasons to numbers. ``failures``: failures to reach the catalog.
    """

    counts: Counter[str] = attrs.field(factory=Counter)
    refused: Counter[str] = attrs.field(factory=Counter)
    kept: Counter[str] = attrs.field(factory=Counter)
    failures: list[str] = attrs.field(factory=list)
    pages: int = 0

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> RunCounts:
        """Return the counts that :meth:`as_dict` stored."""
        reasons = {name: Counter(stored[name]) for name in ("counts", "refused", "kept")}
        return cls(**reasons, failures=list(stored["failures"]), pages=stored["pages"])

    def failed(self, text: str) -> None:
        """Record a failure to reach the catalog, unless it is the same as the last one."""
        if len(self.failures) < _KEPT_FAILURES and self.failures[-1:] != [text]:
            self.failures.append(text)

    def as_dict(self) -> dict[str, Any]:
        """Return the counts as columns of the run record."""
        return {
            "counts": {name: self.counts[name] for name in _NAMES},
            "refused": dict(self.refused),
            "kept": dict(self.kept),
            "failures": self.failures,
            "pages": self.pages,
        }
