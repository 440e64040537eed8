"""What an HTTP status or a failure of the network means, as a table. A target extends the table, not the code.

Who must act decides the class (:mod:`course_sync_plugin.exceptions`). Pattern: airbyte-cdk,
``streams/http/error_handlers/default_error_mapping.py``.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import Any

import attrs
from requests.exceptions import InvalidSchema, InvalidURL, MissingSchema

from course_sync_plugin.exceptions import (
    ConfigurationError,
    CourseSyncError,
    PermanentError,
    RateLimited,
    TargetGone,
    TransientError,
)
from course_sync_plugin.limits import RETRY_AFTER


class Unreachable(TimeoutError):
    """No connection came about in time."""


@attrs.frozen
class Resolution:
    """Which error it is, and the sentence for people.

    The sentence may name ``{where}`` (the host), ``{status}``, ``{seconds}`` (the deadline) and ``{detail}``.
    """

    error: type[CourseSyncError]
    sentence: str


#: Keys are a status, the first digit of a status, or a type of exception; the most specific one holds.
Errors = Mapping[int | type[BaseException], Resolution]

_BAD_ADDRESS = Resolution(ConfigurationError, "The address of the target is not valid; correct its URL with 'set-url'.")
_NO_ANSWER = Resolution(TransientError, "{where} answered {status}, which counts as no answer. Its log should say why.")
#: Not one operation is at fault but our credentials: without this every operation of a run would become a problem.
_STRANGER = Resolution(
    ConfigurationError, "{where} refused with {status}. Compare secrets and clocks on both sides, then resume the lane."
)

HTTP_ERRORS: Errors = MappingProxyType(
    {
        408: _NO_ANSWER,
        425: _NO_ANSWER,
        429: Resolution(TransientError, "{where} asks for fewer requests ({status})."),
        5: _NO_ANSWER,
        410: Resolution(TargetGone, "{where} says that it is gone for good ({status}); nothing more is sent there."),
        3: Resolution(
            PermanentError,
            "{where} redirects ({status}), and redirects are not followed. Give its final URL with 'set-url'.",
        ),
        401: _STRANGER,
        403: _STRANGER,
        404: Resolution(PermanentError, "{where} knows no such path ({status}). Check the URL of the target."),
        413: Resolution(PermanentError, "{where} finds the message too large ({status}). Let it accept larger ones."),
        4: Resolution(PermanentError, "{where} refused for good with {status}. Its log should say why."),
        ssl.SSLCertVerificationError: Resolution(
            ConfigurationError,
            "{where} shows a certificate that is not trusted ({detail}). Have it renewed, or name the file of the "
            "authority that issued it in the environment variable REQUESTS_CA_BUNDLE.",
        ),
        ssl.SSLError: Resolution(TransientError, "No encrypted connection to {where} came about. Does it speak TLS?"),
        socket.gaierror: Resolution(
            TransientError, "The name of {where} has no address at the moment. Is it spelled right?"
        ),
        ConnectionRefusedError: Resolution(
            TransientError, "{where} accepts no connections. Is it running, and is the port right?"
        ),
        ConnectionError: Resolution(
            TransientError, "{where} closed the connection before its answer was complete. Its log should say why."
        ),
        Unreachable: Resolution(
            TransientError, "{where} could not be reached in time. Is it running, and does a firewall let us through?"
        ),
        TimeoutError: Resolution(TransientError, "{where} did not answer within {seconds:g} s. Is it busy?"),
        http.client.HTTPException: Resolution(
            TransientError, "What {where} answers is not HTTP, or not complete. Is the port right?"
        ),
        InvalidURL: _BAD_ADDRESS,
        InvalidSchema: _BAD_ADDRESS,
        MissingSchema: _BAD_ADDRESS,
    }
)

_REFUSED = Resolution(PermanentError, "{where} answered {status}, which is no success. Check the URL of the target.")
_NOTHING = Resolution(TransientError, "{where} could not be reached.")


def status_error(
    status: int, headers: Mapping[str, str], *, where: str, errors: Errors = HTTP_ERRORS, **context: Any
) -> CourseSyncError:
    """Return the error that an HTTP answer which is no success stands for.

    Where an answer that counts as none says how long to wait (``Retry-After``), it is RateLimited.
    """
    resolution = errors.get(status) or errors.get(status // 100) or _REFUSED
    message = resolution.sentence.format(where=where, status=status)
    wait = retry_after(headers.get("Retry-After"))
    if resolution.error is TransientError and wait:
        return RateLimited(message, retry_after=wait, status=status, **context)
    return resolution.error(message, status=status, **context)


def network_error(
    exception: BaseException, *, where: str, seconds: float, errors: Errors = HTTP_ERRORS, **context: Any
) -> CourseSyncError:
    """Return the error that an exception of the HTTP client stands for.

    The client wraps what happened several times over, and its messages hold the whole URL: the table's sentence is
    chosen by the first exception of the chain that it knows, and says nothing but the host.
    """
    for cause in _chain(exception):
        known = next((kind for kind in type(cause).__mro__ if kind in errors), None)
        if known:
            detail = getattr(cause, "verify_message", "")
            return errors[known].error(
                errors[known].sentence.format(where=where, seconds=seconds, detail=detail), **context
            )
    return _NOTHING.error(_NOTHING.sentence.format(where=where), **context)


def retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Return the seconds a ``Retry-After`` header asks to wait, at most a day (RFC 9110, section 10.2.3).

    0 where the moment has passed; None where it is missing or not valid.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return RETRY_AFTER.cut(float(text))
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return RETRY_AFTER.cut((moment.replace(tzinfo=moment.tzinfo or UTC) - (now or datetime.now(UTC))).total_seconds())


def _chain(exception: BaseException | None) -> Iterator[BaseException]:
    while exception is not None:
        yield exception
        exception = exception.__cause__ or (None if exception.__suppress_context__ else exception.__context__)
