"""The options and the result of a run of ``update_catalog_data``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs
from django.utils.translation import ngettext

from course_sync_plugin.catalog.counts import RunCounts
from course_sync_plugin.catalog.merge_records import Change

#: States of a run that has no run record.
OFF, DRY = "off", "dry run"


@attrs.frozen
class Options:
    """The options of a run.

    ``courses``: read only these. ``page_size``: replaces the configured one. ``dry_run``: write nothing. ``seconds``:
    stop after this time; the next run resumes. ``waited``: seconds of the waiting budget that were used before.
    ``on_page`` is called with the number of course runs that were read and the number that the catalog has (None if it
    does not say). ``on_change`` is called with every column that changes.
    """

    courses: Sequence[str] = ()
    page_size: int | None = None
    dry_run: bool = False
    seconds: float = float("inf")
    waited: float = 0
    on_page: Callable[[int, int | None], None] = lambda read, count: None
    on_change: Callable[[Change], None] = lambda change: None


@attrs.frozen
class Result:
    """The result of a run.

    ``state``: the state in its run record, or ``off``, or ``dry run``. ``error``: why it stopped; empty if nothing is
    wrong. ``more``: not everything was read; the next run should begin in ``later`` seconds. ``waited``: seconds of the
    waiting budget that were used, with those used before and with ``later``. ``resumed``: it began at a checkpoint.
    ``missing``: chosen courses that the catalog does not have.
    """

    state: str
    run_counts: RunCounts
    seconds: float = 0
    requests: int = 0
    waited: float = 0
    later: float = 0
    error: str = ""
    more: bool = False
    resumed: bool = False
    missing: tuple[str, ...] = ()

    @property
    def incomplete(self) -> str:
        """Return why not everything was read; empty if everything was read, or if another run will continue."""
        return self.error or self.unlisted

    @property
    def unlisted(self) -> str:
        """Return a message if the catalog's list lacks course runs that the catalog counts; else an empty text."""
        unseen = self.run_counts.counts["unseen"]
        text = ngettext(
            "{n} run that the catalog counts is not in its list",
            "{n} runs that the catalog counts are not in its list",
            unseen,
        )
        return text.format(n=unseen) if unseen else ""
