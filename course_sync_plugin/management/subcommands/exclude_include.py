"""The subcommands ``exclude`` and ``include``, for entities that a target is not to get."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from typing import Any

import attrs
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from course_sync_plugin import api
from course_sync_plugin.management.subcommands.base import DONE, FAILED, Output, Subcommand, WrongUsage
from course_sync_plugin.management.subcommands.confirm import (
    confirmed,
    confirming_arguments,
    ready_command,
    show_token,
)
from course_sync_plugin.management.subcommands.counts import entities, operations


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="TARGET")
    parser.add_argument("entity", metavar="ENTITY", help=_("the usage key of the entity: block-v1:…"))
    confirming_arguments(parser)


def _exclude(options: dict[str, Any], out: Output) -> int:
    name, entity = options["name"], options["entity"]
    _check_token(options)
    return confirmed(
        options,
        out,
        lambda: _show_exclusion(name, entity, out),
        lambda tokens: _carry_out(api.exclude_shown, _("held back"), name, entity, tokens, out),
    )


def _include(options: dict[str, Any], out: Output) -> int:
    name, entity = options["name"], options["entity"]
    _check_token(options)
    return confirmed(
        options,
        out,
        lambda: _show_inclusion(name, entity, out),
        lambda tokens: _carry_out(api.include_shown, _("planned anew and sent"), name, entity, tokens, out),
    )


def _check_token(options: dict[str, Any]) -> None:
    if len(options["token"]) > 1:
        raise WrongUsage(_("This command takes one token."))


def _show_exclusion(name: str, entity: str, out: Output) -> tuple[int, list[str]]:
    plan = api.exclusion_plan(name, entity)
    text = _("Would exclude from {target}: {entity_type} {title} with {below} below it")
    below = entities(plan.below)
    out.line(text.format(target=plan.target, entity_type=plan.entity_type, title=repr(plan.title), below=below))
    out.line(f"  {plan.entity_id}")
    out.line(_("  course: {course}").format(course=plan.course_key))
    out.line(_("  operations that are not delivered and will be held back: {n}").format(n=plan.pending))
    out.line(_("  failed operations that will count as excluded: {n}").format(n=plan.problems))
    out.line(_("  What the receiver has of these entities stays there until a snapshot ('reset') removes it."))
    out.line(_("  'include' undoes the exclusion."))
    show_token(plan.token, out)
    ready_command(out, ["exclude", name, entity], [plan.token])
    out.value(attrs.asdict(plan))
    return DONE, [plan.token]


def _show_inclusion(name: str, entity: str, out: Output) -> tuple[int, list[str]]:
    plan = api.inclusion_plan(name, entity)
    out.line(_("Would include again in {target}: {entity}").format(target=plan.target, entity=plan.entity_id))
    out.line(_("  course: {course}").format(course=plan.course_key))
    out.line(_("  operations that were held back and will be planned anew: {n}").format(n=plan.operations))
    if plan.still_excluded_by:
        out.line(_("  It stays excluded because of {entity} above it.").format(entity=plan.still_excluded_by))
    show_token(plan.token, out)
    ready_command(out, ["include", name, entity], [plan.token])
    out.value(attrs.asdict(plan))
    return DONE, [plan.token]


def _carry_out(
    change: Callable[[str, str, str], api.ExclusionChanged],
    done: str,
    name: str,
    entity: str,
    tokens: Sequence[str],
    out: Output,
) -> int:
    changed = change(name, entity, tokens[0])
    if changed.error:
        out.line(changed.error)
        out.line(_("Nothing was changed."))
    else:
        text = _("Done: {operations} will be {done}.")
        out.line(text.format(operations=operations(changed.operations), done=done))
    out.value({"target": name, "entity_id": entity, "changed": not changed.error, **attrs.asdict(changed)})
    return FAILED if changed.error else DONE


EXCLUDE = Subcommand(
    "exclude", gettext_lazy("hold back the operations of an entity, and of everything below it, from a target"),
    "exclude crm block-v1:Org+Course+Run+type@vertical+block@unit", _exclude, _arguments, has_json=True,
    wakes=True, has_note=True,
)  # fmt: skip
INCLUDE = Subcommand(
    "include", gettext_lazy("undo 'exclude': plan what was held back anew from the present course, and send it"),
    "include crm block-v1:Org+Course+Run+type@vertical+block@unit", _include, _arguments, has_json=True,
    wakes=True, has_note=True,
)  # fmt: skip
