"""What is destroyed or given up is shown first, each with a token; only what was shown is carried out."""

from __future__ import annotations

import shlex
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from typing import Any

from django.utils.translation import gettext as _

from course_sync_plugin.management.subcommands.base import FAILED, Output, WrongUsage

#: How much of a plan is shown.
SHOWN = 20


def confirming_arguments(parser: ArgumentParser) -> None:
    """Add ``--yes`` and ``--token``."""
    parser.add_argument("--yes", action="store_true", help=_("carry it out; without it, only show what would be done"))
    parser.add_argument(
        "--token", nargs="+", action="extend", default=[],
        help=_("with --yes: exactly what was shown with this token, and only if nothing of it has changed since"),
    )  # fmt: skip


def confirmed(
    options: dict[str, Any],
    out: Output,
    look: Callable[[], tuple[int, list[str]]],
    carry_out: Callable[[Sequence[str]], int],
) -> int:
    """Show or carry out; return the exit status.

    ``look`` shows the present state and returns the exit status and the tokens of what can be carried out.
    ``carry_out`` gets tokens. With ``--yes`` alone somebody at a terminal sees the present state and is asked.
    Raises WrongUsage.
    """
    if options["token"] and not options["yes"]:
        raise WrongUsage(_("--token is for --yes, which carries out what was shown with it."))
    if options["token"]:
        return carry_out(options["token"])
    if options["yes"] and (out.as_json or sys.stdin is None or not sys.stdin.isatty()):
        raise WrongUsage(_("--yes needs --token, since nobody can be asked here. Without --yes the tokens are shown."))
    status, tokens = look()
    if not options["yes"] or not tokens:
        return status
    return max(status, carry_out(tokens)) if _is_agreed(out) else FAILED


def show_planned(planned: Sequence[Any], token: str, show: Callable[[Any], None], out: Output) -> None:
    """Show the first of what a plan would do, each with ``show``, how many more there are, and the plan's token."""
    for one in planned[:SHOWN]:
        show(one)
    if len(planned) > SHOWN:
        out.line(_("  and {n} more").format(n=len(planned) - SHOWN))
    out.line(_("  token: {token}").format(token=token))


def ready_command(out: Output, command: Sequence[str], tokens: Sequence[str]) -> None:
    """Show the command that carries out what was shown."""
    words = [*command, "--yes", *(word for token in tokens for word in ("--token", token))]
    if tokens:
        out.line(_("To carry out exactly this: {command}").format(command=shlex.join(words)))


def _is_agreed(out: Output) -> bool:
    out.line(_("Carry this out? [y/N]"))
    out.stream.flush()
    is_agreed = sys.stdin.readline().strip().lower() in ("y", "yes")
    if not is_agreed:
        out.line(_("Nothing was done."))
    return is_agreed
