"""Says what is not in step, the worst first, and the one thing to do about each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from course_sync_plugin.upkeep.words import in_words, local_time

#: The page that shows more of a target in a state, where it is not the page of the target.
PAGES = {"failing": "errors", "problems": "errors", "waiting for context": "courses", "retrying": "courses"}

#: What to do about a target in a state that an operator must end, the worst state first. ``docs/how-tos/operate.rst``
#: explains it.
WAYS_OUT = {
    "disabled": gettext_lazy("if the receiver is back: 'resume {name}'; if not: 'remove-target {name}'"),
    "failing": gettext_lazy("'problems --target {name}' says what to do"),
    "problems": gettext_lazy("'problems --target {name}' says what to do"),
    "waiting for context": gettext_lazy("'set-context COURSE {name} KEY=VALUE' sets what it waits for"),
    "paused": gettext_lazy("'resume {name}' lets it go on; one course: 'resume {name} --course KEY'"),
    "no courses": gettext_lazy("'backfill' records courses; 'targets' shows which ones it wants"),
}


@attrs.frozen
class Attention:
    """Something that is not in step. ``action``: what to do. ``is_urgent``: it does not heal by itself.

    ``page``: the name of the page where it is mended, with the values of its filters in ``chosen``.
    """

    text: str
    action: str
    is_urgent: bool = True
    page: str = ""
    chosen: Mapping[str, str] = attrs.field(factory=dict)


def attention(status: Mapping[str, Any]) -> list[Attention]:
    """Return what an operator should know of a status (:func:`course_sync_plugin.upkeep.status.report.status`)."""
    found = [*_of_processes(status), *_of_targets(status["targets"]), *_of_courses(status)]
    return _urgent_first(found)


def attention_of_target(state: Mapping[str, Any]) -> list[Attention]:
    """Return what an operator should know of a target: one of ``targets`` in a status."""
    return _urgent_first(_of_targets([state]))


def _urgent_first(found: Iterable[Attention]) -> list[Attention]:
    return sorted(found, key=lambda one: not one.is_urgent)


def _of_processes(status: Mapping[str, Any]) -> Iterator[Attention]:
    if status["stopped"]:
        text = _("The switch course_sync.stopped is on: nothing is synced or delivered.")
        yield Attention(text, _("Publishes wait. Turn the switch off to go on."))
    if status["not_running"]:
        last = max(filter(None, (status["last_sweep_at"], status["last_run_at"], status["waiting_since"])), default="")
        text = _(
            "No process does the background work. The last sign of one, or the first publish that waits: {moment}."
        )
        yield Attention(text.format(moment=last and local_time(last)), _("Start 'course_sync run'."))


def _of_targets(targets: Sequence[Mapping[str, Any]]) -> Iterator[Attention]:
    for state in ("other site", *WAYS_OUT):
        for target in targets:
            if target["state"] == state:
                way = target["error"] or str(WAYS_OUT[state]).format(name=target["name"])
                urgent = state not in ("paused", "no courses")
                text = f"{target['name']}: {in_words(state)}"
                yield Attention(text, way, urgent, *_page_of(target["name"], state))
    for target in targets:
        yield from _of_decisions(target)
        if target["state"] == "retrying":
            text = _("{name}: the last message got no answer.").format(name=target["name"])
            action = _("Nothing: it is sent again. The courses below say why.")
            yield Attention(text, action, False, *_page_of(target["name"], "retrying"))
        if target["breaker"]["state"] != "closed":
            text = _("{name}: the target has not answered since {since}.").format(
                name=target["name"], since=local_time(target["breaker"]["since"])
            )
            action = _("Nothing: its courses go on by themselves when it answers.")
            yield Attention(text, action, False, *_page_of(target["name"], "unreachable"))


def _page_of(name: str, state: str) -> tuple[str, dict[str, str]]:
    """Return the page that shows more of a target in a state, and its filters."""
    page = PAGES.get(state, "target")
    return page, {"target": name, "state": state} if page == "courses" else {"target": name}


def _of_decisions(target: Mapping[str, Any]) -> Iterator[Attention]:
    """Yield what waits for a person: conflicts, and proposals of changes to the course."""
    name = target["name"]
    chosen = {"target": name}
    if n := target["conflicts"]:
        text = ngettext("{name}: {n} conflict waits for a person.", "{name}: {n} conflicts wait for a person.", n)
        action = _("'conflicts --target {name}' shows both sides, 'resolve' takes one.")
        yield Attention(text.format(name=name, n=n), action.format(name=name), True, "conflicts", chosen)
    if n := target["proposals"]:
        text = ngettext("{name}: {n} proposal waits for an author.", "{name}: {n} proposals wait for an author.", n)
        action = _("'proposals --target {name}' shows them, 'accept' and 'reject' decide.")
        yield Attention(text.format(name=name, n=n), action.format(name=name), False, "proposals", chosen)


def _of_courses(status: Mapping[str, Any]) -> Iterator[Attention]:
    for held in status["held"]:
        text = _("{course_id}: a publish would delete {deletes} of {of} entities, so it is held.").format(**held)
        action = _("'approve --course {course_id}' shows what would be deleted.").format(**held)
        yield Attention(text, action, True, "approve", {"course": held["course_id"]})
    yield from _of_counts(status)


def _of_counts(status: Mapping[str, Any]) -> Iterator[Attention]:
    if n := status["courses_unreadable"]:
        text = ngettext("{n} course cannot be read.", "{n} courses cannot be read.", n)
        chosen = {"state": "unreadable"}
        yield Attention(text.format(n=n), _("The list of courses says why."), True, "courses", chosen)
    if n := status["courses_not_recorded"]:
        text = ngettext("{n} publish is not recorded yet.", "{n} publishes are not recorded yet.", n)
        yield Attention(text.format(n=n), _("Nothing: it is taken soon."), is_urgent=False)
    if n := status["courses_waiting"]:
        text = ngettext("{n} course waits for its first sync.", "{n} courses wait for their first sync.", n)
        yield Attention(text.format(n=n), _("Nothing, or 'sync'."), is_urgent=False)
