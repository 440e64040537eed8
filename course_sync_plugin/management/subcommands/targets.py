"""add-target, targets, test, set-url, set-context, pause, resume, rotate-secret, remove-target."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

import attrs
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from course_sync_plugin import api
from course_sync_plugin.limits import TWO_SECRETS
from course_sync_plugin.management.subcommands.base import DONE, FAILED, Output, Subcommand
from course_sync_plugin.management.subcommands.given_secret import given_secret, secret_arguments


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", help=_("what operators call it: letters, digits, - and _"))
    parser.add_argument("--backend", default="webhook", help=_("the kind of target (default: webhook)"))
    parser.add_argument("--url", default="", help=_("where messages go: https://…"))
    secret_arguments(parser)
    parser.add_argument(
        "--org", nargs="+", action="extend", default=[], help=_("courses of these organisations (default: all)")
    )
    parser.add_argument(
        "--course", metavar="KEY", nargs="+", action="extend", default=[], help=_("these courses (default: all)")
    )
    parser.add_argument(
        "--entity-type", nargs="+", action="extend", default=[], help=_("course, section, … (default: all)")
    )
    parser.add_argument(
        "--option", metavar="NAME=VALUE", nargs="+", action="extend", default=[], help=_("such as retry_schedule=1,5")
    )


def _add(options: dict[str, Any], out: Output) -> int:
    secret = given_secret(options)
    added = api.add_target(
        options["name"],
        backend=options["backend"],
        url=options["url"],
        secret=secret,
        orgs=options["org"],
        courses=options["course"],
        entity_types=options["entity_type"],
        options=options["option"],
    )
    out.line(_("Target {name} is added; {n} known courses will be sent.").format(name=added.name, n=added.courses))
    for warning in added.warnings:
        out.line(f"  {warning}")
    if not secret:
        out.line(_("Its secret, shown this once: {secret}").format(secret=added.secret))
    shown = {} if secret else {"secret": added.secret}
    out.value({"name": added.name, "courses": added.courses, "warnings": added.warnings, **shown})
    return DONE


def _name(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="TARGET")


def _name_and_course(parser: ArgumentParser) -> None:
    _name(parser)
    parser.add_argument("--course", metavar="KEY", default="", help=_("its lane through this course alone"))


def _targets(options: dict[str, Any], out: Output) -> int:
    targets = api.listed_targets()
    for target in targets:
        out.line("{name}: {backend} {host}".format(**target).rstrip())
        for label, text in _about(target):
            out.line(f"  {label}: {text}")
    if not targets:
        out.line(_("There is no target yet; 'add-target' adds one."))
    out.value(targets)
    return DONE


def _about(target: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield _("courses"), ", ".join([*target["orgs"], *target["courses"]]) or _("all")
    yield _("entity types"), ", ".join(target["entity_types"]) or _("all")
    for name, value in target["options"].items():
        yield name, ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    if target["context"]:
        yield _("context is set for"), ", ".join(target["context"])


def _test(options: dict[str, Any], out: Output) -> int:
    report = api.test_target(options["name"])
    out.line(report.explanation)
    out.value(attrs.asdict(report))
    return DONE if report.ok else FAILED


def _context_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("course", metavar="COURSE")
    parser.add_argument("name", metavar="TARGET")
    parser.add_argument(
        "values", metavar="KEY=VALUE", nargs="*", help=_("KEY= takes a value away; without any, show what is set")
    )


def _set_context(options: dict[str, Any], out: Output) -> int:
    course, name, values = options["course"], options["name"], options["values"]
    context = api.set_context(course, name, values) if values else api.get_context(course, name)
    out.table((_("key"), _("value")), sorted(context.values.items()))
    for warning in context.warnings:
        out.line(warning)
    out.value(dict(context.values))
    return DONE


def _pause(options: dict[str, Any], out: Output) -> int:
    api.pause(options["name"], options["course"])
    out.line(_("Paused; what comes meanwhile waits."))
    return DONE


def _resume(options: dict[str, Any], out: Output) -> int:
    _show_resumed(options["name"], api.resume(options["name"], options["course"]), out)
    return DONE


def _show_resumed(name: str, resumed: api.Resumed, out: Output) -> None:
    out.line(_("{n} lanes go on.").format(n=resumed.lanes))
    if resumed.held_back:
        out.line(_("Target {name} itself is paused or disabled: 'resume {name}' lets it go on.").format(name=name))
    if resumed.paused:
        out.line(
            _("{n} lanes stay paused, each by itself: 'resume {name} --course KEY'.").format(
                n=resumed.paused, name=name
            )
        )


def _url_arguments(parser: ArgumentParser) -> None:
    _name(parser)
    parser.add_argument("url", metavar="URL")


def _set_url(options: dict[str, Any], out: Output) -> int:
    name = options["name"]
    going_on = api.set_url(name, options["url"])
    out.line(_("Messages to {name} go to the new URL from now on.").format(name=name))
    _show_resumed(name, going_on, out)
    return DONE


def _rotate(options: dict[str, Any], out: Output) -> int:
    hours, secret = options["hours"], given_secret(options)
    rotated = api.rotate_secret(options["name"], hours, secret)
    if not secret:
        out.line(_("The new secret, shown this once: {secret}").format(secret=rotated.secret))
    if rotated.until:
        out.line(_("For {n:g} hours messages carry both signatures.").format(n=hours))
    else:
        lost = _("The one before it cannot be decrypted any more. ") if rotated.lost else ""
        out.line(lost + _("From now on only the new one counts."))
    out.value({} if secret else {"secret": rotated.secret})
    return DONE


def _rotate_arguments(parser: ArgumentParser) -> None:
    _name(parser)
    secret_arguments(parser)
    parser.add_argument("--hours", type=TWO_SECRETS.argument, default=24, help=_("how long the old secret still signs"))


def _remove(options: dict[str, Any], out: Output) -> int:
    api.remove_target(options["name"])
    out.line(_("Target {name} is removed; the journal stays.").format(name=options["name"]))
    return DONE


ADD_TARGET = Subcommand(
    "add-target", gettext_lazy("add a system that receives operations"),
    "add-target crm --url https://crm.example.org/hooks/courses --org OrgX --option retry_schedule=1,1,5",
    _add, _add_arguments, has_json=True,
    wakes=True,
)  # fmt: skip
TARGETS = Subcommand(
    "targets", gettext_lazy("list the targets: what each is and wants"), "targets --json", _targets, has_json=True
)
TEST = Subcommand(
    "test", gettext_lazy("send a signed test message and explain what came back"), "test crm", _test, _name,
    has_json=True,
)  # fmt: skip
SET_CONTEXT = Subcommand(
    "set-context", gettext_lazy("set or show what a target must know of a course"),
    "set-context course-v1:Org+Course+Run crm exam_level=A2 academic_class=7b", _set_context, _context_arguments,
    has_json=True,
    wakes=True,
)  # fmt: skip
PAUSE = Subcommand("pause", gettext_lazy("hold back a target or a lane"), "pause crm", _pause, _name_and_course)
RESUME = Subcommand(
    "resume", gettext_lazy("let a paused, disabled or failing target or lane go on"), "resume crm", _resume,
    _name_and_course,
    wakes=True,
)  # fmt: skip
SET_URL = Subcommand(
    "set-url", gettext_lazy("correct the URL of a target; the receiver behind it stays the same"),
    "set-url crm https://crm.example.org/hooks/courses", _set_url, _url_arguments,
    wakes=True,
)  # fmt: skip
ROTATE_SECRET = Subcommand(
    "rotate-secret", gettext_lazy("give a target a new secret; the old one signs too for a while"),
    "rotate-secret crm --hours 48", _rotate, _rotate_arguments, has_json=True,
)  # fmt: skip
REMOVE_TARGET = Subcommand(
    "remove-target", gettext_lazy("remove a target with its lanes and problems"), "remove-target crm", _remove, _name
)
