"""A value looks the same from every source."""

from __future__ import annotations

import json
import time
import warnings
from datetime import UTC, datetime, timedelta, timezone

import pytest
from dateutil.parser import parse as dateutil_parse
from hypothesis import given
from hypothesis import strategies as st

from course_sync_plugin.data import utc_text
from course_sync_plugin.structure import values
from course_sync_plugin.structure.values import DEEPEST, LARGEST, InvalidValue, normalised, unquoted


def nested(levels: int) -> object:
    """Return an object with so many nested levels; the innermost has a number."""
    value: object = 1
    for _ in range(levels):
        value = [value] if isinstance(value, dict) else {"a": value}
    return value


EASTERN = timezone(timedelta(hours=-5))


@pytest.mark.parametrize(
    ("kind", "raw", "expected"),
    [
        ("text", "Week 1", "Week 1"),
        ("text", "", ""),
        ("text", '"quoted"', '"quoted"'),
        ("text", "null", "null"),
        ("text", 3, "3"),
        ("text", 3.5, "3.5"),
        ("text", True, "true"),
        ("text", "🐝 第一章", "🐝 第一章"),
        ("text", "a\x00b\ud800c\x1fd", "abcd"),
        ("boolean", True, True),
        ("boolean", "true", True),
        ("boolean", "True", True),
        ("boolean", '"true"', True),
        ("boolean", "false", False),
        ("boolean", "yes", False),
        ("boolean", 0, False),
        ("boolean", "", None),
        ("boolean", "null", None),
        ("integer", 3, 3),
        ("integer", "3", 3),
        ("integer", "3.0", 3),
        ("integer", 3.9, 3),
        ("integer", "", None),
        ("integer", "null", None),
        ("integer", str(10**30), int(float(str(10**30)))),
        ("number", "1", 1.0),
        ("number", 1, 1.0),
        ("number", '"1.5"', 1.5),
        ("number", "1e2", 100.0),
        ("number", "", None),
        ("date", datetime(2013, 2, 5, 5), "2013-02-05T05:00:00Z"),
        ("date", datetime(2013, 2, 5, 0, tzinfo=EASTERN), "2013-02-05T05:00:00Z"),
        ("date", datetime(2013, 2, 5, 5, 0, 0, 999999, tzinfo=UTC), "2013-02-05T05:00:00Z"),
        ("date", "2013-02-05T05:00:00Z", "2013-02-05T05:00:00Z"),
        ("date", "2013-02-05T05:00:00+00:00", "2013-02-05T05:00:00Z"),
        ("date", "2013-02-05T00:00:00-05:00", "2013-02-05T05:00:00Z"),
        ("date", "2013-02-05T05:00:00.123456Z", "2013-02-05T05:00:00Z"),
        ("date", '"2013-02-05T05:00:00Z"', "2013-02-05T05:00:00Z"),
        ("date", "2013-02-05T05:00", "2013-02-05T05:00:00Z"),
        ("date", "2013-02-05", "2013-02-05T00:00:00Z"),
        ("date", "July 1 13:00 2015", "2015-07-01T13:00:00Z"),
        ("date", "Mar 15, 2012 5am", "2012-03-15T05:00:00Z"),
        ("date", 1360040400000, "2013-02-05T05:00:00Z"),
        ("date", datetime(1, 1, 1), "0001-01-01T00:00:00Z"),
        ("date", "null", None),
        ("date", "", None),
        ("duration", "1 day 5 hours 59 minutes 59 seconds", "1 days 21599 seconds"),
        ("duration", "1 days 21599 seconds", "1 days 21599 seconds"),
        ("duration", timedelta(days=1, seconds=21599), "1 days 21599 seconds"),
        ("duration", "18000 seconds", "18000 seconds"),
        ("duration", "0 day 5 hours 0 minutes 0 seconds", "18000 seconds"),
        ("duration", "0 days", "0 seconds"),
        ("duration", "", None),
        ("object", {"50": [1, 2]}, {"50": [1, 2]}),
        ("object", {50: [1, 2], None: True}, {"50": [1, 2], "null": True}),
        ("object", '{"50": [1, 2]}', {"50": [1, 2]}),
        ("object", {"a": (1, datetime(2026, 1, 1))}, {"a": [1, "2026-01-01T00:00:00Z"]}),
        ("object", [], []),
        ("object", "null", None),
    ],
)
def test_values_are_written_in_one_way(kind: str, raw: object, expected: object):
    value = normalised(kind, raw)
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        ("text", ["a"]),
        ("text", b"a"),
        ("integer", "three"),
        ("integer", [3]),
        ("number", "nan"),
        ("number", float("inf")),
        ("number", "1,5"),
        ("date", "soon"),
        ("date", "13:00"),
        ("date", "March 5"),
        ("date", "2013-02-31"),
        ("date", "9999-12-31T23:59:59-10:00"),
        ("date", 10**30),
        ("date", 99999999999999999),
        ("date", float("nan")),
        ("date", float("-inf")),
        ("date", "9" * 5000),
        ("integer", "9" * 5000),
        ("duration", f"{'9' * 5000} days"),
        ("object", f"[{'9' * 5000}]"),
        ("date", True),
        ("date", ["2013"]),
        ("duration", "a while"),
        ("duration", 5),
        ("duration", "9999999999 days"),
        ("object", "{'a': 1}"),
        ("object", "3"),
        ("object", {"a": object()}),
        ("object", {"a": float("nan")}),
        ("object", {(1, 2): 3}),
        ("object", "[" * 100_000),
        ("object", nested(DEEPEST + 1)),
        ("object", nested(500)),
        ("object", json.dumps(nested(DEEPEST + 1))),
        ("object", {"a": "x" * LARGEST}),
        ("object", {"x" * LARGEST: 1}),
        ("object", {"a": 10**400}),
        ("integer", 10**400),
        ("number", 10**400),
        ("text", "x" * LARGEST),
        ("text", '"' * (LARGEST // 2)),
        ("text", "第" * (LARGEST // 3)),
        ("text", "x" * 20_000_000),
    ],
)
def test_what_a_field_would_refuse_is_refused(kind: str, raw: object):
    with pytest.raises(InvalidValue) as error:
        normalised(kind, raw)
    assert 5 < len(str(error.value)) < 120


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        ("object", nested(DEEPEST)),
        ("object", {"a": "x" * (LARGEST - 8)}),
        ("text", "x" * (LARGEST - 2)),
        ("text", '"' * (LARGEST // 2 - 1)),
        ("text", "第" * (LARGEST // 3 - 1)),
    ],
)
def test_what_is_just_small_enough_is_kept(kind: str, raw: object):
    assert normalised(kind, raw) == raw


@pytest.mark.parametrize("kind", ["text", "boolean", "integer", "number", "date", "duration", "object"])
def test_none_says_nothing(kind: str):
    assert normalised(kind, None) is None


def test_the_order_of_keys_is_no_difference():
    one, other = {"b": {"y": 1, "x": 2}, "a": 3}, {"a": 3, "b": {"x": 2, "y": 1}}
    assert json.dumps(normalised("object", one)) == json.dumps(normalised("object", other))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("null", None),
        ('"text"', "text"),
        ('"2013-02-05T05:00:00Z"', "2013-02-05T05:00:00Z"),
        ("text", "text"),
        ("true", "true"),
        ("3.4", "3.4"),
        ('"', '"'),
        ('"open', '"open'),
        ('"a" and "b"', '"a" and "b"'),
    ],
)
def test_attributes_may_be_written_as_json(text: str, meant: str | None):
    assert unquoted(text) == meant


@given(st.datetimes(timezones=st.timezones(), min_value=datetime(1900, 1, 2), max_value=datetime(2200, 1, 1)))
def test_a_date_keeps_its_moment(moment: datetime):
    written = normalised("date", moment)
    assert datetime.fromisoformat(written) == moment.astimezone(UTC).replace(microsecond=0)
    assert normalised("date", written) == written
    assert normalised("date", json.dumps(written)) == written


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), JSON) | st.lists(JSON))
def test_an_object_survives_being_written_and_read(value: object):
    once = normalised("object", value)
    assert normalised("object", json.dumps(once)) == once


ZONES = ["EST", "PST", "CET", "IST", "BRST", "UTC", "GMT", "Z", "BST", "EDT", "+05:00", "-0330", "UTC+3", "GMT-2"]
ZONES += ["EST+5", "BRST+3", "WET+0", "GMT+0", "EST5EDT", "AKDT", "(EST)", "est", ""]


@pytest.fixture(params=["UTC", "America/New_York", "Europe/London", "Europe/Lisbon"])
def machine_zone(request, monkeypatch):
    """Set the time zone of the process; Django sets it to TIME_ZONE."""
    with monkeypatch.context() as patched:
        patched.setenv("TZ", request.param)
        time.tzset()
        values._parsed_date.cache_clear()
        yield request.param
    time.tzset()
    values._parsed_date.cache_clear()


@pytest.mark.parametrize("day", ["2013-01-21", "2013-07-21", "2013-11-03"])
def test_a_time_zone_means_what_it_means_to_the_platform(machine_zone, day):
    """The platform's Date calls dateutil, and a result without a time zone counts as UTC."""
    for zone in ZONES:
        check_zone(f"{day}T01:30 {zone}")


def check_zone(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            expected = utc_text(dateutil_parse(text))
        except ValueError:
            expected = None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reading = values.read("date", text)
    assert reading.value == expected, text


@pytest.mark.parametrize("zone", ["EST", "BRST", "XYZ"])
def test_an_unknown_time_zone_is_named_each_time(zone):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first, second = (values.read("date", f"2013-01-21T10:00 {zone}") for _ in range(2))
    assert first == second
    assert first.value == "2013-01-21T10:00:00Z"
    assert first.warning == f"counts as UTC: its time zone '{zone}' is unknown"


@pytest.mark.parametrize("text", ["2013-01-21T10:00 UTC", "2013-01-21T10:00Z", "2013-01-21T10:00 EST+5", "2013-01-21"])
def test_a_time_zone_that_is_known_is_not_named(text):
    assert values.read("date", text).warning == ""
