"""Tests which failures an answer reports, and the warnings about parts that cannot be understood."""

from __future__ import annotations

import gzip
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_sync_plugin.data import Answer, FailedOperation
from course_sync_plugin.targets.reports import read_report

OURS = ["a", "b", "c"]
REPORT = '{"failed": [{"id": "a", "reason": "größer"}]}'


def report_of(listed: object) -> Answer:
    return read_report(json.dumps({"failed": listed}).encode(), OURS)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"id": "a"}, FailedOperation("a", "", False)),
        ({"id": "a", "reason": "x" * 600}, FailedOperation("a", "x" * 500, False)),
        (
            {"id": "a", "reason": "two\nlines\x00 and\t\x1b[31mred\u202e"},
            FailedOperation("a", "two lines\ufffd and \ufffd[31mred\ufffd"),
        ),
        ({"id": "a", "reason": "\ud800Ü🐝"}, FailedOperation("a", "\ufffdÜ🐝")),
        ({"id": "a", "reason": {"code": 5}, "retry": "yes"}, FailedOperation("a", "", False)),
        ({"id": "a", "reason": "later", "retry": True}, FailedOperation("a", "later", True)),
    ],
)
def test_reasons_come_from_outside(entry, expected):
    assert report_of([entry]).failed == (expected,)


def test_each_operation_fails_once_in_the_order_of_the_message():
    listed = [{"id": "b", "reason": "1"}, {"id": "a", "reason": "2"}, {"id": "b", "reason": "3"}]
    assert report_of(listed) == Answer((FailedOperation("a", "2"), FailedOperation("b", "1")))


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.sampled_from(["a", "b"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["failed", "id", "reason", "retry", "x"]), inner),
)


@given(
    st.binary() | JSON_VALUES.map(lambda value: json.dumps({"failed": value}).encode()),
    st.sampled_from(["", "gzip", "Identity", "br, gzip", "\x1b[31m"]),
)
def test_whatever_is_answered_can_be_read(body, coding):
    answer = read_report(body, ["a", "b"], coding)
    assert answer.warning.isprintable()
    assert len(answer.warning) < 600
    failed = answer.failed
    assert [operation.operation_id for operation in failed] in ([], ["a"], ["b"], ["a", "b"])
    for operation in failed:
        assert len(operation.reason) <= 500
        assert operation.reason.isprintable()
        assert operation.reason.encode("utf-8") is not None  # no half of a surrogate pair


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \r\n",
        b"ok",
        b"OK {",
        b"<html>",
        b"<!DOCTYPE html><p>{}",
        b'<p class="failed">{}',
        b"null",
        b"[]",
        b'["a"]',
        b"{}",
        b'{"ok": true, "id": "a"}',
        b'{"failed": null}',
        b'{"failed": []}',
        b'{"failed": [{"id": "a"}, {"id": "a", "reason": null, "retry": null}]}',
        b"\xff\xfe\x00",
        "erledigt: größer".encode("latin-1"),
        REPORT.encode("utf-8-sig"),
        REPORT.encode("utf-16"),
        REPORT.encode("utf-32"),
    ],
)
def test_what_is_no_report_or_a_good_one_is_not_warned_of(body):
    assert read_report(body, OURS).warning == ""


def test_plain_bytes_may_say_that_they_are_plain():
    assert read_report(b"ok", OURS, "identity") == Answer()
    assert read_report(b"", OURS, "gzip") == Answer()


def test_a_wrong_header_is_no_reason_to_pass_over_what_can_be_read():
    assert read_report(REPORT.encode(), OURS, "gzip") == Answer((FailedOperation("a", "größer"),))


@pytest.mark.parametrize(
    ("body", "coding", "words"),
    [
        (gzip.compress(REPORT.encode(), mtime=0), "", "compressed (gzip)"),
        (gzip.compress(REPORT.encode(), mtime=0), "gzip", "compressed (gzip)"),
        (zlib.compress(REPORT.encode()), "Deflate", "a Content-Encoding (deflate)"),
        (b"\x0b\x02\x80", "br", "a Content-Encoding (br)"),
        (b"ok", "rot13", "a Content-Encoding (of an unknown name)"),
        (REPORT.encode("latin-1"), "", "it is not UTF-8"),
        (b" " + REPORT.encode("latin-1"), "", "it is not UTF-8"),
        (REPORT.encode()[:20], "", "not valid or not complete"),
        (REPORT.encode("utf-16")[:40], "", "not valid or not complete"),
        (b"{", "", "not valid or not complete"),
        (b"<br />\n<b>Warning</b>: x\n" + REPORT.encode(), "", "names 'failed', but the body is not JSON"),
        (b")]}',\n" + REPORT.encode(), "", "names 'failed', but the body is not JSON"),
        (b"[" + REPORT.encode() + b"]", "", "in another place"),
        (b'{"data": ' + REPORT.encode() + b"}", "", "in another place"),
        (json.dumps(REPORT).encode(), "", "in another place"),
        (b"{'failed': ['a']}", "", "not valid or not complete"),
        (b'{"failed": ' + b"[" * 60000, "", "not valid or not complete"),
        (b'{"failed": ' + b"9" * 60000 + b"}", "", "not valid or not complete"),
        (b'{"failed": {}}', "", "'failed' is not a list"),
        (b'{"failed": "a"}', "", "'failed' is not a list"),
        (b'{"failed": true}', "", "'failed' is not a list"),
        (b'{"failed": {"a": "no"}}', "", "'failed' is not a list"),
    ],
)
def test_a_report_that_cannot_be_understood_at_all(body, coding, words):
    answer = read_report(body, OURS, coding)
    assert answer.failed == ()
    assert words in answer.warning
    assert answer.warning.isprintable()


@pytest.mark.parametrize(
    ("listed", "words"),
    [
        (["b"], "not objects: 1"),
        (["b", 5, None, ["c"]], "not objects: 4"),
        ([{}, {"id": 5}, {"identifier": "b"}], "a text as 'id': 3"),
        ([{"id": "title of somebody"}, {"id": "A"}], "no operation of the message: 2"),
        ([{"id": "b", "retry": "yes"}], "neither true nor false: 1"),
        ([{"id": "b", "reason": {"code": 5}}], "reasons that are not text: 1"),
    ],
)
def test_what_can_be_understood_counts_and_the_rest_is_warned_of(listed, words):
    answer = report_of([{"id": "a", "reason": "no"}, *listed])
    assert answer.failed[0] == FailedOperation("a", "no")
    assert words in answer.warning
    assert answer.warning.count(": 1") + answer.warning.count(": 2") <= 1, "nothing else is wrong"
    assert "title" not in answer.warning
