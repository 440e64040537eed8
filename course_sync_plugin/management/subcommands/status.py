"""The subcommand ``status``: it shows the state of targets and courses, held runs and problems."""

from __future__ import annotations

import math
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from contextlib import suppress
from io import StringIO
from itertools import chain
from typing import Any

import attrs
from django.db import close_old_connections
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from course_sync_plugin import api
from course_sync_plugin.management.subcommands.base import DONE, Output, Subcommand, WrongUsage, tell_if_stopped
from course_sync_plugin.management.subcommands.counts import parked
from course_sync_plugin.sanitize import limits

#: The most characters of a line in the short form: two rows of a terminal with 80 columns.
LONGEST_LINE = 160

#: Seconds between two pages of ``--watch``.
WATCH_SECONDS = 5.0


def _arguments(parser: ArgumentParser) -> None:
    help_text = _("this course with all its lanes, whether they are in step or not")
    parser.add_argument("--course", metavar="KEY", default="", help=help_text)
    parser.add_argument("--target", metavar="NAME", default="", help=_("only this target and its lanes"))
    help_text = _("every course with all its lanes (default: those that are not in step; the others are counted)")
    parser.add_argument("--all", action="store_true", help=help_text)
    help_text = _("show it again and again, each SECONDS (default: {n:g}), until Ctrl-C; only at a terminal")
    parser.add_argument(
        "--watch",
        metavar="SECONDS",
        nargs="?",
        type=limits.WATCH.argument,
        const=WATCH_SECONDS,
        help=help_text.format(n=WATCH_SECONDS),
    )
    help_text = _("print the numbers as metrics, in the text format of Prometheus; goes together with no other option")
    parser.add_argument("--prometheus", action="store_true", help=help_text)


def _status(options: dict[str, Any], out: Output) -> int:
    """Show the status once, as lines, JSON or metrics; or as lines again and again."""
    _check_options(options, out)
    if options["prometheus"]:
        return _show_metrics(out)
    return _watch(options, out) if options["watch"] else _show(options, out)


def _show_metrics(out: Output) -> int:
    for line in api.metrics().decode().splitlines():
        out.line(line, whole=True)
    return DONE


def _check_options(options: dict[str, Any], out: Output) -> None:
    others = [name for name in ("course", "target", "all", "json", "watch") if options[name]]
    if options["prometheus"] and others:
        raise WrongUsage(_("--prometheus does not go together with --{name}.").format(name=others[0]))
    if options["watch"] and out.as_json:
        raise WrongUsage(_("--watch does not go together with --json."))
    if options["watch"] and not out.stream.isatty():
        raise WrongUsage(_("--watch needs a terminal."))


class _Page(StringIO):
    """A page that is shown on a terminal, so its lines are wrapped as there."""

    def isatty(self) -> bool:
        return True


def _watch(options: dict[str, Any], out: Output) -> int:
    """Show the status again and again until Ctrl-C. It is written at once when it is complete, so nothing flickers."""
    with suppress(KeyboardInterrupt):
        while True:
            close_old_connections()
            page = _Page()
            _show(options, Output(page))
            out.page(page.getvalue())
            time.sleep(options["watch"])
    return DONE


def _show(options: dict[str, Any], out: Output) -> int:
    """Show the short form, unless something asks for all. JSON is never shortened, because programs rely on it."""
    course, target = options["course"], options["target"]
    is_short = not (out.as_json or course or options["all"])
    status = api.status_overview(target) if is_short else api.status(course, target)
    _warn(status, out)
    _show_targets(status["targets"], out)
    _show_requests(status["targets"], out)
    shown = _Shown(status, LONGEST_LINE) if is_short else _Shown(status)
    for line in shown.lines(course, target):
        out.line(line)
    out.value(status)
    return DONE


def _warn(status: dict[str, Any], out: Output) -> None:
    tell_if_stopped(out)
    if status["not_running"]:
        last = max(filter(None, (status["last_sweep_at"], status["last_run_at"])), default="")
        waiting = status["waiting_since"]
        if last and not (waiting and waiting < last):
            out.line(_("No process has run or swept since {moment}. Start 'course_sync run'.").format(moment=last))
        else:  # something may sweep, but nothing syncs
            text = _("A publish has waited since {moment}, and no process takes it. Start 'course_sync run'.")
            out.line(text.format(moment=waiting))


def _show_targets(targets: list[dict[str, Any]], out: Output) -> None:
    out.line(_("Targets"))
    head = (_("target"), _("state"), _("lag (s)"), _("pending"), _("problems"))
    columns = ("name", "state", "lag_seconds", "pending", "problems")
    out.table(head, [[target[column] for column in columns] for target in targets])
    for target in targets:
        if target["error"]:
            out.line("  {name}: {error}".format(**target))
        elif target["state"] in api.WAYS_OUT:
            out.line(f"  {target['name']}: {api.WAYS_OUT[target['state']]}".format(name=target["name"]))
        if target["excluded"]:
            text = ngettext(
                "{name}: excluded: {n} operation is held back; 'targets' names the entities.",
                "{name}: excluded: {n} operations are held back; 'targets' names the entities.",
                target["excluded"],
            )
            out.line(text.format(name=target["name"], n=target["excluded"]))
        _show_linked(target, out)
        if target["breaker"]["state"] != "closed":
            text = _("  {name}: breaker open since {since}, next probe at {next_probe}: {error}")
            out.line(text.format(name=target["name"], **target["breaker"]))
            out.line(_("    All its lanes go on by themselves when a probe is answered."))


def _show_linked(target: dict[str, Any], out: Output) -> None:
    links, proposals, conflicts = (target[count] for count in ("waiting_for_link", "proposals", "conflicts"))
    link = ngettext(
        "  {name}: {n} course waits for a link; 'link COURSE {name}' makes one",
        "  {name}: {n} courses wait for a link; 'link COURSE {name}' makes one",
        links,
    )
    accept = ngettext(
        "  {name}: {n} proposal waits for an author; 'proposals --target {name}' shows it",
        "  {name}: {n} proposals wait for an author; 'proposals --target {name}' shows them",
        proposals,
    )
    decide = ngettext(
        "  {name}: {n} conflict waits for a person; 'conflicts --target {name}' shows it",
        "  {name}: {n} conflicts wait for a person; 'conflicts --target {name}' shows them",
        conflicts,
    )
    for n, text in ((links, link), (proposals, accept), (conflicts, decide)):
        if n:
            out.line(text.format(name=target["name"], n=n))


def _show_requests(targets: list[dict[str, Any]], out: Output) -> None:
    """Show how the last requests went, for the targets that got some."""
    rows = [(target["name"], target["recent"]) for target in targets if target["recent"]["attempts"]]
    if rows:
        out.line(_("Requests of the last hour"))
        head = (_("target"), _("requests"), _("answered"), _("ops/min"), _("p50 (s)"), _("p95 (s)"))
        out.table(head, [(name, *_requests(recent)) for name, recent in rows])


def _requests(recent: Mapping[str, Any]) -> Iterator[str]:
    """Yield the cells. A number of requests that is not that of the whole hour shows of how many minutes it is."""
    minutes = math.ceil(recent["window_seconds"] / 60)
    whole = recent["window_seconds"] >= api.TRAFFIC_SECONDS
    yield str(recent["attempts"]) if whole else _("{n} in {minutes} min").format(n=recent["attempts"], minutes=minutes)
    yield f"{recent['success_rate']:.1%}"
    yield f"{recent['operations_per_minute']:g}"
    for seconds in (recent["p50_seconds"], recent["p95_seconds"]):
        yield f"{seconds:.3f}" if seconds < 10 else f"{seconds:.1f}"


@attrs.frozen
class _Shown:
    """The lines about courses and problems. ``longest``: the most characters of a line, None for no limit."""

    status: dict[str, Any]
    longest: int | None = None

    def lines(self, course: str, target: str) -> Iterator[str]:
        """Yield the lines, none longer than ``longest``. ``course``, ``target``: those that were asked for, if any."""
        for line in chain(self._counted(course, target), self._problems()):
            yield line if self.longest is None or len(line) <= self.longest else f"{line[: self.longest - 1]}…"

    def _counted(self, course: str, target: str) -> Iterator[str]:
        """Yield the lines about courses, and the number of those that are in step unless one course was asked for."""
        total = self.status["courses_total"]
        in_step, unlinked = self.status["courses_in_step"], self.status["courses_waiting_for_link"]
        if not course:
            yield from self._totals()
        if total:
            yield from self._courses(total - in_step - unlinked)
            if not course:
                text = ngettext("{n} of {total} course is in step.", "{n} of {total} courses are in step.", total)
                waits = ngettext(" {n} course waits for a link.", " {n} courses wait for a link.", unlinked)
                yield text.format(n=in_step, total=total) + (waits.format(n=unlinked) if unlinked else "")
        elif course and self.status["courses_waiting"]:
            yield _("Course {course} was published and waits for its first sync.").format(course=course)
        elif course:
            yield _("Course {course} was never recorded; 'backfill' records it.").format(course=course)
        elif target:
            yield _("No course that target {name} wants is recorded yet.").format(name=target)
        else:
            yield _("No course is recorded yet.")

    def _totals(self) -> Iterator[str]:
        """Yield the numbers of what needs a look. The list of courses may be cut off; these numbers are not."""
        held, unreadable = len(self.status["held"]), self.status["courses_unreadable"]
        not_recorded, waiting = self.status["courses_not_recorded"], self.status["courses_waiting"]
        approve = ngettext("{n} run is held; 'approve' shows it.", "{n} runs are held; 'approve' shows them.", held)
        read = ngettext("{n} course cannot be read.", "{n} courses cannot be read.", unreadable)
        record = ngettext("{n} publish is not recorded yet.", "{n} publishes are not recorded yet.", not_recorded)
        sync = ngettext(
            "{n} published course waits for its first sync.",
            "{n} published courses wait for their first sync.",
            waiting,
        )
        for n, text in ((held, approve), (unreadable, read), (not_recorded, record), (waiting, sync)):
            if n:
                yield text.format(n=n)

    def _courses(self, not_in_step: int) -> Iterator[str]:
        courses = self.status["courses"]
        if courses:
            yield _("Courses")
        held = {one["course_id"]: one for one in self.status["held"]}
        for one in courses:
            yield from _course(one, held.get(one["course_id"]))
        if not_in_step > len(courses):
            yield _("  … and {n} more (status --all)").format(n=not_in_step - len(courses))

    def _problems(self) -> Iterator[str]:
        problems, total = self.status["problems"], self.status["problems_total"]
        if problems:
            yield _("Problems (use 'retry' or 'skip')")
        for one in problems:
            yield "  {target}, {course_id}: {state}: {operation} {entity_id}".format(**one)
            yield f"    {one['operation_id']}" + (f": {one['reason']}" if one["reason"] else "")
            if one["parked"]:
                yield f"    {parked(one['parked'])}"
        if total > len(problems):
            yield _("  and {n} more").format(n=total - len(problems))


def _course(course: Mapping[str, Any], held: Mapping[str, Any] | None) -> Iterator[str]:
    note = ""
    if held:
        note = ngettext(
            " (held: it would lose {n} of {of} entity; 'approve' shows it)",
            " (held: it would lose {n} of {of} entities; 'approve' shows them)",
            held["of"],
        )
        note = note.format(n=held["deletes"], of=held["of"])
    elif course["published_version"] != course["recorded_version"]:
        note = _(" (the last publish is not recorded yet)")
    yield _with_error(f"  {course['course_id']}{note}", course)
    for lane in course["lanes"]:
        again = _(", next attempt at {moment}").format(moment=lane["next_attempt"]) if lane["next_attempt"] else ""
        yield _with_error(f"    {lane['target']}: {lane['state']}{again}", lane)


def _with_error(text: str, values: Mapping[str, Any]) -> str:
    return f"{text}: {values['error']}" if values["error"] else text


STATUS = Subcommand(
    "status", gettext_lazy("show which targets and courses are not in step, and why; count the others"),
    "status --target crm --all", _status, _arguments, has_json=True,
)  # fmt: skip
