"""Reads a receiver's report of failed operations, and warns of the parts that cannot be understood.

A report that cannot be understood must not count as a success without a warning. An answer that is not a report may
hold anything.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from course_sync_plugin.data import Answer, FailedOperation
from course_sync_plugin.sanitize.text import single_line

#: The most characters of a reason that are kept.
REASON_CHARACTERS = 500

#: Bytes that may come before the first character of JSON: white space, marks of an encoding, and its zero bytes.
_BEFORE_JSON = b" \t\r\n\0\xef\xbb\xbf\xfe\xff"

#: Finds a report that has text before it (a PHP notice, a prefix against script inclusion) or is inside other data.
_NAMES_FAILED = re.compile(rb'"failed\\?"\s*:')

_GZIP_MAGIC = gzip.compress(b"")[:2]
_PLAIN_CODINGS = ("", "identity")
#: Names that a warning may repeat. Any other value of the header is foreign text and is not repeated.
_CODINGS = ("gzip", "x-gzip", "deflate", "compress", "br", "zstd")


def read_report(body: bytes, operation_ids: Collection[str], coding: str = "") -> Answer:
    """Read ``{"failed": [{"id", "reason", "retry"}]}``; any other body reports no failure.

    ``coding``: the header ``Content-Encoding``. Only operations of the message count, each once. Reasons come from
    outside: they are cleaned and cut to 500 characters. The ``warning`` of the answer names what looks like a report or
    a part of one but cannot be understood. It repeats nothing of the body.
    """
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return _not_understood(_why_unreadable(body, coding))
    listed = answer.get("failed") if isinstance(answer, dict) else None
    if listed is None:
        is_elsewhere = _NAMES_FAILED.search(body) and not (isinstance(answer, dict) and "failed" in answer)
        return _not_understood("'failed' is in another place than the contract says" if is_elsewhere else "")
    if not isinstance(listed, list):
        return _not_understood("'failed' is not a list")
    by_id = {entry["id"]: entry for entry in reversed(listed) if _id_of(entry) is not None}
    failed = tuple(_failed(by_id[known]) for known in operation_ids if known in by_id)
    return Answer(failed, _warning(list(_complaints(listed, operation_ids))))


def may_report(body: bytes) -> bool:
    """Tell whether an answer that cannot be read to its end may report failures.

    It may if it begins as a JSON object, or if its first character has not come yet.
    """
    return _begins_with(body) in (b"{", b"")


def _not_understood(reason: str) -> Answer:
    return Answer(warning=_warning([reason] if reason else []))


def _warning(complaints: Sequence[str]) -> str:
    if not complaints:
        return ""
    return (
        f"The answer's report of failed operations cannot be understood: {'; '.join(complaints)}. Operations "
        "that it does not name in the form of the contract count as carried out. Correct the receiver's answers."
    )


def _why_unreadable(body: bytes, coding: str) -> str:
    """Return why a body is not JSON; empty if it does not look like JSON."""
    coding = coding.strip().lower()
    if body.startswith(_GZIP_MAGIC):
        return "it is compressed (gzip), but the request asked for plain bytes"
    if body and coding not in _PLAIN_CODINGS:
        name = coding if coding in _CODINGS else "of an unknown name"
        return f"it has a Content-Encoding ({name}), but the request asked for plain bytes"
    if _begins_with(body) != b"{":
        return "it names 'failed', but the body is not JSON" if _NAMES_FAILED.search(body) else ""
    try:
        body.decode(json.detect_encoding(body))
    except UnicodeDecodeError:
        return "it is not UTF-8"
    return "it begins as a JSON object, but is not valid or not complete"


def _complaints(listed: Sequence[Any], operation_ids: Collection[str]) -> Iterator[str]:
    """Yield each kind of error in the entries of a list, with the number of entries that have it."""
    known = set(operation_ids)
    ours = [entry for entry in listed if _id_of(entry) in known]
    counts = {
        "entries that are not objects": sum(not isinstance(entry, dict) for entry in listed),
        "entries without a text as 'id'": sum(isinstance(one, dict) and _id_of(one) is None for one in listed),
        "entries that name no operation of the message": sum(_id_of(one) not in known | {None} for one in listed),
        "reasons that are not text": sum(not isinstance(entry.get("reason", ""), str | None) for entry in ours),
        "values of 'retry' that are neither true nor false": sum(
            not isinstance(entry.get("retry", False), bool | None) for entry in ours
        ),
    }
    return (f"{what}: {number}" for what, number in counts.items() if number)


def _id_of(entry: Any) -> str | None:
    found = entry.get("id") if isinstance(entry, dict) else None
    return found if isinstance(found, str) else None


def _failed(entry: Mapping[str, Any]) -> FailedOperation:
    return FailedOperation(entry["id"], single_line(entry.get("reason"), REASON_CHARACTERS), entry.get("retry") is True)


def _begins_with(body: bytes) -> bytes:
    return body.lstrip(_BEFORE_JSON)[:1]
