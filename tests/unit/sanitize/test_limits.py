"""Every number from outside has a lower and an upper bound. No absurd number causes a traceback."""

from __future__ import annotations

import argparse
import json
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.core import checks
from django.core.exceptions import ValidationError
from django.core.management import CommandError, load_command_class

from course_sync_plugin.catalog.client.token import read_token
from course_sync_plugin.exceptions import ConfigurationError, RateLimited, TransientError
from course_sync_plugin.lanes.retry import JITTER, Retries, next_wait
from course_sync_plugin.lanes.verdict import judge
from course_sync_plugin.management.subcommands.words import one_of
from course_sync_plugin.models import CatalogSyncConfiguration, DatabaseNow
from course_sync_plugin.sanitize import limits
from course_sync_plugin.sanitize.limits import Limit
from course_sync_plugin.settings.common import DEFAULTS
from course_sync_plugin.structure.values import InvalidValue, normalised
from course_sync_plugin.targets.base import parse_options
from course_sync_plugin.targets.http.errors import retry_after
from course_sync_plugin.targets.webhook import WebhookTarget
from course_sync_plugin.testing.catalog_server import main as catalog_kit
from course_sync_plugin.testing.receiver import main as receiver_kit
from course_sync_plugin.upkeep.targets.rotate_secret import rotate_secret

HUGE = 10**400
ALL = {
    **{name: limit for name, limit in vars(limits).items() if isinstance(limit, Limit)},
    **limits.SETTINGS,
    **limits.CATALOG,
}
each_limit = pytest.mark.parametrize("limit", ALL.values(), ids=ALL.keys())


def outside(limit: Limit) -> list[object]:
    """Return values outside the bounds of a number."""
    step = 1 if limit.whole else 0.001
    near = [limit.least - step, limit.most + step, *([limit.least + 0.5] if limit.whole else [])]
    return [*near, math.nan, math.inf, -math.inf, HUGE, -HUGE, 10**5000, True, None, b"1", "1", [1], {}]


def inside(limit: Limit) -> list[float]:
    return [limit.least, limit.most]


@each_limit
def test_the_bounds_belong_to_it_and_nothing_beyond(limit):
    assert all(map(limit.holds, inside(limit)))
    assert [value for value in outside(limit) if limit.holds(value)] == []


NO_NUMBERS = ("", "x", "1,5", "nan", "inf", "-inf", "1e400", "9" * 400, "9" * 5000, f"-{'9' * 5000}", "\x00", "\udcff")


@each_limit
def test_what_is_typed(limit):
    for value in inside(limit):
        assert limit.read(str(value)) == value
    for text in NO_NUMBERS:
        with pytest.raises(ValueError, match=re.escape(str(limit))):
            limit.read(text)


@each_limit
def test_the_nearest_number(limit):
    for value in (math.nan, math.inf, -math.inf, HUGE, -HUGE, limit.least, limit.most):
        assert limit.least <= limit.cut(value) <= limit.most
    assert (limit.cut(-math.inf), limit.cut(math.inf)) == (limit.least, limit.most)


@each_limit
def test_it_can_be_said(limit):
    assert "e+" not in str(limit)
    assert not str(limit).endswith(".0")


@pytest.fixture
def right_settings(settings):
    for name, value in DEFAULTS.items():
        setattr(settings, name, value)
    settings.COURSE_SYNC_SOURCE = "sandbox.published.source.PublishedSource"
    return settings


def errors() -> list[checks.CheckMessage]:
    return [one for one in checks.run_checks(tags=["course_sync"]) if one.level >= checks.ERROR]


SETTINGS = list(limits.SETTINGS.items())


@pytest.mark.parametrize(("name", "limit"), SETTINGS, ids=[name for name, _limit in SETTINGS])
def test_settings(right_settings, name, limit):
    for value in inside(limit):
        value = int(value) if limit.whole else value
        setattr(right_settings, name, value)
        assert errors() == []
    for value in outside(limit):
        setattr(right_settings, name, value)
        (error,) = errors()
        assert error.id == "course_sync.E001"
        assert error.msg.startswith(f"{name} is ")
        assert len(error.msg) < 200
        assert error.hint == f"It must be {limit}."


def test_every_number_among_the_settings_has_bounds():
    numbers = {name for name, value in DEFAULTS.items() if isinstance(value, int) and not isinstance(value, bool)}
    assert limits.SETTINGS.keys() == numbers


@pytest.mark.parametrize(
    "schedule",
    [*([wait] for wait in outside(limits.RETRY_WAIT)), [1] * 101, [1, HUGE], HUGE, math.inf, b"1", {1: 2}, {1}, "1,5"],
    ids=lambda schedule: type(schedule).__name__,
)
def test_the_schedule_of_all_targets(right_settings, schedule):
    right_settings.COURSE_SYNC_RETRY_SCHEDULE = schedule
    (error,) = errors()
    assert error.id == "course_sync.E002"
    assert f"{limits.RETRY_WAIT}" in error.hint


def test_the_largest_schedule(right_settings):
    right_settings.COURSE_SYNC_RETRY_SCHEDULE = [limits.RETRY_WAIT.most] * int(limits.RETRY_WAITS.most)
    assert errors() == []
    assert next_wait(right_settings.COURSE_SYNC_RETRY_SCHEDULE, 100) <= limits.RETRY_WAIT.most * (1 + JITTER)


@pytest.mark.parametrize(
    "text", ["1e12", "2592000.001", "9" * 400, "9" * 5000, "inf", "nan", "-1", "1,1e12", "x", ",".join("1" * 101)],
    ids=lambda text: text[:12],
)  # fmt: skip
def test_the_schedule_of_one_target(text):
    with pytest.raises(ConfigurationError, match="number of seconds from 0 to 2592000, 100 at most"):
        parse_options(WebhookTarget, [f"retry_schedule={text}"])


def test_the_largest_schedule_of_one_target():
    waits = ",".join(["2592000"] * 100)
    assert parse_options(WebhookTarget, [f"retry_schedule={waits}"]) == {"retry_schedule": [2592000] * 100}


ARGUMENTS = [
    ("course_sync status", "--watch", limits.WATCH),
    ("course_sync run", "--workers", limits.WORKERS),
    ("course_sync run", "--interval", limits.INTERVAL),
    ("course_sync run", "--seconds", limits.RUN_SECONDS),
    ("course_sync backfill", "--limit", limits.BACKFILL_COURSES),
    ("course_sync backfill", "--sleep", limits.BACKFILL_SLEEP),
    ("course_sync rotate-secret crm", "--hours", limits.TWO_SECRETS),
    ("update_catalog_data", "--page-size", limits.CATALOG["page_size"]),
]


def parser_of(command: str) -> argparse.ArgumentParser:
    return load_command_class("course_sync_plugin", command).create_parser("manage.py", command)


@pytest.mark.parametrize(("line", "option", "limit"), ARGUMENTS, ids=[option for _, option, _ in ARGUMENTS])
def test_arguments(line, option, limit):
    command, *words = line.split()
    for value in inside(limit):
        parsed = vars(parser_of(command).parse_args([*words, f"{option}={int(value) if limit.whole else value}"]))
        assert parsed[option.strip("-").replace("-", "_")] == value
    for text in (str(limit.least - 1), str(limit.most + 1), "1e12", *NO_NUMBERS):
        with pytest.raises(CommandError, match=f"is not {limit}"):
            parser_of(command).parse_args([*words, f"{option}={text}"])


def test_every_argument_that_is_a_number_has_bounds():
    """No argument is read as a number without bounds."""
    found = set()
    for command in ("course_sync", "update_catalog_data"):
        parser = parser_of(command)
        commands = [one.choices.values() for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
        for each in (parser, *(one for choices in commands for one in choices)):
            numbers = (one for one in each._actions if one.type not in (None, str) and not _is_word(one.type))
            found |= {(one.option_strings or [one.dest])[0] for one in numbers}
    assert found - {"-v"} == {"id", *(option for _, option, _ in ARGUMENTS)}


def _is_word(kind: Callable) -> bool:
    """Tell whether an argument must be one of a few words."""
    return kind.__qualname__.startswith(f"{one_of.__qualname__}.")


@pytest.mark.parametrize("text", ["0", "-1", "1.5", str(2**63), "1e12", *NO_NUMBERS], ids=lambda text: ascii(text)[:9])
@pytest.mark.parametrize("line", ["accept", "reject", "resolve --take base"])
def test_ids(line, text):
    command, *words = line.split()
    with pytest.raises(CommandError, match=f"is not {limits.ROW_ID}"):
        parser_of("course_sync").parse_args([command, *words, "--", text])


@pytest.mark.parametrize("kit", [receiver_kit, catalog_kit], ids=["receiver", "catalog_server"])
@pytest.mark.parametrize("text", ["-1", "1e12", *NO_NUMBERS], ids=lambda text: ascii(text)[:9])
def test_arguments_of_the_kits(kit, text, capsys):
    for option in {receiver_kit: ("--hold",), catalog_kit: ("--latency", "--runs")}[kit]:
        with pytest.raises(SystemExit) as ended:
            kit([f"{option}={text}"])
        assert ended.value.code == 2
        assert "is not a" in capsys.readouterr().err


@pytest.mark.parametrize("hours", [1e9, HUGE, math.inf, math.nan, -1, None, "24"], ids=lambda hours: str(hours)[:9])
def test_hours_of_two_secrets_from_python(hours):
    with pytest.raises(ConfigurationError, match=f"is not {limits.TWO_SECRETS}"):
        rotate_secret("crm", hours)


@pytest.mark.parametrize("seconds", [1e12, 1e300, HUGE, math.inf, math.nan, limits.MOMENT.most])
def test_no_moment_lies_further_ahead_than_databases_can_write(seconds):
    assert DatabaseNow(seconds).microseconds == limits.MOMENT.most * 1_000_000
    assert abs(DatabaseNow(-seconds).microseconds) == limits.MOMENT.most * 1_000_000


@pytest.mark.parametrize("seconds", [1e12, HUGE, math.inf, math.nan])
def test_a_target_of_somebody_else_may_ask_for_any_wait(seconds):
    assert judge(RateLimited("slowly", retry_after=seconds), ["a"], 0, Retries([1])).wait == limits.RETRY_AFTER.most
    assert next_wait([seconds], 1) <= limits.RETRY_WAIT.most * (1 + JITTER)


NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("asked", "wait"),
    [
        ("9" * 400, limits.RETRY_AFTER.most),
        ("9" * 5000, limits.RETRY_AFTER.most),
        ("Sun, 01 Mar 9999 12:00:00 GMT", limits.RETRY_AFTER.most),
        (f"Sun, 01 Mar 2026 12:00:00 +{'9' * 400}", None),
        (f"Sun, 01 Mar 2026 12:00:00 -{'9' * 15}", None),
        (f"Sun, 01 Mar {'9' * 400} 12:00:00 GMT", None),
        (f"Sun, {'9' * 5000} Mar 2026 12:00:00 GMT", None),
        ("Mon, 01 Jan 0001 00:00:00 +2359", 0),
        ("inf", None),
        ("nan", None),
    ],
    ids=lambda value: str(value)[:40],
)
def test_retry_after(asked, wait):
    assert retry_after(asked, NOW) == wait


def token_that_lives(seconds: str) -> bytes:
    return f'{{"access_token": "t", "expires_in": {seconds}}}'.encode()


@pytest.mark.parametrize("seconds", ["1e400", "9" * 400, "86401"])
def test_a_token_that_lives_for_ever_is_renewed_after_a_day(seconds):
    assert read_token(token_that_lives(seconds)) == ("t", limits.DAY)


@pytest.mark.parametrize("seconds", ["NaN", "0", "-5", "true", "null", '"x"', "-1e400", "[]", "9" * 5000])
def test_a_token_without_a_time_to_live_is_none(seconds):
    with pytest.raises(TransientError, match="No token from the LMS"):
        read_token(token_that_lives(seconds))


@pytest.mark.parametrize("kind", ["integer", "number", "date", "object"])
def test_numbers_in_a_course_fit_into_those_of_json_readers(kind):
    """A receiver reads numbers as 64-bit floating point, and MySQL stores no larger ones."""
    value = {"a": [HUGE]} if kind == "object" else HUGE
    for raw in (value, json.dumps(value)):
        with pytest.raises(InvalidValue, match=r"out of range|not a number|not a date|not JSON"):
            normalised(kind, raw)


COLUMNS = list(limits.CATALOG.items())


@pytest.mark.parametrize(("column", "limit"), COLUMNS, ids=[column for column, _limit in COLUMNS])
def test_the_catalog_configuration(column, limit):
    for value in inside(limit):
        CatalogSyncConfiguration(**{column: int(value) if limit.whole else value}).clean()
    for value in outside(limit):
        configuration = CatalogSyncConfiguration(**{column: value})
        with pytest.raises(ValidationError) as error:
            configuration.clean()
        assert error.value.message_dict == {column: [f"It must be {limit}."]}
        with pytest.raises(ConfigurationError, match=f"{limit}"):
            configuration.require_valid()
