"""The loggers of this package. They clean each record before the handlers and formatters of the host see it."""

from __future__ import annotations

import logging
import traceback
from typing import Any

from course_sync_plugin.sanitize.text import cleaned


def get_logger(name: str) -> logging.Logger:
    """Return the logger of a module. A filter cleans the arguments and tracebacks of its records.

    Each module's logger needs the filter: Python does not apply the filters of a parent logger to the records of its
    children.
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
    """Return an argument, cleaned if it is text.

    Numbers keep their type for ``%d`` and ``%.2f``. Collections stay as they are: Python writes them with escapes.
    """
    plain = value is None or isinstance(value, (int, float, dict, list, tuple))
    return value if plain else cleaned(str(value))


def _indented(text: str) -> str:
    """Return a traceback with every line indented, so that the text of an exception cannot look like a log record."""
    return "\n".join(f"  {cleaned(line)}" for line in text.rstrip("\n").split("\n"))
