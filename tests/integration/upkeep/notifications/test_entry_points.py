"""``course_sync run`` and the Celery task evaluate the rules. A failing channel disturbs no delivery."""

from __future__ import annotations

import time

import pytest
from django.core import mail

from course_sync_plugin import api, tasks
from course_sync_plugin.management.subcommands import run
from course_sync_plugin.models import Notice, NotificationRule, Target
from tests.integration.upkeep.notifications.helpers import channel, evaluate, lanes, rule, target

pytestmark = pytest.mark.django_db


def test_the_task():
    rule("target_disabled", channel("mail", recipients="a@example.org"))
    target(disabled_reason="HTTP 410")
    tasks.notify()
    assert len(mail.outbox) == 1


def test_a_step_waits_before_its_first_time():
    done = []
    step = run._PeriodicStep(lambda: done.append(time.monotonic()), 60, first=0.2)
    began = time.monotonic()
    while not done and time.monotonic() < began + 10:
        step.begin_if_due()
        time.sleep(0.01)
    assert done[0] - began >= 0.2


def test_a_target_is_removed_with_its_rules():
    to = channel()
    rule("target_failing", to, target=target())
    rule("target_failing", to)
    lanes(Target.objects.get(), 1, failing=True)
    evaluate()
    assert Notice.objects.count() == 2
    api.remove_target("crm")
    assert [one.target for one in NotificationRule.objects.all()] == [None]
    evaluate()
    assert Notice.objects.count() == 0
