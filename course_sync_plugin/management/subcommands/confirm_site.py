"""The subcommand ``confirm-site``: it lets targets that were made on another site send from this one."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

import attrs
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from course_sync_plugin import api
from course_sync_plugin.management.subcommands.base import DONE, FAILED, Output, Subcommand, WrongUsage
from course_sync_plugin.management.subcommands.confirm import Plans, agreed, agreeing_arguments
from course_sync_plugin.management.subcommands.counts import lanes, not_delivered


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="TARGET", nargs="?", default="")
    parser.add_argument("--all", action="store_true", help=_("every target that was made on another site"))
    agreeing_arguments(parser)


def _confirm(options: dict[str, Any], out: Output) -> int:
    name = options["name"]
    if bool(name) == options["all"]:
        raise WrongUsage(_("Name one target, or give --all."))
    nothing = _("Nothing needs a confirmation: no such target was made on another site.")
    plans = Plans(
        find=lambda: api.site_plans(name),
        show=lambda plan: _show(plan, out),
        as_json=attrs.asdict,
        carry_out=lambda found: _carry_out(found, out, "" if options["token"] else nothing),
        nothing=nothing,
        command=["confirm-site", name or "--all"],
    )
    return agreed(options, out, plans)


def _show(plan: api.SitePlan, out: Output) -> None:
    out.line(_("Target {name} sends to {host}").format(name=plan.name, host=plan.host or _("no host")))
    out.line(_("  made for {site}").format(site=plan.made_for))
    out.line(_("  this is  {site}").format(site=plan.here))
    text = _("  would send from here: {lanes}, with {operations}")
    out.line(text.format(lanes=lanes(plan.lanes), operations=not_delivered(plan.pending)))


def _carry_out(plans: Sequence[api.SitePlan], out: Output, nothing: str) -> int:
    done = api.confirm_site(plans)
    if nothing and not done:
        out.line(nothing)
    for one in done:
        out.line(one.error or _("Target {name} sends from this site from now on.").format(name=one.name))
    out.value([attrs.asdict(one) for one in done])
    return FAILED if any(one.error for one in done) else DONE


CONFIRM_SITE = Subcommand(
    "confirm-site", gettext_lazy("let a target that was made on another site send from this one"),
    "confirm-site crm", _confirm, _arguments, has_json=True,
    wakes=True,
    has_note=True,
)  # fmt: skip
