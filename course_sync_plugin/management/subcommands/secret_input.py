"""Reads the secret or the token that an operator gives to a command: from a file, standard input or the environment.

Each of these keeps the secret out of the list of processes, which shows the arguments of every command.
"""

from __future__ import annotations

import os
from argparse import ArgumentParser
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.management.subcommands.base import WrongUsage
from course_sync_plugin.sanitize.text import single_line

VARIABLE = "COURSE_SYNC_TARGET_SECRET"

#: The name of a secret and of a token in messages.
_SECRET, _TOKEN = gettext_lazy("secret"), gettext_lazy("token")

#: The most bytes that are read. A secret has about 90.
LONGEST = 1000


def secret_arguments(parser: ArgumentParser) -> None:
    """Add ``--secret-file`` and ``--secret``."""
    parser.add_argument(
        "--secret-file", metavar="PATH",
        help=_("read the secret (whsec_…) from this file, or from standard input for -; the environment variable "
               "{variable} can hold it instead; if no secret is given, one is made and shown once"
               ).format(variable=VARIABLE),
    )  # fmt: skip
    help_text = _("the secret; only for tests: every user of this machine can read it in the list of processes")
    parser.add_argument("--secret", help=help_text)


def token_arguments(parser: ArgumentParser, *, required: bool = False) -> None:
    """Add ``--token-file``."""
    parser.add_argument(
        "--token-file", metavar="PATH", required=required,
        help=_("read the access token for the API of the target from this file, or from standard input for -"),
    )  # fmt: skip


def given_token(options: dict[str, Any]) -> str:
    """Return the access token that the operator gives, or an empty text if there is none.

    Raises WrongUsage if the secret is read from standard input too, ConfigurationError if it cannot be read.
    """
    path = options["token_file"]
    if path == "-" and options.get("secret_file") == "-":
        raise WrongUsage(_("Standard input cannot hold both the secret and the token; read one of them from a file."))
    return _read(path, str(_TOKEN)) if path is not None else ""


def given_secret(options: dict[str, Any]) -> str:
    """Return the secret that the operator gives, or an empty text if there is none.

    Raises WrongUsage if it is given in more than one way, ConfigurationError if it cannot be read.
    """
    values = {
        "--secret": options["secret"],
        "--secret-file": options["secret_file"],
        VARIABLE: os.environ.get(VARIABLE),
    }
    given = {name: value for name, value in values.items() if value is not None}
    if len(given) > 1:
        raise WrongUsage(_("The secret is given more than once: {names}. Use one.").format(names=", ".join(given)))
    name, value = next(iter(given.items()), ("", ""))
    if name == "--secret-file":
        return _read(value, str(_SECRET))
    return _text(os.fsencode(value), name, str(_SECRET)) if name else ""


def _read(path: str, what: str) -> str:
    source, name = (0, _("standard input")) if path == "-" else (path, single_line(path, 100))
    try:
        with open(source, "rb", closefd=source != 0) as file:
            content = file.read(LONGEST + 1)
    except OSError as error:
        raise _unreadable(what, f"{name}: {error.strerror}") from error
    return _text(content, name, what)


def _text(content: bytes, name: str, what: str) -> str:
    if len(content) > LONGEST:
        raise _unreadable(what, _("{name} holds more than {n} bytes").format(name=name, n=LONGEST))
    try:
        text = content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise _unreadable(what, _("{name} is not UTF-8").format(name=name)) from None
    if not text:
        raise _unreadable(what, _("{name} is empty").format(name=name))
    return text


def _unreadable(what: str, reason: str) -> ConfigurationError:
    return ConfigurationError(_("The {what} cannot be read: {reason}.").format(what=what, reason=reason))
