"""Tests options of targets: parsed from the command line, stored as JSON, checked again when saved."""

from __future__ import annotations

import json

import pytest

from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.targets.base import COMMON_OPTIONS, TargetConfig, parse_options
from course_sync_plugin.targets.options import checked_options
from course_sync_plugin.targets.registry import targets
from course_sync_plugin.targets.webhook import WebhookTarget


@pytest.mark.parametrize(
    ("assignment", "name", "value"),
    [
        ("retry_schedule=1,1,5", "retry_schedule", [1, 1, 5]),
        ("retry_schedule=0.25, 3600", "retry_schedule", [0.25, 3600]),
        ("retry_schedule=", "retry_schedule", []),
        ("requires_context=level,class", "requires_context", ["level", "class"]),
        (" requires_context = level ", "requires_context", ["level"]),
        ("on_course_deleted=keep", "on_course_deleted", "keep"),
    ],
)
def test_an_option_is_read_and_read_again(assignment, name, value):
    options = parse_options(WebhookTarget, [assignment])
    assert options == {name: value}
    stored = json.loads(json.dumps(options))
    assert checked_options(WebhookTarget.known_options(), stored) == options


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("retry_shedule=1", "Did you mean 'retry_schedule'?"),
        ("colour=red", "Known: breaker_failures, envelope_operations, on_course_deleted, parallel_lanes, requires_con"),
        ("retry_schedule", "write NAME=VALUE"),
        ("retry_schedule=soon", "'retry_schedule' is not valid"),
        ("retry_schedule=-1", "number of seconds"),
        ("retry_schedule=inf", "number of seconds"),
        ("retry_schedule=nan", "number of seconds"),
        ("retry_schedule=1,,2", "number of seconds"),
        ("requires_context=two words", "letters, digits"),
        ("requires_context=a,,b", "letters, digits"),
        ("on_course_deleted=maybe", "one of delete, keep"),
    ],
)
def test_a_wrong_option_is_refused(assignment, words):
    with pytest.raises(ConfigurationError, match=words.replace("?", r"\?")):
        parse_options(WebhookTarget, [assignment])


@pytest.mark.parametrize(
    "stored",
    [
        {"retry_schedule": [True]},
        {"retry_schedule": 5},
        {"retry_schedule": [None]},
        {"retry_schedule": {"a": 1}},
        {"requires_context": [1]},
        {"on_course_deleted": ["keep"]},
    ],
)
def test_what_somebody_wrote_into_the_database_is_refused(stored):
    with pytest.raises(ConfigurationError, match=next(iter(stored))):
        checked_options(COMMON_OPTIONS, stored)


def test_the_webhook_target_is_registered():
    assert targets.get("webhook") is WebhookTarget


def test_the_configuration_shows_neither_secrets_nor_url():
    config = TargetConfig("crm", "https://crm.example.org/hook/geheim", ("whsec_geheim",))
    assert "geheim" not in repr(config)
    assert "crm" in repr(config)
