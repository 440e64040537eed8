"""The configuration that a target gets for a turn: its row, the settings, and its secrets, decrypted."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.lanes.open_target import config_of, open_target, read_options
from course_sync_plugin.models import Target
from course_sync_plugin.secrets import encrypt
from course_sync_plugin.targets.signing import generate_secret
from course_sync_plugin.targets.webhook import WebhookTarget

pytestmark = pytest.mark.django_db

NEW, OLD = generate_secret(), generate_secret()


@pytest.fixture
def row(settings) -> Target:
    settings.COURSE_SYNC_ALLOWED_PRIVATE_HOSTS = ["127.0.0.1"]
    settings.COURSE_SYNC_LEASE_SECONDS = 90
    options = {"retry_schedule": [1, 5]}
    return Target.objects.create(
        name="crm", backend="webhook", url="http://127.0.0.1:1/", secret=encrypt(NEW), options=options
    )


def test_it_has_the_columns_and_half_a_lease(row):
    config = config_of(row)
    assert (config.name, config.url, config.options) == ("crm", "http://127.0.0.1:1/", {"retry_schedule": [1, 5]})
    assert (config.deadline_seconds, tuple(config.allowed_private_hosts)) == (45, ("127.0.0.1",))


@pytest.mark.parametrize(("hours", "secrets"), [(1, (NEW, OLD)), (-1, (NEW,)), (None, (NEW,))])
def test_two_secrets_sign_until_the_rotation_is_over(row, hours, secrets):
    row.previous_secret = encrypt(OLD)
    row.previous_secret_until = None if hours is None else timezone.now() + timedelta(hours=hours)
    row.save()
    with open_target(row) as target:
        assert target.config.secrets == secrets


@pytest.mark.parametrize("token", ["", "a token"])
def test_its_token_is_decrypted(row, token):
    row.token = encrypt(token) if token else ""
    assert config_of(row).token == token


def test_it_is_closed_however_the_turn_ends(row, monkeypatch):
    closed = []
    monkeypatch.setattr(WebhookTarget, "close", lambda target: closed.append(target))
    with pytest.raises(ValueError, match="no"), open_target(row) as target:
        assert closed == []
        raise ValueError("no")
    assert closed == [target]


def test_a_stored_option_that_is_not_valid_any_more_names_the_target_and_the_way_out(row):
    row.options = {"retry_schedule": ["never"]}
    with pytest.raises(ConfigurationError) as refused:
        read_options(row)
    assert "retry_schedule" in refused.value.message
    assert "The target 'crm' has it stored: use remove-target, then add-target" in refused.value.message
