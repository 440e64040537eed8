"""Evaluates the rules: finds what is wrong, keeps it as notices, and sends what is due."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import attrs

from course_sync_plugin import toggles
from course_sync_plugin.models import Activity, Notice, NotificationEvent, NotificationRule, bulk, digest_of
from course_sync_plugin.upkeep.notifications import decide, messages
from course_sync_plugin.upkeep.notifications.decide import Changes, Known, Terms
from course_sync_plugin.upkeep.notifications.events import threshold_of
from course_sync_plugin.upkeep.notifications.findings import Finding, find
from course_sync_plugin.upkeep.notifications.outbox import Outbox

#: Seconds in which only one of several processes evaluates: more than an evaluation takes, less than the minute between
#: two of one process.
TURN = 50.0

#: How many courses or operations each trouble affects, by event and subject.
Sizes = Mapping[str, Mapping[str, int]]


@attrs.frozen
class Evaluated:
    """The result: how many messages were sent, and how many failed. None of both: another process evaluates."""

    sent: int = 0
    failed: int = 0


def evaluate() -> Evaluated:
    """Evaluate all rules and send what is due. The number of queries does not grow, up to the rows of a statement.

    Nothing is evaluated while the switch ``course_sync.stopped`` is on. A process that is killed between a send and the
    note of it sends that message once more.
    """
    if toggles.is_stopped():
        return Evaluated()
    now = Activity.claim_evaluation(TURN)
    if now is None:
        return Evaluated()
    enabled = NotificationRule.objects.filter(enabled=True, channel__enabled=True)
    rules = list(enabled.select_related("channel", "target").order_by("pk"))
    sizes = _note(rules, now)
    return Evaluated(*_outbox(rules, sizes, now).send(now))


def terms_of(rule: NotificationRule) -> Terms:
    """Return the threshold and the cool-down of a rule."""
    seconds = threshold_of(rule.event, rule.threshold_seconds)
    return Terms(timedelta(seconds=seconds), timedelta(seconds=rule.cooldown_seconds))


def _note(rules: Sequence[NotificationRule], now: datetime) -> Sizes:
    """Write what has changed since the last evaluation; return the sizes of the troubles that there are.

    The notices of rules that are switched off go.
    """
    known = _notices()
    troubles = [rule for rule in rules if rule.event != NotificationEvent.RECOVERED]
    found = {event: find(event) for event in dict.fromkeys(rule.event for rule in troubles)}
    forgotten = [notice.pk for rule_id in known.keys() - {rule.pk for rule in troubles} for notice in known[rule_id]]
    written: dict[int, Changes] = {}
    for rule in troubles:
        by_subject = {notice.subject: notice for notice in known.get(rule.pk, ())}
        written[rule.pk] = decide.changes(by_subject, _of_rule(rule, found[rule.event]), terms_of(rule), now)
    _write(written, forgotten, now)
    return {event: {finding.subject: finding.size for finding in findings} for event, findings in found.items()}


def _notices() -> Mapping[int, list[Known]]:
    notices: defaultdict[int, list[Known]] = defaultdict(list)
    for row in map(Known._make, Notice.objects.values_list(*Known._fields)):
        notices[row.rule_id].append(row)
    return notices


def _of_rule(rule: NotificationRule, found: Iterable[Finding]) -> Iterable[Finding]:
    name = rule.target.name if rule.target else None
    return (finding for finding in found if name in (None, finding.target))


def _write(written: Mapping[int, Changes], forgotten: list[int], now: datetime) -> None:
    """Write the changes of all rules: a statement for each kind of change, for each part of the rows."""
    changes = written.values()
    bulk.insert((_row(pk, *one) for pk, change in written.items() for one in change.opened), ignore_conflicts=True)
    reopened = [
        Notice(pk=old.pk, open_since=since, times=old.times + 1, closed_at=None)
        for change in changes
        for old, since in change.reopened
    ]
    bulk.update(reopened, ["open_since", "times", "closed_at"])
    for keys in bulk.chunks([notice.pk for change in changes for notice in change.closed]):
        Notice.objects.filter(pk__in=keys).update(closed_at=now)
    forget([*forgotten, *(notice.pk for change in changes for notice in change.forgotten)])


def _row(rule_id: int, finding: Finding, since: datetime) -> Notice:
    subject = finding.subject
    return Notice(
        rule_id=rule_id,
        subject=subject,
        subject_digest=digest_of(subject),
        open_since=since,
        first_since=since,
    )


def forget(keys: Sequence[int]) -> None:
    """Delete notices by their primary keys."""
    for part in bulk.chunks(keys):
        Notice.objects.filter(pk__in=part).delete()


def _outbox(rules: Sequence[NotificationRule], sizes: Sizes, now: datetime) -> Outbox:
    """Return the messages that are due: one for each rule, and one of each rule ``recovered`` for its channel."""
    outbox, notices = Outbox(), _notices()
    ended: list[tuple[NotificationRule, Known]] = []
    for rule in rules:
        own, terms = notices.get(rule.pk, []), terms_of(rule)
        if due := decide.due(own, terms, now):
            outbox.tell(rule, messages.trouble(rule, due, sizes[rule.event]), due)
        ended += [(rule, notice) for notice in decide.over(own, terms, now)]
    _add_recoveries(outbox, rules, ended, now)
    return outbox


def _add_recoveries(
    outbox: Outbox, rules: Sequence[NotificationRule], ended: Iterable[tuple[NotificationRule, Known]], now: datetime
) -> None:
    """Add the messages about troubles that are over, for the channel that was told of them.

    Without a rule ``recovered`` for that channel the notice goes without a message.
    """
    told: defaultdict[NotificationRule, list[tuple[str, Known]]] = defaultdict(list)
    silent = []
    for rule, notice in ended:
        by = next((one for one in rules if _tells(one, rule, notice)), None)
        if by is None:
            silent.append(notice.pk)
        elif notice.closed_at and now - notice.closed_at >= terms_of(by).threshold:
            told[by].append((rule.get_event_display(), notice))
    for by, notices in told.items():
        outbox.end(by, messages.recovery(notices), [notice for _title, notice in notices])
    forget(silent)


def _tells(one: NotificationRule, rule: NotificationRule, notice: Known) -> bool:
    """Tell whether the rule ``one`` tells of the end of a trouble that ``rule`` told of."""
    if one.event != NotificationEvent.RECOVERED or one.channel_id != rule.channel_id:
        return False
    return one.target is None or notice.subject.rpartition(" → ")[2] == one.target.name
