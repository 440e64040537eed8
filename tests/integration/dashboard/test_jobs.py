"""The pages of background jobs: what is long is planned, started, followed and stopped, by those who may."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from django.utils.http import urlencode

from course_sync_plugin import api
from course_sync_plugin.models import Course, Job, OperatorAction, Problem, Proposal, Run, digest_of
from course_sync_plugin.testing.faults import Fail
from tests.integration.courses import COURSE, a_course, block
from tests.integration.dashboard.people import HOSTILE, OTHER, cells, no_inline_code, seen, sign_in, texts
from tests.integration.dashboard.test_decisions import link, rename_there  # noqa: F401 (a fixture)
from tests.integration.one_lane import publish
from tests.integration.replication.conftest import far, linked  # noqa: F401 (fixtures)

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 2, 2, tzinfo=UTC)


def act_page(name: str, **names: str) -> str:
    return f"/course_sync/act/{name}/?{urlencode(names)}"


def act(client, path: str, note: str = "as agreed"):
    """Carry out what the page of an action shows."""
    tokens = re.findall(r'name="token" value="(\w+)"', client.get(path).content.decode())
    assert len(tokens) == 1
    return client.post(path, {"token": tokens, "note": note})


def run_all() -> None:
    for job_id in api.due_jobs():
        api.run_job(job_id)


def a_job(**values) -> Job:
    known = {
        "action": "retry", "items": [["a", "b"]] * 4, "total": 4, "position": 1, "done": 1, "state": "running",
        "target_name": "crm", "operator": "somebody", "note": HOSTILE, "errors": [HOSTILE], "created_at": NOW,
    }  # fmt: skip
    return Job.objects.create(**{**known, **values})


def of_org(org: str) -> dict[str, str]:
    return {"org": org, "org_digest": digest_of(org)}


@pytest.fixture
def few(monkeypatch) -> None:
    """Let two rows be many."""
    monkeypatch.setattr(api, "AT_ONCE", 1)


def test_all_proposals_of_a_filter_are_decided_in_the_background(client, link, far, few):  # noqa: F811
    for kind, title in (("module", "section-0"), ("module", "section-1"), ("item", "unit-0-0")):
        rename_there(far, kind, title, f"{title}, renamed")
    api.poll_now()
    changed = Proposal.objects.order_by("pk")[1]
    sign_in(client, is_superuser=True)
    path = act_page("reject", target="crm")
    shown = client.get(path).content.decode()
    assert "Decisions: 3" in shown
    assert "in the background" in shown
    answer = act(client, path)
    job = Job.objects.get()
    assert answer.url == f"/course_sync/jobs/{job.pk}/"
    assert (job.action, job.total, job.operator, job.note) == ("reject", 3, "somebody", "as agreed")
    assert not Proposal.objects.filter(state="rejected").exists()
    Proposal.objects.filter(pk=changed.pk).update(value="changed meanwhile")
    run_all()
    assert [one.state for one in Proposal.objects.order_by("pk")] == ["rejected", changed.state, "rejected"]
    done = list(OperatorAction.objects.filter(action="reject"))
    assert [(one.operator, one.note) for one in done] == [("somebody", "as agreed")] * 2
    page = seen(client, answer.url)
    assert "tems that are dealt with: 3 of 3" in page.text_content()
    assert texts(page, "//dl[@class='facts']/dd")[:3] == ["2", "1", "0"]
    assert f"{changed.pk}: it has changed since it was shown" in page.text_content()


@pytest.fixture
def refused(shelf, receiver) -> None:
    """A course of each of two organisations, and the receiver refuses a unit of each."""
    for course in (COURSE, OTHER):
        receiver.faults.append(Fail(entity_id=block("vertical", "unit-0-0", course), reason="taken"))
        shelf.publish(a_course("1", course=course))
        api.sync_course(course)
    api.deliver_until_empty()
    receiver.faults.clear()


def test_many_lanes_are_retried_in_the_background(client, refused, few):
    sign_in(client, is_superuser=True)
    path = act_page("retry", target="crm", operation="create", since="2020-01-01")
    assert "in the background" in client.get(path).content.decode()
    act(client, path)
    job = Job.objects.get()
    assert [key for key, _token in job.items] == [COURSE, OTHER]
    assert {one.state for one in Problem.objects.filter(closed_at=None)} == {"failed", "misplaced"}
    run_all()
    job.refresh_from_db()
    assert (job.state, job.done, job.errors) == ("finished", 2, [])
    api.deliver_until_empty()
    assert api.problems() == []
    assert OperatorAction.objects.filter(action="retry", note="as agreed").count() == 2


def test_many_lanes_are_skipped_in_the_background_as_they_were_shown(client, refused, few):
    sign_in(client, is_superuser=True)
    path = act_page("skip")
    shown = client.get(path).content.decode()
    assert "2 operations would be skipped permanently. Lanes: 2." in shown
    act(client, path)
    assert Job.objects.get().target_name == "crm"
    api.retry("crm", COURSE)  # somebody else does something about one of them
    run_all()
    job = Job.objects.get()
    assert (job.state, job.done, job.skipped) == ("finished", 1, 1)
    assert Problem.objects.filter(state="skipped").get().lane.course.key == OTHER


def test_few_lanes_are_retried_at_once(client, refused):
    sign_in(client, is_superuser=True)
    act(client, act_page("retry", target="crm"))
    assert not Job.objects.exists()
    assert not Problem.objects.filter(state="failed").exists()


class TestBackfill:
    @pytest.fixture
    def published(self, shelf, receiver) -> None:
        """Two courses were published before the plugin."""
        for course in (COURSE, OTHER):
            shelf.put(a_course("1", course=course))

    def test_courses_of_an_organisation(self, client, published):
        sign_in(client, "admin of Org")
        page = seen(client, "/course_sync/courses/")
        (path,) = page.xpath("//a[text()='Record what was never recorded']/@href")
        shown = client.get(path).content.decode()
        assert "would be read: 1" in shown
        assert OTHER not in shown
        answer = act(client, path)
        run_all()
        assert [run.course.key for run in Run.objects.all()] == [COURSE]
        assert "tems that are dealt with: 1 of 1" in seen(client, answer.url).text_content()
        assert OperatorAction.objects.get(action="backfill").operator == "somebody"
        assert "There is nothing to do." in client.get(path).content.decode()

    def test_of_a_target(self, client, shelf, receiver, published):
        publish(shelf, "2")
        api.add_target("late", backend="webhook", url=receiver.url)
        Course.objects.get().lanes.filter(target__name="late").delete()
        sign_in(client, is_superuser=True)
        (path,) = seen(client, "/course_sync/targets/late/").xpath("//a[text()='Record what was never recorded']/@href")
        shown = client.get(path).content.decode()
        assert "would be read: 1" in shown
        assert "would be sent to targets that lack them: 1" in shown
        act(client, path)
        run_all()
        assert Job.objects.get().done == 2

    def test_one_that_cannot_be_read_stops_no_other(self, client, shelf, published):
        shelf.courses[COURSE] = ValueError("broken")
        sign_in(client, is_superuser=True)
        act(client, act_page("backfill"))
        run_all()
        job = Job.objects.get()
        assert (job.done, job.failed) == (1, 1)
        assert job.errors[0].startswith(f"{COURSE}: ")

    @pytest.mark.parametrize(
        ("groups", "names", "status"),
        [
            (["admin of Org"], {"id": "Org"}, 200),
            (["admin of Org"], {"id": "Other"}, 403),
            (["admin of Org"], {"id": "org"}, 403),
            (["admin of Org"], {}, 403),
            (["admin of Org"], {"course": COURSE}, 403),
            (["staff of Org"], {"id": "Org"}, 403),
            ([f"admin of {COURSE}"], {"id": "Org"}, 403),
        ],
    )
    def test_who_may(self, client, published, groups, names, status):
        sign_in(client, *groups)
        assert client.get(act_page("backfill", **names)).status_code == status
        assert client.post(act_page("backfill", **names), {"token": "x"}).status_code == (302 if status == 200 else 403)


class TestRemote:
    def test_a_check_keeps_what_it_finds_and_its_repair_mends_just_that(self, client, link, far):  # noqa: F811
        next(one for one in far.things.values() if one.title == "unit-0-0").title = "Bees"
        thing = next(one for one in far.things.values() if one.title == "unit-0-1")
        number = next(key for key, one in far.things.items() if one is thing)
        far.things.pop(number)
        far.order.remove(number)
        sign_in(client, is_superuser=True)
        (path,) = seen(client, "/course_sync/targets/crm/").xpath("//a[text()='Compare with what is there']/@href")
        answer = act(client, path)
        run_all()
        page = seen(client, answer.url)
        found = cells(page, "findings")
        assert found
        assert {row[0] for row in found} == {COURSE}
        assert len(found) == len(api.check(api.CheckRequest(remote="crm")).findings)
        (path,) = page.xpath("//a[text()='Repair what was found']/@href")
        answer = act(client, path)
        run_all()
        job = Job.objects.get(action="repair-remote")
        assert (job.done, job.skipped, job.failed) == (1, 0, 0)
        assert OperatorAction.objects.get(action="check").note == "as agreed"

    def test_what_has_changed_is_not_repaired(self, client, link, far):  # noqa: F811
        for title in ("unit-0-0", "unit-0-1"):
            number = next(key for key, one in far.things.items() if one.title == title)
            far.things.pop(number)
            far.order.remove(number)
            if title == "unit-0-0":
                sign_in(client, is_superuser=True)
                act(client, act_page("check-remote", target="crm"))
                run_all()
        act(client, act_page("repair-remote", id=str(Job.objects.get().pk)))
        run_all()
        job = Job.objects.get(action="repair-remote")
        assert (job.done, job.skipped) == (0, 1)

    def test_a_target_without_links(self, client, receiver):
        sign_in(client, is_superuser=True)
        assert "No course is linked at crm." in client.get(act_page("check-remote", target="crm")).content.decode()
        job = a_job()
        assert "found nothing" in client.get(act_page("repair-remote", id=str(job.pk))).content.decode()


def test_it_is_stopped_and_says_so(client, receiver):
    job = a_job()
    sign_in(client, is_superuser=True)
    address = f"/course_sync/jobs/{job.pk}/"
    (path,) = seen(client, address).xpath("//a[text()='Stop']/@href")
    assert "tems that are dealt with: 1 of 4" in client.get(path).content.decode()
    assert act(client, path).url == address
    assert "stopping" in seen(client, address).text_content()
    run_all()
    page = seen(client, address)
    assert "stopped" in page.text_content()
    assert page.xpath("//*[@hx-trigger] | //a[text()='Stop']") == []


def test_the_page_asks_for_its_progress_while_it_goes_on(client, receiver):
    job = a_job()
    sign_in(client, is_superuser=True)
    page = seen(client, f"/course_sync/jobs/{job.pk}/")
    (progress,) = page.xpath("//*[@id='progress']")
    assert progress.get("hx-get") == f"/course_sync/jobs/{job.pk}/"
    (bar,) = page.xpath("//progress")
    assert (bar.get("value"), bar.get("max")) == ("1", "4")
    assert texts(page, "//ul[@class='plan']/li") == [HOSTILE]
    assert no_inline_code(page)


def test_the_list_pages_by_key_and_the_overview_tells_of_what_goes_on(client, receiver, django_assert_max_num_queries):
    jobs = [a_job(state="finished") for _number in range(59)] + [a_job()]
    sign_in(client, is_superuser=True)
    with django_assert_max_num_queries(8):
        page = seen(client, "/course_sync/jobs/")
    assert [row[0].partition(":")[0] for row in cells(page, "jobs")] == [str(job.pk) for job in reversed(jobs[10:])]
    older = seen(client, f"/course_sync/jobs/{page.xpath('//a[@rel]/@href')[0]}")
    assert len(cells(older, "jobs")) == 10
    (told,) = seen(client, "/course_sync/").xpath("//main//p[a[starts-with(text(), 'Job')]]")
    assert "tems that are dealt with: 1 of 4" in told.text_content()


def test_an_action_of_a_newer_release_is_named(client, receiver):
    job = a_job(action="no-such-action")
    sign_in(client, is_superuser=True)
    assert "no-such-action" in seen(client, f"/course_sync/jobs/{job.pk}/").text_content()


@pytest.mark.parametrize(
    ("groups", "values", "sees", "acts"),
    [
        ([], {"is_superuser": True}, {"site", "Org", "Other", "course"}, {"site", "Org", "Other", "course"}),
        ([], {"is_staff": True}, {"site", "Org", "Other", "course"}, set()),
        (["admin of Org"], {}, {"Org", "course"}, {"Org", "course"}),
        (["staff of Org"], {}, {"Org", "course"}, set()),
        (["admin of Other"], {}, {"Other"}, {"Other"}),
        (["admin of org"], {}, set(), set()),
        ([f"admin of {COURSE}"], {}, {"course"}, {"course"}),
        ([], {}, set(), set()),
    ],
)
def test_who_sees_and_stops_which(client, receiver, groups, values, sees, acts):
    jobs = {
        "site": a_job(),
        "Org": a_job(**of_org("Org")),
        "Other": a_job(**of_org("Other")),
        "course": a_job(**of_org("Org"), course_key=COURSE, course_digest=digest_of(COURSE)),
    }
    sign_in(client, *groups, **values)
    for name, job in jobs.items():
        address = f"/course_sync/jobs/{job.pk}/"
        assert client.get(address).status_code == (200 if name in sees else 404), name
        stop = client.get(act_page("stop-job", id=str(job.pk)))
        assert stop.status_code == (200 if name in acts else 403 if name in sees else 404), name
        if name in sees:
            assert bool(seen(client, address).xpath("//a[text()='Stop']")) is (name in acts), name
    listed = client.get("/course_sync/jobs/")
    if values or any("of Org" in one or "of Other" in one or "of org" in one for one in groups):
        found = set(re.findall(r'href="/course_sync/jobs/(\d+)/"', listed.content.decode()))
        assert found == {str(jobs[name].pk) for name in sees}
    else:
        assert listed.status_code == 403


@pytest.mark.parametrize("job_id", ["0", "99", str(10**40), "x"])
def test_what_is_not_there(client, receiver, job_id):
    sign_in(client, is_superuser=True)
    assert client.get(f"/course_sync/jobs/{job_id}/").status_code == 404
    assert client.get(act_page("stop-job", id=job_id)).status_code == 404


def test_a_visitor_is_sent_to_the_sign_in(client, db):
    assert client.get("/course_sync/jobs/").status_code == 302
    assert client.get("/course_sync/jobs/1/").status_code == 302


def test_what_is_kept_of_a_check_is_bounded_and_only_what_is_shown_is_repaired(client, link, far, monkeypatch):  # noqa: F811
    """A course whose differences do not all have room is not offered for repair."""
    monkeypatch.setattr("course_sync_plugin.upkeep.jobs.items.MOST_FINDINGS", 1)
    for title in ("unit-0-0", "unit-0-1"):
        number = next(key for key, one in far.things.items() if one.title == title)
        far.things.pop(number)
        far.order.remove(number)
    sign_in(client, is_superuser=True)
    answer = act(client, act_page("check-remote", target="crm"))
    run_all()
    page = seen(client, answer.url)
    assert len(cells(page, "findings")) == 1
    more = len(api.check(api.CheckRequest(remote="crm")).findings) - 1
    assert f"Differences that are not shown: {more}" in page.text_content()
    assert page.xpath("//a[text()='Repair what was found']") == []
