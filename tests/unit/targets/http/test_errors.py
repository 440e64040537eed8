"""Tests the table that maps an HTTP status or a network failure to an error."""

from __future__ import annotations

import http.client
import ssl
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from course_sync_plugin.exceptions import (
    ConfigurationError,
    CourseSyncError,
    PermanentError,
    RateLimited,
    TargetGone,
    TransientError,
)
from course_sync_plugin.sanitize.limits import RETRY_AFTER
from course_sync_plugin.targets.http.errors import (
    HTTP_ERRORS,
    Resolution,
    network_error,
    retry_after,
    status_error,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        *((status, TransientError) for status in (408, 425, 500, 502, 503, 504, 507, 520, 599)),
        (429, RateLimited),
        (410, TargetGone),
        *((status, PermanentError) for status in (301, 302, 303, 307, 308, 304)),
        *((status, ConfigurationError) for status in (401, 403)),
        *((status, PermanentError) for status in (400, 404, 405, 409, 413, 415, 422, 451)),
        *((status, PermanentError) for status in (101, 102, 600, 999)),
    ],
)
def test_status(status, expected):
    error = status_error(status, {}, where="crm.example.org", target="crm")
    assert type(error) is expected
    assert "crm.example.org" in error.message
    assert str(status) in error.message
    assert error.context == {"status": status, "target": "crm"}


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
def test_retry_after_turns_no_answer_into_a_wait(status):
    error = status_error(status, {"Retry-After": "17"}, where="crm")
    assert isinstance(error, RateLimited)
    assert error.retry_after == 17


def test_a_429_that_does_not_say_how_long_waits_a_minute():
    assert status_error(429, {}, where="crm").retry_after == 60
    assert status_error(429, {"Retry-After": "soon"}, where="crm").retry_after == 60


@pytest.mark.parametrize("status", [301, 400, 404, 410])
def test_retry_after_says_nothing_where_the_answer_is_final(status):
    assert not isinstance(status_error(status, {"Retry-After": "17"}, where="crm"), TransientError)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        (" 7 ", 7),
        (format_datetime(NOW + timedelta(minutes=2), usegmt=True), 120),
        ("Sun, 01 Mar 2026 12:02:00 -0000", 120),
        ("Sunday, 01-Mar-26 12:02:00 GMT", 120),
        ("99999999999", RETRY_AFTER.most),
        ("9" * 5000, RETRY_AFTER.most),
        (format_datetime(NOW + timedelta(days=400), usegmt=True), RETRY_AFTER.most),
        ("0", 0),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("²", None),
        ("", None),
        (None, None),
        (format_datetime(NOW - timedelta(minutes=2), usegmt=True), 0),
        ("Sun, 99 Foo 2026 12:02:00 GMT", None),
    ],
)
def test_retry_after(value, seconds):
    assert retry_after(value, NOW) == seconds


@given(st.text() | st.integers().map(str) | st.datetimes().map(format_datetime))
def test_whatever_is_asked_the_wait_has_bounds(value):
    seconds = retry_after(value, NOW)
    assert seconds is None or 0 <= seconds <= RETRY_AFTER.most


def wrapped(cause: BaseException) -> requests.ConnectionError:
    """Return an exception as the client raises it: wrapped twice, with the whole URL in its message."""
    try:
        try:
            raise cause
        except BaseException as inner:
            raise requests.ConnectionError("https://crm.example.org/hook?token=geheim") from inner
    except requests.ConnectionError as outer:
        return outer


@pytest.mark.parametrize(
    ("cause", "expected", "words"),
    [
        (ConnectionRefusedError(111, "refused"), TransientError, "accepts no connections"),
        (ConnectionResetError(104, "reset"), TransientError, "closed the connection"),
        (http.client.RemoteDisconnected("gone"), TransientError, "closed the connection"),
        (http.client.BadStatusLine("???"), TransientError, "not HTTP"),
        (TimeoutError(), TransientError, "within 30 s"),
        (OSError(113, "no route"), TransientError, "could not be reached"),
        (ssl.SSLError("handshake"), TransientError, "encrypted"),
        (ssl.SSLCertVerificationError("bad"), ConfigurationError, "not trusted"),
        (requests.exceptions.InvalidURL("bad"), ConfigurationError, "URL"),
    ],
)
def test_exceptions_of_the_network(cause, expected, words):
    error = network_error(wrapped(cause), where="crm.example.org", seconds=30, target="crm")
    assert type(error) is expected
    assert words in error.message
    assert "geheim" not in f"{error} {error.context}"


def test_a_target_extends_the_table():
    class AlreadyDone(CourseSyncError):
        """Done before."""

    errors = {**HTTP_ERRORS, 404: Resolution(AlreadyDone, "{where} has no such thing any more ({status}).")}
    assert type(status_error(404, {}, where="crm", errors=errors)) is AlreadyDone
    assert type(status_error(400, {}, where="crm", errors=errors)) is PermanentError
