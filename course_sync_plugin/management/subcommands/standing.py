"""status: how things stand."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from course_sync_plugin import api
from course_sync_plugin.management.subcommands.base import DONE, Output, Subcommand, tell_if_stopped


def _status(options: dict[str, Any], out: Output) -> int:
    status = api.status()
    tell_if_stopped(out)
    _show_targets(status["targets"], out)
    _show_courses(status["courses"], out)
    _show_held(status["held"], out)
    _show_problems(status["problems"], status["problems_total"], out)
    out.value(status)
    return DONE


def _show_targets(targets: list[dict[str, Any]], out: Output) -> None:
    out.line(_("Targets"))
    head = (_("target"), _("state"), _("lag (s)"), _("pending"), _("problems"))
    columns = ("name", "state", "lag_seconds", "pending", "problems")
    out.table(head, [[target[column] for column in columns] for target in targets])


def _show_courses(courses: list[dict[str, Any]], out: Output) -> None:
    out.line(_("Courses") if courses else _("No course is recorded yet."))
    for course in courses:
        behind = "" if course["published_version"] == course["recorded_version"] else _(" (a publish is not recorded)")
        out.line(_with_error(f"  {course['course_id']}{behind}", course))
        for lane in course["lanes"]:
            again = _(", again at {moment}").format(moment=lane["next_attempt"]) if lane["next_attempt"] else ""
            out.line(_with_error(f"    {lane['target']}: {lane['state']}{again}", lane))


def _with_error(text: str, values: dict[str, Any]) -> str:
    return f"{text}: {values['error']}" if values["error"] else text


def _show_held(held: list[dict[str, Any]], out: Output) -> None:
    for one in held:
        out.line(
            _("Held: {course} would lose {n} of {of} entities; 'approve' shows them").format(
                course=one["course_id"], n=one["deletes"], of=one["of"]
            )
        )


def _show_problems(problems: list[dict[str, Any]], total: int, out: Output) -> None:
    if problems:
        out.line(_("Problems; 'retry' and 'skip' are the ways out"))
    for one in problems:
        out.line("  {target}, {course_id}: {state}: {operation} {entity_id}".format(**one))
        out.line("    {operation_id} {reason}".format(**one).rstrip())
        if one["parked"]:
            out.line(_("    {n} are parked behind it").format(n=one["parked"]))
    if total > len(problems):
        out.line(_("  and {n} more").format(n=total - len(problems)))


STATUS = Subcommand("status", gettext_lazy("show where everything stands"), "status --json", _status, has_json=True)
