"""Channels send by real parts: Django's mail, the log, and Apprise to a server of its own. They may fail and hang."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator

import pytest
from django.core import mail
from django.core.management import call_command

from course_sync_plugin import api
from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.models import Notice, NotificationChannel
from course_sync_plugin.testing.faults import Response
from course_sync_plugin.upkeep.notifications import channels
from course_sync_plugin.upkeep.notifications.evaluate import Evaluated
from tests.integration.courses import exit_status
from tests.integration.upkeep.notifications.helpers import (
    Service,
    apprise_channel,
    channel,
    evaluate,
    failing,
    lanes,
    pass_time,
    rule,
    target,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def service() -> Iterator[Service]:
    with Service().running() as running:
        yield running


@pytest.fixture
def trouble():
    crm = target()
    lanes(crm, 1, failing=True)
    return crm


class TestMail:
    @pytest.mark.parametrize(
        ("recipients", "to"),
        [("", ["admin@example.org"]), ("a@example.org, b@example.org,", ["a@example.org", "b@example.org"])],
    )
    def test_to_whom(self, trouble, settings, recipients, to):
        settings.ADMINS = [("An admin", "admin@example.org")]
        rule("target_failing", channel("mail", recipients=recipients), 0)
        assert evaluate() == Evaluated(1, 0)
        (message,) = mail.outbox
        assert message.to == to
        assert message.subject == "[course_sync] target failing: crm"
        assert "\nWhat to do: " in message.body
        assert "\nCommand: manage.py course_sync status --target crm\n" in message.body

    @pytest.mark.parametrize("recipients", ["", "nobody"])
    def test_to_nobody(self, settings, recipients):
        settings.ADMINS = []
        channel("mail", recipients=recipients)
        (one,) = api.try_channels()
        assert one.error

    def test_a_mail_server_that_is_not_there(self, settings):
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
        channel("mail", recipients="a@example.org")
        (one,) = api.try_channels()
        assert one.error == "The mail server did not accept the message (ConnectionRefusedError)."

    def test_a_mail_backend_with_errors_of_its_own(self, settings):
        settings.EMAIL_BACKEND = "tests.integration.upkeep.notifications.test_channels.no_backend"
        channel("mail", recipients="a@example.org")
        (one,) = api.try_channels()
        assert one.error == "The channel failed (LookupError)."


def no_backend(**_options: object) -> None:
    raise LookupError("pa55word")


class TestApprise:
    def test_a_message(self, trouble, service):
        rule("target_failing", apprise_channel(service.address), 0)
        assert evaluate() == Evaluated(1, 0)
        (message,) = service.messages
        assert message["title"] == "[course_sync] target failing: crm"
        assert "crm, courses: 1, since 20" in message["message"]
        assert message["type"] == "warning"

    def test_the_address_is_encrypted_and_shown_without_secrets(self, service):
        row = apprise_channel(service.address)
        stored = json.dumps(list(NotificationChannel.objects.values()), default=str)
        assert row.address_shown == "json://127.0.0.1"
        assert not any(word in stored for word in ("pa55word", "t0ken", "user"))

    @pytest.mark.parametrize(
        ("address", "shown"),
        [
            ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", "slack://…"),
            ("discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", "discord://…"),
            ("tgram://123456789:abcdefg_hijklmnop/12315544/", "tgram://…"),
            ("ntfy://s3cret-topic", "ntfy://…"),
            ("mailto://user:pa55word@example.org", "mailto://example.org"),
            ("json://[::1]:8000/t0ken", "json://[::1]"),
        ],
    )
    def test_where_a_token_has_the_place_of_the_host(self, address, shown):
        assert api.seal_address(address).shown == shown

    @pytest.mark.parametrize(
        "address", ["", "nonsense://x", "json://", "https://example.org/hook", "x\x00", "slack://x"]
    )
    def test_what_is_no_address(self, address):
        with pytest.raises(ConfigurationError) as error:
            api.seal_address(address)
        assert "example.org" not in error.value.message

    def test_no_address_without_a_key(self, settings):
        settings.COURSE_SYNC_SECRET_KEYS = []
        with pytest.raises(ConfigurationError, match="COURSE_SYNC_SECRET_KEYS"):
            api.seal_address("json://example.org")

    @pytest.mark.parametrize(
        ("answer", "said"),
        [
            (Response(500), "error=500"),
            (Response(301, headers={"Location": "/x"}), "301"),
            (Response(200, cut=True), "onnection error"),
        ],
    )
    def test_a_refusal(self, service, caplog, answer, said):
        caplog.set_level(logging.DEBUG)
        service.answers = [answer]
        apprise_channel(service.address)
        (one,) = api.try_channels()
        assert one.error.startswith("The service did not accept the message: ")
        assert said in one.error
        texts = "\n".join([one.error, *(record.getMessage() for record in caplog.records if record.name == "apprise")])
        assert not any(word in texts for word in ("pa55word", "t0ken"))

    def test_an_address_that_cannot_be_decrypted(self, settings, service):
        apprise_channel(service.address)
        settings.COURSE_SYNC_SECRET_KEYS = ["a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="]
        (one,) = api.try_channels()
        assert "COURSE_SYNC_SECRET_KEYS" in one.error

    def test_a_channel_without_an_address(self):
        channel("apprise")
        (one,) = api.try_channels()
        assert one.error == "The channel has no address: enter it in the admin."


class TestAChannelThatFails:
    def test_its_message_is_tried_again_with_growing_waits(self, trouble, service, caplog):
        service.answers = [Response(500)] * 3
        rule("target_failing", apprise_channel(service.address), 0)
        assert evaluate() == Evaluated(0, 1)
        assert Notice.objects.get().last_sent_at is None
        assert evaluate(61) == Evaluated(0, 1)
        assert evaluate(61) == Evaluated(0, 0), "the second wait is two minutes"
        assert evaluate(61) == Evaluated(0, 1)
        row = NotificationChannel.objects.get()
        assert (row.failures, bool(row.last_error)) == (3, True)
        assert evaluate(241) == Evaluated(1, 0)
        row = NotificationChannel.objects.get()
        assert (row.failures, row.last_error, row.retry_at) == (0, "", None)
        assert len(service.messages) == 4
        logged = [one.getMessage() for one in caplog.records]
        assert len(logged) == 1, "once in the cool-down"
        assert logged[0].startswith("course_sync: the channel hook failed: ")

    def test_a_trouble_that_ends_meanwhile_is_not_told(self, trouble, service):
        service.answers = [Response(500)]
        rule("target_failing", apprise_channel(service.address), 0)
        evaluate()
        failing(trouble, is_failing=False)
        assert evaluate(61) == Evaluated(0, 0)
        assert Notice.objects.count() == 0

    def test_a_channel_that_hangs_holds_up_no_other(self, trouble, service, monkeypatch):
        monkeypatch.setattr(channels, "DEADLINE", 1.0)
        service.answers = [Response(200, hold=3)]
        rule("target_failing", apprise_channel(service.address), 0)
        rule("target_failing", channel("mail", recipients="a@example.org"), 0)
        began = time.monotonic()
        assert evaluate() == Evaluated(1, 1)
        assert 0.9 < time.monotonic() - began < 2.5
        assert len(mail.outbox) == 1
        assert NotificationChannel.objects.get(kind="apprise").last_error == "There was no answer in 1 seconds."
        hanging = [thread for thread in channels._SENDING.values() if thread.is_alive()]
        assert all(thread.daemon for thread in hanging)
        assert len(hanging) == 1
        began = time.monotonic()
        assert evaluate(61) == Evaluated(0, 1), "no second thread for a channel whose thread hangs"
        assert time.monotonic() - began < 0.9
        assert len(service.messages) == 1
        hanging[0].join(10)
        assert evaluate(121) == Evaluated(1, 0)

    def test_the_library_starts_no_thread_that_keeps_the_process_from_ending(self, trouble, service):
        rule("target_failing", apprise_channel(service.address), 0)
        evaluate()
        assert not [thread for thread in threading.enumerate() if "ThreadPoolExecutor" in thread.name]

    def test_later_messages_wait_for_the_first(self, trouble, service):
        to = apprise_channel(service.address)
        rule("target_failing", to, 0)
        rule("target_disabled", to)
        target("gone", disabled_reason="HTTP 410")
        service.answers = [Response(200), Response(500)]
        assert evaluate() == Evaluated(1, 1)
        pass_time(61)
        assert evaluate() == Evaluated(1, 0)
        assert [one["title"].rpartition(": ")[2] for one in service.messages] == ["crm", "gone", "gone"]


class TestTheCommand:
    def test_a_test_of_all_channels(self, service, capsys):
        apprise_channel(service.address)
        channel()
        channel(name="off", enabled=False)
        assert exit_status("notify", "--test") == 0
        assert capsys.readouterr().out == "hook (apprise): sent\nops (log): sent\n"
        assert service.messages[0]["title"] == "[course_sync] test"

    def test_a_test_that_fails(self, service, capsys):
        service.answers = [Response(500)]
        apprise_channel(service.address)
        channel()
        assert exit_status("notify", "--test", "--json") == 1
        assert json.loads(capsys.readouterr().out)["tests"][1] == {"channel": "ops", "kind": "log", "error": ""}
        assert exit_status("notify", "--test", "ops") == 0

    @pytest.mark.parametrize("arguments", [["--test"], ["--test", "ops"]])
    def test_without_channels(self, capsys, arguments):
        assert exit_status("notify", *arguments) == 1
        assert "channel" in capsys.readouterr().err

    def test_what_there_is(self, trouble, service, capsys):
        rule("target_failing", apprise_channel(service.address), 0)
        evaluate()
        call_command("course_sync", "notify")
        shown = capsys.readouterr().out
        call_command("course_sync", "notify", "--json")
        found = json.loads(capsys.readouterr().out)
        assert "json://127.0.0.1" in shown
        assert not any(word in shown + json.dumps(found) for word in ("pa55word", "t0ken"))
        assert found["notices"][0]["subject"] == "crm"
        assert found["notices_total"] == 1
        assert found["rules"][0]["event"] == "target_failing"

    def test_nothing(self, capsys):
        call_command("course_sync", "notify")
        assert capsys.readouterr().out.count("none") == 3
