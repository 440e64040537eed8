"""Compares the links of a target, one after the other, and mends what was found if it is still the same."""

from __future__ import annotations

import json
from collections.abc import Iterator

import attrs
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from course_sync_plugin.exceptions import ConfigurationError, CourseSyncError
from course_sync_plugin.models import Link
from course_sync_plugin.replication.hold import held_for_a_look
from course_sync_plugin.replication.inbound.write_back import write_pending
from course_sync_plugin.targets.registry import targets
from course_sync_plugin.upkeep.check.finding import Finding, Scope
from course_sync_plugin.upkeep.check.remote.compare import compare, why_not_now
from course_sync_plugin.upkeep.check.remote.drift import Drift
from course_sync_plugin.upkeep.check.remote.kinds import Action
from course_sync_plugin.upkeep.check.remote.repair import carry_out
from course_sync_plugin.upkeep.decisions import clock


@attrs.frozen
class LinkDifference:
    """The result for one link. ``unchecked``: why it could not be compared. ``notes``: what was only counted."""

    link: Link
    drifts: tuple[Drift, ...] = ()
    notes: tuple[str, ...] = ()
    unchecked: str = ""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Return what operators see."""
        return tuple(one.finding(self.link) for one in self.drifts)

    @property
    def repairable(self) -> int:
        """Return the number of differences that a repair mends."""
        return sum(one.action is not Action.NOTHING for one in self.drifts)

    @property
    def state(self) -> str:
        """Return all that was seen, as text: equal for equal differences."""
        parts = [[one.kind, one.entity_id, sorted(one.values.items()), one.seen] for one in self.drifts]
        return json.dumps([self.link.pk, parts], sort_keys=True, default=str)

    def repair(self) -> int:
        """Compare again, and mend all if it is still the same. Return the number of repairs.

        Raises the errors of ``Target.send``.
        """
        with held_for_a_look(self.link) as carry:
            drifts = () if carry is None or why_not_now(carry) else tuple(compare(carry))
            if carry is None or LinkDifference(self.link, drifts).state != self.state:
                return 0
            carry_out(carry, drifts)
        write_pending(self.link, clock)
        return self.repairable


def compare_remote(scope: Scope) -> Iterator[LinkDifference]:
    """Compare each link of the target of ``scope``. An error of one link is in its result.

    Raises ConfigurationError if the target is of a kind without links, or if there is no link.
    """
    if scope.target is None:
        raise ValueError("a target is needed")
    if not targets.get(scope.target.backend).needs_link:
        text = _("{name} is a target of kind {backend}, which has no links: use --receiver.")
        raise ConfigurationError(text.format(name=scope.target.name, backend=scope.target.backend))
    links = Link.objects.select_related("target", "course").filter(scope.of_courses("course"), target=scope.target)
    rows = list(links.order_by("course__key"))
    if not rows:
        raise ConfigurationError(_("No such course is linked at {name}: use 'link'.").format(name=scope.target.name))
    for link in scope.progress(rows, "course"):
        yield _compare(link)


def _compare(link: Link) -> LinkDifference:
    try:
        with held_for_a_look(link) as carry:
            if carry is None:
                return LinkDifference(link, unchecked=_busy())
            why_not = why_not_now(carry)
            if why_not:
                return LinkDifference(link, unchecked=why_not)
            return LinkDifference(link, tuple(compare(carry)), tuple(_foreign(carry.site.foreign())))
    except CourseSyncError as error:
        return LinkDifference(link, unchecked=error.message)


def _busy() -> str:
    return _(
        "it is not compared now: another worker works on it, nothing was delivered yet, or its lane or target is "
        "paused, disabled or failing"
    )


def _foreign(count: int | None) -> Iterator[str]:
    if count:
        text = ngettext(
            "{count} object there is not ours; it is left as it is",
            "{count} objects there are not ours; they are left as they are",
            count,
        )
        yield text.format(count=count)
