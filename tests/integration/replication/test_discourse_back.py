"""Edits of people at a forum come back: what its webhooks tell, and what forged and late ones do not do."""

from __future__ import annotations

import attrs
import pytest

from course_sync_plugin import api
from course_sync_plugin.models import Conflict, InboundEvent, Link, Proposal, Target
from course_sync_plugin.secrets import encrypt
from course_sync_plugin.testing.discourse.webhooks import Hook
from tests.integration.inbound.senders import post
from tests.integration.one_lane import publish
from tests.integration.replication.canvas_course import long_after
from tests.integration.replication.forums import a_category, a_tree, calls, deliver, publish_tree, title

pytestmark = pytest.mark.django_db

SECRET = "a secret of the webhook"


@pytest.fixture
def hook(seen, forum, live_server) -> Hook:
    """Return the webhook of the forum to our address. The course was delivered before."""
    Target.objects.update(secret=encrypt(SECRET))
    return forum.webhooks.add(f"{live_server.url}/api/course_sync/v1/inbound/crm", SECRET)


def notify(forum) -> set[int]:
    statuses = set(forum.webhooks.deliver())
    long_after()
    return statuses


def proposals() -> list[tuple[str, object]]:
    rows = Proposal.objects.filter(state="open").order_by("entity_id")
    return [(one.entity_id.rpartition("@")[2], one.value) for one in rows]


def rename_topic(seen, forum, name: str = "Wasps") -> None:
    rename_topic_to(forum, seen.topic("Subsection-0").id, name)


def rename_topic_to(forum, number: int, name: str) -> None:
    forum.person("admin").edit_topic(number, title=title(name, "section-0"))


def test_a_topic_that_somebody_renames(seen, forum, hook):
    rename_topic(seen, forum)
    assert notify(forum) == {202}
    forum.requests.clear()
    assert api.poll_due() == 1
    assert proposals() == [("subsection-0", "Wasps")]
    assert calls(forum) == []
    assert not InboundEvent.objects.filter(taken_at=None).exists()
    forum.requests.clear()
    assert api.poll_due() == 0
    assert forum.requests == []


def test_a_category_that_somebody_renames(seen, forum, hook):
    forum.person("admin").edit_category(seen.section("section-1").id, name="Ants")
    assert notify(forum) == {202}
    assert api.poll_due() == 1
    assert proposals() == [("section-1", "Ants")]


def test_the_linked_category_that_somebody_renames(seen, forum):
    """The pages and ``links`` show its name. It takes no request: a look reads the category anyway."""
    long_after()
    api.poll_now()
    looked = len(forum.requests)
    forum.person("admin").edit_category(seen.category_id, name="Our Bees")
    forum.requests.clear()
    long_after()
    assert [one.error for one in api.poll_now()] == [""]
    assert [one["title"] for one in api.links()] == ["Our Bees"]
    assert len(forum.requests) == looked
    assert proposals() == []


def test_the_publish_of_what_came_back_makes_no_call(seen, forum, hook, shelf):
    rename_topic(seen, forum)
    notify(forum)
    api.poll_due()
    forum.requests.clear()
    publish(shelf, "2", titles={"subsection-0": "Wasps"})
    deliver()
    assert calls(forum) == []
    assert [one.state for one in Proposal.objects.all()] == ["published"]
    assert not Conflict.objects.exists()


def test_our_own_changes_come_back_as_notices_and_change_nothing(seen, forum, hook, shelf):
    publish(shelf, "2", titles={"section-0": "Bees", "subsection-1": "Wasps"}, sections=3)
    deliver()
    assert notify(forum) == {202}
    forum.requests.clear()
    assert api.poll_due() == 1
    assert (proposals(), calls(forum)) == ([], [])


def test_what_happens_elsewhere_at_the_forum_makes_nothing_due(seen, forum, hook):
    other = a_category(forum, "Elsewhere")
    forum.person("student").create_topic("A question about something else", "What is it about, please?", int(other))
    assert notify(forum) == {202}
    forum.requests.clear()
    assert api.poll_due() == 0
    assert forum.requests == []


@pytest.mark.parametrize("secret", ["", "another secret"])
def test_a_forged_notice_is_refused(seen, forum, hook, secret):
    hook.secret = secret
    rename_topic(seen, forum)
    assert notify(forum) == {401}
    assert not InboundEvent.objects.exists()
    assert api.poll_due() == 0
    assert proposals() == []


def test_a_signature_of_another_body_is_refused(seen, forum, hook):
    rename_topic(seen, forum)
    delivery = forum.webhooks.pending[0]
    headers = forum.webhooks.headers(delivery)
    assert post(hook.url, delivery.body.replace(b"Wasps", b"Hornets"), headers)[0] == 401
    assert not InboundEvent.objects.exists()


def test_a_notice_is_believed_only_that_something_may_have_changed(seen, forum, hook):
    """It has a valid signature, and a title that the topic does not have: what the forum answers now counts."""
    rename_topic(seen, forum)
    forum.webhooks.pending = [
        attrs.evolve(one, body=one.body.replace(b"Wasps", b"Hornets")) for one in forum.webhooks.pending
    ]
    assert notify(forum) == {202}
    assert api.poll_due() == 1
    assert proposals() == [("subsection-0", "Wasps")]


def test_a_notice_that_is_sent_again_is_a_look_and_no_edit(seen, forum, hook, shelf):
    """Discourse signs no time. So somebody who has recorded a notice can send it as often as they like."""
    rename_topic(seen, forum)
    recorded = list(forum.webhooks.pending)
    for _ in range(3):
        forum.webhooks.double()
    assert notify(forum) == {202}
    assert InboundEvent.objects.count() == len(recorded)
    api.poll_due()
    publish(shelf, "2", titles={"subsection-0": "Hornets"})
    deliver()
    forum.webhooks.pending = [attrs.evolve(one, status=None) for one in recorded]
    assert notify(forum) == {202}
    forum.requests.clear()
    assert api.poll_due() == 1
    assert (proposals(), calls(forum)) == ([], [])
    assert seen.topic("Hornets")


@pytest.mark.story(46)
def test_a_late_notice_is_harmless(seen, forum, hook, shelf):
    """It tells of a topic that was deleted, here and there, long before it comes."""
    number = seen.topic("Subsection-1").id
    forum.person("admin").edit_topic(number, title=title("wasps", "section-1"))
    late = list(forum.webhooks.pending)
    publish(shelf, "2", sections=1)
    deliver()
    forum.webhooks.pending = late
    assert notify(forum) == {202}
    forum.requests.clear()
    api.poll_due()
    assert (proposals(), calls(forum)) == ([], [])
    assert list(seen.tree()) == ["section-0"]
    plan = api.unlink_plan(Link.objects.get().course.key, "crm")
    api.unlink_shown(Link.objects.get().course.key, "crm", plan.token)
    forum.webhooks.pending = late
    assert notify(forum) == {202}
    assert api.poll_due() == 0
    assert not InboundEvent.objects.filter(taken_at=None).exists()


class TestRecoveredTopics:
    """Staff of a forum can recover a topic that was deleted. It has the same number."""

    def test_it_is_ours_again(self, seen, forum, shelf):
        """What both sides have changed since then is found, as it is for a topic that was never deleted."""
        self.delete_and_look(seen, forum)
        publish(shelf, "2", titles={"subsection-0": "Bees", "subsection-1": "Ants"})
        deliver()
        forum.person("admin").recover_topic(self.number)
        self.look()
        deliver()
        assert (seen.topic("Bees").id, len(seen.topics())) == (self.number, 2)
        rename_topic_to(forum, self.number, "Wasps")
        self.look()
        assert proposals() == [("subsection-0", "Wasps")]

    def test_it_takes_no_request_more(self, seen, forum):
        self.delete_and_look(seen, forum)
        forum.requests.clear()
        self.look()
        waiting = len(forum.requests)
        forum.person("admin").recover_topic(self.number)
        forum.requests.clear()
        self.look()
        assert len(forum.requests) == waiting
        deliver()
        assert calls(forum) == []
        assert [one["deleted_there"] for one in api.links()] == [0]

    def test_one_that_was_hidden_meanwhile_is_unlisted(self, seen, forum, shelf):
        self.delete_and_look(seen, forum)
        tree = {"section-0": {"subsection-0": {}}, "section-1": {"subsection-1": {}}}
        publish_tree(shelf, a_tree("2", tree, {"subsection-0": {"visible_to_staff_only": True}}))
        deliver()
        forum.person("admin").recover_topic(self.number)
        self.look()
        deliver()
        assert not seen.topic("Subsection-0").visible

    def test_another_one_that_was_created_in_its_place_stays(self, begun, forum):
        seen = begun("on_remote_delete=recreate")
        deliver()
        self.delete_and_look(seen, forum)
        deliver()
        forum.person("admin").recover_topic(self.number)
        before = sorted(one.id for one in seen.topics())
        forum.requests.clear()
        self.look()
        deliver()
        assert calls(forum) == []
        assert (len(before), sorted(one.id for one in seen.topics())) == (3, before)

    def delete_and_look(self, seen, forum) -> None:
        self.number = seen.topic("Subsection-0").id
        forum.person("admin").delete_topic(self.number)
        self.look()
        assert [one["deleted_there"] for one in api.links()] == [1]

    def look(self) -> None:
        long_after()
        assert [one.error for one in api.poll_now()] == [""]
