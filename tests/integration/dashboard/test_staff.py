"""The page for course staff: what it says in each state, who sees it, and who may frame it."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from course_sync_plugin import api
from course_sync_plugin.models import (
    LINK,
    Conflict,
    Course,
    DatabaseNow,
    Lane,
    Link,
    Marker,
    Proposal,
    Run,
    RunKind,
    Target,
    digest_of,
)
from course_sync_plugin.testing.faults import Fail, Refuse
from tests.integration.courses import COURSE, a_course, block
from tests.integration.dashboard.people import HOSTILE, seen, sign_in, texts
from tests.integration.one_lane import publish, renamed

pytestmark = pytest.mark.django_db

PAGE = f"/course_sync/staff/{COURSE}/"
UNIT = block("vertical", "unit-0-0")

#: Words of operators, which nobody else should need to know.
VOCABULARY = re.compile(r"lane|envelope|cursor|operation|parked|pending|journal|receiver|sync(?!ed)", re.IGNORECASE)


@pytest.fixture
def teacher(client):
    return sign_in(client, f"admin of {COURSE}")


@pytest.fixture
def in_step(shelf, receiver):
    publish(shelf, "1")
    api.deliver_until_empty()
    Run.objects.update(began_at=at("14:02"))


def at(time: str) -> datetime:
    return datetime.fromisoformat(f"2026-02-03 {time}").replace(tzinfo=UTC)


def told(client) -> str:
    page = seen(client, PAGE)
    text = " ".join(page.xpath("//main")[0].text_content().split())
    assert not VOCABULARY.search(text.replace(COURSE, "")), text
    return text


def test_everything_is_there(teacher, in_step):
    assert told(teacher) == "course crm has what you published until Feb. 3, 2026, 2:02 p.m. UTC. That is everything."


def test_a_time_of_today_has_no_date(teacher, in_step):
    Run.objects.update(began_at=DatabaseNow())
    assert re.search(r"until (\d+(:\d\d)?( [ap]\.m\.)|noon|midnight) UTC\. That is everything\.", told(teacher))


def test_a_change_is_on_its_way(teacher, shelf, in_step):
    publish(shelf, "2", titles=renamed("unit-0-0"))
    Run.objects.filter(pk=Run.objects.latest("pk").pk).update(began_at=at("14:31"))
    text = told(teacher)
    assert "2:02 p.m. UTC. Your change of Feb. 3, 2026, 2:31 p.m. UTC is on its way." in text
    assert "That is everything." not in text


def test_a_change_that_is_not_recorded_yet_is_on_its_way_too(teacher, shelf, in_step):
    shelf.publish(a_course("2", titles=renamed("unit-0-0")))
    Marker.objects.update(seen_at=at("14:31"))
    assert "Your change of Feb. 3, 2026, 2:31 p.m. UTC is on its way." in told(teacher)


def test_nothing_was_sent_yet(teacher, shelf, receiver):
    publish(shelf, "1")
    assert "crm has nothing of this course yet. What you published is on its way." in told(teacher)


def test_half_of_a_change_is_not_told_as_the_whole(teacher, shelf, receiver):
    publish(shelf, "1")
    api.deliver_until_empty()
    Lane.objects.update(cursor=5, end=11)
    assert "crm is being brought up to date." in told(teacher)


def test_a_backlog_that_is_replaced_is_not_told_as_delivered(teacher, shelf, receiver, in_step, settings):
    settings.COURSE_SYNC_LONG_BACKLOG = 2
    publish(shelf, "2", titles=renamed("unit-0-0", "unit-0-1", "unit-0-2"))
    publish(shelf, "3", titles=renamed("unit-0-0"))
    receiver.faults.append(Refuse(503, times=None))
    api.deliver_due()
    assert Run.objects.latest("pk").kind == RunKind.DIFFERENCE
    assert "crm is being brought up to date." in told(teacher)


def test_what_was_not_taken(teacher, shelf, receiver, in_step):
    receiver.faults.append(Fail(entity_id=UNIT, reason=HOSTILE))
    publish(shelf, "2", titles={"unit-0-0": HOSTILE})
    api.deliver_until_empty()
    page = seen(teacher, PAGE)
    assert texts(page, "//li/ul/li") == [f"A change of “{HOSTILE}” is missing there. crm said: {HOSTILE}"]
    assert page.xpath("//script[not(@src)]") == []
    assert "It did not take everything:" in told(teacher)


def test_what_waits_behind_it_is_counted(teacher, shelf, receiver):
    publish(shelf, "1", sections=1)
    api.deliver_until_empty()
    receiver.faults.append(Fail(entity_id=block("chapter", "section-1"), reason="no"))
    publish(shelf, "2")
    api.deliver_until_empty()
    text = told(teacher)
    assert "“section-1” is missing there." in text
    assert "4 more changes wait for these." in text


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"attempts": 1}, "It is tried again by itself."),
        ({"paused": True}, "The people who run this site must look at it."),
        ({"failing": True}, "The people who run this site must look at it."),
        ({"waiting_for": "token"}, "The people who run this site must look at it."),
        ({"waiting_for": LINK}, "crm is not connected to this course."),
    ],
)
def test_each_state_in_their_words(teacher, in_step, values, sentence):
    Lane.objects.update(**values)
    assert sentence in told(teacher)


def test_a_change_that_waits_is_not_told_as_on_its_way(teacher, shelf, in_step):
    Lane.objects.update(paused=True)
    publish(shelf, "2", titles=renamed("unit-0-0"))
    text = told(teacher)
    assert re.search(r"Your change of .+ waits\. Nothing is sent to it at the moment\.", text)
    assert "on its way" not in text


def test_a_change_behind_one_that_was_not_taken_is_on_its_way(teacher, shelf, receiver, in_step):
    receiver.faults.append(Fail(entity_id=UNIT, reason="no"))
    publish(shelf, "2", titles=renamed("unit-0-0"))
    api.deliver_until_empty()
    publish(shelf, "3", titles=renamed("unit-0-0", "unit-0-1"))
    assert re.search(r"Your change of .+ is on its way\. It did not take everything:", told(teacher))


def test_a_held_run(teacher, shelf, in_step, settings):
    settings.COURSE_SYNC_MASS_DELETE_COUNT = 1
    publish(shelf, "2", sections=1)
    assert "Your last publish would remove 5 of 11 parts of the course." in told(teacher)


def test_a_publish_that_cannot_be_read(teacher, shelf, in_step):
    shelf.break_(ValueError(HOSTILE), "2")
    api.sync_course(COURSE)
    text = told(teacher)
    assert "Your last publish could not be read." in text
    assert "ValueError" not in text


def test_no_target(teacher, shelf):
    publish(shelf, "1")
    assert "This course is not sent to any other system." in told(teacher)


@pytest.mark.parametrize(
    ("groups", "values", "status", "acts"),
    [
        ([], {"is_superuser": True}, 200, True),
        ([], {"is_staff": True}, 200, False),
        (["staff of Org"], {}, 200, False),
        (["admin of Org"], {}, 200, True),
        ([f"staff of {COURSE}"], {}, 200, False),
        ([f"admin of {COURSE}"], {}, 200, True),
        (["admin of Other"], {}, 404, False),
        (["admin of course-v1:Org+Course+Other"], {}, 404, False),
        ([], {}, 404, False),
    ],
)
def test_who_sees_it_and_who_may_send_again(client, in_step, groups, values, status, acts):
    Lane.objects.update(failing=True)
    sign_in(client, *groups, **values)
    assert client.get(PAGE).status_code == status
    if status == 200:
        (found,) = seen(client, PAGE).xpath("//a[@class='button']") or [None]
        assert (found is not None) == acts
        if acts:
            assert client.get(found.get("href")).status_code == 200


def test_a_visitor_is_sent_to_the_sign_in(client, in_step):
    assert client.get(PAGE).status_code == 302


def test_there_is_nothing_to_send_again_while_all_is_well(teacher, in_step):
    assert seen(teacher, PAGE).xpath("//a[@class='button']") == []


def test_only_pages_of_the_site_may_frame_it(teacher, in_step, settings):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.middleware.clickjacking.XFrameOptionsMiddleware"]
    settings.CSRF_TRUSTED_ORIGINS = ["https://apps.example.org", "https://*.example.net"]
    answer = teacher.get(PAGE)
    assert answer["Content-Security-Policy"] == "frame-ancestors 'self' https://apps.example.org https://*.example.net"
    assert "X-Frame-Options" not in answer
    act = teacher.get("/course_sync/act/retry/", {"target": "crm", "course": COURSE})
    assert (act["Content-Security-Policy"], act["X-Frame-Options"]) == ("frame-ancestors 'self'", "DENY")


def test_the_number_of_queries_is_small(teacher, shelf, receiver, in_step, django_assert_max_num_queries):
    receiver.faults.append(Fail(entity_id=UNIT, reason="no"))
    publish(shelf, "2", titles=renamed("unit-0-0"))
    api.deliver_until_empty()
    with django_assert_max_num_queries(12):
        seen(teacher, PAGE)


class TestWhatWasChangedOnBothSides:
    @pytest.fixture
    def conflict(self, in_step):
        course, target = Course.objects.get(), Target.objects.get()
        link = Link.objects.create(target=target, course=course, remote_id="7", created_at=DatabaseNow())
        return Conflict.objects.create(
            link=link, target_name="crm", course=course, entity_type="unit", entity_id=UNIT, id_digest=digest_of(UNIT),
            field="display_name", state="open", base="Old", openedx="Ours", remote=HOSTILE, since=DatabaseNow(),
        )  # fmt: skip

    def test_it_can_be_decided(self, teacher, conflict):
        text = told(teacher)
        assert f"The title of “unit-0-0” was changed on both sides: here “Ours”, there “{HOSTILE}”." in text
        links = {link.text: link.get("href") for link in seen(teacher, PAGE).xpath("//li//li/a")}
        assert [*links] == ["Keep what is here", "Take what is there"]
        for address in links.values():
            assert teacher.get(address).status_code == 200

    def test_those_who_only_look_are_told(self, client, conflict):
        sign_in(client, f"staff of {COURSE.split(':')[1].split('+')[0]}")
        assert "was changed on both sides" in told(client)
        assert seen(client, PAGE).xpath("//li//li/a") == []

    def test_one_about_a_place(self, teacher, conflict):
        Conflict.objects.update(field="place", openedx="a", remote="b")
        assert "“unit-0-0” was moved here and there, to different places." in told(teacher)

    def test_one_that_is_decided_is_not_told(self, teacher, conflict):
        Conflict.objects.update(state="resolved")
        assert "both sides" not in told(teacher)


class TestWhatWasChangedThere:
    @pytest.fixture
    def proposal(self, in_step):
        course, target = Course.objects.get(), Target.objects.get()
        link = Link.objects.create(target=target, course=course, remote_id="7", created_at=DatabaseNow())
        return Proposal.objects.create(
            link=link, target_name="crm", course=course, entity_type="unit", entity_id=UNIT, id_digest=digest_of(UNIT),
            field="display_name", state="open", base="Old", value=HOSTILE, since=DatabaseNow(),
        )  # fmt: skip

    def test_it_can_be_taken_or_rejected(self, teacher, proposal):
        assert f"The title of “unit-0-0” is “{HOSTILE}” there, and is not changed here yet." in told(teacher)
        page = seen(teacher, PAGE)
        assert page.xpath("//li[@class='well']") == []
        links = {link.text: link.get("href") for link in page.xpath("//li//li/a")}
        assert {text: address.split("/")[3] for text, address in links.items()} == {
            "Keep what is here": "reject",
            "Take what is there": "accept",
        }
        for address in links.values():
            assert teacher.get(address).status_code == 200

    def test_those_who_only_look_are_told(self, client, proposal):
        sign_in(client, f"staff of {COURSE.split(':')[1].split('+')[0]}")
        assert "is not changed here yet" in told(client)
        assert seen(client, PAGE).xpath("//li//li/a") == []

    @pytest.mark.parametrize(
        ("values", "text"),
        [
            ({"field": "place", "value": ["a", None]}, "“unit-0-0” was moved there. Here it is at its old place."),
            (
                {"state": "written", "value": "New"},
                "there. It is in the draft here and waits to be published.",
            ),
            ({"field": "due", "value": "2026-01-02"}, "The due date of “unit-0-0” is “2026-01-02” there"),
        ],
    )
    def test_what_it_is(self, teacher, proposal, values, text):
        Proposal.objects.update(**values)
        assert text in told(teacher)

    @pytest.mark.parametrize("values", [{"state": "published"}, {"state": "rejected"}, {"link": None}])
    def test_one_that_has_ended_is_not_told(self, teacher, proposal, values):
        Proposal.objects.update(**values)
        assert "there" not in told(teacher).split("everything.")[1]
