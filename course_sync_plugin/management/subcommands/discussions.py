"""The subcommands ``mirror`` and ``forget-person``: discussions that are mirrored, and the people in them."""

from __future__ import annotations

from argparse import ArgumentParser
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
from course_sync_plugin.management.subcommands.counts import notices, posts


def _mirror_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--course", metavar="KEY", default="", help=_("only this course"))


def _mirror(options: dict[str, Any], out: Output) -> int:
    done = api.mirror_now(options["course"])
    rows = [
        (one.course_id, one.targets, str(one.read), str(one.written), str(one.removed), _outcome(one)) for one in done
    ]
    out.table((_("course"), _("targets"), _("read"), _("written"), _("removed"), _("result")), rows)
    if not done:
        out.line(_("No course has one link to Canvas and one to Discourse whose targets have discussions=mirror."))
    out.value([attrs.asdict(one) for one in done])
    return FAILED if any(one.error for one in done) else DONE


def _outcome(one: api.MirrorRound) -> str:
    return one.error or (_("in other hands") if one.busy else _("done"))


def _forget_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="TARGET")
    parser.add_argument("person", metavar="NAME", help=_("the name as the other system shows it"))
    confirming_arguments(parser)


def _forget(options: dict[str, Any], out: Output) -> int:
    if len(options["token"]) > 1:
        raise WrongUsage(_("Give one token: that of the plan."))
    return confirmed(options, out, lambda: _show(options, out), lambda tokens: _carry_out(options, tokens[0], out))


def _show(options: dict[str, Any], out: Output) -> tuple[int, list[str]]:
    plan = api.forget_plan(options["name"], options["person"])
    text = _("The name would be removed from {posts}, with {notices} of {target}.")
    out.line(text.format(posts=posts(plan.posts), notices=notices(plan.notices), target=plan.target))
    show_token(plan.token, out)
    ready_command(out, ["forget-person", options["name"], options["person"]], [plan.token])
    out.value(attrs.asdict(plan))
    return DONE, [plan.token]


def _carry_out(options: dict[str, Any], token: str, out: Output) -> int:
    done = api.forget_shown(options["name"], options["person"], token)
    text = _("The name is removed from {posts}, with {notices}. The next round writes the copies.")
    out.line(done.error or text.format(posts=posts(done.posts), notices=notices(done.notices)))
    out.value(attrs.asdict(done))
    return FAILED if done.error else DONE


MIRROR = Subcommand(
    "mirror", gettext_lazy("compare the discussions of Canvas and Discourse now"), "mirror --json", _mirror,
    _mirror_arguments, has_json=True,
)  # fmt: skip
FORGET_PERSON = Subcommand(
    "forget-person", gettext_lazy("remove the name of a person who wrote in a linked system"),
    'forget-person canvas "Ann Lee"', _forget, _forget_arguments, has_json=True,
    has_note=True,
)  # fmt: skip
