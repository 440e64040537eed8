"""What the filter steps have in common: who gets our part of the page, and that no error of ours breaks the page."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from openedx_filters import PipelineStep

from course_sync_plugin.log import get_logger
from course_sync_plugin.roles.access import access_of

log = get_logger(__name__)


class SoftStep(PipelineStep):
    """A step that adds something for the staff of a course. If it fails, the page of the host stays as it is."""

    def run_filter(self, **given: Any) -> dict[str, Any]:
        """Return what the host gave, with our part added.

        It takes any names, because later releases of the host may give more. The savepoint keeps the transaction of
        the host usable after an error of the database.
        """
        try:
            with transaction.atomic():
                return {**given, **self.added(**given)}
        except Exception as error:  # the dashboard is worth more than our part of it
            log.warning("course_sync: %s left out: %s", type(self).__name__, type(error).__name__, exc_info=True)
            return given

    def added(self, **given: Any) -> dict[str, Any]:
        """Return the arguments of the filter that change. What the host gave must not be changed."""
        raise NotImplementedError


def may_see(user: Any, course_key: Any) -> bool:
    """Tell whether the user may see our page about the course. It has none before the course was first published."""
    return access_of(user).sees.find(str(course_key)) is not None
