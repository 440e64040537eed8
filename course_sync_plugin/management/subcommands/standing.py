"""status, retry, skip: how things stand, and what to do about what does not."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from course_sync_plugin import api
from course_sync_plugin.management.subcommands.base import DONE, Output, Subcommand, tell_if_stopped


def _status(options: dict[str, Any], out: Output) -> int:
    status = api.status()
    tell_if_stopped(out)
    show_targets(status["targets"], out)
    _show_courses(status["courses"], out)
    _show_held(status["held"], out)
    if not out.as_json:
        _show_problems(api.problems(), out)
    out.value(status)
    return DONE


def show_targets(targets: list[dict[str, Any]], out: Output) -> None:
    """Write the state of targets as a table."""
    out.line(_("Targets"))
    head = (_("target"), _("state"), _("lag (s)"), _("pending"), _("problems"))
    out.table(head, [tuple(target.values()) for target in targets])


def _show_courses(courses: list[dict[str, Any]], out: Output) -> None:
    out.line(_("Courses") if courses else _("No course is recorded yet."))
    for course in courses:
        behind = "" if course["published_version"] == course["recorded_version"] else _(" (a publish is not recorded)")
        out.line(_with_error(f"  {course['course_id']}{behind}", course))
        for lane in course["lanes"]:
            out.line(_with_error(f"    {lane['target']}: {lane['state']}", lane))


def _with_error(text: str, values: dict[str, Any]) -> str:
    return f"{text}: {values['error']}" if values["error"] else text


def _show_held(held: list[dict[str, Any]], out: Output) -> None:
    for one in held:
        out.line(
            _("Held: {course} would lose {n} of {of} entities; 'approve' shows them").format(
                course=one["course_id"], n=one["deletes"], of=one["of"]
            )
        )


def _show_problems(problems: list[api.OpenProblem], out: Output) -> None:
    if problems:
        out.line(_("Problems; 'retry' and 'skip' are the ways out"))
    for one in problems:
        out.line(f"  {one.target}, {one.course_key}: {one.state}: {one.operation} {one.entity_id}")
        out.line(f"    {one.operation_id} {one.reason}".rstrip())


def _mending_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="TARGET")
    parser.add_argument("--course", metavar="KEY", default="", help=_("its lane through this course alone"))
    help_text = _("this failed operation alone (default: all)")
    parser.add_argument("--operation", metavar="ID", type=UUID, help=help_text)


def _operation(options: dict[str, Any]) -> str:
    return str(options["operation"] or "")


def _retry(options: dict[str, Any], out: Output) -> int:
    taken = api.retry(options["name"], options["course"], _operation(options))
    out.line(_("{n} operations are planned anew.").format(n=taken))
    out.value({"retried": taken})
    return DONE


def _skip(options: dict[str, Any], out: Output) -> int:
    skipped = api.skip(options["name"], options["course"], _operation(options))
    out.line(_("{n} operations are given up; what waited behind them goes on.").format(n=skipped))
    out.value({"skipped": skipped})
    return DONE


STATUS = Subcommand("status", gettext_lazy("show where everything stands"), "status --json", _status, has_json=True)
RETRY = Subcommand(
    "retry", gettext_lazy("plan failed operations anew, from what the course is now"), "retry crm", _retry,
    _mending_arguments, has_json=True,
    wakes=True,
)  # fmt: skip
SKIP = Subcommand(
    "skip", gettext_lazy("give up failed operations and release what waits behind them"),
    "skip crm --operation 261fd25b-4574-47d8-9594-4a4d68f4bdaf", _skip, _mending_arguments, has_json=True,
    wakes=True,
)  # fmt: skip
