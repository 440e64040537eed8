"""A secret that somebody gives: a file, standard input and the environment keep it out of the list of processes."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from typing import Any

from django.utils.translation import gettext as _

from course_sync_plugin.cleaning import tidied
from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.management.subcommands.base import WrongUsage

VARIABLE = "COURSE_SYNC_TARGET_SECRET"

#: Bytes that are read at most: a secret has about 90.
LONGEST = 1000


def secret_arguments(parser: ArgumentParser) -> None:
    """Add ``--secret-file`` and ``--secret``."""
    parser.add_argument(
        "--secret-file", metavar="PATH",
        help=_("a file that holds the secret, whsec_…, or - for standard input; the environment variable {variable} "
               "can hold it too; without any of them one is made and shown once").format(variable=VARIABLE),
    )  # fmt: skip
    help_text = _("for tests only: every user of this machine can read it in the list of processes")
    parser.add_argument("--secret", help=help_text)


def given_secret(options: dict[str, Any]) -> str:
    """Return the secret that is given, or an empty text where none is.

    Raises WrongUsage where two are, ConfigurationError where it cannot be read.
    """
    values = {
        "--secret": options["secret"],
        "--secret-file": options["secret_file"],
        VARIABLE: os.environ.get(VARIABLE),
    }
    given = {name: value for name, value in values.items() if value is not None}
    if len(given) > 1:
        raise WrongUsage(_("The secret is given twice: {names}. Give one.").format(names=", ".join(given)))
    name, value = next(iter(given.items()), ("", ""))
    if name == "--secret-file":
        return _read(value)
    return _text(os.fsencode(value), name) if name else ""


def _read(path: str) -> str:
    source, name = (0, _("standard input")) if path == "-" else (path, tidied(path, 100))
    try:
        with open(source, "rb", closefd=source != 0) as file:
            content = file.read(LONGEST + 1)
    except OSError as error:
        raise _unreadable(f"{name}: {error.strerror}") from error
    return _text(content, name)


def _text(content: bytes, name: str) -> str:
    if len(content) > LONGEST:
        raise _unreadable(_("{name} holds more than {n} bytes").format(name=name, n=LONGEST))
    try:
        text = content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise _unreadable(_("{name} is not UTF-8").format(name=name)) from None
    if not text:
        raise _unreadable(_("{name} is empty").format(name=name))
    return text


def _unreadable(reason: str) -> ConfigurationError:
    return ConfigurationError(_("The secret cannot be read: {reason}.").format(reason=reason))
