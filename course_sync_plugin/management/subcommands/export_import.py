"""The subcommands ``export`` and ``import``, which compare sites and keep them alike."""

from __future__ import annotations

import json
import os
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

import attrs
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from course_sync_plugin import api
from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.management.subcommands.base import DONE, FAILED, Output, Subcommand, WrongUsage
from course_sync_plugin.management.subcommands.confirm import confirmed, confirming_arguments, ready_command, show_token
from course_sync_plugin.sanitize.text import as_json, short_repr, single_line

#: The most bytes of a document that are read.
LONGEST = 16 * 2**20


def _export_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="FILE", nargs="?", default="-", help=_("the file to write (default: -, output)")
    )


def _export(options: dict[str, Any], out: Output) -> int:
    document = api.export_site()
    if options["file"] == "-":
        out.stream.write(f"{as_json(document)}\n")
        return DONE
    try:
        # Only for the owner: a URL may hold a token.
        with open(
            os.open(options["file"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
        ) as file:
            file.write(f"{as_json(document)}\n")
    except OSError as error:
        raise _unusable(options["file"], error.strerror or "") from error
    return DONE


def _import_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help=_("a file that 'export' wrote, or - for standard input"))
    parser.add_argument("--plan", action="store_true", help=_("only show how the file and this site differ (default)"))
    confirming_arguments(parser)


def _import(options: dict[str, Any], out: Output) -> int:
    if options["plan"] and options["yes"]:
        raise WrongUsage(_("--plan and --yes do not go together."))
    if len(options["token"]) > 1:
        raise WrongUsage(_("import takes one token."))
    document = _read(options["file"])
    return confirmed(
        options,
        out,
        lambda: _show_plan(document, options["file"], out),
        lambda tokens: _carry_out(document, tokens, out),
    )


def _read(path: str) -> Any:
    name = _("standard input") if path == "-" else path
    try:
        with open(0 if path == "-" else path, "rb", closefd=path != "-") as file:
            content = file.read(LONGEST + 1)
        if len(content) > LONGEST:
            raise _unusable(name, _("more than {n} bytes").format(n=LONGEST))
        return json.loads(content)
    except OSError as error:
        raise _unusable(name, error.strerror or "") from error
    except (ValueError, RecursionError) as error:
        raise _unusable(name, _("it is not JSON")) from error


def _unusable(name: str, reason: str) -> ConfigurationError:
    text = _("The file {name} cannot be used: {reason}.")
    return ConfigurationError(text.format(name=single_line(name, 100), reason=reason))


def _show_plan(document: Any, file: str, out: Output) -> tuple[int, list[str]]:
    plan = api.import_plan(document)
    for one in plan.differences:
        out.line(f"{one.section} {one.name}: {_kind(one.kind)}")
        for field, (here, there) in one.shown.items() if one.kind != "only here" else ():
            out.line(f"  {field}: {short_repr(here, 200)} → {short_repr(there, 200)}")
    for note in plan.notes:
        out.line(note)
    if not plan.differences:
        out.line(_("No difference."))
    if plan.token:
        show_token(plan.token, out)
        ready_command(out, ["import", file], [plan.token])
    differences = [{**attrs.asdict(one), "fields": one.shown} for one in plan.differences]
    out.value({"differences": differences, "notes": plan.notes, "token": plan.token})
    return DONE, [plan.token] if plan.token else []


def _kind(kind: str) -> str:
    texts = {
        "add": _("would be added"),
        "change": _("would be changed"),
        "only here": _("is only here, and stays"),
        "advice": _("differs; change it in the settings of the host"),
    }
    return texts[kind]


def _carry_out(document: Any, tokens: Sequence[str], out: Output) -> int:
    imported = api.import_shown(document, tokens[0])
    if imported.error:
        out.line(imported.error)
        out.line(_("Nothing was imported."))
    for name in imported.changed:
        out.line(_("{name} is now as in the file.").format(name=name))
    for name, secret in imported.secrets.items():
        out.line(_("The secret of {name}, shown only now: {secret}").format(name=name, secret=secret))
    out.value(attrs.asdict(imported))
    return FAILED if imported.error else DONE


EXPORT = Subcommand(
    "export", gettext_lazy("write the targets, without secrets, and the settings that differ from their defaults"),
    "export prod.json", _export, _export_arguments,
)  # fmt: skip
IMPORT = Subcommand(
    "import", gettext_lazy("show how a file of 'export' and this site differ, and make this site the same"),
    "import prod.json --plan", _import, _import_arguments, has_json=True,
    wakes=True, has_note=True,
)  # fmt: skip
