"""The pages of targets: what they say in each state, what is kept of an attempt, and who sees them."""

from __future__ import annotations

import pytest

from course_sync_plugin import api
from course_sync_plugin.models import Attempt, Course, DatabaseNow, Lane, RateBudget, Target, digest_of
from course_sync_plugin.testing.faults import Fail, Refuse
from tests.integration.courses import COURSE, block
from tests.integration.dashboard.people import HOSTILE, cells, seen, sign_in, texts
from tests.integration.one_lane import publish, renamed
from tests.integration.upkeep.prune.ages import an_attempt

pytestmark = pytest.mark.django_db

LIST = "/course_sync/targets/"
PAGE = "/course_sync/targets/crm/"


@pytest.fixture
def operator(client):
    return sign_in(client, is_superuser=True)


@pytest.fixture
def delivered(shelf, receiver):
    """A course that the target has."""
    publish(shelf, "1")
    api.deliver_until_empty()
    return shelf


def facts(page) -> dict[str, str]:
    """Return the terms of a page with what it says of each."""
    return dict(zip(texts(page, "//dl/dt"), texts(page, "//dl/dd"), strict=True))


class TestTheList:
    def test_of_an_empty_site(self, operator, shelf):
        assert "There is no target yet." in seen(operator, LIST).text_content()

    def test_names_states_and_what_to_do(self, operator, delivered):
        (row,) = cells(seen(operator, LIST), "targets")
        host = Target.objects.get().url.split("/")[2]
        assert row == ["crm", "in step", "Nothing.", "webhook", host, "0", "0", "0"]
        api.pause("crm")
        page = seen(operator, LIST)
        assert cells(page, "targets")[0][1:3] == [
            "paused", "Resume it when it may go on. A course that is paused alone is resumed on its own page.",
        ]  # fmt: skip
        assert page.xpath("//tbody//a/@href") == [PAGE]

    def test_its_queries_do_not_grow(self, operator, delivered, receiver, django_assert_max_num_queries):
        for at in range(5):
            api.add_target(f"other-{at}", url=receiver.url, secret=receiver.secret, orgs=["Org"])
        with django_assert_max_num_queries(12):
            assert len(cells(seen(operator, LIST), "targets")) == 6


class TestTheState:
    def test_in_step(self, operator, delivered):
        page = seen(operator, PAGE)
        assert texts(page, "//h1") == ["crm: in step"]
        assert "It has everything that was published. There is nothing to do." in page.text_content()
        assert cells(page, "lanes") == []
        assert facts(page)["Lag"] == "0 s; the objective is 3600 s: kept"
        assert facts(page)["Circuit breaker"] == "closed"

    def test_on_its_way(self, operator, shelf, receiver):
        publish(shelf, "1")
        page = seen(operator, PAGE)
        assert "11 operations are on their way. There is nothing to do." in " ".join(page.text_content().split())
        assert cells(page, "lanes")[0][:5] == [COURSE, "pending", "11", "–", "–"]

    def test_a_missed_objective(self, operator, shelf, receiver, settings):
        publish(shelf, "1")
        Lane.objects.update(created_at=DatabaseNow(-100))
        settings.COURSE_SYNC_OBJECTIVE_SECONDS = 50
        assert facts(seen(operator, PAGE))["Lag"].endswith("s; the objective is 50 s: missed")

    def test_a_problem_says_what_to_do(self, operator, delivered, receiver):
        receiver.faults.append(Fail(entity_id=block("vertical", "unit-0-0"), reason=HOSTILE))
        publish(delivered, "2", titles=renamed("unit-0-0"))
        api.deliver_until_empty()
        page = seen(operator, PAGE)
        (finding,) = texts(page, "//li[@class='urgent']")
        assert finding == "crm: problems Look at the causes. When one is mended, retry. Retry crm"
        assert facts(page)["Open problems"] == "1"
        assert page.xpath("//script[not(@src)]") == []

    def test_it_does_not_answer(self, operator, shelf, receiver):
        receiver.faults.append(Refuse(503, times=None))
        publish(shelf, "1")
        api.deliver_due()
        Target.objects.update(
            breaker_opened_at=DatabaseNow(-60), breaker_probe_at=DatabaseNow(60), breaker_error=HOSTILE
        )
        page = seen(operator, PAGE)
        assert texts(page, "//h1") == ["crm: unreachable"]
        breaker = facts(page)["Circuit breaker"]
        assert breaker.startswith("open since 20")
        assert "next probe: 20" in breaker
        assert breaker.endswith(HOSTILE)


class TestTheSetUp:
    def test_options_and_subscriptions(self, operator, shelf, receiver):
        api.add_target(
            "two", url=receiver.url, secret=receiver.secret, orgs=["Org"], courses=[COURSE], entity_types=["unit"],
            options=["retry_schedule=1,5", "parallel_lanes=2"],
        )  # fmt: skip
        found = facts(seen(operator, "/course_sync/targets/two/"))
        assert (found["Organisations"], found["Courses"], found["Entity types"]) == ("Org", COURSE, "unit")
        assert (found["Option retry_schedule"], found["Option parallel_lanes"]) == ("1, 5", "2")

    def test_without_any(self, operator, delivered):
        found = facts(seen(operator, PAGE))
        assert [found[name] for name in ("Organisations", "Courses", "Entity types")] == ["all"] * 3
        assert found["Options"] == "none: the defaults hold"

    def test_no_secret_no_token_and_no_whole_url(self, operator, delivered, receiver):
        options = {"jwks_url": "https://jwks.example/path-with-token"}
        Target.objects.update(url="https://user:pass@crm.example/hook-token?key=s3", token="tok-enc", options=options)
        for address in (LIST, PAGE):
            text = operator.get(address).content.decode()
            assert "crm.example" in text
            stored = Target.objects.get().secret
            secrets = ("pass@", "hook-token", "s3", "tok-enc", stored, receiver.secret, "path-with-token")
            assert [one for one in secrets if one in text] == []
        assert facts(seen(operator, PAGE))["Option jwks_url"] == "jwks.example"

    def test_the_budget_of_a_linked_system(self, operator, shelf):
        target = Target.objects.create(name="forum", backend="discourse", url="https://forum.example")
        page = "/course_sync/targets/forum/"
        assert facts(seen(operator, page))["Budget of requests"] == "No request was made yet."
        RateBudget.objects.create(target=target, remaining=10, counted_at=DatabaseNow(-20))
        left = facts(seen(operator, page))["Budget of requests"]
        units, rest = left.removeprefix("Units that are left: ").split(" of ", 1)
        assert int(units) in range(29, 36)  # one came back each second
        assert rest == "60. Units that come back each second: 1. Units that are kept for other programs: 5."

    def test_a_target_whose_package_is_gone(self, operator, shelf):
        Target.objects.create(name="old", backend="no-such-kind")
        assert facts(seen(operator, "/course_sync/targets/old/"))["Kind"] == "no-such-kind"


class TestAttempts:
    def test_what_is_kept(self, operator, delivered):
        (row,) = cells(seen(operator, PAGE), "attempts")
        attempt = Attempt.objects.get()
        assert row[1:5] == [COURSE, "200", f"{attempt.seconds:.3f}", "accepted"]
        assert (
            f"11 operations, sequence {attempt.sequence}, message {attempt.message_id}; positions 1 to 11 of" in row[5]
        )

    def test_the_request_and_the_answer_as_they_are_stored(self, operator, delivered):
        Attempt.objects.update(request=f"POST {HOSTILE}", head=f"server: {HOSTILE}", body=HOSTILE)
        page = seen(operator, PAGE)
        assert texts(page, "//td//code[@class='kept']") == [f"POST {HOSTILE}", f"server: {HOSTILE}"]
        assert texts(page, "//td//pre") == [HOSTILE]
        assert page.xpath("//script[not(@src)]") == []

    def test_what_is_not_kept_is_said(self, operator, delivered):
        Attempt.objects.update(head="", body="")
        page = seen(operator, PAGE)
        assert "Answer: no head is kept." in texts(page, "//details/p")
        assert "No body is kept." in texts(page, "//details/p")
        assert "Not kept: the head of a request, because it holds the signature" in page.text_content()

    def test_an_error_with_its_advice(self, operator, shelf, receiver):
        receiver.faults.append(Refuse(401))
        publish(shelf, "1")
        api.deliver_due()
        (row,) = cells(seen(operator, PAGE), "attempts")
        assert row[2] == "401"
        assert row[4].startswith("ConfigurationError")
        assert row[4].endswith(str(api.advice_for("ConfigurationError", 401).action))

    def test_only_the_newest_of_this_target(self, operator, delivered, receiver):
        lane = Lane.objects.get()
        for at in range(25):
            an_attempt(lane, message_id=f"m-{at}")
        other = Target.objects.create(name="other", backend="webhook")
        an_attempt(Lane.objects.create(target=other, course=lane.course), message_id="m-other")
        page = seen(operator, PAGE)
        assert len(cells(page, "attempts")) == 20
        assert "m-other" not in page.text_content()

    def test_the_requests_of_each_minute(self, operator, delivered):
        lane = Lane.objects.get()
        for ago in (600, 600, 600, 4000):
            Attempt.objects.filter(pk=an_attempt(lane).pk).update(began_at=DatabaseNow(-ago))
        page = seen(operator, PAGE)
        (told,) = page.xpath("//*[local-name()='svg']/@aria-label")
        assert told.startswith("Requests in the last hour: 4. The upper edge is 3 in a minute.")
        (line,) = page.xpath("//*[local-name()='path']/@d")
        assert line.count("L") == 59


class TestLanesByKey:
    @pytest.fixture
    def many(self, shelf, receiver):
        """Make 120 courses that the target does not have."""
        target = Target.objects.get()
        for at in range(120):
            key = f"course-v1:Org+{at}+R"
            course = Course.objects.create(key=key, key_digest=digest_of(key), org="Org", last_position=1)
            Lane.objects.create(target=target, course=course, due_at=DatabaseNow())

    def test_each_is_on_one_page(self, operator, many):
        address, found = PAGE, []
        for _page in range(3):
            page = seen(operator, address)
            found += [row[0] for row in cells(page, "lanes")]
            address = PAGE + next(iter(page.xpath("//a[@rel='next']/@href")), "")
        assert address == PAGE
        assert found == [f"course-v1:Org+{at}+R" for at in reversed(range(120))]

    def test_its_queries_do_not_grow(self, client, many, django_assert_max_num_queries):
        sign_in(client, is_staff=True)
        with django_assert_max_num_queries(12):
            assert len(cells(seen(client, PAGE), "lanes")) == 50

    @pytest.mark.parametrize("before", ["x", "-1", "9" * 40, "١", "1.5", ""])
    def test_a_wrong_place(self, operator, many, before):
        assert operator.get(PAGE, {"before": before}).status_code == 200


class TestActions:
    def test_links_for_those_who_act(self, operator, shelf, receiver):
        publish(shelf, "1")
        found = seen(operator, PAGE).xpath("//a/@href[contains(., '/act/')]")
        names = [one.split("/")[3] for one in found]
        assert names == [
            "test",
            "pause",
            "resume",
            "retry",
            "backfill",
            "set-secret",
            "rotate-secret",
            "replace-secret",
            "retry",
            "reset",
        ]
        for address in found:
            assert operator.get(address).status_code == 200

    def test_none_for_those_who_only_look(self, client, shelf, receiver):
        publish(shelf, "1")
        sign_in(client, is_staff=True)
        assert seen(client, PAGE).xpath("//a/@href[contains(., '/act/')]") == []

    def test_no_secret_to_rotate(self, operator, shelf):
        Target.objects.create(name="here", backend="local")
        page = seen(operator, "/course_sync/targets/here/")
        assert page.xpath("//a/@href[contains(., 'secret') or contains(., 'token')]") == []


@pytest.mark.parametrize("address", [LIST, PAGE])
@pytest.mark.parametrize(
    ("groups", "values", "status"),
    [
        ([], {"is_superuser": True}, 200),
        ([], {"is_staff": True}, 200),
        (["admin of Org"], {}, 403),
        (["staff of Org"], {}, 403),
        (["staff of Other"], {}, 403),
        ([f"staff of {COURSE}"], {}, 403),
        ([], {}, 403),
    ],
)
def test_who_sees_them(client, delivered, address, groups, values, status):
    sign_in(client, *groups, **values)
    assert client.get(address).status_code == status


@pytest.mark.parametrize("address", [LIST, PAGE])
def test_a_visitor_signs_in_first(client, delivered, address):
    assert client.get(address).status_code == 302


@pytest.mark.parametrize("name", ["CRM", "nobody", "%00", "%3Cscript%3E", "crm%20"])
def test_what_is_not_there(operator, delivered, name):
    assert operator.get(f"/course_sync/targets/{name}/").status_code == 404


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_they_are_only_read(operator, delivered, method):
    assert getattr(operator, method)(PAGE).status_code == 405
