"""Reading what a receiver reports as failed, and saying what of it cannot be understood.

A report that is not understood must not pass for a success without a word; an answer that is none may say anything.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from course_sync_plugin.cleaning import tidied
from course_sync_plugin.data import Answer, FailedOperation

#: Characters that are kept of a reason.
REASON_CHARACTERS = 500

#: What may stand before the first character of JSON: white space, and what marks an encoding or fills one up.
_BEFORE_JSON = b" \t\r\n\0\xef\xbb\xbf\xfe\xff"

#: A report with something before it (a notice of PHP, a prefix against scripts), or inside something else.
_NAMES_FAILED = re.compile(rb'"failed\\?"\s*:')

_GZIP_MAGIC = gzip.compress(b"")[:2]
_PLAIN_CODINGS = ("", "identity")
#: Names that a warning repeats; anything else stays what somebody wrote in a header.
_CODINGS = ("gzip", "x-gzip", "deflate", "compress", "br", "zstd")


def read_report(body: bytes, operation_ids: Collection[str], coding: str = "") -> Answer:
    """Read ``{"failed": [{"id", "reason", "retry"}]}``; any other body reports no failure.

    ``coding``: the header ``Content-Encoding``. Only operations of the message count, each once. Reasons come from
    outside: they are cleaned and cut to 500 characters. ``warning`` of the answer says
    what looks like a report, or a part of one, and is none; it repeats nothing of the body.
    """
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return _not_understood(_why_unreadable(body, coding))
    listed = answer.get("failed") if isinstance(answer, dict) else None
    if listed is None:
        is_elsewhere = _NAMES_FAILED.search(body) and not (isinstance(answer, dict) and "failed" in answer)
        return _not_understood("'failed' stands in another place than the contract says" if is_elsewhere else "")
    if not isinstance(listed, list):
        return _not_understood("'failed' is no list")
    by_id = {entry["id"]: entry for entry in reversed(listed) if _id_of(entry) is not None}
    failed = tuple(_failed(by_id[known]) for known in operation_ids if known in by_id)
    return Answer(failed, _warning(list(_complaints(listed, operation_ids))))


def may_report(body: bytes) -> bool:
    """Tell whether an answer that cannot be read to its end may report failures: it begins as an object, or is not
    even there yet.
    """
    return _begins_with(body) in (b"{", b"")


def _not_understood(reason: str) -> Answer:
    return Answer(warning=_warning([reason] if reason else []))


def _warning(complaints: Sequence[str]) -> str:
    if not complaints:
        return ""
    return (
        f"The answer's report of failed operations cannot be understood: {'; '.join(complaints)}. What it does not "
        "name in the form of the contract counts as carried out. Have the receiver's answers mended."
    )


def _why_unreadable(body: bytes, coding: str) -> str:
    """Return why a body is no JSON; empty where nobody meant it to be."""
    coding = coding.strip().lower()
    if body.startswith(_GZIP_MAGIC):
        return "it is compressed (gzip), and plain bytes were asked for"
    if body and coding not in _PLAIN_CODINGS:
        name = coding if coding in _CODINGS else "of an unknown name"
        return f"it has a Content-Encoding ({name}), and plain bytes were asked for"
    if _begins_with(body) != b"{":
        return "it names 'failed', and the body is no JSON" if _NAMES_FAILED.search(body) else ""
    try:
        body.decode(json.detect_encoding(body))
    except UnicodeDecodeError:
        return "it is not UTF-8"
    return "it begins as a JSON object and is not valid or not complete"


def _complaints(listed: Sequence[Any], operation_ids: Collection[str]) -> Iterator[str]:
    """Yield what is wrong with the entries of a list, each with how many."""
    known = set(operation_ids)
    ours = [entry for entry in listed if _id_of(entry) in known]
    counts = {
        "entries that are no objects": sum(not isinstance(entry, dict) for entry in listed),
        "entries without an 'id' that is a text": sum(isinstance(one, dict) and _id_of(one) is None for one in listed),
        "entries that name no operation of the message": sum(_id_of(one) not in known | {None} for one in listed),
        "reasons that are no text": sum(not isinstance(entry.get("reason", ""), str | None) for entry in ours),
        "values of 'retry' that are neither true nor false": sum(
            not isinstance(entry.get("retry", False), bool | None) for entry in ours
        ),
    }
    return (f"{what}: {number}" for what, number in counts.items() if number)


def _id_of(entry: Any) -> str | None:
    found = entry.get("id") if isinstance(entry, dict) else None
    return found if isinstance(found, str) else None


def _failed(entry: Mapping[str, Any]) -> FailedOperation:
    return FailedOperation(entry["id"], tidied(entry.get("reason"), REASON_CHARACTERS), entry.get("retry") is True)


def _begins_with(body: bytes) -> bytes:
    return body.lstrip(_BEFORE_JSON)[:1]
