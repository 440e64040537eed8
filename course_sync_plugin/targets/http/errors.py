"""Maps an HTTP status or a network failure to an error, by a table. A target extends the table, not the code.

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
from course_sync_plugin.sanitize.limits import RETRY_AFTER

#: Seconds to wait after a 429 that does not say how long.
RATE_LIMIT_SECONDS = 60.0


class Unreachable(TimeoutError):
    """No connection was made in time."""


@attrs.frozen
class Resolution:
    """The class of an error, and its message for people.

    The sentence may name ``{where}`` (the host), ``{status}``, ``{seconds}`` (the deadline) and ``{detail}`` (what the
    other system says, cleaned and without secrets).
    """

    error: type[CourseSyncError]
    sentence: str


#: Keys are a status, the first digit of a status, or a type of exception; the most specific one holds.
Errors = Mapping[int | type[BaseException], Resolution]

_BAD_ADDRESS = Resolution(ConfigurationError, "The address of the target is not valid; correct its URL with 'set-url'.")
_NO_ANSWER = Resolution(TransientError, "{where} answered {status}, which counts as no answer. Its log should say why.")
#: The receiver rejects our credentials, not one operation. Otherwise every operation of a run would become a problem.
_NOT_AUTHORIZED = Resolution(
    ConfigurationError, "{where} refused with {status}. Compare secrets and clocks on both sides, then resume the lane."
)

HTTP_ERRORS: Errors = MappingProxyType(
    {
        408: _NO_ANSWER,
        425: _NO_ANSWER,
        429: Resolution(RateLimited, "{where} asks for fewer requests ({status})."),
        5: _NO_ANSWER,
        410: Resolution(TargetGone, "{where} says that it is permanently gone ({status}); nothing more is sent there."),
        3: Resolution(
            PermanentError,
            "{where} redirects ({status}), and redirects are not followed. Give its final URL with 'set-url'.",
        ),
        401: _NOT_AUTHORIZED,
        403: _NOT_AUTHORIZED,
        404: Resolution(PermanentError, "{where} has no such path ({status}). Check the URL of the target."),
        413: Resolution(
            PermanentError, "{where} refused the message as too large ({status}). Let it accept larger messages."
        ),
        4: Resolution(PermanentError, "{where} refused permanently with {status}. Its log should say why."),
        ssl.SSLCertVerificationError: Resolution(
            ConfigurationError,
            "{where} shows a certificate that is not trusted ({detail}). Renew it, or name the file of the "
            "authority that issued it in the environment variable REQUESTS_CA_BUNDLE.",
        ),
        ssl.SSLError: Resolution(TransientError, "No encrypted connection to {where} was made. Does it speak TLS?"),
        socket.gaierror: Resolution(
            TransientError, "The host name {where} has no address at the moment. Is it spelled correctly?"
        ),
        ConnectionRefusedError: Resolution(
            TransientError, "{where} accepts no connections. Is it running, and is the port right?"
        ),
        ConnectionError: Resolution(
            TransientError, "{where} closed the connection before its answer was complete. Its log should say why."
        ),
        Unreachable: Resolution(
            TransientError, "{where} could not be reached in time. Is it running, and does a firewall block us?"
        ),
        TimeoutError: Resolution(TransientError, "{where} did not answer within {seconds:g} s. Is it busy?"),
        http.client.HTTPException: Resolution(
            TransientError, "The answer of {where} is not HTTP, or is not complete. Is the port right?"
        ),
        InvalidURL: _BAD_ADDRESS,
        InvalidSchema: _BAD_ADDRESS,
        MissingSchema: _BAD_ADDRESS,
    }
)

_UNEXPECTED = Resolution(
    PermanentError, "{where} answered {status}, which is not a success. Check the URL of the target."
)
_UNREACHABLE = Resolution(TransientError, "{where} could not be reached.")


def status_error(
    status: int,
    headers: Mapping[str, str],
    *,
    where: str,
    errors: Errors = HTTP_ERRORS,
    detail: str = "",
    **context: Any,
) -> CourseSyncError:
    """Return the error for an HTTP answer that is not a success.

    It is RateLimited if the status counts as no answer and ``Retry-After`` says how long to wait, and always for 429.
    """
    resolution = errors.get(status) or errors.get(status // 100) or _UNEXPECTED
    message = resolution.sentence.format(where=where, status=status, detail=detail)
    wait = retry_after(headers.get("Retry-After"))
    if resolution.error is RateLimited or (resolution.error is TransientError and wait):
        return RateLimited(message, retry_after=wait or RATE_LIMIT_SECONDS, status=status, **context)
    return resolution.error(message, status=status, **context)


def network_error(
    exception: BaseException, *, where: str, seconds: float, errors: Errors = HTTP_ERRORS, **context: Any
) -> CourseSyncError:
    """Return the error for an exception of the HTTP client.

    The client wraps the original exception several times, and its messages hold the whole URL. So the function uses the
    first exception of the chain that the table knows, and the table's sentence, which names only the host.
    """
    for cause in _chain(exception):
        known = next((kind for kind in type(cause).__mro__ if kind in errors), None)
        if known:
            detail = getattr(cause, "verify_message", "")
            return errors[known].error(
                errors[known].sentence.format(where=where, seconds=seconds, detail=detail), **context
            )
    return _UNREACHABLE.error(_UNREACHABLE.sentence.format(where=where), **context)


def retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks to wait, at most a day (RFC 9110, section 10.2.3).

    0 if its time has passed; None if it is missing or not valid.
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
