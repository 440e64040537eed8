"""The loggers of this package: what they write is clean, whatever handlers and formatters the host has."""

from __future__ import annotations

import logging
import traceback
from typing import Any

from course_sync_plugin.cleaning import cleaned


def get_logger(name: str) -> logging.Logger:
    """Return the logger of a module. Its arguments and tracebacks are cleaned before any handler sees them.

    A filter on the package's logger would not do: loggers below it do not ask it.
    """
    logger = logging.getLogger(name)
    logger.addFilter(_clean)
    return logger


def _clean(record: logging.LogRecord) -> bool:
    if isinstance(record.args, tuple):
        record.args = tuple(map(_argument, record.args))
    elif record.args:
        record.args = {name: _argument(value) for name, value in record.args.items()}
    if record.exc_info and record.exc_info[0] and not record.exc_text:
        record.exc_text = _indented("".join(traceback.format_exception(*record.exc_info)))
    return True


def _argument(value: Any) -> Any:
    """Numbers keep their type for ``%d`` and ``%.2f``; collections are written with escapes, as by ``repr``."""
    plain = value is None or isinstance(value, (int, float, dict, list, tuple))
    return value if plain else cleaned(str(value))


def _indented(text: str) -> str:
    """A traceback, each line of which is indented: what an exception says cannot look like a line of the log."""
    return "\n".join(f"  {cleaned(line)}" for line in text.rstrip("\n").split("\n"))
