"""Says what is not in step, the worst first, and the one thing to do about each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from course_sync_plugin.upkeep.words import in_words, local_time

#: The page that shows more of a target in a state, where it is not the page of the target.
PAGES = {"failing": "errors", "problems": "errors", "waiting for context": "courses", "retrying": "courses"}

#: The command that helps with a target in a state that an operator must end, the worst state first.
#: ``docs/how-tos/operate.rst`` explains it.
WAYS_OUT = {
    "disabled": gettext_lazy("if the receiver is back: 'resume {name}'; if not: 'remove-target {name}'"),
    "failing": gettext_lazy("'problems --target {name}' says what to do"),
    "problems": gettext_lazy("'problems --target {name}' says what to do"),
    "waiting for context": gettext_lazy("'set-context COURSE {name} KEY=VALUE' sets what it waits for"),
    "paused": gettext_lazy("'resume {name}' lets it go on; one course: 'resume {name} --course KEY'"),
    "no courses": gettext_lazy("'backfill' records courses; 'targets' shows which ones it wants"),
}

#: What to do about the same states with the pages, and the actions that do it.
WAYS_ON_PAGES: Mapping[str, tuple[Any, tuple[str, ...]]] = {
    "other site": ("", ()),
    "disabled": (gettext_lazy("If the receiver is back, test it, then resume."), ("test", "resume")),
    "failing": (gettext_lazy("Look at the cause. When it is mended, retry."), ("test", "retry")),
    "problems": (gettext_lazy("Look at the causes. When one is mended, retry."), ("retry",)),
    "waiting for context": (
        gettext_lazy("The command 'set-context COURSE {name} KEY=VALUE' sets what it waits for."),
        (),
    ),
    "paused": (
        gettext_lazy("Resume it when it may go on. A course that is paused alone is resumed on its own page."),
        ("resume",),
    ),
    "no courses": (gettext_lazy("The command 'backfill' records courses; the target's page shows which it wants."), ()),
}


@attrs.frozen
class Attention:
    """Something that is not in step. ``action``: what to do with the pages. ``is_urgent``: it does not heal by itself.

    ``page``: the name of the page where it is mended, with the values of its filters in ``chosen``. ``offers``: the
    names of the actions that mend it, the first one first. They concern the target.
    """

    text: str
    action: str
    is_urgent: bool = True
    page: str = ""
    chosen: Mapping[str, str] = attrs.field(factory=dict)
    offers: Sequence[str] = ()


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
    for state in WAYS_ON_PAGES:
        yield from (_of_state(target, state) for target in targets if _is_told(target, state))
    yield from (_unanswered(target) for target in targets if _does_not_answer(target))
    for target in targets:
        if _is_told(target, "retrying"):
            text = _("{name}: the last message got no answer.").format(name=target["name"])
            action = _("Nothing: it is sent again. To send it now, retry.")
            yield Attention(text, action, _is_late(target), *_page_of(target["name"], "retrying"), ("retry",))
    for target in targets:
        yield from _of_decisions(target)


def _is_told(target: Mapping[str, Any], state: str) -> bool:
    """Tell whether a target has this state, and no other finding says more of it."""
    is_explained = state in ("failing", "retrying") and _does_not_answer(target)
    return bool(target["state"] == state) and not is_explained


def _does_not_answer(target: Mapping[str, Any]) -> bool:
    return bool(target["breaker"]["state"] != "closed")


def _is_late(target: Mapping[str, Any]) -> bool:
    """Tell whether an operation waits for longer than the site promises."""
    return bool(target["lag_seconds"] > settings.COURSE_SYNC_OBJECTIVE_SECONDS)


def _of_state(target: Mapping[str, Any], state: str) -> Attention:
    way, offers = WAYS_ON_PAGES[state]
    name = target["name"]
    action = target["error"] or str(way).format(name=name)
    urgent = state not in ("paused", "no courses")
    return Attention(f"{name}: {in_words(state)}", action, urgent, *_page_of(name, state), offers)


def _unanswered(target: Mapping[str, Any]) -> Attention:
    """Return the one finding about a target that takes nothing: why, and that its courses go on by themselves."""
    name, breaker = target["name"], target["breaker"]
    text = _("{name}: the target has taken nothing since {since}.").format(
        name=name, since=local_time(breaker["since"])
    )
    action = _("It is tried again and again, and its courses go on by themselves. When the cause is mended, retry.")
    urgent = target["state"] == "failing" or _is_late(target)
    told = " ".join(filter(None, (breaker["error"], action)))
    return Attention(text, told, urgent, *_page_of(name, "unreachable"), ("test", "retry"))


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
        action = _("Look at both sides, and take one.")
        yield Attention(text.format(name=name, n=n), action, True, "conflicts", chosen)
    if n := target["proposals"]:
        text = ngettext("{name}: {n} proposal waits for an author.", "{name}: {n} proposals wait for an author.", n)
        action = _("Look at them, and accept or reject each.")
        yield Attention(text.format(name=name, n=n), action, False, "proposals", chosen)


def _of_courses(status: Mapping[str, Any]) -> Iterator[Attention]:
    for held in status["held"]:
        text = ngettext(
            "{course_id}: a publish would delete {deletes} of {of} entity, so it is held.",
            "{course_id}: a publish would delete {deletes} of {of} entities, so it is held.",
            held["of"],
        )
        action = _("Look at what would be deleted, and approve it. If it is wrong, publish the course as it should be.")
        yield Attention(text.format(**held), action, True, "approve", {"course": held["course_id"]})
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
        yield Attention(text.format(n=n), _("Nothing: it is taken soon."), is_urgent=False)
