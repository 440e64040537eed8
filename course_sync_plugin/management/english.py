"""Keeps the output of commands in English, whatever ``LANGUAGE_CODE`` is: scripts read it, and the docs quote it."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import translation


class EnglishCommand(BaseCommand):
    """A command whose texts are not translated, although pages show some of them too."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run the command without a language."""
        with translation.override(None):
            return super().execute(*args, **options)
