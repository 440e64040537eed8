"""Arguments that must be one of a few words. The error is short, however long the argument was."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable

from course_sync_plugin.sanitize.text import short_repr


def one_of(*words: str) -> Callable[[str], str]:
    """Return the type of an argument that must be one of these words."""

    def word(text: str) -> str:
        if text not in words:
            raise ArgumentTypeError(f"{short_repr(text)} is not one of {', '.join(words)}")
        return text

    return word
