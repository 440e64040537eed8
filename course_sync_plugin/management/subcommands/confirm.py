"""Confirms what operators do: subcommands show plans with tokens, and carry out only plans that were shown.

What cannot be undone (:func:`confirmed`) needs a token, or a terminal on which the operator can be asked. What another
command undoes (:func:`agreed`) is carried out with ``--yes`` alone.
"""

from __future__ import annotations

import shlex
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from typing import Any

import attrs
from django.utils.translation import gettext as _

from course_sync_plugin import api
from course_sync_plugin.management.subcommands.base import DONE, FAILED, Output, WrongUsage

#: The most entries of a plan that are shown.
SHOWN = 20


def confirming_arguments(parser: ArgumentParser) -> None:
    """Add ``--yes`` and ``--token``."""
    parser.add_argument("--yes", action="store_true", help=_("carry out the plan; without --yes it is only shown"))
    parser.add_argument(
        "--token", nargs="+", action="extend", default=[],
        help=_("with --yes: carry out the plan that was shown with this token, if it has not changed since"),
    )  # fmt: skip


def agreeing_arguments(parser: ArgumentParser) -> None:
    """Add ``--yes`` and ``--token`` for :func:`agreed`."""
    help_text = _("carry out the plan; without --yes you are asked on a terminal, and elsewhere it is only shown")
    parser.add_argument("--yes", action="store_true", help=help_text)
    parser.add_argument(
        "--token", nargs="+", action="extend", default=[],
        help=_("with --yes: carry out only the plan that has this token ('--json' shows it)"),
    )  # fmt: skip


def confirmed(
    options: dict[str, Any],
    out: Output,
    look: Callable[[], tuple[int, list[str]]],
    carry_out: Callable[[Sequence[str]], int],
) -> int:
    """Show plans or carry them out; return the exit status.

    ``look`` shows the plans, and returns the exit status and the tokens of those that can be carried out.
    ``carry_out`` carries out the plans with the given tokens. With ``--yes`` and no ``--token``, the operator sees the
    plans on the terminal and is asked to confirm them. Raises WrongUsage for ``--token`` without ``--yes``, and if the
    operator would have to be asked but there is no terminal or the output is JSON.
    """
    if options["token"] and not options["yes"]:
        raise WrongUsage(_("--token needs --yes: both together carry out the plan that was shown with the token."))
    if options["token"]:
        return carry_out(options["token"])
    if options["yes"] and (out.as_json or sys.stdin is None or not sys.stdin.isatty()):
        raise WrongUsage(
            _(
                "--yes needs --token here: without a terminal, or with --json, you cannot be asked to confirm. "
                "Run the command without --yes to see the tokens."
            )
        )
    status, tokens = look()
    if not options["yes"] or not tokens:
        return status
    return max(status, carry_out(tokens)) if _is_agreed(out) else FAILED


@attrs.frozen
class Plans:
    """The plans of a subcommand whose effect another command undoes.

    ``find`` returns the plans, each with a token; ``show`` shows one. ``as_json`` returns one for programs.
    ``carry_out`` carries out those that it gets, and shows the result. ``nothing`` is said if there is no plan.
    ``command`` is the subcommand with the arguments that find the same plans.
    """

    find: Callable[[], Sequence[Any]]
    show: Callable[[Any], None]
    as_json: Callable[[Any], Any]
    carry_out: Callable[[Sequence[Any]], int]
    nothing: str
    command: Sequence[str]


def agreed(options: dict[str, Any], out: Output, plans: Plans) -> int:
    """Show plans, then carry them out with ``--yes`` or if the operator agrees; return the exit status.

    Exactly the plans that were shown are carried out. On a terminal the operator is asked; elsewhere, and with JSON,
    nothing is done without ``--yes``. ``--token`` with ``--yes`` carries out only a plan that has this token. Raises
    WrongUsage for ``--token`` without ``--yes``.
    """
    if options["token"] and not options["yes"]:
        raise WrongUsage(_("--token needs --yes: both together carry out the plan that was shown with the token."))
    found = plans.find()
    if options["token"]:
        return _carry_out_tokens(options["token"], found, plans, out)
    for plan in found:
        plans.show(plan)
    if not found and not options["yes"]:
        out.line(plans.nothing)
    if not options["yes"] and not _may_ask(out, found):
        ready_command(out, plans.command, [plan.token for plan in found])
        out.value([plans.as_json(plan) for plan in found])
        return DONE
    if not options["yes"] and not _is_agreed(out):
        return FAILED
    options["asked"] = True
    return plans.carry_out(found)


def _carry_out_tokens(tokens: Sequence[str], found: Sequence[Any], plans: Plans, out: Output) -> int:
    known = api.by_token(found, tokens)
    for token in (token for token, plan in known.items() if plan is None):
        out.line(api.no_longer_valid(token))
    status = plans.carry_out([plan for plan in known.values() if plan is not None])
    return status if all(known.values()) else FAILED


def _may_ask(out: Output, found: Sequence[Any]) -> bool:
    return bool(found) and not out.as_json and sys.stdin is not None and sys.stdin.isatty()


def show_planned(planned: Sequence[Any], token: str, show: Callable[[Any], None], out: Output) -> None:
    """Show the first entries of a plan, each with ``show``, then the number of further entries and the token."""
    show_first(planned, show, out)
    show_token(token, out)


def show_first(planned: Sequence[Any], show: Callable[[Any], None], out: Output, indent: str = "  ") -> None:
    """Show the first entries of a plan, each with ``show``, then the number of further entries."""
    for one in planned[:SHOWN]:
        show(one)
    if len(planned) > SHOWN:
        out.line(indent + _("and {n} more; --json shows all of them").format(n=len(planned) - SHOWN))


def show_token(token: str, out: Output) -> None:
    """Show the token of a plan."""
    out.line(_("  token: {token}").format(token=token))


def ready_command(out: Output, command: Sequence[str], tokens: Sequence[str]) -> None:
    """Show the command that carries out the plans with these tokens."""
    words = [*command, "--yes", *(word for token in tokens for word in ("--token", token))]
    if tokens:
        out.line(_("To carry out exactly this: {command}").format(command=shlex.join(words)), whole=True)


def _is_agreed(out: Output) -> bool:
    out.line(_("Carry this out? [y/N]"))
    out.stream.flush()
    try:
        is_agreed = sys.stdin.readline().strip().lower() in ("y", "yes")
    except KeyboardInterrupt:
        out.line()
        is_agreed = False
    if not is_agreed:
        out.line(_("Nothing was done."))
    return is_agreed
