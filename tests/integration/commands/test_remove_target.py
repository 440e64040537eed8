"""``remove-target`` shows what would go. It removes only a target that is still as it was shown."""

from __future__ import annotations

import json
import shlex
from io import StringIO
from urllib.parse import urlsplit

import pytest

from course_sync_plugin import api
from course_sync_plugin.exceptions import UnknownName
from course_sync_plugin.models import (
    CourseContext,
    DatabaseNow,
    Envelope,
    JournalOperation,
    Lane,
    Problem,
    Run,
    Subscription,
    Target,
)
from course_sync_plugin.testing.faults import Fail, Refuse
from course_sync_plugin.testing.receiver import Receiver
from tests.integration.courses import COURSE, a_course, block, exit_status, own_queries

pytestmark = pytest.mark.django_db

OTHER = "course-v1:Org+Course+Other"
THIRD = "course-v1:Org+Course+Third"
TABLES = (Target, Subscription, CourseContext, Lane, Envelope, Problem)


def publish(shelf, version: str, course: str = COURSE, **values: object) -> None:
    """Publish and record a course."""
    shelf.publish(a_course(version, course=course, **values))
    api.sync_course(course)


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    """Run 'remove-target'; return exit status, output and errors."""
    return exit_status("remove-target", *arguments), *capsys.readouterr()


def token(name: str = "crm") -> str:
    """Return the token that 'remove-target' shows now."""
    return api.removal_plan(name).token


def everything() -> list[list[dict]]:
    """Return all rows of the tables that a removal may change."""
    return [list(table.objects.order_by("pk").values()) for table in TABLES]


@pytest.fixture
def crm(shelf, settings):
    """Add a target for two courses, with a context, an operation that failed and one that is parked behind it.

    The operations of the second course are not delivered, because its receiver does not answer.
    """
    settings.COURSE_SYNC_ALLOWED_PRIVATE_HOSTS = ["127.0.0.1"]
    with Receiver() as receiver:
        api.add_target(
            "crm",
            url=f"{receiver.url}hooks/t0ken?key=t0ken",
            secret=receiver.secret,
            orgs=["Org"],
            courses=["course-v1:Elsewhere+Course+Run"],
            options=["retry_schedule=1,5"],
        )
        api.set_context(COURSE, "crm", ["level=A2", "class=7b"])
        publish(shelf, "v1")
        api.deliver_until_empty()
        receiver.faults.append(Fail(entity_id=block("vertical", "unit-0-0"), reason="no room"))
        for at, title in enumerate(("another title", "a third title"), 2):
            publish(shelf, f"v{at}", titles={"unit-0-0": title})
            api.deliver_until_empty()
        receiver.faults.append(Refuse(503, times=None))
        publish(shelf, "v1", OTHER)
        api.deliver_due()
        yield receiver


class TestThePlan:
    def test_it_shows_what_would_go_and_changes_nothing(self, crm, capsys):
        before = everything()
        status, out, err = run(capsys, "crm")
        assert (status, err) == (0, "")
        assert out.splitlines() == [
            f"Would remove target crm: webhook {urlsplit(crm.url).netloc}",
            "  subscriptions: Org, course-v1:Elsewhere+Course+Run",
            "  entity types: all",
            "  retry_schedule: 1, 5",
            "  courses with a context: 1",
            f"    {COURSE}: class=7b, level=A2",
            "  lanes: 2",
            f"    {OTHER}",
            f"    {COURSE}",
            "  operations that are not delivered: 11",
            "  open problems: 1 failed, 1 parked",
            f"  token: {token()}",
            "The journal stays. So does the data that the receiver has.",
            f"To carry out exactly this: remove-target crm --yes --token {token()}",
        ]
        assert everything() == before

    def test_of_a_target_that_has_nothing(self, shelf, receiver, capsys):
        assert run(capsys, "crm")[1].splitlines()[1:-3] == [
            "  subscriptions: all courses",
            "  entity types: all",
            "  courses with a context: 0",
            "  lanes: 0",
            "  operations that are not delivered: 0",
            "  open problems: none",
        ]

    def test_no_secret_and_no_part_of_the_url_but_its_host_is_shown(self, crm, capsys):
        for arguments in (["crm"], ["crm", "--json"]):
            out = run(capsys, *arguments)[1]
            assert "t0ken" not in out
            assert "whsec_" not in out
            assert Target.objects.get().secret not in out

    def test_a_context_whose_values_were_all_removed_is_none(self, crm):
        api.set_context(COURSE, "crm", ["level=", "class="])
        assert api.removal_plan("crm").contexts == {}

    def test_of_many_courses_the_first_are_shown(self, shelf, receiver, capsys):
        for at in range(23):
            key = f"course-v1:Org+Course+Run{at:02}"
            publish(shelf, "v1", key, sections=1, units=0)
            api.set_context(key, "crm", ["level=A2"])
        lines = run(capsys, "crm")[1].splitlines()
        assert lines.count("    and 3 more; --json shows all of them") == 2
        assert sum("Course+Run" in line for line in lines) == 40

    def test_pending_is_what_status_shows(self, crm, shelf):
        """With a lane that waits for a snapshot, one that waits for an answer, and one that is behind."""
        publish(shelf, "v4", units=5)
        publish(shelf, "v1", THIRD)
        Lane.objects.filter(course__key=THIRD).update(cursor=None)
        (target,) = api.status()["targets"]
        assert api.removal_plan("crm").pending == target["pending"] > 22

    def test_its_queries_do_not_grow_with_the_courses(self, crm, shelf):
        counts = []
        for at in range(2):
            with own_queries() as queries:
                api.removal_plan("crm")
            counts.append(len(queries))
            publish(shelf, "v1", f"course-v1:Org+Course+Next{at}")
        assert counts[0] == counts[1] < 10

    def test_json(self, crm, capsys):
        plan = json.loads(run(capsys, "crm", "--json")[1])
        assert plan == {
            "name": "crm",
            "backend": "webhook",
            "host": urlsplit(crm.url).netloc,
            "subscriptions": ["Org", "course-v1:Elsewhere+Course+Run"],
            "entity_types": [],
            "options": {"retry_schedule": [1, 5]},
            "contexts": {COURSE: {"level": "A2", "class": "7b"}},
            "lanes": [OTHER, COURSE],
            "links": [],
            "conflicts": 0,
            "proposals": 0,
            "pending": 11,
            "problems": {"failed": 1, "parked": 1},
            "token": token(),
        }


class TestRemoving:
    def test_the_ready_command_removes_what_was_shown(self, crm, capsys):
        api.add_target("other", url=crm.url)
        journal = list(JournalOperation.objects.order_by("pk").values())
        replica = crm.replica(COURSE)
        ready = run(capsys, "crm")[1].splitlines()[-1].partition(": remove-target ")[2]
        status, out, err = run(capsys, *shlex.split(ready))
        assert (status, err) == (0, "")
        assert out == (
            "Target crm is removed, with 2 lanes and 2 open problems. "
            "The journal stays. So does the data that the receiver has.\n"
        )
        assert [target.name for target in Target.objects.all()] == ["other"]
        assert {lane.target.name for lane in Lane.objects.all()} == {"other"}
        assert not any(table.objects.exists() for table in (Subscription, CourseContext, Envelope, Problem))
        assert list(JournalOperation.objects.order_by("pk").values()) == journal
        assert crm.replica(COURSE) is replica
        assert set(Run.objects.filter(lane__isnull=False).values_list("target_name", flat=True)) <= {"crm", "other"}

    def test_json(self, crm, capsys):
        shown = token()
        status, out, _err = run(capsys, "crm", "--yes", "--token", shown, "--json")
        assert status == 0
        assert json.loads(out) == {
            "name": "crm", "removed": True, "lanes": 2, "problems": 2, "token": shown, "error": "",
        }  # fmt: skip

    def test_a_token_is_for_one_target(self, crm, capsys):
        api.add_target("other", url=crm.url)
        assert run(capsys, "other", "--yes", "--token", token())[0] == 1
        assert Target.objects.count() == 2

    def test_a_token_is_for_one_removal(self, crm, capsys):
        """The target that is added again has the same name and settings, and it is another one."""
        row = Target.objects.get()
        shown = token()
        api.remove_target("crm")
        with pytest.raises(UnknownName):
            api.remove_shown("crm", shown)
        api.add_target("crm", url=row.url, orgs=["Org"], options=["retry_schedule=1,5"])
        assert run(capsys, "crm", "--yes", "--token", shown)[0] == 1
        assert Target.objects.exists()

    def test_a_target_that_goes_while_the_removal_begins(self, crm, monkeypatch):
        from course_sync_plugin.upkeep.targets import removal

        row, shown = Target.objects.get(), token()
        api.remove_target("crm")
        monkeypatch.setattr(removal, "get_target", lambda name: row)
        assert "is no longer valid" in api.remove_shown("crm", shown).error

    def test_a_program_may_remove_a_target_at_once(self, crm):
        api.remove_target("crm")
        assert not any(table.objects.exists() for table in TABLES)


def _new_lane(shelf):
    publish(shelf, "v1", THIRD)


def _lane_gone_and_another_one(shelf):
    """The number of lanes is the same."""
    Lane.objects.filter(course__key=OTHER).delete()
    publish(shelf, "v1", THIRD)


def _skipped(_shelf):
    api.skip_shown([plan.token for plan in api.skip_plans(api.Filters("crm"))], api.Filters("crm"))


def _retried(_shelf):
    api.retry("crm")


def _problem_gone_and_another_one(_shelf):
    """The number of problems in each state is the same."""
    parked = Problem.objects.get(state="parked")
    Problem.objects.filter(pk=parked.pk).delete()
    parked.pk = None
    parked.save()


def _context_value(_shelf):
    api.set_context(COURSE, "crm", ["level=A1"])


def _context_of_another_course(_shelf):
    api.set_context(OTHER, "crm", ["level=A2"])


def _subscription(_shelf):
    Target.objects.get().subscriptions.create(org="Org2")


def _subscription_of_another_course(_shelf):
    Subscription.objects.filter(org="").update(course_key="course-v1:Elsewhere+Course+Run2")


def _url(_shelf):
    api.set_url("crm", "https://127.0.0.1/elsewhere")


def _path_of_the_url(_shelf):
    api.set_url("crm", Target.objects.get().url + "0")


def _options(_shelf):
    Target.objects.update(options={"retry_schedule": [1, 6]})


def _entity_types(_shelf):
    Target.objects.update(entity_types=["unit"])


CHANGES = (
    _new_lane,
    _lane_gone_and_another_one,
    _skipped,
    _retried,
    _problem_gone_and_another_one,
    _context_value,
    _context_of_another_course,
    _subscription,
    _subscription_of_another_course,
    _url,
    _path_of_the_url,
    _options,
    _entity_types,
)


class TestWhatHasChangedSince:
    @pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__.strip("_"))
    def test_it_is_refused_and_nothing_is_removed(self, crm, shelf, capsys, change):
        shown = token()
        change(shelf)
        before = everything()
        status, out, _err = run(capsys, "crm", "--yes", "--token", shown)
        assert (status, out) == (
            1,
            f"The plan of token {shown} is no longer valid: it has changed or was carried out. "
            "Show the plans again.\nTarget crm is not removed.\n",
        )
        assert everything() == before
        assert run(capsys, "crm", "--yes", "--token", token())[0] == 0

    def test_json(self, crm, capsys):
        shown = token()
        api.set_context(COURSE, "crm", ["level=A1"])
        status, out, _err = run(capsys, "crm", "--yes", "--token", shown, "--json")
        done = json.loads(out)
        assert status == 1
        assert (done["removed"], done["lanes"], done["problems"], done["token"]) == (False, 0, 0, shown)
        assert "is no longer valid" in done["error"]

    def test_a_worker_keeps_the_lease_of_a_target_that_is_not_removed(self, crm):
        Lane.objects.update(lease_token="worker", lease_until=DatabaseNow(60))
        before = everything()
        assert api.remove_shown("crm", "0" * 12).error
        assert everything() == before

    @pytest.mark.parametrize(
        "meanwhile",
        [
            lambda shelf: publish(shelf, "v5", units=5),
            lambda shelf: api.deliver_until_empty(),
            lambda shelf: Lane.objects.update(cursor=1, attempts=3, sequence=99),
            lambda shelf: api.pause("crm"),
            lambda shelf: api.resume("crm"),
            lambda shelf: api.rotate_secret("crm"),
            lambda shelf: api.set_context(COURSE, "crm", ["level=A2"]),
            lambda shelf: api.add_target("other", url=Target.objects.get().url),
        ],
        ids=["publish", "deliver", "cursor", "pause", "resume", "secret", "same context", "another target"],
    )
    def test_what_moves_by_itself_does_not_count(self, crm, shelf, meanwhile):
        """Otherwise a target that is delivering could hardly be removed."""
        shown = token()
        meanwhile(shelf)
        assert api.remove_shown("crm", shown).error == ""
        assert not Target.objects.filter(name="crm").exists()


class TestAtATerminal:
    """``--yes`` without a token: the operator sees what would go and is asked."""

    def test_who_agrees(self, crm, capsys, terminal):
        terminal("y")
        status, out, _err = run(capsys, "crm", "--yes")
        assert status == 0
        assert out.index("Would remove target crm") < out.index("[y/N]") < out.index("Target crm is removed")
        assert not Target.objects.exists()

    def test_who_does_not(self, crm, capsys, terminal):
        terminal("")
        before = everything()
        status, out, _err = run(capsys, "crm", "--yes")
        assert (status, out.splitlines()[-2:]) == (1, ["Carry this out? [y/N]", "Nothing was done."])
        assert everything() == before

    def test_what_changes_while_the_operator_thinks(self, crm, capsys, monkeypatch):
        class Slow(StringIO):
            def isatty(self) -> bool:
                return True

            def readline(self) -> str:
                api.set_context(COURSE, "crm", ["level=A1"])
                return "y\n"

        monkeypatch.setattr("sys.stdin", Slow())
        status, out, _err = run(capsys, "crm", "--yes")
        assert status == 1
        assert "is no longer valid" in out
        assert Target.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--yes"], "--yes needs --token"),
        (["--yes", "--json"], "--yes needs --token"),
        (["--token", "0" * 12], "--token needs --yes"),
        (["--yes", "--token", "0" * 12, "1" * 12], "one token"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_removes_nothing(crm, capsys, monkeypatch, arguments, said):
    monkeypatch.setattr("sys.stdin", StringIO("y\n"))
    before = everything()
    status, out, err = run(capsys, "crm", *arguments)
    assert (status, out) == (2, "")
    assert said in err
    assert everything() == before
