"""The subcommand ``check``, which finds what is inconsistent and repairs it."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from typing import Any

import attrs
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from course_sync_plugin import api
from course_sync_plugin.management.subcommands.base import DONE, FAILED, Output, Subcommand, WrongUsage
from course_sync_plugin.management.subcommands.confirm import (
    confirmed,
    confirming_arguments,
    ready_command,
    show_first,
    show_token,
)

#: The options that are names, as in the request.
_NAMES = ("course", "target", "receiver", "remote")

#: Who has likely made a difference.
_MADE_BY = {
    "here": gettext_lazy("here: a delivery or a row of the ledger was lost"),
    "there": gettext_lazy("there: somebody works at the linked system"),
}


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--course", metavar="KEY", default="", help=_("only this course (default: all); it is read and compared too")
    )
    parser.add_argument("--target", metavar="NAME", default="", help=_("only lanes of this target (default: all)"))
    parser.add_argument(
        "--deep", action="store_true", help=_("also read every course and compare it with what is recorded")
    )
    help_text = _("instead ask this target's receiver for digests of what it holds, and compare them")
    parser.add_argument("--receiver", metavar="NAME", help=help_text)
    help_text = _("instead compare the ledger, what is there and the course, for each link of this target")
    parser.add_argument("--remote", metavar="NAME", help=help_text)
    parser.add_argument("--repair", action="store_true", help=_("plan the repairs; with --yes carry them out"))
    confirming_arguments(parser)


def _check(options: dict[str, Any], out: Output) -> int:
    _check_usage(options)
    request = api.CheckRequest(**{name: options[name] or "" for name in _NAMES}, deep=options["deep"])
    if not options["repair"]:
        return _look(request, out)[0]
    return confirmed(
        options, out, lambda: _look(request, out, repair=True), lambda tokens: _repair(request, tokens, out)
    )


def _check_usage(options: dict[str, Any]) -> None:
    asked = [name for name in ("receiver", "remote") if options[name] is not None]
    for name in asked:
        if options[name] == "":
            raise WrongUsage(_("--{option} needs the name of a target.").format(option=name))
        if options["target"] or options["deep"] or len(asked) > 1:
            text = _("--{option} goes together with --course only, not with --target, --deep, --receiver or --remote.")
            raise WrongUsage(text.format(option=name))
    if (options["yes"] or options["token"]) and not options["repair"]:
        raise WrongUsage(_("--yes and --token need --repair."))


def _look(request: api.CheckRequest, out: Output, *, repair: bool = False) -> tuple[int, list[str]]:
    report = api.check(request, _progress(out))
    for plan in report.plans:
        _show(plan, out)
    for note in report.notes:
        out.line(note)
    if report.unchecked:
        text = ngettext(
            "{n} course could not be checked. Nothing is known about it.",
            "{n} courses could not be checked. Nothing is known about them.",
            report.unchecked,
        )
        out.line(text.format(n=report.unchecked))
    elif not report.findings:
        out.line(_("Nothing was found."))
    if report.tokens:
        _show_how(request, report.tokens, out)
    out.value(
        {
            "findings": [attrs.asdict(one) for one in report.findings],
            "plans": [{"name": plan.name, "repairs": plan.repairable, "token": plan.token} for plan in report.plans],
            "notes": report.notes,
            "unchecked": report.unchecked,
        }
    )
    # A repair that is carried out next has a status of its own.
    is_left = any(not plan.token for plan in report.plans) if repair else bool(report.findings)
    return FAILED if is_left or report.unchecked else DONE, report.tokens


def _show(plan: api.RepairPlan, out: Output) -> None:
    text = _("{name}: {n} found")
    out.line(text.format(name=plan.name, n=len(plan.findings)))
    show_first(plan.findings, lambda finding: _show_finding(finding, out), out)
    if plan.token:
        show_token(plan.token, out)


def _show_finding(finding: api.Finding, out: Output) -> None:
    where = " ".join(filter(None, (finding.target, finding.course_id, finding.entity_id))) or finding.key
    out.line(f"  {finding.severity}: {where}")
    out.line(f"    {finding.what}")
    if finding.made_by:
        out.line(_("    Likely made {where}").format(where=_MADE_BY[finding.made_by]))
    out.line(_("    Repair: {what}").format(what=finding.repair))


def _show_how(request: api.CheckRequest, tokens: Sequence[str], out: Output) -> None:
    words = ["check"]
    for name in _NAMES:
        value = getattr(request, name)
        words += [f"--{name}", value] if value else []
    ready_command(out, [*words, *(["--deep"] if request.deep else []), "--repair"], tokens)


def _repair(request: api.CheckRequest, tokens: Sequence[str], out: Output) -> int:
    results = api.repair_shown(request, tokens, _progress(out))
    for one in results:
        text = _("{name}: {n} of {of} repaired")
        out.line(one.error or text.format(name=one.name, n=one.repaired, of=one.of))
        if one.repaired < one.of:
            out.line(_("  the others had changed meanwhile, so nothing was done about them"))
    out.value({"repaired": [attrs.asdict(one) for one in results]})
    return FAILED if any(one.error or one.repaired < one.of for one in results) else DONE


def _progress(out: Output) -> Any:
    def wrap(items: Sequence[Any], unit: str) -> Iterator[Any]:
        return out.progress(items, unit)

    return wrap


CHECK = Subcommand(
    "check", gettext_lazy("find what is inconsistent here, at a receiver or at a linked system, and repair it"),
    "check --course course-v1:Org+Course+Run --repair", _check, _arguments, has_json=True,
    wakes=True, has_note=True,
)  # fmt: skip
