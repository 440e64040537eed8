"""The parser of a subcommand. It takes options by their whole names, and repeats no value that may be a secret."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import ngettext


class SubcommandParser(CommandParser):
    """A parser without abbreviations: otherwise ``--token X`` would be ``--token-file X``, and X would be shown."""

    def __init__(self, **kwargs: Any):
        super().__init__(**{"allow_abbrev": False, **kwargs})

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Parse the arguments; refuse those that are not known, and name only options: the others may be a token."""
        found: Namespace
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(self._refusal(unknown))
        return found, unknown

    def _refusal(self, unknown: Sequence[str]) -> str:
        names = [one.partition("=")[0] for one in unknown if one.startswith("--")]
        if not names:
            text = ngettext(
                "{n} argument is too many; it is not shown, because it may be secret",
                "{n} arguments are too many; they are not shown, because they may be secret",
                len(unknown),
            )
            return text.format(n=len(unknown))
        known = [one for one in self._option_string_actions if one.startswith("--")]
        near = get_close_matches(names[0], known, n=1)
        hint = _("; did you mean {option}?").format(option=near[0]) if near else ""
        return _("there is no option {names}").format(names=", ".join(names)) + hint
