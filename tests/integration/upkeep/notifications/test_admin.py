"""Channels and rules are edited in the Django admin. An address goes in and never comes out."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.admin import AdminSite
from django.contrib.auth.models import User
from django.test import RequestFactory

from course_sync_plugin import secrets
from course_sync_plugin.admin.notifications import ChannelForm, NotificationChannelAdmin, RuleForm
from course_sync_plugin.models import CatalogRun, Notice, NotificationChannel, NotificationRule
from tests.integration.upkeep.notifications.helpers import apprise_channel, channel, rule, target

pytestmark = pytest.mark.django_db

ADDRESS = "json://user:pa55word@example.org/t0ken"


def channel_form(instance: NotificationChannel | None = None, **values: object) -> ChannelForm:
    return ChannelForm(
        {"name": "hook", "kind": "apprise", "recipients": "", "enabled": "on", **values}, instance=instance
    )


def rule_form(instance: NotificationRule | None = None, **values: object) -> RuleForm:
    to = NotificationChannel.objects.first() or channel()
    default = {"event": "target_failing", "channel": to.pk, "cooldown_seconds": 3600, "enabled": "on"}
    return RuleForm({**default, **values}, instance=instance)


def test_every_table_is_registered():
    assert {NotificationChannel, NotificationRule, Notice, CatalogRun} <= admin.site._registry.keys()


class TestChannels:
    def test_an_address_is_stored_encrypted(self):
        row = channel_form(new_address=ADDRESS).save()
        row.refresh_from_db()
        assert secrets.decrypt(row.address) == ADDRESS
        assert row.address_shown == "json://example.org"

    def test_an_address_is_not_shown(self):
        row = apprise_channel(ADDRESS)
        page = ChannelForm(instance=row).as_p() + channel_form(row, new_address=ADDRESS, name="x y").as_p()
        assert not any(word in page for word in ("pa55word", "t0ken", row.address))

    def test_the_page_of_a_channel(self):
        row = apprise_channel(ADDRESS)
        request = RequestFactory().get("/")
        request.user = User(is_superuser=True)
        page = NotificationChannelAdmin(NotificationChannel, AdminSite()).get_form(request, row)
        assert "address" not in page.base_fields
        assert "new_address" in page.base_fields

    def test_an_empty_field_keeps_the_address(self):
        row = apprise_channel(ADDRESS)
        channel_form(row, name="renamed").save()
        row.refresh_from_db()
        assert (row.name, secrets.decrypt(row.address)) == ("renamed", ADDRESS)

    def test_another_kind_drops_the_address(self):
        row = apprise_channel(ADDRESS)
        channel_form(row, kind="log").save()
        row.refresh_from_db()
        assert (row.address, row.address_shown) == ("", "")

    def test_a_new_address_is_tried_at_once(self):
        row = apprise_channel(ADDRESS)
        NotificationChannel.objects.update(failures=7, last_error="x")
        row.refresh_from_db()
        channel_form(row, new_address=ADDRESS).save()
        row.refresh_from_db()
        assert (row.failures, row.last_error, row.retry_at) == (0, "", None)

    @pytest.mark.parametrize(
        ("values", "field"),
        [
            ({}, "new_address"),
            ({"new_address": "nonsense://x"}, "new_address"),
            ({"kind": "mail", "recipients": "a@example.org, nobody"}, "recipients"),
            ({"kind": "fax"}, "kind"),
            ({"kind": "log", "name": "two words"}, "name"),
        ],
        ids=repr,
    )
    def test_what_is_refused(self, values, field):
        assert list(channel_form(**values).errors) == [field]

    def test_no_key(self, settings):
        settings.COURSE_SYNC_SECRET_KEYS = []
        assert "COURSE_SYNC_SECRET_KEYS" in str(channel_form(new_address=ADDRESS).errors["new_address"])


class TestRules:
    def test_a_rule(self):
        row = rule_form(target=target().pk, threshold_seconds=600).save()
        assert (row.event, row.threshold_seconds, row.cooldown_seconds) == ("target_failing", 600, 3600)

    def test_the_same_rule_can_be_saved_again(self):
        row = rule_form().save()
        assert rule_form(row, cooldown_seconds=120).save().cooldown_seconds == 120

    @pytest.mark.parametrize(
        ("values", "field"),
        [
            ({"threshold_seconds": -1}, "threshold_seconds"),
            ({"threshold_seconds": 2592001}, "threshold_seconds"),
            ({"cooldown_seconds": 59}, "cooldown_seconds"),
            ({"cooldown_seconds": ""}, "cooldown_seconds"),
            ({"cooldown_seconds": 10**30}, "cooldown_seconds"),
            ({"event": "x"}, "event"),
            ({"channel": ""}, "channel"),
        ],
        ids=repr,
    )
    def test_what_is_refused(self, values, field):
        assert list(rule_form(**values).errors) == [field]

    def test_a_target_where_there_is_none(self):
        assert list(rule_form(event="no_sweep", target=target().pk).errors) == ["target"]

    def test_the_same_rule_twice(self):
        rule("target_failing", channel())
        assert list(rule_form().errors) == ["event"]
