"""Text of other people and systems is cleaned before it reaches a terminal or a log.

Such text is titles, names, and errors of receivers and sources.
"""

from __future__ import annotations

import json
import logging
from argparse import Namespace
from contextlib import suppress
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from course_sync_plugin import api
from course_sync_plugin.cli import main
from course_sync_plugin.data import FailedOperation, Message
from course_sync_plugin.exceptions import PermanentError, SourceError, TransientError
from course_sync_plugin.models import CatalogRecord, Problem, Target
from course_sync_plugin.structure.builder import RawBlock, StructureBuilder
from course_sync_plugin.targets.base import TargetConfig
from course_sync_plugin.targets.webhook import WebhookTarget
from course_sync_plugin.testing.catalog_server import made_up_key
from course_sync_plugin.testing.faults import Fail
from sandbox.course_overviews.models import CourseOverview
from tests.integration.catalogs import running_catalog
from tests.integration.courses import COURSE, a_course, block
from tests.unit.structure.olx.files import STUDIO, folder

pytestmark = pytest.mark.django_db

#: Clears a terminal, colours it (C1), changes the direction of writing, begins a new line.
HOSTILE = "\x1b[2J\x9b31m\u202e\r\n\x85\u2028forged"
#: The same with a single surrogate, which Python cannot encode. It can be anywhere except in keys.
ERROR = f"\ud800{HOSTILE}"


@pytest.fixture(autouse=True)
def log(caplog):
    """Return a stream with all log records of our package, formatted as a host formats them."""
    caplog.set_level(logging.DEBUG, "course_sync_plugin")
    yield caplog
    check_clean(caplog.text)


def check_clean(text: str) -> str:
    """Fail if a text has characters that control a terminal, or looks like more lines than it has."""
    for line in text.split("\n"):
        assert line.isprintable(), ascii(line)
        assert not line.startswith("forged"), text
    return text


def said(*arguments: str) -> str:
    """Run a command, check that its output is clean, and return the output."""
    out = StringIO()
    with suppress(SystemExit):
        call_command("course_sync", *arguments, stdout=out, stderr=out)
    return check_clean(out.getvalue())


def hostile_course(version: str, names: list[str]) -> object:
    """Return a course with components that have such names and titles, and with values that are left out."""
    ids = [block("html", f"{name}{HOSTILE}") for name in names]
    blocks = {one: RawBlock(one, "html", {"display_name": HOSTILE, "start": HOSTILE}) for one in ids}
    unit = block("vertical", "unit")
    blocks[unit] = RawBlock(unit, "vertical", {"display_name": "Unit", "start": HOSTILE}, tuple(ids))
    blocks[COURSE] = RawBlock(COURSE, "course", {"display_name": HOSTILE, "start": HOSTILE}, (unit,))
    return StructureBuilder(COURSE, version, blocks).build()


@pytest.mark.parametrize("arguments", [("sync", "--plan"), ("sync",), ("sync", "--course", COURSE)], ids=" ".join)
@pytest.mark.parametrize("as_json", [(), ("--json",)], ids=["text", "json"])
def test_names_and_titles(shelf, arguments, as_json):
    shelf.publish(hostile_course("v1", ["a"]))
    printed = said(*arguments, *as_json)
    assert "forged" in printed
    if as_json and "--plan" in arguments:
        titles = {one["fields"].get("display_name") for one in json.loads(printed)[0]["operations"]}
        assert HOSTILE.replace("\x1b", "") in titles  # escaped, not changed


@pytest.mark.parametrize("as_json", [(), ("--json",)], ids=["text", "json"])
def test_what_is_held(shelf, settings, as_json):
    settings.COURSE_SYNC_MASS_DELETE_PERCENT = settings.COURSE_SYNC_MASS_DELETE_COUNT = 0
    shelf.publish(hostile_course("v1", ["a", "b"]))
    said("sync")
    shelf.publish(hostile_course("v2", ["b"]))
    said("sync")
    assert "forged" in said("approve", *as_json)
    shelf.break_(SourceError(ERROR), "v3")
    assert "forged" in said("approve", *as_json)


@pytest.mark.parametrize("error", [SourceError(ERROR), ValueError(ERROR)], ids=["ours", "any"])
@pytest.mark.parametrize("as_json", [(), ("--json",)], ids=["text", "json"])
def test_errors_of_a_source(shelf, log, error, as_json):
    shelf.break_(error, "v1")
    assert "forged" in said("sync", *as_json)
    assert "forged" in said("status", *as_json)
    assert "forged" in log.text
    assert "forged" in said("backfill", *as_json)


@pytest.mark.parametrize("as_json", [(), ("--json",)], ids=["text", "json"])
def test_reasons_of_a_receiver(shelf, receiver, log, as_json):
    shelf.publish(a_course("v1"))
    said("sync")
    unit = block("vertical", "unit-0-0")
    receiver.faults += [Fail(entity_id=unit, reason=ERROR, retry=True), Fail(entity_id=unit, reason=ERROR)]
    said("deliver", *as_json)
    assert "forged" in said("status", *as_json)
    api.resume("crm")
    said("deliver", *as_json)
    assert "forged" in said("status", *as_json)
    assert "forged" in log.text
    assert all(problem.reason.isprintable() for problem in Problem.objects.all())


class Rude(WebhookTarget):
    """A target of another package that repeats uncleaned text in its errors."""

    says: Exception | FailedOperation = TransientError(ERROR)

    @classmethod
    def check(cls, config: TargetConfig) -> None:
        pass

    def send(self, message: Message):
        raise self.says


@pytest.mark.parametrize("error", [TransientError(ERROR), PermanentError(ERROR), ValueError(ERROR)], ids=repr)
def test_errors_of_somebody_elses_target(shelf, receiver, log, monkeypatch, error):
    monkeypatch.setattr("course_sync_plugin.lanes.open_target.targets", Namespace(get=lambda name: Rude))
    monkeypatch.setattr(Rude, "says", error)
    shelf.publish(a_course("v1"))
    said("sync")
    said("deliver", "--until-empty")
    said("status")
    assert "forged" in log.text


def test_what_a_target_is(shelf, receiver):
    Target.objects.update(options={"note": HOSTILE}, entity_types=[HOSTILE])
    assert "forged" in said("targets")
    assert "forged" in said("targets", "--json")


@pytest.mark.parametrize("as_json", [(), ("--json",)], ids=["text", "json"])
def test_disagreements_with_the_catalog(as_json):
    CourseOverview.objects.create(id=COURSE, language=HOSTILE)
    values = {"language": "de"}
    record = {"key_digest": "x", "seen_at": "2026-01-01T00:00Z", "changed_at": "2026-01-01T00:00Z", "run_number": 1}
    CatalogRecord.objects.create(key=COURSE, values=values, **record)
    assert "forged" in said("drift", *as_json)


@pytest.mark.parametrize("arguments", [("--check",), ("--dry-run",), ()], ids=" ".join)
@pytest.mark.parametrize("as_json", [(), ("--json",)], ids=["text", "json"])
def test_what_a_catalog_says(settings, log, arguments, as_json):
    row = {"key": made_up_key(0), HOSTILE: 1, "marketing_url": f"https://x/{HOSTILE}", "content_language": HOSTILE}
    odd = {"key": f"course-v1:{HOSTILE}+C+R"}
    with running_catalog(settings, [row, odd]):
        CourseOverview.objects.create(id=made_up_key(0), marketing_url=HOSTILE)
        out = StringIO()
        call_command("update_catalog_data", *arguments, *as_json, stdout=out)
        assert "forged" in check_clean(out.getvalue()) or "--check" not in arguments
    assert "forged" in log.text or "--check" in arguments  # the refused key


def test_an_export_on_a_command_line(tmp_path: Path, capsys):
    hostile = HOSTILE.replace("\x1b", "")
    title = hostile.replace("\r", "&#13;").replace("\n", "&#10;")
    unit = f'<vertical display_name="{title}"><html url_name="{title}"/><html url_name="h"/></vertical>'
    new = folder(tmp_path / f"new {HOSTILE}", {**STUDIO, "vertical/v.xml": unit})
    old = folder(tmp_path / "old", STUDIO)
    assert main(["diff", str(old), str(new)]) == 0
    printed = capsys.readouterr()
    assert "forged" in check_clean(printed.out)
    assert "forged" in check_clean(printed.err)
    assert main(["diff", "--format", "json", str(old), str(new)]) == 0
    printed = capsys.readouterr()
    assert hostile in [one["fields"].get("display_name") for one in json.loads(check_clean(printed.out))]
    assert main(["diff", str(tmp_path / HOSTILE), str(new)]) == 1
    assert "forged" in check_clean(capsys.readouterr().err)
