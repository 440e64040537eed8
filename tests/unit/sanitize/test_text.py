"""Text of other people and systems is cleaned before it is printed and logged."""

from __future__ import annotations

import json
import logging
import unicodedata
from io import StringIO

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from course_sync_plugin.exceptions import CourseSyncError
from course_sync_plugin.log import get_logger
from course_sync_plugin.sanitize.text import as_json, cleaned, short_repr


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("Bees, Überblick, 蜜蜂, 🐝", "Bees, Überblick, 蜜蜂, 🐝"),
        ("  a    table  ", "  a    table  "),
        ("two\nlines\tand\r\nmore\x85\u2028\u2029\xa0", "two lines and  more    "),
        ("\x1b[31mred", "\ufffd[31mred"),  # ESC
        ("\x9b31mred", "\ufffd31mred"),  # CSI in one character (C1)
        ("a\x00b\x07c\x7fd", "a\ufffdb\ufffdc\ufffdd"),
        ("file\u202egpj.exe", "file\ufffdgpj.exe"),  # RIGHT-TO-LEFT OVERRIDE
        ("\u2066isolated\u2069", "\ufffdisolated\ufffd"),
        ("half \ud83d", "half \ufffd"),
        ("می\u200cخواهم 👩\u200d🚀", "می\u200cخواهم 👩\u200d🚀"),  # joiners of letters and emoji stay
    ],
    ids=ascii,
)
def test_what_does_something_is_replaced(text, expected):
    assert cleaned(text) == expected


@given(st.text(st.characters(codec=None)))
@example("".join(map(chr, range(0x300))))
def test_nothing_is_left_that_does_something(text):
    clean = cleaned(text)
    assert len(clean) == len(text)  # spaces stay, so the columns of a table stay in line
    assert not {unicodedata.category(one) for one in clean} & {"Cc", "Cs", "Zl", "Zp"}
    clean.encode()
    assert cleaned(clean) == clean


@given(st.text(st.characters(codec=None)))
@example("\x9b\u2028\u202e\x7f\U000e0041")
def test_json_says_the_same_in_characters_that_do_nothing(text):
    written = as_json({"of": [text]})
    assert all(line.isprintable() for line in written.split("\n"))
    assert json.loads(written) == {"of": [text]}
    assert "Überblick" in as_json("Überblick")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("x", "'x'"),
        (b"x", "b'x'"),
        ("\x9b\n", r"'\x9b\n'"),
        ("x" * 80, f"'{'x' * 27}...{'x' * 28}'"),
        (10**5000, "a whole number of more than 4300 digits"),
        ([10**5000], "a value of type list"),
    ],
    ids=lambda value: repr(value)[:20] if isinstance(value, str) else type(value).__name__,
)
def test_a_value_in_a_message_is_short(value, expected):
    assert short_repr(value) == expected


def test_messages_of_our_errors_are_clean():
    error = CourseSyncError("said: \x9b31m\nforged")
    assert error.message == str(error) == "said: \ufffd31m forged"


class Odd:
    def __str__(self):
        return "\x9bodd\n"


def logged(write) -> str:
    """Return the text that a handler of the host writes."""
    log, stream = get_logger("course_sync_plugin.some_test"), StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    log.addHandler(handler)
    try:
        write(log)
    finally:
        log.removeHandler(handler)
    return stream.getvalue()


def test_a_log_line_is_one_line():
    line = logged(lambda log: log.error("%s %r %s %.1f %s %s", "\x9bx\nforged", "\x9b", Odd(), 1.5, None, {"\x9b": 1}))
    assert line == "ERROR \ufffdx forged '\ufffd' \ufffdodd  1.5 None {'\\x9b': 1}\n"


def test_a_template_may_have_no_arguments():
    assert logged(lambda log: log.error("100 %")) == "ERROR 100 %\n"
    assert logged(lambda log: log.error("%(a)s", {"a": "\x9b"})) == "ERROR \ufffd\n"


def test_a_traceback_cannot_look_like_a_line_of_the_log():
    def fail(log):
        try:
            raise ValueError("\x1b[2J\x9b\u202e\nERROR forged")
        except ValueError:
            log.exception("failed")

    first, *rest = logged(fail).rstrip("\n").split("\n")
    assert first == "ERROR failed"
    assert rest[0] == "  Traceback (most recent call last):"
    assert rest[-1] == "  ERROR forged"
    assert all(line.isprintable() and line.startswith("  ") for line in rest)
