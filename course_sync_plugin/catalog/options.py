"""What a run of ``update_catalog_data`` is asked for, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs
from django.utils.translation import gettext as _

from course_sync_plugin.catalog.absorb import Change
from course_sync_plugin.catalog.tally import Tally

#: States of a run that has no record.
OFF, DRY = "off", "dry run"


@attrs.frozen
class Options:
    """What is asked of a run.

    ``courses``: only these. ``page_size``: other than configured. ``seconds``: stop after so many, to be gone on with.
    ``waited``: seconds of the budget for waiting that were used before. ``on_page`` gets how many runs were read and
    how many there are; ``on_change`` every column that changes.
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
    """How a run ended. ``state``: that of its record, or ``off``, or ``dry run``. ``error``: why it stopped, empty
    where nothing is wrong. ``more``: there is more to read, ``later`` seconds from now. ``waited``: seconds waited for
    the catalog, those before and ``later`` included. ``resumed``: it went on at a checkpoint. ``missing``: courses
    asked for that the catalog has not.
    """

    state: str
    tally: Tally
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
        """Why not everything was read; empty where it was, or where another run is to go on."""
        return self.error or self.unlisted

    @property
    def unlisted(self) -> str:
        """That the list of the catalog lacks runs which it counts; empty where it does not."""
        unseen = self.tally.counts["unseen"]
        return _("{n} runs that the catalog counts are not in its list").format(n=unseen) if unseen else ""
