"""The subcommands ``link``, ``unlink`` and ``links``: which course belongs to which counterpart at a two-way target."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping
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
    show_first,
    show_token,
)
from course_sync_plugin.management.subcommands.words import one_of


def _course_and_target(parser: ArgumentParser) -> None:
    parser.add_argument("course", metavar="COURSE")
    parser.add_argument("name", metavar="TARGET")
    confirming_arguments(parser)


def _link_arguments(parser: ArgumentParser) -> None:
    _course_and_target(parser)
    help_text = _("the counterpart: the number or the address of the Canvas course, or of the Discourse category")
    parser.add_argument("--remote", metavar="ID", default="", help=help_text)
    parser.add_argument("--create", action="store_true", help=_("create the counterpart"))
    help_text = _("openedx: create all of the course there; match: take over what has the same kind, title and place")
    parser.add_argument("--seed", type=one_of("openedx", "match"), required=True, help=help_text)


def _link(options: dict[str, Any], out: Output) -> int:
    if bool(options["remote"]) == options["create"]:
        raise WrongUsage(_("Give --remote ID or --create."))
    _check_token(options)
    arguments = (options["course"], options["name"], options["remote"], options["seed"])
    return confirmed(
        options, out, lambda: _show_link(options, arguments, out), lambda tokens: _make(arguments, tokens[0], out)
    )


def _show_link(options: dict[str, Any], arguments: tuple[str, str, str, str], out: Output) -> tuple[int, list[str]]:
    plan = api.link_plan(*arguments)
    new = _("a new counterpart, '{title}',").format(title=plan.title)
    where = f"{plan.remote_id} ({plan.title}) {plan.url}" if plan.remote_id else new
    out.line(
        _("{course} would be linked to {where} at {name}").format(course=plan.course_id, where=where, name=plan.target)
    )
    out.line(_("  new there: {counts}").format(counts=_counts(plan.created)))
    out.line(_("  without a counterpart: {counts}").format(counts=_counts(plan.without)))
    if plan.seed == "match":
        out.line(_("  taken over: {n}").format(n=len(plan.taken_over)))
        show_first(plan.taken_over, lambda one: out.line(f"    {one[0]} ← {one[1]}"), out)
    for entity_id, remote_ids in plan.ambiguous:
        out.line(_("  {entity} matches several objects: {ids}").format(entity=entity_id, ids=remote_ids))
    if plan.ambiguous:
        out.line(_("  No link is made while it is not known which is meant: rename or delete the others."))
    tokens = [plan.token] if plan.token else []
    if tokens:
        show_token(plan.token, out)
        how = ["--remote", options["remote"]] if options["remote"] else ["--create"]
        ready_command(out, ["link", plan.course_id, plan.target, *how, "--seed", plan.seed], tokens)
    out.value(attrs.asdict(plan))
    return (DONE if tokens else FAILED), tokens


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{kind} {number}" for kind, number in sorted(counts.items())) or _("nothing")


def _make(arguments: tuple[str, str, str, str], token: str, out: Output) -> int:
    done = api.link_shown(*arguments, token)
    text = _("{course} is linked to {remote} at {name}; what it lacks there is sent now.")
    out.line(done.error or text.format(course=arguments[0], remote=done.remote_id, name=arguments[1]))
    out.value(attrs.asdict(done))
    return FAILED if done.error else DONE


def _unlink_arguments(parser: ArgumentParser) -> None:
    _course_and_target(parser)
    help_text = _("delete what is ours there; what holds the work of others is left (default: leave everything)")
    parser.add_argument("--delete-remote", action="store_true", help=help_text)


def _unlink(options: dict[str, Any], out: Output) -> int:
    _check_token(options)
    return confirmed(options, out, lambda: _show_unlink(options, out), lambda tokens: _end(options, tokens[0], out))


def _show_unlink(options: dict[str, Any], out: Output) -> tuple[int, list[str]]:
    plan = api.unlink_plan(options["course"], options["name"], delete_remote=options["delete_remote"])
    text = _("{course} would no longer be linked to {remote} ({title}) at {name}")
    out.line(text.format(course=plan.course_id, remote=plan.remote_id, title=plan.title, name=plan.target))
    deleted = _("  objects there that are deleted, unless they hold what others made: {n}")
    out.line((deleted if plan.delete_remote else _("  objects there that stay: {n}")).format(n=plan.objects))
    text = _("  conflicts and proposals that end undecided: {conflicts}, {proposals}")
    out.line(text.format(conflicts=plan.conflicts, proposals=plan.proposals))
    show_token(plan.token, out)
    how = ["--delete-remote"] if plan.delete_remote else []
    ready_command(out, ["unlink", plan.course_id, plan.target, *how], [plan.token])
    out.value(attrs.asdict(plan))
    return DONE, [plan.token]


def _end(options: dict[str, Any], token: str, out: Output) -> int:
    done = api.unlink_shown(options["course"], options["name"], token, delete_remote=options["delete_remote"])
    text = _("{course} is not linked at {name} any more; deleted there: {n}.")
    out.line(done.error or text.format(course=options["course"], name=options["name"], n=done.deleted))
    show_first(done.left, lambda why: out.line("  " + _("left there: {why}").format(why=why)), out)
    out.value(attrs.asdict(done))
    return FAILED if done.error else DONE


def _check_token(options: dict[str, Any]) -> None:
    if len(options["token"]) > 1:
        raise WrongUsage(_("Give one token: that of the plan."))


def _links_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--course", metavar="KEY", default="", help=_("only the links of this course"))
    parser.add_argument("--target", metavar="NAME", default="", help=_("only the links of this target"))


def _links(options: dict[str, Any], out: Output) -> int:
    found = api.links(options["target"], options["course"])
    rows = [
        (one["course_id"], one["target"], f"{one['remote_id']} {one['title']}", str(one["objects"]), one["state"])
        for one in found
    ]
    out.table((_("course"), _("target"), _("counterpart"), _("objects"), _("state")), rows)
    if not found:
        out.line(_("There is no link; 'link' makes one."))
    out.value(found)
    return DONE


LINK = Subcommand(
    "link", gettext_lazy("link a course to its counterpart at a two-way target"),
    "link course-v1:Org+Course+Run canvas --remote 4711 --seed openedx", _link, _link_arguments, has_json=True,
    wakes=True,
    has_note=True,
)  # fmt: skip
UNLINK = Subcommand(
    "unlink", gettext_lazy("end the link of a course; what is there stays, unless you say otherwise"),
    "unlink course-v1:Org+Course+Run canvas", _unlink, _unlink_arguments, has_json=True,
    has_note=True,
)  # fmt: skip
LINKS = Subcommand(
    "links", gettext_lazy("list the links of courses to their counterparts"), "links --json", _links, _links_arguments,
    has_json=True,
)  # fmt: skip
