"""Rules travel from one site to another, and addresses stay."""

from __future__ import annotations

import json

import pytest

from course_sync_plugin import api
from course_sync_plugin.exceptions import ConfigurationError, UnknownName
from course_sync_plugin.models import NotificationChannel, NotificationRule
from tests.integration.courses import own_queries
from tests.integration.upkeep.notifications.helpers import apprise_channel, channel, rule, target

pytestmark = pytest.mark.django_db


@pytest.fixture
def exported() -> list[dict]:
    """Return the rules of a site whose tables are then empty, except for the target."""
    hook = apprise_channel("json://user:pa55word@example.org/t0ken")
    rule("target_failing", hook, 600, target=target())
    rule("recovered", hook)
    rule("no_sweep", channel(), cooldown_seconds=120, enabled=False)
    rule("run_held", channel("mail", "mail", recipients="a@example.org"))
    with own_queries() as queries:
        rules = api.exported_rules()
    assert len(queries) == 1
    NotificationChannel.objects.all().delete()
    return json.loads(json.dumps(rules))


def test_no_address_is_exported(exported):
    text = json.dumps(exported)
    assert not any(word in text for word in ("pa55word", "t0ken", "example.org"))


def test_there_and_back(exported):
    plan = api.plan_rules(exported)
    assert (len(plan.added), plan.changed, plan.channels) == (4, (), ("hook", "ops", "mail"))
    assert NotificationRule.objects.count() == 0
    assert api.import_rules(exported) == plan
    assert api.exported_rules() == exported
    enabled = {one.name: one.enabled for one in NotificationChannel.objects.all()}
    assert enabled == {"hook": False, "ops": True, "mail": False}, "the log needs no address"
    again = api.import_rules(exported)
    assert (again.added, again.changed, len(again.same)) == ((), (), 4)


def test_what_differs_and_what_is_only_here(exported):
    api.import_rules(exported)
    NotificationRule.objects.filter(event="no_sweep").update(cooldown_seconds=999)
    own = rule("target_disabled", NotificationChannel.objects.get(kind="log"))
    NotificationChannel.objects.update(address="kept")
    plan = api.import_rules(exported)
    assert [one["event"] for one in plan.changed] == ["no_sweep"]
    assert [one["event"] for one in plan.only_here] == ["target_disabled"]
    assert NotificationRule.objects.get(event="no_sweep").cooldown_seconds == 120
    assert NotificationRule.objects.filter(pk=own.pk).exists()
    assert {one.address for one in NotificationChannel.objects.all()} == {"kept"}


RULE = {
    "event": "target_failing", "target": None, "channel": "ops", "channel_kind": "log", "threshold_seconds": None,
    "cooldown_seconds": 60, "enabled": True,
}  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"event": "x"}, ConfigurationError),
        ({"event": None}, ConfigurationError),
        ({"target": "nobody"}, UnknownName),
        ({"target": 7}, ConfigurationError),
        ({"event": "no_sweep", "target": "crm"}, ConfigurationError),
        ({"channel": ""}, ConfigurationError),
        ({"channel_kind": "fax"}, ConfigurationError),
        ({"channel_kind": "mail"}, ConfigurationError),  # the channel ops is a log here
        ({"threshold_seconds": -1}, ConfigurationError),
        ({"threshold_seconds": 2592001}, ConfigurationError),
        ({"cooldown_seconds": 59}, ConfigurationError),
        ({"cooldown_seconds": "60"}, ConfigurationError),
        ({"enabled": "yes"}, ConfigurationError),
    ],
    ids=repr,
)
def test_what_is_not_imported(wrong, error):
    target()
    channel()
    with pytest.raises(error) as raised:
        api.import_rules([RULE, {**RULE, "event": "recovered", **wrong}])
    assert raised.value.message.isprintable()
    assert NotificationRule.objects.count() == 0
