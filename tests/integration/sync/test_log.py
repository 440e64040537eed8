"""The log has one line for each sync and each turn in a lane, with counts and duration, without content or secrets."""

from __future__ import annotations

import logging
import re

import pytest
from django.core.management import call_command

from course_sync_plugin import api
from course_sync_plugin.models import Course, Target
from course_sync_plugin.testing.faults import Fail, Refuse
from tests.integration.courses import COURSE, a_course, block

pytestmark = pytest.mark.django_db

TITLE = "the title of a unit"


@pytest.fixture
def log(caplog):
    """Capture all log records of our package, from level DEBUG up."""
    caplog.set_level(logging.DEBUG, "course_sync_plugin")
    return caplog


def lines(log, name: str, level: int = logging.INFO) -> list[str]:
    """Return the messages of one module, from ``level`` up, oldest first, and clear the log."""
    found = [record.getMessage() for record in log.records if record.name == name and record.levelno >= level]
    log.clear()
    return found


SYNC, DELIVER = "course_sync_plugin.sync.course", "course_sync_plugin.lanes.deliver"


def test_one_line_per_sync(shelf, log):
    shelf.publish(a_course("v1"))
    api.sync_course(COURSE)
    (line,) = lines(log, SYNC)
    pattern = (
        rf"course_sync: course={re.escape(COURSE)} outcome=recorded version=v1 create=11 move=0 update=0 delete=0"
        r" incomplete=False warnings=0 error=None seconds=\d+\.\d\d"
    )
    assert re.fullmatch(pattern, line)
    shelf.publish(a_course("v2"))
    api.sync_course(COURSE)
    (line,) = lines(log, SYNC)
    assert "outcome=unchanged version=v2 create=0" in line


def test_none_where_there_was_nothing_to_read(shelf, log):
    shelf.publish(a_course("v1"))
    api.sync_course(COURSE)
    Course.objects.update(lease_token="theirs", lease_until="2100-01-01T00:00:00Z")
    log.clear()
    api.sync_course(COURSE)
    shelf.publish(a_course("v2"))
    api.sync_course(COURSE)  # another worker holds the lease
    assert lines(log, SYNC) == []


def test_one_line_per_batch(shelf, receiver, settings, log):
    settings.COURSE_SYNC_ENVELOPE_OPERATIONS = 4
    shelf.publish(a_course("v1"))
    api.sync_course(COURSE)
    api.deliver_until_empty()
    (line,) = lines(log, DELIVER)
    assert re.search(rf"target=crm course={re.escape(COURSE)} envelopes=4 operations=11 .*seconds=\d+\.\d\d", line)


def test_a_warning_where_somebody_should_look(shelf, receiver, log):
    shelf.publish(a_course("v1"))
    api.sync_course(COURSE)
    receiver.faults.append(Refuse(503))
    api.deliver_due()
    (line,) = lines(log, DELIVER, logging.WARNING)
    assert "503" in line


def test_values_that_are_left_out_are_counted_and_not_shown(shelf, log):
    """Their warnings contain the values, and these are content."""
    for version in ("v1", "v2"):
        shelf.publish(a_course(version, titles={"unit-0-0": TITLE * 10_000}))
        result = api.sync_course(COURSE)
        assert len(result.warnings) == 1, "an unchanged course says so too"
        (line,) = lines(log, SYNC, logging.WARNING)
        assert " warnings=1 " in line
        assert TITLE not in line


def test_no_content_and_no_secret_whatever_happens(shelf, receiver, log, capsys):
    """No line of any level and no traceback has titles, fields, bodies or secrets, also if something fails."""
    call_command("course_sync", "add-target", "second", "--url", receiver.url)
    secrets = [receiver.secret, *re.findall(r"whsec_\S+", capsys.readouterr().out)]
    shelf.publish(a_course("v1", titles={"unit-0-0": TITLE}))
    api.sync_course(COURSE)
    for fault in (Refuse(503), Refuse(400), Fail(entity_id=block("vertical", "unit-0-0"), reason="no"), Refuse(410)):
        receiver.faults.append(fault)
        api.resume("crm")
        api.deliver_due()
    shelf.publish(a_course("v2", titles={"unit-0-0": f"{TITLE} again"}, units=4))
    api.sync_course(COURSE)
    api.deliver_until_empty()
    secrets.append(api.rotate_secret("crm").secret)
    api.test_target("crm")
    shelf.break_(ZeroDivisionError("a bug"), "v3")
    api.sync_course(COURSE)
    api.sweep()
    assert len(secrets) == 3
    assert log.records
    for text in [TITLE, "display_name", *secrets, *(secret[6:] for secret in secrets)]:
        assert text not in log.text
    for row in Target.objects.values():
        assert not any(secret[6:] in str(row) for secret in secrets)
