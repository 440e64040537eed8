"""The subcommands about edits that come back: poll, conflicts, resolve, proposals, accept and reject."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import attrs
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from course_sync_plugin import api
from course_sync_plugin.management.subcommands.base import DONE, FAILED, Output, Subcommand
from course_sync_plugin.management.subcommands.confirm import Plans, agreed, agreeing_arguments
from course_sync_plugin.management.subcommands.decision_told import shown, told
from course_sync_plugin.management.subcommands.words import one_of
from course_sync_plugin.sanitize.limits import ROW_ID


def _filter_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--course", metavar="KEY", default="", help=_("only this course"))
    parser.add_argument("--target", metavar="NAME", default="", help=_("only this target"))
    parser.add_argument("--all", action="store_true", help=_("also those that have ended"))


def _conflicts(options: dict[str, Any], out: Output) -> int:
    found = api.conflicts(options["course"], options["target"], all_of_them=options["all"])
    head = (_("id"), _("entity"), _("field"), _("base"), _("Open edX"), _("there"), _("taken"), _("state"))
    values = [
        (str(one["id"]), one["entity_id"], one["field"], *map(shown, (one["base"], one["openedx"], one["remote"])))
        for one in found
    ]
    out.table(head, [(*row, _taken(one), one["state"]) for row, one in zip(values, found)])
    if not found:
        out.line(_("No conflict waits for a person; --all shows those that were decided."))
    out.value(found)
    return DONE


def _taken(conflict: dict[str, Any]) -> str:
    """Return the side that was taken, as the head of its column."""
    return {"openedx": _("Open edX"), "remote": _("there"), "base": _("base")}.get(conflict["taken"], "")


def _proposals(options: dict[str, Any], out: Output) -> int:
    found = api.proposals(options["course"], options["target"], all_of_them=options["all"])
    head = (_("id"), _("entity"), _("field"), _("Open edX"), _("proposed"), _("from"), _("state"))
    rows = [
        (str(one["id"]), one["entity_id"], one["field"], *map(shown, (one["base"], one["value"])), one["target"])
        for one in found
    ]
    out.table(head, [(*row, one["state"]) for row, one in zip(rows, found)])
    if not found:
        out.line(_("No proposal waits for an author."))
    out.value(found)
    return DONE


def _id_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", type=ROW_ID.argument)
    agreeing_arguments(parser)


def _resolve_arguments(parser: ArgumentParser) -> None:
    _id_arguments(parser)
    help_text = _("the side that is taken: openedx, remote or base")
    parser.add_argument("--take", type=one_of("openedx", "remote", "base"), required=True, help=help_text)


def _resolve(options: dict[str, Any], out: Output) -> int:
    find = partial(api.resolution_plan, options["id"], options["take"])
    return _decide(options, out, find, api.resolve, ["resolve", str(options["id"]), "--take", options["take"]])


def _accept(options: dict[str, Any], out: Output) -> int:
    find = partial(api.proposal_plan, options["id"], "accept")
    return _decide(options, out, find, api.accept, ["accept", str(options["id"])])


def _reject(options: dict[str, Any], out: Output) -> int:
    find = partial(api.proposal_plan, options["id"], "reject")
    return _decide(options, out, find, api.reject, ["reject", str(options["id"])])


def _decide(
    options: dict[str, Any],
    out: Output,
    find: Callable[[], api.Decision],
    carry_out: Callable[[api.Decision], api.Decided],
    command: Sequence[str],
) -> int:
    plans = Plans(
        find=lambda: [find()],
        show=partial(_show, out=out),
        as_json=attrs.asdict,
        carry_out=lambda found: _carry_out(found, carry_out, out),
        nothing="",
        command=command,
    )
    return agreed(options, out, plans)


def _show(plan: api.Decision, out: Output) -> None:
    out.line(f"{plan.entity_id}: {plan.field}")
    out.line(_("  would be: {value}").format(value=shown(plan.value)))
    out.line(_("  instead of: {value}").format(value=shown(plan.instead_of)))
    if plan.warning:
        out.line(_("  This would fail now: {reason}").format(reason=plan.warning))


def _carry_out(plans: Sequence[api.Decision], carry_out: Callable[[api.Decision], api.Decided], out: Output) -> int:
    done = [carry_out(plan) for plan in plans]
    for plan, one in zip(plans, done):
        for line in told(plan, one.effects) if one.effects else [one.error]:
            out.line(line)
    out.value([attrs.asdict(one) for one in done])
    return FAILED if any(one.error for one in done) else DONE


def _poll_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="TARGET", nargs="?", default="")
    parser.add_argument("--course", metavar="KEY", default="", help=_("only this course"))


def _poll(options: dict[str, Any], out: Output) -> int:
    done = api.poll_now(options["name"], options["course"])
    rows = [
        (one.course_id, one.target, str(one.seen), str(one.edited), str(one.deleted), _outcome(one)) for one in done
    ]
    out.table((_("course"), _("target"), _("seen"), _("edited"), _("deleted"), _("result")), rows)
    if not done:
        out.line(_("There is no link; 'link' makes one."))
    out.value([attrs.asdict(one) for one in done])
    return FAILED if any(one.error for one in done) else DONE


def _outcome(polled: api.Polled) -> str:
    return polled.error or (_("not now: see 'status'") if polled.busy else _("done"))


POLL = Subcommand(
    "poll", gettext_lazy("look at linked systems now: what did people change there?"), "poll canvas", _poll,
    _poll_arguments, has_json=True,
    wakes=True,
)  # fmt: skip
CONFLICTS = Subcommand(
    "conflicts", gettext_lazy("list fields that both sides changed, and that wait for a person"), "conflicts --all",
    _conflicts, _filter_arguments, has_json=True,
)  # fmt: skip
RESOLVE = Subcommand(
    "resolve", gettext_lazy("take one side of a conflict"), "resolve 7 --take remote", _resolve, _resolve_arguments,
    has_json=True,
    wakes=True,
    has_note=True,
)  # fmt: skip
PROPOSALS = Subcommand(
    "proposals", gettext_lazy("list edits of linked systems that Open edX does not have yet"), "proposals --json",
    _proposals, _filter_arguments, has_json=True,
)  # fmt: skip
ACCEPT = Subcommand(
    "accept", gettext_lazy("write a proposal to Studio: units get it in their draft, sections are published at once"),
    "accept 7", _accept, _id_arguments, has_json=True,
    wakes=True,
    has_note=True,
)  # fmt: skip
REJECT = Subcommand(
    "reject", gettext_lazy("reject a proposal: linked systems get the value of Open edX again"), "reject 7", _reject,
    _id_arguments, has_json=True,
    wakes=True,
    has_note=True,
)  # fmt: skip
