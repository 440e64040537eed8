"""The options ``--target --course --entity-type --operation --since --until --id``, which several subcommands share."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from course_sync_plugin.api import Filters, read_moment
from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.management.subcommands.base import WrongUsage


def filter_arguments(parser: ArgumentParser) -> None:
    """Add the options of the filters."""
    parser.add_argument("--target", metavar="NAME", default="", help=_("only this target"))
    parser.add_argument("--course", metavar="KEY", default="", help=_("only this course"))
    parser.add_argument(
        "--entity-type", metavar="TYPE", default="", help=_("only operations on entities of this type, such as unit")
    )
    parser.add_argument(
        "--operation",
        metavar="KIND",
        default="",
        help=_("only operations of this kind: create, update, move or delete"),
    )
    moments = _("a date, a time in UTC, or how long ago, such as 2h or 3d")
    parser.add_argument("--since", metavar="TIME", default="", help=_("only what began then or later: ") + moments)
    parser.add_argument("--until", metavar="TIME", default="", help=_("only what began before then"))
    parser.add_argument("--id", metavar="ID", default="", help=_("only the operation with this id"))


def read_filters(options: dict[str, Any]) -> Filters:
    """Return the filters that the options name. Raises WrongUsage if a time cannot be read."""
    since, until = _moment("--since", options["since"]), _moment("--until", options["until"])
    if since and until and since >= until:
        raise WrongUsage(_("--since must be before --until."))
    names = ("target", "course", "entity_type", "operation", "id")
    return Filters(**{name: options[name].strip() for name in names}, since=since, until=until)


def _moment(option: str, text: str) -> datetime | None:
    try:
        return read_moment(text)
    except ConfigurationError as error:
        raise WrongUsage(f"{option}: {error.message}") from None
