"""sync, backfill, approve: what is recorded."""

from __future__ import annotations

from argparse import ArgumentParser
from collections import Counter
from collections.abc import Sequence
from typing import Any

import attrs
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

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
from course_sync_plugin.management.subcommands.confirming import (
    confirmed,
    confirming_arguments,
    ready_command,
    show_planned,
)


def _sync_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--course", metavar="KEY", help=_("read this course, whether it was published or not"))
    parser.add_argument("--plan", action="store_true", help=_("show what would be sent to whom; do nothing"))


def _sync(options: dict[str, Any], out: Output) -> int:
    if options["plan"]:
        tell_if_stopped(out)
    else:
        refuse_if_stopped()
    courses = [api.known_course(options["course"])] if options["course"] else api.marked_courses()
    if not courses:
        out.line(_("No course was published since the last sync."))
    named = bool(options["course"])
    return _plan(courses, out) if options["plan"] else _sync_all(courses, out, reread=named)


def _sync_all(courses: list[str], out: Output, *, reread: bool) -> int:
    results = [api.sync_course(course, reread=reread) for course in out.progress(courses, "course")]
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


def _backfill_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--target", metavar="NAME", default="", help=_("fill the lanes of this target alone"))
    parser.add_argument(
        "--course", metavar="KEY", nargs="+", action="extend", default=[], help=_("these courses alone")
    )
    parser.add_argument("--dry-run", action="store_true", help=_("say what would be done, and why not; do nothing"))


def _backfill(options: dict[str, Any], out: Output) -> int:
    tell_if_stopped(out)
    courses = api.courses_to_fill(options["course"])
    filling = api.backfill(courses, options["target"], options["dry_run"])
    filled = list(out.progress(filling, "course", len(courses)))
    for one in filled:
        out.line(f"{one.course_key}: {one.reason}")
    total = _("{done} of {n} courses would be done") if options["dry_run"] else _("{done} of {n} courses")
    out.line(total.format(done=sum(one.done for one in filled), n=len(filled)))
    out.value([{"course_id": one.course_key, "done": one.done, "reason": one.reason} for one in filled])
    return FAILED if any(one.failed for one in filled) else DONE


def _approve_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--course", metavar="KEY", default="", help=_("what is held of this course (default: all)"))
    confirming_arguments(parser)


def _approve(options: dict[str, Any], out: Output) -> int:
    course = parse_course_id(options["course"]) if options["course"] else ""
    return confirmed(options, out, lambda: _show_held(course, out), lambda tokens: _carry_out(tokens, course, out))


def _show_held(course: str, out: Output) -> tuple[int, list[str]]:
    plans = api.held_plans(course)
    for plan in plans:
        _show(plan, out)
    if not plans:
        out.line(_("Nothing is held."))
    tokens = [plan.token for plan in plans if plan.token]
    ready_command(out, ["approve", *(["--course", course] if course else [])], tokens)
    out.value([{"course_id": one.pop("course_key"), **one} for one in map(attrs.asdict, plans)])
    return FAILED if any(plan.error for plan in plans) else DONE, tokens


def _show(plan: api.HeldPlan, out: Output) -> None:
    if plan.error:
        out.line(f"{plan.course_key}: {plan.error}")
        return
    out.line(
        _("{course}, version {version}: would delete {n} of {of} entities").format(
            course=plan.course_key, version=plan.published_version or _("none (deleted)"),
            n=len(plan.deletes), of=plan.of,
        )
    )  # fmt: skip
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
            out.line(_("  it was published again, or reads otherwise now, and is held anew: look at it first"))
    out.value([_approved(one) for one in approved])
    done = {api.Outcome.RECORDED, api.Outcome.UNCHANGED}
    return DONE if all(one.result and one.result.outcome in done for one in approved) else FAILED


def _approved(one: api.Approved) -> dict[str, Any]:
    not_found = {"course_id": "", "outcome": "not found", "error": one.error}
    return {"token": one.token, **(_result(one.result) if one.result else not_found)}


SYNC = Subcommand(
    "sync", gettext_lazy("sync the courses published since the last time, or one course"),
    "sync --course course-v1:Org+Course+Run --plan", _sync, _sync_arguments, has_json=True,
    wakes=True,
)  # fmt: skip
BACKFILL = Subcommand(
    "backfill", gettext_lazy("record courses that never were, and give targets the lanes they lack"),
    "backfill --target crm --dry-run", _backfill, _backfill_arguments, has_json=True,
    wakes=True,
)  # fmt: skip
APPROVE = Subcommand(
    "approve", gettext_lazy("show what is held because it deletes too much, and approve what was shown"),
    "approve --yes --token 0a1b2c3d4e5f", _approve, _approve_arguments, has_json=True,
    wakes=True,
)  # fmt: skip
