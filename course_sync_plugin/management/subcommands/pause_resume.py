"""The subcommands ``pause`` and ``resume``, for a target or for its lanes of a course."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

import attrs
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from course_sync_plugin import api
from course_sync_plugin.management.subcommands.base import DONE, Output, Subcommand, WrongUsage, name_few
from course_sync_plugin.management.subcommands.confirm import Plans, agreed, agreeing_arguments
from course_sync_plugin.management.subcommands.counts import lanes, not_delivered, operations
from course_sync_plugin.sanitize.text import short_repr


def named_target(options: dict[str, Any]) -> str:
    """Return the target that was named, before the options or with ``--target``. Raises WrongUsage for two of them."""
    name, option = str(options["name"]), str(options["target"])
    if name and option and name != option:
        raise WrongUsage(
            _("Two targets are named: {one} and {other}.").format(one=short_repr(name), other=short_repr(option))
        )
    return name or option


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="TARGET", nargs="?", default="", help=_("the target (default: all)"))
    parser.add_argument("--target", metavar="NAME", default="", help=_("the same as TARGET"))
    help_text = _("only the lane of this course; without TARGET, the lanes of this course at every target")
    parser.add_argument("--course", metavar="KEY", default="", help=help_text)
    agreeing_arguments(parser)


def _chosen(options: dict[str, Any]) -> api.Filters:
    chosen = api.Filters(target=named_target(options), course=options["course"])
    if not (chosen.target or chosen.course):
        raise WrongUsage(_("Name a target, or a course with --course."))
    return chosen


def _words(name: str, chosen: api.Filters) -> list[str]:
    target = [chosen.target] if chosen.target else []
    return [name, *target, *(["--course", chosen.course] if chosen.course else [])]


def _pause(options: dict[str, Any], out: Output) -> int:
    chosen = _chosen(options)
    plans = Plans(
        find=lambda: api.pause_plans(chosen),
        show=lambda plan: _show_pause(plan, out),
        as_json=attrs.asdict,
        carry_out=lambda found: _carry_out_pause(found, out),
        nothing=_("There is no lane to pause."),
        command=_words("pause", chosen),
    )
    return agreed(options, out, plans)


def _show_pause(plan: api.PausePlan, out: Output) -> None:
    text = _("Would pause {what}: {lanes} and {operations} would wait.")
    out.line(text.format(what=_what(plan), lanes=lanes(len(plan.courses)), operations=not_delivered(plan.pending)))
    name_few(plan.courses, out)


def _what(plan: api.PausePlan) -> str:
    if plan.whole:
        return _("target {name}").format(name=plan.target)
    return _("the lane of {course} at {name}").format(course=", ".join(plan.courses), name=plan.target)


def _carry_out_pause(plans: Sequence[api.PausePlan], out: Output) -> int:
    done = [api.carry_out_pause(plan) for plan in plans]
    courses = [course for paused in done for course in paused.courses]
    pending = sum(paused.pending for paused in done)
    text = _("Paused: {lanes} and {operations} wait until 'resume'.")
    out.line(text.format(lanes=lanes(len(courses)), operations=not_delivered(pending)))
    name_few(courses, out)
    out.value({"lanes": len(courses), "pending": pending, "courses": courses})
    return DONE


def _resume(options: dict[str, Any], out: Output) -> int:
    chosen = _chosen(options)
    plans = Plans(
        find=lambda: api.resume_plans(chosen),
        show=lambda plan: _show_resume(plan, out),
        as_json=attrs.asdict,
        carry_out=lambda found: _carry_out_resume(found, out),
        nothing=_("There is no lane to resume."),
        command=_words("resume", chosen),
    )
    return agreed(options, out, plans)


def _show_resume(plan: api.PausePlan, out: Output) -> None:
    text = _("Would resume {what}: {lanes}, with {operations}.")
    out.line(text.format(what=_what(plan), lanes=lanes(len(plan.courses)), operations=not_delivered(plan.pending)))
    name_few(plan.courses, out)
    if plan.paused:
        text = ngettext(
            "  {n} of them is paused by itself and would stay so",
            "  {n} of them are paused by themselves and would stay so",
            plan.paused,
        )
        out.line(text.format(n=plan.paused))


def _carry_out_resume(plans: Sequence[api.PausePlan], out: Output) -> int:
    done = [(plan.target, api.carry_out_resume(plan)) for plan in plans]
    for name, resumed in done:
        show_resumed(name, resumed, out)
    out.value(
        {
            "lanes": sum(resumed.lanes for _name, resumed in done),
            "paused": sum(resumed.paused for _name, resumed in done),
            "held_back": any(resumed.held_back for _name, resumed in done),
            "unreachable": any(resumed.unreachable for _name, resumed in done),
            "courses": [course for _name, resumed in done for course in resumed.courses],
            "pending": sum(resumed.pending for _name, resumed in done),
        }
    )
    return DONE


def show_resumed(name: str, resumed: api.Resumed, out: Output) -> None:
    """Write which lanes of a target go on, and which stay paused."""
    if resumed.unreachable:
        text = ngettext(
            "{n} lane, with {operations}, goes on when {name} answers; it is asked at once.",
            "{n} lanes, with {operations}, go on when {name} answers; it is asked at once.",
            resumed.lanes,
        )
        pending = operations(resumed.pending)
    else:
        text = ngettext("{n} lane goes on, with {operations}.", "{n} lanes go on, with {operations}.", resumed.lanes)
        pending = not_delivered(resumed.pending)
    out.line(text.format(n=resumed.lanes, operations=pending, name=name))
    name_few(resumed.courses, out)
    if resumed.held_back:
        out.line(_("Target {name} itself is paused or disabled: 'resume {name}' lets it go on.").format(name=name))
    if resumed.paused:
        text = ngettext(
            "{n} lane stays paused; resume it with 'resume {name} --course KEY'.",
            "{n} lanes stay paused; resume each with 'resume {name} --course KEY'.",
            resumed.paused,
        )
        out.line(text.format(n=resumed.paused, name=name))


PAUSE = Subcommand(
    "pause", gettext_lazy("pause a target, or the lanes of a course: nothing is sent, and nothing is lost"),
    "pause crm --yes", _pause, _arguments, has_json=True,
    has_note=True,
)  # fmt: skip
RESUME = Subcommand(
    "resume", gettext_lazy("resume a paused, disabled or failing target or lane"), "resume crm --yes", _resume,
    _arguments, has_json=True,
    wakes=True,
    has_note=True,
)  # fmt: skip
