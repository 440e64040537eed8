"""The subcommand ``problems``: open problems and stopped lanes by their cause, or everything about one operation."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from course_sync_plugin import api
from course_sync_plugin.management.subcommands.base import DONE, Output, Subcommand
from course_sync_plugin.management.subcommands.counts import lanes, operations, parked
from course_sync_plugin.management.subcommands.filters import filter_arguments, read_filters
from course_sync_plugin.sanitize.text import cleaned

#: The columns of a terminal. Longer lines are wrapped; a key or an id without a space stays whole.
WIDTH = 80

#: The most characters of a body that are shown.
BODY_SHOWN = 400


def _problems(options: dict[str, Any], out: Output) -> int:
    filters = read_filters(options)
    if filters.id:
        found = api.show_problems(filters)
        for one in found:
            write_lines(_one(one), out)
        if not found:
            out.line(_("Operation {operation} has no problem.").format(operation=filters.id))
        out.value(found)
        return DONE
    listed = api.list_causes(filters)
    for cause in listed["causes"]:
        write_lines(cause_lines(cause), out)
    write_lines(total_lines(listed), out)
    out.value(listed)
    return DONE


def write_lines(lines: Iterator[tuple[int, str]], out: Output) -> None:
    """Write lines, each wrapped with its indentation; continued lines are indented by two more."""
    for indent, text in lines:
        first, rest = " " * indent, " " * (indent + 2)
        wrapped = textwrap.wrap(
            cleaned(text), WIDTH, initial_indent=first, subsequent_indent=rest, break_long_words=False,
            break_on_hyphens=False,
        )  # fmt: skip
        for line in wrapped:
            out.line(line)


def total_lines(listed: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    """Yield the sums of all causes."""
    if not listed["causes"]:
        yield 0, _("There is no open problem, and no lane fails or waits for an answer.")
        return
    text = _(
        "Operations that failed: {n}, parked behind them: {parked}. Lanes that fail or wait for an answer: {lanes}."
    )
    yield 0, text.format(n=listed["problems"], parked=listed["parked"], lanes=listed["lanes"])
    if listed["problems"]:
        yield 0, _("'problems --id ID' shows everything about one operation.")


def cause_lines(cause: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    """Yield what is told of a cause: each line with its indentation."""
    counted = (operations if cause["what"] == "operations" else lanes)(cause["count"])
    yield 0, f"{cause['target']}: {counted} {cause['state']}{_class_of(cause)}"
    yield 2, cause["example"].get("reason") or _("(no reason)")
    if cause["parked"]:
        yield 2, parked(cause["parked"])
    if cause["first"]:
        yield 2, _("first {first}, last {last}").format(first=cause["first"], last=cause["last"])
    yield from _example(cause["example"])
    yield from _advice(cause)


def _class_of(values: Mapping[str, Any]) -> str:
    status = f"HTTP {values['status']}" if values["status"] else ""
    known = " ".join(filter(None, (values["error_class"], status)))
    return f" ({known})" if known else ""


def _example(example: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    yield 2, _("for example {course}").format(course=example.get("course_id", ""))
    if "operation" in example:
        yield 4, "{operation} {entity_id}".format(**example)
        yield 4, "--id {operation_id}".format(**example)


def _advice(values: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    yield 2, values["meaning"]
    yield 2, _("To do: {action}").format(action=values["action"])


def _one(problem: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    yield 0, "{target}, {course_id}: {state}".format(**problem) + _class_of(problem)
    yield 2, "{operation} {entity_type} {entity_id}".format(**problem)
    yield 2, _("operation {operation_id}").format(**problem)
    yield 2, problem["reason"] or _("(no reason)")
    closed = _(", closed {moment}").format(moment=problem["closed_at"]) if problem["closed_at"] else ""
    yield 2, _("since {moment}").format(moment=problem["since"]) + closed
    yield from _advice(problem)
    yield 2, _("Attempts, the newest first:") if problem["attempts"] else _("No attempt is stored.")
    for attempt in problem["attempts"]:
        yield from _attempt(attempt)
    if problem["parked"]:
        yield 2, parked(problem["parked"])
    for waiting in problem["waiting"]:
        yield 4, "{operation} {entity_id}".format(**waiting)


def _attempt(attempt: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    status = f"HTTP {attempt['status']}" if attempt["status"] else _("no HTTP answer")
    text = _("{began_at}: {status} after {seconds} s, {operations}, {failed} refused")
    counted = operations(attempt["operations"])
    yield 4, " ".join((text.format(**{**attempt, "status": status, "operations": counted}), attempt["error_class"]))
    for part in (attempt["error"], attempt["request"], attempt["head"], attempt["body"][:BODY_SHOWN]):
        if part:
            yield 6, part


PROBLEMS = Subcommand(
    "problems", gettext_lazy("show what failed, grouped by its cause, and what to do; with --id all about one"),
    "problems --target crm --since 2d", _problems, filter_arguments, has_json=True,
)  # fmt: skip
