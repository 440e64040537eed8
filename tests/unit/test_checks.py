"""The system checks report wrong settings by name, with the way to correct them. No setting makes the checks fail."""

from __future__ import annotations

import base64

import pytest
from django.core import checks

from course_sync_plugin.sanitize import limits
from course_sync_plugin.settings.common import DEFAULTS

KEY = base64.urlsafe_b64encode(b"k" * 32).decode()


@pytest.fixture(autouse=True)
def _right(settings):
    for name, value in DEFAULTS.items():
        setattr(settings, name, value)
    settings.COURSE_SYNC_SOURCE = "sandbox.published.source.PublishedSource"
    settings.COURSE_SYNC_SECRET_KEYS = [KEY]


def found() -> list[str]:
    return sorted(message.id.removeprefix("course_sync.") for message in checks.run_checks(tags=["course_sync"]))


def test_the_defaults_are_right():
    assert found() == []


def test_a_new_installation_is_told_of_the_keys_it_needs(settings):
    settings.COURSE_SYNC_SECRET_KEYS = []
    (warning,) = checks.run_checks(tags=["course_sync"])
    assert (warning.id, warning.level) == ("course_sync.W002", checks.WARNING)
    assert "Fernet.generate_key" in warning.hint


NUMBERS = (
    "COURSE_SYNC_QUIET_SECONDS",
    "COURSE_SYNC_MAX_WAIT_SECONDS",
    "COURSE_SYNC_LEASE_SECONDS",
    "COURSE_SYNC_READ_SECONDS",
    "COURSE_SYNC_ENVELOPE_OPERATIONS",
    "COURSE_SYNC_ENVELOPE_BYTES",
    "COURSE_SYNC_MASS_DELETE_PERCENT",
    "COURSE_SYNC_LONG_BACKLOG",
    "COURSE_SYNC_MASS_DELETE_COUNT",
    "COURSE_SYNC_OBJECTIVE_SECONDS",
    "COURSE_SYNC_RETENTION_DAYS",
    "COURSE_SYNC_PROBLEM_RETENTION_DAYS",
    "COURSE_SYNC_INBOUND_DAYS",
)


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", ["60", -1, None, True, [60], float("nan"), float("inf")], ids=repr)
def test_what_is_no_number(settings, name, value):
    setattr(settings, name, value)
    messages = checks.run_checks(tags=["course_sync"])
    assert [message.id for message in messages] == ["course_sync.E001"]
    assert name in messages[0].msg
    assert messages[0].hint


@pytest.mark.parametrize(
    ("name", "value", "ids"),
    [
        ("COURSE_SYNC_QUIET_SECONDS", 0, []),
        ("COURSE_SYNC_QUIET_SECONDS", 0.5, []),
        ("COURSE_SYNC_QUIET_SECONDS", 61, ["W003"]),  # MAX_WAIT is 60, so the quiet time would have no effect
        ("COURSE_SYNC_MASS_DELETE_PERCENT", 0, []),
        ("COURSE_SYNC_MASS_DELETE_PERCENT", 12.5, []),
        ("COURSE_SYNC_LONG_BACKLOG", 0, []),
        ("COURSE_SYNC_LONG_BACKLOG", -1, ["E001"]),
        ("COURSE_SYNC_MASS_DELETE_COUNT", 0, []),
        ("COURSE_SYNC_OBJECTIVE_SECONDS", 0, ["E001"]),
        ("COURSE_SYNC_OBJECTIVE_SECONDS", 1, []),
        ("COURSE_SYNC_MAX_WAIT_SECONDS", 0, ["E001"]),
        ("COURSE_SYNC_LEASE_SECONDS", 0, ["E001"]),
        ("COURSE_SYNC_LEASE_SECONDS", 9.9, ["W001"]),
        ("COURSE_SYNC_LEASE_SECONDS", 10, []),
        ("COURSE_SYNC_READ_SECONDS", 0, ["E001"]),
        ("COURSE_SYNC_READ_SECONDS", 1, []),
        ("COURSE_SYNC_ENVELOPE_OPERATIONS", 0, ["E001"]),
        ("COURSE_SYNC_ENVELOPE_OPERATIONS", 1, []),
        ("COURSE_SYNC_ENVELOPE_OPERATIONS", 1.5, ["E001"]),
        ("COURSE_SYNC_ENVELOPE_BYTES", 1, []),
        ("COURSE_SYNC_RETRY_SCHEDULE", [], []),
        ("COURSE_SYNC_RETRY_SCHEDULE", (1, 2.5), []),
        ("COURSE_SYNC_RETRY_SCHEDULE", [0], []),
        ("COURSE_SYNC_RETRY_SCHEDULE", [-1], ["E002"]),
        ("COURSE_SYNC_RETRY_SCHEDULE", ["5"], ["E002"]),
        ("COURSE_SYNC_RETRY_SCHEDULE", "5,300", ["E002"]),
        ("COURSE_SYNC_RETRY_SCHEDULE", 5, ["E002"]),
        ("COURSE_SYNC_RETRY_SCHEDULE", None, ["E002"]),
        ("COURSE_SYNC_RETRY_SCHEDULE", [float("nan")], ["E002"]),
        ("COURSE_SYNC_SECRET_KEYS", [KEY, KEY], []),
        ("COURSE_SYNC_SECRET_KEYS", None, ["W002"]),
        ("COURSE_SYNC_SECRET_KEYS", ["short"], ["E003"]),
        ("COURSE_SYNC_SECRET_KEYS", [KEY, "short", 42], ["E003", "E003"]),
        ("COURSE_SYNC_SECRET_KEYS", KEY, ["E004"]),  # one error, not one for each character
        ("COURSE_SYNC_SECRET_KEYS", 42, ["E004"]),
        ("COURSE_SYNC_ALLOWED_PRIVATE_HOSTS", ["crm", "127.0.0.1", "::1", "10.0.0.0/8", "fd00::/8"], []),
        ("COURSE_SYNC_ALLOWED_PRIVATE_HOSTS", ("crm",), []),
        ("COURSE_SYNC_ALLOWED_PRIVATE_HOSTS", "crm", ["E004"]),
        ("COURSE_SYNC_ALLOWED_PRIVATE_HOSTS", None, ["E004"]),
        ("COURSE_SYNC_ALLOWED_PRIVATE_HOSTS", ["10.0.0.0/33"], ["E005"]),
        ("COURSE_SYNC_ALLOWED_PRIVATE_HOSTS", ["http://crm/"], ["E005"]),
        ("COURSE_SYNC_ALLOWED_PRIVATE_HOSTS", [10], ["E005"]),
        ("COURSE_SYNC_ALLOWED_PRIVATE_HOSTS", [""], ["E005"]),
        ("COURSE_SYNC_CELERY_QUEUE", None, []),
        ("COURSE_SYNC_CELERY_QUEUE", "edx.cms.core.high", []),
        ("COURSE_SYNC_CELERY_QUEUE", "", ["E006"]),
        ("COURSE_SYNC_CELERY_QUEUE", 5, ["E006"]),
        ("COURSE_SYNC_REDIRECT_ABOUT_PAGE", True, []),
        ("COURSE_SYNC_REDIRECT_ABOUT_PAGE", False, []),
        ("COURSE_SYNC_REDIRECT_ABOUT_PAGE", "no", ["E008"]),
        ("COURSE_SYNC_REDIRECT_ABOUT_PAGE", None, ["E008"]),
        ("COURSE_SYNC_INSTRUCTOR_DASHBOARD", "", []),
        ("COURSE_SYNC_INSTRUCTOR_DASHBOARD", "page", []),
        ("COURSE_SYNC_INSTRUCTOR_DASHBOARD", "widget", []),
        ("COURSE_SYNC_INSTRUCTOR_DASHBOARD", "yes", ["E016"]),
        ("COURSE_SYNC_INSTRUCTOR_DASHBOARD", True, ["E016"]),
        ("COURSE_SYNC_METRICS_TOKEN", "", []),
        ("COURSE_SYNC_METRICS_TOKEN", "a" * 20, []),
        ("COURSE_SYNC_METRICS_TOKEN", "a" * 19, ["E010"]),
        ("COURSE_SYNC_METRICS_TOKEN", "a" * 201, ["E010"]),
        ("COURSE_SYNC_METRICS_TOKEN", "a" * 20 + " ", ["E010"]),
        ("COURSE_SYNC_METRICS_TOKEN", "ä" * 20, ["E010"]),
        ("COURSE_SYNC_METRICS_TOKEN", None, ["E010"]),
        ("COURSE_SYNC_METRICS_TOKEN", 42, ["E010"]),
        ("COURSE_SYNC_RETENTION_DAYS", 0, ["E001"]),
        ("COURSE_SYNC_RETENTION_DAYS", 1, []),
        ("COURSE_SYNC_RETENTION_DAYS", 30.5, ["E001"]),
        ("COURSE_SYNC_PROBLEM_RETENTION_DAYS", 3660, []),
        ("COURSE_SYNC_PROBLEM_RETENTION_DAYS", 3661, ["E001"]),
        ("COURSE_SYNC_INBOUND_DAYS", 1, []),
        ("COURSE_SYNC_INBOUND_DAYS", 0, ["E001"]),
        ("COURSE_SYNC_RETENTION_DAYS_BY_TYPE", {"unit": 10, "course": 365}, []),
        ("COURSE_SYNC_RETENTION_DAYS_BY_TYPE", {"unit": 0}, ["E009"]),
        ("COURSE_SYNC_RETENTION_DAYS_BY_TYPE", {"unit": "10"}, ["E009"]),
        ("COURSE_SYNC_RETENTION_DAYS_BY_TYPE", {"units": 10, "course": 365, 7: 7}, ["W004", "W004"]),
        ("COURSE_SYNC_RETENTION_DAYS_BY_TYPE", [("unit", 10)], ["E009"]),
        ("COURSE_SYNC_RETENTION_DAYS_BY_TYPE", None, ["E009"]),
        ("COURSE_SYNC_CONFLICT_STRATEGY", "manual", []),
        ("COURSE_SYNC_CONFLICT_STRATEGY", "prefer_moodle", ["E012"]),
        ("COURSE_SYNC_CONFLICT_STRATEGY", None, ["E012"]),
        ("COURSE_SYNC_CONFLICT_STRATEGIES", {"unit": "manual", "place": "manual"}, []),
        ("COURSE_SYNC_CONFLICT_STRATEGIES", {"unit": "manuel"}, ["E012"]),
        ("COURSE_SYNC_CONFLICT_STRATEGIES", {"units": "manual"}, ["W005"]),
        ("COURSE_SYNC_CONFLICT_STRATEGIES", "manual", ["E012"]),
        ("COURSE_SYNC_SOURCE", "sandbox.published.source.Nothing", ["E007"]),
        ("COURSE_SYNC_SOURCE", "no.such.module.Source", ["E007"]),
        ("COURSE_SYNC_SOURCE", None, ["E007"]),
        ("COURSE_SYNC_WRITER", "sandbox.published.writer.SandboxWriter", []),
        ("COURSE_SYNC_WRITER", "sandbox.published.writer.Nothing", ["E013"]),
        ("COURSE_SYNC_WRITER", None, ["E013"]),
        ("COURSE_SYNC_ROLES", "sandbox.published.roles.SandboxRoles", []),
        ("COURSE_SYNC_ROLES", "sandbox.published.roles.Nothing", ["E015"]),
        ("COURSE_SYNC_ROLES", None, ["E015"]),
        ("COURSE_SYNC_WRITE_BACK_USER", "course_sync", []),
        ("COURSE_SYNC_WRITE_BACK_USER", "course\x00sync", ["E014"]),
        ("COURSE_SYNC_WRITE_BACK_USER", None, ["E014"]),
    ],
    ids=repr,
)
def test_each_setting(settings, name, value, ids):
    setattr(settings, name, value)
    assert found() == ids
    for message in checks.run_checks(tags=["course_sync"]):
        assert name in message.msg
        assert message.hint


def test_every_setting_is_checked():
    table = next(mark for mark in test_each_setting.pytestmark if mark.name == "parametrize")
    assert {row[0] for row in table.args[1]} == set(DEFAULTS)


def test_no_secret_is_shown(settings):
    settings.COURSE_SYNC_SECRET_KEYS = [KEY[:-4]]
    (error,) = checks.run_checks(tags=["course_sync"])
    assert KEY[:-4] not in f"{error.msg}{error.hint}"
    settings.COURSE_SYNC_SECRET_KEYS = KEY
    (error,) = checks.run_checks(tags=["course_sync"])
    assert KEY not in f"{error.msg}{error.hint}"


def test_they_run_with_the_others(settings):
    settings.COURSE_SYNC_LEASE_SECONDS = "60"
    assert "course_sync.E001" in {message.id for message in checks.run_checks()}


HUGE = [10**400, 10**5000]
WRONG = [b"x", 7, -7, {}, {"a": 1}, None, object(), [b"x"], [None], (), "\udcff", "x\x00", *HUGE, 1.5, True, len]

#: Values among these that are right for these settings.
RIGHT = {
    "COURSE_SYNC_CELERY_QUEUE": [None],
    "COURSE_SYNC_REDIRECT_ABOUT_PAGE": [True],
    "COURSE_SYNC_RETRY_SCHEDULE": [()],
    "COURSE_SYNC_ALLOWED_PRIVATE_HOSTS": [()],
    "COURSE_SYNC_RETENTION_DAYS_BY_TYPE": [{}],
    "COURSE_SYNC_CONFLICT_STRATEGY": ["manual"],
    "COURSE_SYNC_CONFLICT_STRATEGIES": [{}],
    **{name: [7] if limit.whole else [7, 1.5] for name, limit in limits.SETTINGS.items()},
}


@pytest.mark.parametrize("name", DEFAULTS)
@pytest.mark.parametrize("value", WRONG, ids=lambda value: type(value).__name__)
def test_a_value_of_any_type_is_told_in_a_sentence(settings, name, value):
    setattr(settings, name, value)
    messages = [one for one in checks.run_checks(tags=["course_sync"]) if name in one.msg]
    right = any(value is one or (type(value) is type(one) and value == one) for one in RIGHT.get(name, ()))
    assert bool(messages) != right or {one.level for one in messages} <= {checks.WARNING}
    for message in messages:
        assert message.msg.isprintable()
        assert message.hint
        assert len(message.msg) < 300
