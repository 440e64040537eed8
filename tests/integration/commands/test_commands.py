"""``manage.py course_sync`` as operators use it: help, results, exit statuses and errors."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from io import StringIO
from urllib.parse import urlsplit

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command

from course_sync_plugin import api
from course_sync_plugin.exceptions import InvalidCourse
from course_sync_plugin.management.subcommands import SUBCOMMANDS
from course_sync_plugin.models import Course, CourseContext, DatabaseNow, Lane, Marker, Subscription, Target
from course_sync_plugin.targets.registry import targets
from course_sync_plugin.testing.faults import Fail, Refuse
from tests.conftest import ROOT
from tests.integration.courses import COURSE, a_course, block, own_queries
from tests.integration.replication.memory_site import MemoryTarget

OTHER = "course-v1:Org+Course+Other"
FAR = "course-v1:MeadowX+BEES101x+2026_Q3"
JSON = {
    *("sync", "backfill", "approve", "deliver", "sweep", "status", "add-target", "targets", "test", "set-context"),
    *("pause", "resume", "retry", "skip", "reset", "remove-target", "confirm-site", "actions"),
    *("pause", "resume", "retry", "skip", "remove-target", "problems"),
}


def run(*arguments: str) -> tuple[int, str, str]:
    """Run a subcommand; return exit status, output and errors."""
    out, err = StringIO(), StringIO()
    try:
        call_command("course_sync", *arguments, stdout=out, stderr=err)
    except SystemExit as exit_:
        return exit_.code, out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


def value(*arguments: str) -> object:
    """Run a subcommand with --json and return what it printed."""
    status, out, _err = run(*arguments, "--json")
    assert status == 0
    return json.loads(out)


def process(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a subcommand as a process."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", "manage.py", "course_sync", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "COLUMNS": "120"},
    )  # fmt: skip


@pytest.fixture
def sent(shelf, receiver) -> None:
    """Publish, sync and deliver a course."""
    shelf.publish(a_course("v1"))
    run("sync")
    run("deliver", "--until-empty")


class TestHelp:
    @pytest.mark.parametrize("subcommand", SUBCOMMANDS, ids=lambda subcommand: subcommand.name)
    def test_each_has_an_example_that_parses(self, subcommand, capsys):
        with pytest.raises(SystemExit) as exit_:
            call_command("course_sync", subcommand.name, "--help")
        assert exit_.value.code == 0
        text = capsys.readouterr().out
        assert str(subcommand.help) in re.sub(r"\s+", " ", text)
        example = re.search(r"example:\n  manage\.py course_sync (.+)", text.replace(" \\\n", ""))[1]
        from django.core.management import load_command_class

        parser = load_command_class("course_sync_plugin", "course_sync").create_parser("manage.py", "course_sync")
        assert parser.parse_args(shlex.split(example)).subcommand == subcommand.name

    @pytest.mark.parametrize("subcommand", SUBCOMMANDS, ids=lambda subcommand: subcommand.name)
    def test_each_fits_a_terminal_of_80_columns(self, subcommand, capsys, monkeypatch):
        monkeypatch.setenv("COLUMNS", "80")
        with pytest.raises(SystemExit):
            call_command("course_sync", subcommand.name, "--help")
        assert [line for line in capsys.readouterr().out.splitlines() if len(line) > 80] == []

    def test_json_where_there_is_a_result(self):
        assert {subcommand.name for subcommand in SUBCOMMANDS if subcommand.has_json} >= JSON

    def test_the_list_of_all(self):
        done = process("--help")
        assert done.returncode == 0
        for subcommand in SUBCOMMANDS:
            assert f"    {subcommand.name}" in done.stdout

    @pytest.mark.parametrize(
        "line",
        [
            "",
            "synch",
            "sync --what",
            "add-target",
            "run --workers 0",
            "run --workers 1.5",
            "run --interval -1",
            "run --seconds x",
            "run --seconds nan",
            "rotate-secret crm --hours -1",
            f"set-context {COURSE}",
        ],
    )
    def test_wrong_usage(self, line):
        """In a process the exit status is 2 (see below); a call from Python gets an error."""
        with pytest.raises(CommandError):
            call_command("course_sync", *line.split())

    @pytest.mark.parametrize("arguments", [[], ["synch"], ["run", "--workers", "0"]], ids=" ".join)
    def test_wrong_usage_is_exit_status_2(self, arguments):
        done = process(*arguments)
        assert done.returncode == 2
        assert "usage: manage.py course_sync" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.django_db
class TestSync:
    def test_what_was_published(self, shelf):
        shelf.publish(a_course("v1"))
        shelf.publish(a_course("v1", course=OTHER, sections=1))
        assert run("sync") == (0, f"{OTHER}: recorded 6 create\n{COURSE}: recorded 11 create\n", "")
        assert run("sync") == (0, "No course was published since the last sync.\n", "")
        assert value("sync") == []

    def test_quiet_or_not(self, shelf, settings):
        settings.COURSE_SYNC_QUIET_SECONDS = 60
        shelf.publish(a_course("v1"))
        assert "recorded" in run("sync")[1]

    def test_one_course_that_nobody_published(self, shelf):
        shelf.put(a_course("v1"))
        assert value("sync", "--course", COURSE) == [
            {
                "course_id": COURSE,
                "outcome": "recorded",
                "published_version": "v1",
                "operations": {"create": 11},
                "incomplete": False,
                "warnings": [],
                "error": "",
            }
        ]
        assert run("sync", "--course", COURSE)[1] == f"{COURSE}: unchanged\n"

    def test_one_that_was_deleted(self, shelf):
        shelf.publish(a_course("v1"))
        run("sync")
        shelf.delete()
        assert run("sync", "--course", COURSE)[1] == f"{COURSE}: held 11 delete\n"

    def test_one_that_is_not_there(self, shelf):
        shelf.put(a_course("v1"))
        status, out, err = run("sync", "--course", "course-v1:Org+Course+Rum")
        assert (status, out) == (1, "")
        assert err == f"There is no published course course-v1:Org+Course+Rum. Did you mean {COURSE}?\n"
        assert not Course.objects.exists()

    @pytest.mark.parametrize("key", ["nonsense", "library-v1:Org+Library", "ccx-v1:O+C+R+ccx@1", "O/C/R"])
    def test_what_is_no_course(self, shelf, key):
        status, _out, err = run("sync", "--course", key)
        assert status == 1
        assert f"'{key}' is not a course" in err

    def test_one_that_cannot_be_read(self, shelf):
        shelf.break_(ValueError("!"), "v1")
        shelf.publish(a_course("v1", course=OTHER))
        status, out, _err = run("sync")
        assert status == 1
        assert f"{COURSE}: unreadable ValueError: !\n" in out
        assert f"{OTHER}: recorded 11 create\n" in out

    def test_warnings(self, shelf):
        import attrs

        shelf.publish(attrs.evolve(a_course("v1"), warnings=("a pointer leads nowhere",)))
        assert run("sync")[1].splitlines()[1] == "  a pointer leads nowhere"


@pytest.mark.django_db
class TestPlan:
    @pytest.fixture
    def published(self, shelf, receiver):
        api.add_target("units", url=receiver.url, entity_types=["unit"])
        api.add_target("others", url=receiver.url, orgs=["Elsewhere"])
        shelf.publish(a_course("v1"))
        return shelf

    def test_what_would_be_sent_to_whom(self, published):
        status, out, _err = run("sync", "--plan")
        lines = out.splitlines()
        assert status == 0
        assert lines[0] == f"{COURSE}: recorded 11 create"
        assert [line.split() for line in lines[1:]] == [["target", "operations"], ["crm", "11"], ["units", "6"]]

    def test_nothing_is_done(self, published):
        before = list(Marker.objects.values_list())
        run("sync", "--plan")
        value("sync", "--plan", "--course", COURSE)
        assert not Course.objects.exists()
        assert list(Marker.objects.values_list()) == before

    def test_json(self, published):
        (plan,) = value("sync", "--plan")
        assert (plan["course_id"], plan["outcome"], plan["targets"]) == (COURSE, "recorded", {"crm": 11, "units": 6})
        assert plan["operations"][0]["operation"] == "create"
        assert plan["operations"][0]["entity_id"] == COURSE
        assert len(plan["operations"]) == 11

    def test_what_would_be_held(self, published):
        run("sync")
        published.delete()
        assert run("sync", "--plan", "--course", COURSE)[1].startswith(f"{COURSE}: held 11 delete")
        assert api.status()["held"] == []

    def test_nothing_to_do(self, published):
        run("sync")
        assert run("sync", "--plan")[1] == "No course was published since the last sync.\n"
        assert value("sync", "--plan") == []
        published.publish(a_course("v2"))
        assert run("sync", "--plan")[1].startswith(f"{COURSE}: unchanged")

    @pytest.mark.parametrize(
        ("error", "said"),
        [(InvalidCourse("html/a.xml, line 3"), "html/a.xml, line 3"), (KeyError("title"), "KeyError: 'title'")],
        ids=lambda value: type(value).__name__,
    )
    def test_one_that_cannot_be_read_does_not_stop_the_rest(self, published, error, said):
        published.break_(error, "v1", OTHER)
        status, out, _err = run("sync", "--plan")
        assert status == 1
        assert f"{OTHER}: unreadable {said}" in out
        assert f"{COURSE}: recorded 11 create" in out


@pytest.mark.django_db
class TestAddTarget:
    @pytest.fixture(autouse=True)
    def _allowed(self, settings):
        settings.COURSE_SYNC_ALLOWED_PRIVATE_HOSTS = ["127.0.0.1"]

    URL = ("--url", "http://127.0.0.1:1/")

    def test_a_secret_is_made_and_shown_once(self):
        status, out, _err = run("add-target", "crm", *self.URL)
        assert status == 0
        assert out.splitlines()[0] == "Target crm is added; 0 known courses will be sent."
        (secret,) = re.findall(r"whsec_[A-Za-z0-9+/=]{44}", out)
        for command in ("status", "targets"):
            assert secret not in "".join(map(str, run(command)))
        assert secret not in json.dumps(list(Target.objects.values()), default=str)

    def test_a_secret_of_ones_own_is_not_shown(self, caplog):
        caplog.set_level(0)
        secret = "whsec_" + "A" * 43 + "="
        _status, out, _err = run("add-target", "crm", *self.URL, "--secret", secret)
        assert "whsec" not in out
        assert "secret" not in value("add-target", "two", *self.URL, "--secret", secret)
        assert secret not in caplog.text
        assert secret[6:] not in json.dumps(list(Target.objects.values()), default=str)

    def test_json(self, shelf):
        shelf.publish(a_course("v1"))
        run("sync")
        added = value("add-target", "crm", *self.URL)
        assert (added["name"], added["courses"]) == ("crm", 1)
        assert added["secret"].startswith("whsec_")

    def test_what_it_wants(self, shelf):
        for key in (COURSE, OTHER, "course-v1:Elsewhere+Course+Run"):
            shelf.publish(a_course("v1", course=key))
        run("sync")
        assert value("add-target", "all", *self.URL)["courses"] == 3
        assert value("add-target", "org", *self.URL, "--org", "Org", "Third")["courses"] == 2
        assert value("add-target", "one", *self.URL, "--course", OTHER, "--course", "course-v1:A+B+C")["courses"] == 1
        assert value("add-target", "case", *self.URL, "--org", "ORG")["courses"] == 0
        run("add-target", "units", *self.URL, "--entity-type", "unit", "section", "--option", "retry_schedule=1,1,5")
        units = Target.objects.get(name="units")
        assert (units.entity_types, units.options) == (["unit", "section"], {"retry_schedule": [1, 1, 5]})

    def test_a_two_way_target_sends_nothing_before_a_link(self, shelf, monkeypatch):
        monkeypatch.setitem(targets._loaded, "memory", MemoryTarget)
        shelf.publish(a_course("v1"))
        run("sync")
        assert run("add-target", "crm", "--backend", "memory")[1].splitlines() == [
            "Target crm is added; 1 known course may be linked.",
            "Nothing of a course is sent before you link it: link COURSE crm --remote ID --seed openedx",
        ]
        assert value("add-target", "two", "--backend", "memory")["needs_link"]

    def test_what_it_wants_and_is_not_there(self, shelf):
        """Otherwise the operator would notice a typing mistake only when nothing arrives."""
        shelf.put(a_course("v1"))  # known, though it was not recorded yet
        subscriptions = ("--org", "Org", "Orgg", "--course", COURSE, "course-v1:Org+Course+Rum", FAR)
        assert run("add-target", "crm", *self.URL, *subscriptions)[1].splitlines()[:-1] == [
            "Target crm is added; 0 known courses will be sent.",
            "  No known course matches 'Orgg'. Did you mean Org?",
            f"  No known course matches 'course-v1:Org+Course+Rum'. Did you mean {COURSE}?",
            f"  No known course matches '{FAR}'.",
        ]
        assert value("add-target", "two", *self.URL, "--org", "Xyz")["warnings"] == ["No known course matches 'Xyz'."]
        assert value("add-target", "three", *self.URL, "--org", "Org")["warnings"] == []

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["crm", "--url", "http://10.0.0.1/hook"], "10.0.0.1"),
            (["crm", "--url", "https://169.254.169.254/latest"], "169.254.169.254"),
            (["crm", "--url", "http://example.org/hook"], "http"),
            (["crm", "--url", "ftp://127.0.0.1/"], "URL is not valid"),
            (["crm"], "URL is not valid"),
            (["crm", *URL, "--secret", "secret"], "secret"),
            (["crm", *URL, "--secret", "whsec_c2hvcnQ="], "24"),
            (["crm", *URL, "--option", "retry_shedule=1"], "Did you mean 'retry_schedule'?"),
            (["crm", *URL, "--option", "retry_schedule"], "NAME=VALUE"),
            (["crm", *URL, "--option", "retry_schedule=soon"], "retry_schedule"),
            (["crm", *URL, "--entity-type", "units"], "Did you mean 'unit'?"),
            (["crm", *URL, "--backend", "webhok"], "Did you mean 'webhook'?"),
            (["crm", *URL, "--course", "nonsense"], "'nonsense' is not a course key"),
            (["crm", *URL, "--course", "library-v1:O+L"], "libraries"),
            (["a name", *URL], "'a name'"),
            (["x" * 65, *URL], "64"),
            (["taken", *URL], "There is already a target 'taken'"),
        ],
        ids=lambda value: " ".join(value[:3])[:40] if isinstance(value, list) else "",
    )
    def test_what_is_wrong_is_told_and_nothing_is_written(self, arguments, message):
        run("add-target", "taken", *self.URL)
        before = (list(Target.objects.values()), Subscription.objects.count(), Lane.objects.count())
        status, out, err = run("add-target", *arguments)
        assert (status, out) == (1, "")
        assert message in err
        assert "Traceback" not in err
        assert (list(Target.objects.values()), Subscription.objects.count(), Lane.objects.count()) == before

    def test_a_bad_secret_is_not_repeated(self):
        _status, _out, err = run("add-target", "crm", *self.URL, "--secret", "whsec_not-base64-at-all!")
        assert "not-base64" not in err

    def test_without_keys_no_secret_can_be_stored(self, settings):
        settings.COURSE_SYNC_SECRET_KEYS = []
        status, _out, err = run("add-target", "crm", *self.URL)
        assert status == 1
        assert "COURSE_SYNC_SECRET_KEYS" in err

    def test_its_queries_do_not_grow_with_the_courses(self, django_assert_max_num_queries):
        from course_sync_plugin.models import digest_of

        keys = [f"course-v1:Org+Course+Run{at}" for at in range(60)]
        Course.objects.bulk_create(
            Course(key=key, key_digest=digest_of(key), org="Org", published_version="v1") for key in keys
        )
        with django_assert_max_num_queries(14):
            assert api.add_target("crm", url=self.URL[1], orgs=["Org"]).courses == 60


@pytest.mark.django_db
@pytest.mark.usefixtures("sent")
class TestTargets:
    """pause, resume, retry, test, set-context, targets. ``remove-target`` has tests of its own."""

    NAMED = (
        ["test", "cmr"],
        ["pause", "cmr"],
        ["resume", "cmr"],
        ["retry", "cmr"],
        ["skip", "cmr"],
        ["reset", "cmr"],
        ["confirm-site", "cmr"],
        ["set-url", "cmr", "https://example.org/"],
        ["rotate-secret", "cmr"],
        ["remove-target", "cmr"],
        ["set-context", COURSE, "cmr", "a=b"],
        ["backfill", "--target", "cmr"],
    )

    @pytest.mark.parametrize("arguments", NAMED, ids=" ".join)
    def test_a_name_that_is_not_known(self, arguments):
        status, out, err = run(*arguments)
        assert (status, out) == (1, "")
        assert err == "There is no target 'cmr'. Did you mean 'crm'?\n"

    def test_a_name_that_is_like_no_other(self):
        run("add-target", "analytics", "--url", "http://127.0.0.1:1/")
        assert run("pause", "xyz")[2] == "There is no target 'xyz'. Known: analytics, crm.\n"
        Target.objects.all().delete()
        assert run("pause", "xyz")[2] == "There is no target 'xyz'. Known: none.\n"

    def test_a_list(self, receiver):
        subscriptions = ("--org", "Org", "--course", OTHER, "--entity-type", "unit", "section")
        options = ("--option", "retry_schedule=1,5", "requires_context=level")
        url = "http://127.0.0.1:1/hooks/t0ken?key=t0ken"
        run("add-target", "analytics", "--url", url, *subscriptions, *options)
        run("set-context", COURSE, "analytics", "level=A2")
        assert run("targets")[1].splitlines() == [
            "analytics: webhook 127.0.0.1:1",
            f"  courses: Org, {OTHER}",
            "  entity types: unit, section",
            "  retry_schedule: 1, 5",
            "  requires_context: level",
            f"  context is set for: {COURSE}",
            f"crm: webhook {urlsplit(receiver.url).netloc}",
            "  courses: all",
            "  entity types: all",
        ]
        listed = value("targets")
        assert listed[0] == {
            "name": "analytics",
            "backend": "webhook",
            "host": "127.0.0.1:1",
            "orgs": ["Org"],
            "courses": [OTHER],
            "entity_types": ["unit", "section"],
            "options": {"retry_schedule": [1, 5], "requires_context": ["level"]},
            "context": [COURSE],
            "inbound": "",
            "excluded": [],
        }
        assert "t0ken" not in json.dumps(listed)

    def test_an_empty_list(self):
        Target.objects.all().delete()
        assert run("targets")[:2] == (0, "There is no target yet; 'add-target' adds one.\n")
        assert value("targets") == []

    def test_a_test_message(self, receiver):
        status, out, _err = run("test", "crm")
        assert (status, receiver.messages[-1]["type"]) == (0, "course_sync.test")
        assert out.strip()
        report = value("test", "crm")
        assert (report["ok"], report["status"]) == (True, 200)

    def test_a_test_message_that_is_refused(self, receiver):
        receiver.faults.append(Refuse(404))
        status, out, _err = run("test", "crm")
        assert status == 1
        assert "404" in out
        assert value("status")["targets"][0]["state"] == "in step"

    def test_pause_and_resume(self, shelf, receiver):
        plan = "Would pause target crm: 1 lane and 0 operations that are not delivered would wait.\n"
        assert run("pause", "crm", "--yes")[:2] == (0, f"{plan}  {COURSE}\n{self.paused(1, 0)}  {COURSE}\n")
        shelf.publish(a_course("v2", units=5))
        run("sync")
        assert value("deliver", "--until-empty")["envelopes"] == 0
        assert run("pause", "crm", "--yes")[1].endswith(f"{self.paused(1, 4)}  {COURSE}\n")
        plan = "Would resume target crm: 1 lane, with 4 operations that are not delivered.\n"
        assert run("resume", "crm", "--yes")[:2] == (0, f"{plan}  {COURSE}\n{self.going_on(1, 4)}  {COURSE}\n")
        assert value("deliver", "--until-empty")["envelopes"] == 1
        assert receiver.equals(a_course("v2", units=5))

    @staticmethod
    def paused(lanes: int, operations: int) -> str:
        counted = "1 lane" if lanes == 1 else f"{lanes} lanes"
        return f"Paused: {counted} and {operations} operations that are not delivered wait until 'resume'.\n"

    @staticmethod
    def going_on(lanes: int, operations: int) -> str:
        counted = "1 lane goes" if lanes == 1 else f"{lanes} lanes go"
        return f"{counted} on, with {operations} operations that are not delivered.\n"

    def test_pause_and_resume_of_one_lane_count_that_lane_alone(self, shelf):
        shelf.publish(a_course("v1", course=OTHER))
        run("sync")
        assert run("pause", "crm", "--yes", "--course", OTHER)[1].endswith(f"{self.paused(1, 11)}  {OTHER}\n")
        assert value("pause", "crm", "--yes", "--course", OTHER) == {"lanes": 1, "pending": 11, "courses": [OTHER]}
        assert run("resume", "crm", "--yes", "--course", OTHER)[1].endswith(f"{self.going_on(1, 11)}  {OTHER}\n")

    def test_pause_and_resume_as_json(self):
        assert value("pause", "crm", "--yes") == {"lanes": 1, "pending": 0, "courses": [COURSE]}
        resumed = {"lanes": 1, "paused": 0, "held_back": False, "courses": [COURSE], "pending": 0}
        resumed["unreachable"] = False
        assert value("resume", "crm", "--yes") == resumed
        run("pause", "crm", "--yes")
        held_back = {"lanes": 0, "paused": 0, "held_back": True, "courses": [], "pending": 0, "unreachable": False}
        assert value("resume", "crm", "--yes", "--course", COURSE) == held_back

    def test_pause_and_resume_name_the_courses_unless_there_are_many(self, shelf):
        for at in range(4):
            shelf.publish(a_course("v1", course=f"course-v1:Org+Course+Run{at}", sections=1, units=0))
        run("sync")
        assert (
            len(run("pause", "crm", "--yes")[1].splitlines())
            == len(run("resume", "crm", "--yes")[1].splitlines())
            == 12
        )
        shelf.publish(a_course("v1", course=OTHER, sections=1, units=0))
        run("sync")
        assert run("pause", "crm", "--yes")[1].endswith(f"would wait.\n{self.paused(6, 15)}")
        assert len(value("resume", "crm", "--yes")["courses"]) == 6

    @pytest.mark.parametrize("act", [api.pause, api.resume, api.retry], ids=lambda act: act.__name__)
    def test_their_queries_do_not_grow_with_the_courses(self, shelf, act):
        counts = []
        for course in (OTHER, FAR):
            with own_queries() as queries:
                act("crm")
            counts.append(len(queries))
            shelf.publish(a_course("v1", course=course))
            run("sync")
        assert counts[0] == counts[1]

    def test_one_lane(self, shelf, receiver):
        shelf.publish(a_course("v1", course=OTHER))
        run("sync")
        run("pause", "crm", "--yes", "--course", OTHER)
        shelf.publish(a_course("v2", units=5))
        run("sync")
        assert value("deliver", "--until-empty")["envelopes"] == 1
        assert not receiver.equals(a_course("v1", course=OTHER))
        assert run("resume", "crm", "--yes", "--course", OTHER)[1].endswith(f"{self.going_on(1, 11)}  {OTHER}\n")
        run("deliver", "--until-empty")
        assert receiver.equals(a_course("v1", course=OTHER))

    def test_a_lane_of_a_paused_target_does_not_go_on(self):
        run("pause", "crm", "--yes")
        assert run("resume", "crm", "--yes", "--course", COURSE)[1].endswith(
            f"{self.going_on(0, 0)}Target crm itself is paused or disabled: 'resume crm' lets it go on.\n"
        )

    def test_a_paused_lane_stays_so_when_its_target_is_resumed(self):
        run("pause", "crm", "--yes", "--course", COURSE)
        run("pause", "crm", "--yes")
        out = run("resume", "crm", "--yes")[1]
        assert "  1 of them is paused by itself and would stay so\n" in out
        assert out.endswith(f"{self.going_on(0, 0)}1 lane stays paused; resume it with 'resume crm --course KEY'.\n")

    def test_a_target_that_was_disabled_gets_the_courses_recorded_meanwhile(self, shelf, receiver):
        """A disabled target got no lanes for these courses; ``resume`` makes them."""
        receiver.faults.append(Refuse(410))
        shelf.publish(a_course("v2", units=5))
        run("sync")
        run("deliver")
        assert value("status")["targets"][0]["state"] == "disabled"
        shelf.publish(a_course("v1", course=OTHER))
        run("sync")
        assert run("resume", "crm", "--yes")[1].endswith(f"{self.going_on(2, 15)}  {OTHER}\n  {COURSE}\n")
        run("deliver", "--until-empty")
        assert receiver.equals(a_course("v1", course=OTHER))
        assert receiver.equals(a_course("v2", units=5))

    def test_raise(self):
        lane = {"target": "crm", "raised": True, "changed": True, "pending": 0}
        assert value("raise", COURSE) == {"course_id": COURSE, "lanes": [lane]}
        assert Lane.objects.get().raised is True
        assert value("raise", COURSE, "--target", "crm")["lanes"] == [{**lane, "changed": False}]
        assert run("raise", COURSE)[1] == "crm: came first already; 0 operations wait.\n"
        assert run("raise", COURSE, "--undo")[1] == "crm: takes its turn again.\n"
        assert Lane.objects.get().raised is False
        assert run("raise", COURSE, "--undo")[1] == "crm: was not raised.\n"

    @pytest.mark.parametrize("words", [[OTHER], [COURSE, "--target", "cmr"], ["no key"]], ids=" ".join)
    def test_raise_what_is_not_there(self, words):
        status, out, err = run("raise", *words)
        assert (status, out) == (1, "")
        assert err
        assert not Lane.objects.filter(raised=True).exists()

    @pytest.mark.parametrize("command", ["pause", "resume", "retry", "skip"])
    def test_a_lane_that_is_not_there(self, command):
        status, _out, err = run(command, "crm", "--course", OTHER)
        assert status == 1
        assert f"no lane of {OTHER}" in err

    def test_another_url(self, shelf, receiver):
        """The receiver is the same: it gets the operations that it lacks, and no snapshot."""
        Target.objects.update(url="http://127.0.0.1:1/moved", options={"retry_schedule": []})
        shelf.publish(a_course("v2", units=5))
        run("sync")
        run("deliver")
        assert Lane.objects.get().failing
        status, out, _err = run("set-url", "crm", receiver.url)
        going_on = f"1 lane, with 4 operations, goes on when crm answers; it is asked at once.\n  {COURSE}\n"
        assert (status, out) == (0, f"Messages to crm go to the new URL from now on.\n{going_on}")
        assert value("deliver")["operations"] == 4
        assert receiver.equals(a_course("v2", units=5))

    def test_another_url_of_a_paused_target(self, receiver):
        run("pause", "crm", "--yes")
        assert "'resume crm' lets it go on" in run("set-url", "crm", receiver.url)[1]

    @pytest.mark.parametrize(
        ("url", "message"),
        [("http://10.0.0.1/hook", "10.0.0.1"), ("ftp://127.0.0.1/", "URL is not valid"), ("", "URL is not valid")],
    )
    def test_a_url_that_is_wrong(self, url, message):
        before = list(Target.objects.values())
        status, out, err = run("set-url", "crm", url)
        assert (status, out) == (1, "")
        assert message in err
        assert list(Target.objects.values()) == before

    def test_context(self):
        status, out, _err = run("set-context", COURSE, "crm", "level=A2", "class=7b", "note=a=b")
        assert status == 0
        assert [line.split() for line in out.splitlines()[1:]] == [["class", "7b"], ["level", "A2"], ["note", "a=b"]]
        assert value("set-context", COURSE, "crm", "level=", "class=8") == {"class": "8", "note": "a=b"}
        assert CourseContext.objects.get().values == {"class": "8", "note": "a=b"}

    def test_context_that_is_only_looked_at(self):
        assert run("set-context", COURSE, "crm")[:2] == (0, "  none\n")
        assert not CourseContext.objects.exists()
        run("set-context", COURSE, "crm", "level=A2")
        Lane.objects.update(due_at=None)
        assert run("set-context", COURSE, "crm")[1].splitlines()[1].split() == ["level", "A2"]
        assert value("set-context", COURSE, "crm") == {"level": "A2"}
        assert Lane.objects.get().due_at is None

    def test_context_of_a_course_that_is_not_known_yet(self):
        status, out, _err = run("set-context", FAR, "crm", "level=A2")
        assert (status, out.splitlines()[-1]) == (0, f"{FAR} is not known yet; the context is kept for it.")
        assert CourseContext.objects.get().course_key == FAR

    def test_context_that_looks_like_a_slip(self):
        Target.objects.update(options={"requires_context": ["exam_level"]})
        out = run("set-context", COURSE, "crm", "examlevel=A2", "exam_level=A2", "note=x")[1]
        assert out.splitlines()[4:] == ["crm does not require 'examlevel'. Did you mean 'exam_level'?"]

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ([COURSE, "crm", "level"], "'level' is not KEY=VALUE"),
            ([COURSE, "crm", "=A2"], "'=A2' is not KEY=VALUE"),
            ([COURSE, "crm", "level=\udce9"], "is not UTF-8"),
            (["crm", COURSE, "level=A2"], "not a course key"),
        ],
        ids=str,
    )
    def test_context_that_is_wrong(self, arguments, message):
        status, _out, err = run("set-context", *arguments)
        assert status == 1
        assert message in err
        assert not CourseContext.objects.exists()

    def test_nothing_to_retry_or_skip(self):
        assert run("retry", "crm", "--yes")[:2] == (0, "0 operations in 0 lanes will be planned and sent again.\n")
        assert run("skip", "crm")[:2] == (0, "There are no failed operations.\n")
        assert value("skip", "crm") == []

    def refuse(self, shelf, receiver, course: str = COURSE) -> None:
        """Let the receiver refuse a new title of a unit. A later title is parked behind it."""
        receiver.faults.append(Fail(entity_id=block("vertical", "unit-0-0", course)))
        for version, title in (("v2", "another title"), ("v3", "a third title")):
            shelf.publish(a_course(version, course=course, titles={"unit-0-0": title}))
            run("sync")
            run("deliver", "--until-empty")

    def test_retry_says_what_it_did(self, shelf, receiver):
        shelf.publish(a_course("v1", course=OTHER))
        run("sync")
        run("deliver", "--until-empty")
        for course in (COURSE, OTHER):
            self.refuse(shelf, receiver, course)
        one = f"2 operations in 1 lane will be planned and sent again.\n  {OTHER}\n"
        assert run("retry", "crm", "--yes", "--course", OTHER)[1].endswith(one)
        rest = f"2 operations in 1 lane will be planned and sent again.\n  {COURSE}\n"
        assert run("retry", "crm", "--yes")[1].endswith(rest)  # those that are to be planned anew already are left out
        assert value("retry", "crm", "--yes") == {"retried": 0, "lanes": 0, "courses": [], "restarted": 0}
        run("deliver", "--until-empty")
        assert value("status")["targets"][0]["state"] == "in step"

    def test_retry_says_that_failing_lanes_start_again(self):
        Lane.objects.update(failing=True)
        assert run("retry", "crm", "--yes")[1].splitlines() == [
            "crm: would retry 0 failed operations, in 0 lanes",
            "  lanes that are failing and would start again: 1",
            "0 operations in 0 lanes will be planned and sent again.",
            "1 lane that was failing starts again.",
        ]
        Lane.objects.update(failing=True)
        assert value("retry", "crm", "--yes") == {"retried": 0, "lanes": 0, "courses": [], "restarted": 1}

    @pytest.mark.parametrize("command", ["retry", "skip"])
    def test_what_is_no_operation(self, command):
        assert run(command, "crm", "--id", "x") == (1, "", "'x' is not the id of an operation.\n")

    def test_an_operation_that_did_not_fail(self):
        operation = "00000000-0000-0000-0000-000000000000"
        status, _out, err = run("retry", "crm", "--yes", "--id", operation)
        assert status == 1
        assert operation in err


@pytest.mark.django_db
@pytest.mark.usefixtures("sent")
class TestRotateSecret:
    def test_a_new_secret(self, shelf, receiver, caplog):
        caplog.set_level(0)
        secret = value("rotate-secret", "crm")["secret"]
        assert secret.startswith("whsec_")
        assert secret not in caplog.text
        assert secret not in json.dumps(list(Target.objects.values()), default=str)
        shelf.publish(a_course("v2", units=5))
        run("sync")
        run("deliver")  # the receiver knows the old one, and both have signed
        assert receiver.equals(a_course("v2", units=5))
        receiver.secrets = (secret,)
        shelf.publish(a_course("v3", units=6))
        run("sync")
        run("deliver")
        assert receiver.equals(a_course("v3", units=6))

    def test_the_old_secret_signs_no_longer_than_it_was_said(self, receiver):
        _status, out, _err = run("rotate-secret", "crm", "--hours", "0")
        assert "For 0" not in out
        assert run("test", "crm")[0] == 1

    def test_one_that_cannot_be_decrypted_is_forgotten(self, receiver, settings):
        """The key is lost, and with it the secret: docs/how-tos/operate.rst says that a new secret solves this."""
        settings.COURSE_SYNC_SECRET_KEYS = [Fernet.generate_key().decode()]
        status, out, _err = run("rotate-secret", "crm", "--secret", receiver.secret)
        assert status == 0
        assert "cannot be decrypted any more. From now on only the new secret is valid." in out
        assert run("test", "crm")[0] == 0

    def test_a_key_that_is_lost_in_the_middle_of_a_rotation(self, receiver, settings):
        run("rotate-secret", "crm")
        settings.COURSE_SYNC_SECRET_KEYS = [Fernet.generate_key().decode()]
        assert run("rotate-secret", "crm", "--secret", receiver.secret)[0] == 0
        assert run("test", "crm")[0] == 0

    def test_not_twice_while_a_receiver_may_have_the_first(self, receiver):
        before = [run("rotate-secret", "crm", "--hours", "2"), *Target.objects.values()][1:]
        until = f"{Target.objects.get().previous_secret_until:%Y-%m-%d %H:%M} UTC"
        status, out, err = run("rotate-secret", "crm")
        assert (status, out) == (1, "")
        assert f"Until {until} " in err
        assert "'--hours 0'" in err
        assert list(Target.objects.values()) == before
        assert run("test", "crm")[0] == 0

    def test_twice_when_only_the_new_one_is_to_count(self, receiver):
        run("rotate-secret", "crm")
        status, out, _err = run("rotate-secret", "crm", "--hours", "0", "--secret", receiver.secret)
        assert (status, out) == (0, "From now on only the new secret is valid.\n")
        assert Target.objects.get().previous_secret == ""
        assert run("test", "crm")[0] == 0

    def test_again_when_the_time_is_up(self, receiver):
        run("rotate-secret", "crm")
        Target.objects.update(previous_secret_until=DatabaseNow(-1))
        assert run("rotate-secret", "crm")[0] == 0

    def test_one_that_the_receiver_has_already(self, receiver, caplog):
        caplog.set_level(0)
        receiver.secrets = ("whsec_" + "B" * 43 + "=",)
        assert run("test", "crm")[0] == 1
        status, out, _err = run("rotate-secret", "crm", "--secret", receiver.secret)
        assert (status, out) == (0, "Hours for which both secrets are valid: 24\n")
        assert run("test", "crm")[0] == 0
        assert value("rotate-secret", "crm", "--hours", "0", "--secret", receiver.secret) == {}
        assert receiver.secret not in caplog.text

    def test_one_that_is_no_secret(self):
        before = list(Target.objects.values())
        status, _out, err = run("rotate-secret", "crm", "--secret", "whsec_c2hvcnQ=")
        assert status == 1
        assert "24" in err
        assert list(Target.objects.values()) == before


@pytest.mark.django_db
class TestDeliver:
    def test_what_came_of_it(self, shelf, receiver, settings):
        settings.COURSE_SYNC_ENVELOPE_OPERATIONS = 4
        shelf.publish(a_course("v1"))
        run("sync")
        assert run("deliver", "--until-empty")[:2] == (0, "11 operations in 4 envelopes, 1 lane\n")
        assert value("deliver") == {
            "lanes": 0, "envelopes": 0, "operations": 0, "failing": 0, "waiting": 0, "errors": [],
        }  # fmt: skip

    def test_its_round_is_done_whatever_receivers_answer(self, shelf, receiver):
        receiver.faults.append(Refuse(503, times=None))
        shelf.publish(a_course("v1"))
        run("sync")
        status, out, _err = run("deliver", "--until-empty")
        assert (status, *out.splitlines()[:2]) == (
            0,
            "0 operations in 0 envelopes, 1 lane",
            "1 lane waits for its next attempt",
        )

    def test_what_does_not_get_on_says_why_once(self, shelf, receiver):
        receiver.faults.append(Refuse(503, times=None))
        for course in (COURSE, OTHER):
            shelf.publish(a_course("v1", course=course))
        run("sync")
        done = value("deliver")
        assert (done["lanes"], done["operations"], done["waiting"], done["failing"]) == (2, 0, 2, 0)
        (error,) = done["errors"]
        assert "503" in error
        Lane.objects.filter(course__key=COURSE).update(failing=True)
        assert run("deliver")[1].splitlines() == [
            "0 operations in 0 envelopes, 0 lanes",
            "1 lane waits for its next attempt",
            "1 lane is stopped until an operator acts; 'status' shows it",
            f"  {error}",
        ]
        run("pause", "crm", "--yes")
        assert len(run("deliver")[1].splitlines()) == 1

    def test_a_receiver_that_is_gone(self, shelf, receiver):
        receiver.faults.append(Refuse(410))
        shelf.publish(a_course("v1"))
        run("sync")
        done = value("deliver")
        assert (done["waiting"], done["failing"]) == (0, 1)
        assert "permanently gone" in done["errors"][0]
