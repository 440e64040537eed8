"""The subcommands ``sync`` and ``approve``, which record courses in the journal."""

from __future__ import annotations

from argparse import ArgumentParser
from collections import Counter
from collections.abc import Sequence
from typing import Any

import attrs
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from course_sync_plugin import api
from course_sync_plugin.keys import parse_course_id
from course_sync_plugin.management.subcommands.base import (
    DONE,
    FAILED,
    Output,
    Subcommand,
    refuse_if_stopped,
    tell_if_stopped,
)
from course_sync_plugin.management.subcommands.confirm import (
    confirmed,
    confirming_arguments,
    ready_command,
    show_planned,
)


def _sync_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--course", metavar="KEY", help=_("sync this course, even if no publish of it waits"))
    parser.add_argument(
        "--plan", action="store_true", help=_("show how many operations each target would get; do nothing")
    )


def _sync(options: dict[str, Any], out: Output) -> int:
    if options["plan"]:
        tell_if_stopped(out)
    else:
        refuse_if_stopped()
    courses = [api.known_course(options["course"])] if options["course"] else api.marked_courses()
    if not courses:
        out.line(_("No course was published since the last sync."))
    named = bool(options["course"])
    return _plan(courses, out) if options["plan"] else _sync_all(courses, out, named=named)


def _sync_all(courses: list[str], out: Output, *, named: bool) -> int:
    """Sync the courses. ``named``: an operator wants this one, whether it was published or not."""
    results = [
        api.sync_now(course, "sync", reread=True) if named else api.sync_course(course)
        for course in out.progress(courses, "course")
    ]
    for result in results:
        _show_result(result, out)
    out.value([_result(result) for result in results])
    could_not = {api.Outcome.UNREADABLE, api.Outcome.STOPPED}
    return FAILED if any(result.outcome in could_not for result in results) else DONE


def _show_result(result: api.SyncResult, out: Output) -> None:
    texts = (result.outcome.value, _counts(result.operations), result.error)
    out.line(f"{result.course_key}: {' '.join(filter(None, texts))}")
    for warning in result.warnings:
        out.line(f"  {warning}")


def _plan(courses: list[str], out: Output) -> int:
    plans = [api.plan_sync(course) for course in courses]
    for plan in plans:
        _show_result(plan.result, out)
        out.table((_("target"), _("operations")), plan.targets.items())
    out.value([_planned(plan) for plan in plans])
    return FAILED if any(plan.result.error for plan in plans) else DONE


def _planned(plan: api.SyncPlan) -> dict[str, Any]:
    operations = [operation.as_dict() for operation in plan.result.operations]
    return {**_result(plan.result), "operations": operations, "targets": plan.targets}


def _result(result: api.SyncResult) -> dict[str, Any]:
    return {
        "course_id": result.course_key,
        "outcome": result.outcome.value,
        "published_version": result.published_version,
        "operations": dict(Counter(one.operation for one in result.operations)),
        "incomplete": result.incomplete,
        "warnings": result.warnings,
        "error": result.error,
    }


def _counts(operations: Any) -> str:
    return ", ".join(f"{count} {name}" for name, count in Counter(one.operation for one in operations).items())


def _approve_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--course", metavar="KEY", default="", help=_("only the held run of this course (default: all)")
    )
    confirming_arguments(parser)


def _approve(options: dict[str, Any], out: Output) -> int:
    course = parse_course_id(options["course"]) if options["course"] else ""
    return confirmed(options, out, lambda: _show_held(course, out), lambda tokens: _carry_out(tokens, course, out))


def _show_held(course: str, out: Output) -> tuple[int, list[str]]:
    plans = api.held_plans(course)
    for plan in plans:
        _show(plan, out)
    if not plans:
        out.line(_("No run is held."))
    tokens = [plan.token for plan in plans if plan.token]
    ready_command(out, ["approve", *(["--course", course] if course else [])], tokens)
    out.value([{"course_id": one.pop("course_key"), **one} for one in map(attrs.asdict, plans)])
    return FAILED if any(plan.error for plan in plans) else DONE, tokens


def _show(plan: api.HeldPlan, out: Output) -> None:
    if plan.error:
        out.line(f"{plan.course_key}: {plan.error}")
        return
    text = ngettext(
        "{course}, version {version}: would delete {n} of {of} entity",
        "{course}, version {version}: would delete {n} of {of} entities",
        plan.of,
    )
    version = plan.published_version or _("none (deleted)")
    out.line(text.format(course=plan.course_key, version=version, n=len(plan.deletes), of=plan.of))
    show_planned(plan.deletes, plan.token, lambda entity_id: out.line(f"  {entity_id}"), out)


def _carry_out(tokens: Sequence[str], course: str, out: Output) -> int:
    refuse_if_stopped()
    approved = api.approve(tokens, course)
    for one in approved:
        if one.result:
            _show_result(one.result, out)
        else:
            out.line(one.error)
        if one.result and one.result.outcome is api.Outcome.HELD:
            out.line(_("  the course has changed since the plan was shown; the new run is held: run 'approve' again"))
    out.value([_approved(one) for one in approved])
    done = {api.Outcome.RECORDED, api.Outcome.UNCHANGED}
    return DONE if all(one.result and one.result.outcome in done for one in approved) else FAILED


def _approved(one: api.Approved) -> dict[str, Any]:
    not_found = {"course_id": "", "outcome": "not found", "error": one.error}
    return {"token": one.token, **(_result(one.result) if one.result else not_found)}


SYNC = Subcommand(
    "sync", gettext_lazy("sync the courses that were published since the last sync, or one course"),
    "sync --course course-v1:Org+Course+Run --plan", _sync, _sync_arguments, has_json=True,
    wakes=True,
    has_note=True,
)  # fmt: skip
APPROVE = Subcommand(
    "approve", gettext_lazy("show the runs that are held because they delete too much, and approve them"),
    "approve --yes --token 0a1b2c3d4e5f", _approve, _approve_arguments, has_json=True,
    wakes=True,
    has_note=True,
)  # fmt: skip
