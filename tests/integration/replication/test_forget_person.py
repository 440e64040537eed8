"""A person is forgotten: the name goes from the tables, from stored notices, and from the copies."""

from __future__ import annotations

import base64
import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from course_sync_plugin import api
from course_sync_plugin.exceptions import ConfigurationError, UnknownName
from course_sync_plugin.models import InboundEvent, MirroredPost, MirroredTopic, OperatorAction, Target
from course_sync_plugin.replication.discussions.half import store
from tests.integration.replication.both_systems import words

pytestmark = pytest.mark.django_db

SAM = "Sam Student"


@pytest.fixture
def mirrored(both):
    """Return both systems after the student has written two posts, and the teacher a topic."""
    topic = both.canvas_says("Why do bees dance at all?")
    first = both.canvas_replies(topic, "<p>They tell the way</p>")
    both.canvas_replies(topic, "<p>Really?</p>", to=first)
    both.mirror()
    both.mirror()
    return both


def raws(both) -> list[str]:
    return [one.raw for one in both.forum.forum.posts_of(both.forum_topics()[0])]


def run_command(*arguments: str) -> tuple[int, str]:
    out, status = StringIO(), 0
    try:
        call_command("course_sync", *arguments, stdout=out, stderr=out)
    except SystemExit as ended:
        status = int(ended.code or 0)
    return status, out.getvalue()


def test_the_name_goes(mirrored):
    _status, shown = run_command("forget-person", "lms2", SAM, "--json")
    plan = json.loads(shown)
    assert (plan["posts"], plan["notices"]) == (2, 0)
    status, _ = run_command("forget-person", "lms2", SAM, "--yes", "--token", plan["token"])
    assert status == 0
    assert SAM not in str([*MirroredPost.objects.values(), *MirroredTopic.objects.values()])
    assert SAM in "".join(raws(mirrored))
    mirrored.mirror()
    assert SAM not in "".join(raws(mirrored))
    assert ["A person wrote in Canvas:" in raw for raw in raws(mirrored)] == [False, True, True]
    assert [words(raw) for raw in raws(mirrored)] == ["What do you think?", "They tell the way", "Really?"]
    assert "Tess Teacher wrote in Canvas:" in raws(mirrored)[0]


def test_an_edit_does_not_bring_it_back(mirrored):
    api.forget_shown("lms2", SAM, api.forget_plan("lms2", SAM).token)
    (topic,) = mirrored.canvas_topics()
    first = next(iter(topic.entries))
    mirrored.canvas_entry("PUT", topic.id, first, message="<p>They tell it</p>")
    mirrored.mirror()
    mirrored.mirror()
    assert SAM not in "".join(raws(mirrored))
    assert MirroredPost.objects.filter(author="").count() == 2


def test_a_round_that_is_under_way_does_not_bring_it_back(mirrored):
    rows = list(MirroredPost.objects.all())
    api.forget_shown("lms2", SAM, api.forget_plan("lms2", SAM).token)
    for row in rows:
        store(row, author=SAM, sent="x")
    assert set(MirroredPost.objects.values_list("author", "sent")) == {("", "x")}


def test_the_record_does_not_have_it(mirrored):
    api.forget_shown("lms2", SAM, api.forget_plan("lms2", SAM).token)
    action = OperatorAction.objects.get(action="forget-person")
    assert (action.target_name, action.arguments, action.changed) == ("lms2", {}, {"posts": 2, "notices": 0})
    assert "Sam" not in str(vars(action))


@pytest.mark.parametrize(("target", "name"), [("lms2", "sam student"), ("lms2", "Sam"), ("crm", SAM)])
def test_exactly_this_name_at_this_target(mirrored, target, name):
    assert api.forget_plan(target, name).posts == 0


def test_stored_notices(mirrored):
    target = Target.objects.get(name="lms2")
    jwt = base64.urlsafe_b64encode(json.dumps({"body": {"user_name": "Zoë"}}).encode()).rstrip(b"=")
    bodies = [
        b"e30." + jwt + b".x",
        json.dumps({"name": "Zoë"}).encode(),
        '{"name": "Zoë"}'.encode(),
        b'{"name": "Zo"}',
    ]
    for body in bodies:
        InboundEvent.put(target.pk, body)
    plan = api.forget_plan("lms2", "Zoë")
    assert (plan.posts, plan.notices) == (0, 3)
    assert api.forget_shown("lms2", "Zoë", plan.token).notices == 3
    assert [bytes(one.body) for one in InboundEvent.objects.all()] == [bodies[3]]


def test_a_plan_that_has_changed(mirrored):
    plan = api.forget_plan("lms2", SAM)
    mirrored.canvas_replies(mirrored.canvas_topics()[0].id, "<p>One more</p>")
    mirrored.mirror()
    done = api.forget_shown("lms2", SAM, plan.token)
    assert "no longer valid" in done.error
    assert MirroredPost.objects.exclude(author="").count() == 3


def test_wrong_arguments(mirrored):
    with pytest.raises(ConfigurationError, match="Give the name"):
        api.forget_plan("lms2", "  ")
    with pytest.raises(UnknownName):
        api.forget_plan("nobody", SAM)
    with pytest.raises((CommandError, SystemExit)):
        call_command("course_sync", "forget-person", "lms2")


def test_the_command_mirror(both):
    both.canvas_says("Why do bees dance at all?")
    status, shown = run_command("mirror", "--json")
    ((row),) = json.loads(shown)
    assert (status, row["targets"], row["written"], row["error"]) == (0, "lms2 ↔ crm", 1, "")
    Target.objects.filter(name="crm").update(options={})
    status, shown = run_command("mirror")
    assert (status, "discussions=mirror" in shown) == (0, True)
