"""The subcommands that manage targets: add-target, targets, test, set-url, set-token, set-context, rotate-secret."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

import attrs
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from course_sync_plugin import api
from course_sync_plugin.management.subcommands.base import DONE, FAILED, Output, Subcommand
from course_sync_plugin.management.subcommands.pause_resume import show_resumed
from course_sync_plugin.management.subcommands.secret_input import (
    given_secret,
    given_token,
    secret_arguments,
    token_arguments,
)
from course_sync_plugin.sanitize.limits import TWO_SECRETS


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", help=_("the name of the target: letters, digits, - and _"))
    parser.add_argument("--backend", default="webhook", help=_("the kind of target (default: webhook)"))
    parser.add_argument("--url", default="", help=_("the URL that messages are sent to: https://…"))
    secret_arguments(parser)
    token_arguments(parser)
    _add_list(parser, "--org", None, _("send the courses of these organisations (default: all courses)"))
    _add_list(parser, "--course", "KEY", _("send these courses (default: all courses)"))
    _add_list(
        parser, "--entity-type", "TYPE", _("send only entities of these types: course, section, … (default: all)")
    )
    _add_list(parser, "--option", "NAME=VALUE", _("set an option of the target, such as retry_schedule=1,5"))


def _add_list(parser: ArgumentParser, name: str, metavar: str | None, help_text: str) -> None:
    parser.add_argument(name, metavar=metavar, nargs="+", action="extend", default=[], help=help_text)


def _add(options: dict[str, Any], out: Output) -> int:
    secret = given_secret(options)
    added = api.add_target(
        options["name"],
        backend=options["backend"],
        url=options["url"],
        secret=secret,
        token=given_token(options),
        orgs=options["org"],
        courses=options["course"],
        entity_types=options["entity_type"],
        options=options["option"],
    )
    for line in _added(added):
        out.line(line)
    for warning in added.warnings:
        out.line(f"  {warning}")
    if added.secret and not secret:
        out.line(_("The secret, shown only now: {secret}").format(secret=added.secret))
    shown = {} if secret or not added.secret else {"secret": added.secret}
    facts = {"name": added.name, "courses": added.courses, "needs_link": added.needs_link, "warnings": added.warnings}
    out.value({**facts, **shown})
    return DONE


def _added(added: api.AddedTarget) -> Iterator[str]:
    if not added.needs_link:
        text = ngettext(
            "Target {name} is added; {n} known course will be sent.",
            "Target {name} is added; {n} known courses will be sent.",
            added.courses,
        )
        yield text.format(name=added.name, n=added.courses)
        return
    text = ngettext(
        "Target {name} is added; {n} known course may be linked.",
        "Target {name} is added; {n} known courses may be linked.",
        added.courses,
    )
    yield text.format(name=added.name, n=added.courses)
    text = _("Nothing of a course is sent before you link it: link COURSE {name} --remote ID --seed openedx")
    yield text.format(name=added.name)


def _name(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="TARGET")


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
    if target["inbound"]:
        yield _("address for notices"), target["inbound"]
    for entity_id in target["excluded"]:
        yield _("excluded"), entity_id


def _test(options: dict[str, Any], out: Output) -> int:
    report = api.test_target(options["name"])
    out.line(report.explanation)
    out.value(attrs.asdict(report))
    return DONE if report.ok else FAILED


def _context_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("course", metavar="COURSE")
    parser.add_argument("name", metavar="TARGET")
    parser.add_argument(
        "values",
        metavar="KEY=VALUE",
        nargs="*",
        help=_("set a value, or remove it with KEY=; without values, show those that are set"),
    )


def _set_context(options: dict[str, Any], out: Output) -> int:
    course, name, values = options["course"], options["name"], options["values"]
    context = api.set_context(course, name, values) if values else api.get_context(course, name)
    out.table((_("key"), _("value")), sorted(context.values.items()))
    for warning in context.warnings:
        out.line(warning)
    out.value(dict(context.values))
    return DONE


def _url_arguments(parser: ArgumentParser) -> None:
    _name(parser)
    parser.add_argument("url", metavar="URL")


def _set_url(options: dict[str, Any], out: Output) -> int:
    name = options["name"]
    going_on = api.set_url(name, options["url"])
    out.line(_("Messages to {name} go to the new URL from now on.").format(name=name))
    show_resumed(name, going_on, out)
    return DONE


def _token_arguments(parser: ArgumentParser) -> None:
    _name(parser)
    token_arguments(parser, required=True)


def _set_token(options: dict[str, Any], out: Output) -> int:
    name = options["name"]
    going_on = api.set_token(name, given_token(options))
    out.line(_("{name} gets requests with the new token from now on.").format(name=name))
    show_resumed(name, going_on, out)
    return DONE


def _rotate(options: dict[str, Any], out: Output) -> int:
    hours, secret = options["hours"], given_secret(options)
    rotated = api.rotate_secret(options["name"], hours, secret)
    if not secret:
        out.line(_("The new secret, shown only now: {secret}").format(secret=rotated.secret))
    if rotated.until:
        out.line(_("Hours for which both secrets are valid: {n:g}").format(n=hours))
    else:
        lost = _("The previous secret cannot be decrypted any more. ") if rotated.lost else ""
        out.line(lost + _("From now on only the new secret is valid."))
    out.value({} if secret else {"secret": rotated.secret})
    return DONE


def _rotate_arguments(parser: ArgumentParser) -> None:
    _name(parser)
    secret_arguments(parser)
    help_text = _("hours for which the old secret is valid too (default: 24)")
    parser.add_argument("--hours", type=TWO_SECRETS.argument, default=24, help=help_text)


ADD_TARGET = Subcommand(
    "add-target", gettext_lazy("add a target: a system that receives operations"),
    "add-target crm --url https://crm.example.org/hooks/courses --org OrgX --option retry_schedule=1,1,5",
    _add, _add_arguments, has_json=True,
    wakes=True,
    has_note=True,
)  # fmt: skip
TARGETS = Subcommand(
    "targets",
    gettext_lazy("list the targets with their subscriptions and options"),
    "targets --json",
    _targets,
    has_json=True,
)
TEST = Subcommand(
    "test", gettext_lazy("send a signed test message and explain the answer"), "test crm", _test, _name,
    has_json=True,
)  # fmt: skip
SET_CONTEXT = Subcommand(
    "set-context", gettext_lazy("set or show the context of a course: values that are sent to a target with it"),
    "set-context course-v1:Org+Course+Run crm exam_level=A2 academic_class=7b", _set_context, _context_arguments,
    has_json=True,
    wakes=True,
    has_note=True,
)  # fmt: skip
SET_URL = Subcommand(
    "set-url", gettext_lazy("change the URL of a target; it must lead to the same receiver"),
    "set-url crm https://crm.example.org/hooks/courses", _set_url, _url_arguments,
    wakes=True,
    has_note=True,
)  # fmt: skip
SET_TOKEN = Subcommand(
    "set-token", gettext_lazy("give a target a new access token for its API"),
    "set-token canvas --token-file /run/secrets/canvas", _set_token, _token_arguments,
    wakes=True,
    has_note=True,
)  # fmt: skip
ROTATE_SECRET = Subcommand(
    "rotate-secret", gettext_lazy("give a target a new secret, or its first; for some hours the old one is valid too"),
    "rotate-secret crm --hours 48", _rotate, _rotate_arguments, has_json=True,
    has_note=True,
)  # fmt: skip
