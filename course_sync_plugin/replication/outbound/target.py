"""The base of two-way targets: a target that carries courses to the counterparts that they are linked to."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC
from functools import partial
from typing import Any, ClassVar

from django.conf import settings

from course_sync_plugin.data import Answer, Message
from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.lanes.site import this_site
from course_sync_plugin.models import DatabaseNow, Link, digest_of
from course_sync_plugin.models import Target as TargetRow
from course_sync_plugin.replication.merge.presence import RemoteDelete
from course_sync_plugin.replication.outbound.budget import SharedBudget, budget_row
from course_sync_plugin.replication.outbound.carry import Carry
from course_sync_plugin.replication.outbound.envelope import carry_out
from course_sync_plugin.replication.outbound.known import LedgerObjects
from course_sync_plugin.replication.outbound.tree import RecordedTree
from course_sync_plugin.replication.strategies.base import Strategy
from course_sync_plugin.replication.strategies.registry import conflict_strategies
from course_sync_plugin.sanitize.limits import POLL_SECONDS
from course_sync_plugin.targets.base import Target, TargetConfig
from course_sync_plugin.targets.options import Option, number, one_of
from course_sync_plugin.targets.two_way.discussions import Discussions
from course_sync_plugin.targets.two_way.site import Site, SiteContext

#: Seconds after which the time of the database is asked for again.
_CLOCK_SECONDS = 60


def strategy_name(value: Any) -> str:
    """Parse the name of a conflict strategy. Raises ValueError."""
    if value not in conflict_strategies.names():
        raise ValueError(f"one of {', '.join(sorted(conflict_strategies.names()))}")
    return str(value)


#: The options of every two-way target.
TWO_WAY_OPTIONS: Mapping[str, Option] = {
    "conflict_strategy": Option("Which side is taken if both changed a field (docs: strategies).", strategy_name),
    "on_remote_delete": Option(
        "What happens if somebody deletes an object of ours there: 'manual', 'recreate' or 'respect'.",
        one_of(*(policy.value for policy in RemoteDelete)),
    ),
    "write_back": Option(
        "What comes back into Open edX: 'draft' (units, in their draft), 'propose', 'publish' or 'never'.",
        one_of("draft", "propose", "publish", "never"),
    ),
    "poll_seconds": Option(
        "Seconds between two looks at each counterpart; one that nobody changes is looked at less often.",
        number(POLL_SECONDS),
    ),
    "discussions": Option(
        "'mirror': discussions of Canvas and Discourse are kept equal, if both say so; 'none' (the default).",
        one_of("mirror", "none"),
    ),
    "attribution": Option(
        "What a mirrored post shows of its author: 'name' (the default: the name shown there) or 'none'.",
        one_of("name", "none"),
    ),
}


class TwoWayTarget(Target):
    """A system in which courses have counterparts. ``site_class`` makes the requests; this class decides which."""

    site_class: ClassVar[type[Site]]
    #: What reads and writes the discussions of a counterpart; None: they are not mirrored.
    discussions_class: ClassVar[type[Discussions] | None] = None
    needs_link = True
    uses_token = True
    own_options = TWO_WAY_OPTIONS

    def __init__(self, config: TargetConfig):
        super().__init__(config)
        self._carries: dict[str, Carry] = {}

    def send(self, message: Message) -> Answer:
        if message.course_id not in self._carries:
            self._carries[message.course_id] = self._carry(message.course_id)
        return carry_out(self._carries[message.course_id], json.loads(message.body)["data"])

    def close(self) -> None:
        for carry in self._carries.values():
            carry.site.close()
        self._carries.clear()

    def carry_for(self, link: Link) -> Carry:
        """Return what carries the course of a link there."""
        tree, known = RecordedTree(link.course), LedgerObjects(link)
        tree.refresh()
        linked = partial(_linked, link.target_id)
        budget = self._budget(link)
        site = self.site_class(SiteContext(self.config, link.remote_id, tree, known, budget, this_site(), linked))
        recreate = self.config.options.get("on_remote_delete") == RemoteDelete.RECREATE
        clock = _clock(link.target_id)
        return Carry(link.course, link, site, tree, known, self._strategy_for, clock, recreate, progress=self._progress)

    def discussions_for(self, link: Link) -> Discussions:
        """Return what reads and writes the discussions of a link. Raises ConfigurationError if nothing does."""
        if self.discussions_class is None:
            raise ConfigurationError(f"The discussions of {self.config.name} are not mirrored.")
        return self.discussions_class(self.config, link.remote_id, self._budget(link))

    def _budget(self, link: Link) -> SharedBudget:
        rate = self.site_class.rate
        return SharedBudget(budget_row(link.target, rate), rate, self._progress)

    def _carry(self, course_id: str) -> Carry:
        links = Link.objects.select_related("target", "course").filter(course__key_digest=digest_of(course_id))
        link = next((one for one in links if one.target.name == self.config.name), None)
        if link is None:
            raise ConfigurationError(f"The course {course_id} is not linked at {self.config.name}: use 'link'.")
        return self.carry_for(link)

    def _progress(self) -> None:
        if self.progress:
            self.progress()

    def _strategy_for(self, entity_type: str) -> tuple[str, Strategy]:
        by_type = settings.COURSE_SYNC_CONFLICT_STRATEGIES
        name = self.config.options.get("conflict_strategy") or by_type.get(
            entity_type, settings.COURSE_SYNC_CONFLICT_STRATEGY
        )
        return name, conflict_strategies.get(name)


def _linked(target_id: int) -> Collection[str]:
    return frozenset(Link.objects.filter(target=target_id).values_list("remote_id", flat=True))


def _clock(target_id: int) -> Callable[[], int]:
    """Return a function that tells the time of the database, in milliseconds since 1970 (UTC).

    The database is asked once a minute; between that, the time that has passed here is added.
    """
    now = asked_at = 0.0

    def milliseconds() -> int:
        nonlocal now, asked_at
        passed = time.monotonic() - asked_at
        if not now or passed > _CLOCK_SECONDS:
            now, asked_at, passed = _database_time(target_id), time.monotonic(), 0.0
        return int((now + passed) * 1000)

    return milliseconds


def _database_time(target_id: int) -> float:
    now = TargetRow.objects.filter(pk=target_id).annotate(now=DatabaseNow()).values_list("now", flat=True).get()
    return float(now.replace(tzinfo=now.tzinfo or UTC).timestamp())
