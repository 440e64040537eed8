"""Live Events: lost, doubled, late, in another order, plain and signed."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import jwt
import pytest
import requests

from course_sync_plugin.testing.canvas.live_events import global_id
from course_sync_plugin.testing.canvas.signing import Key, sign
from tests.unit.testing.canvas.conformity import description


class Listener:
    """Takes events, and answers with a status."""

    def __init__(self):
        self.bodies = []
        self.kinds = []
        self.status = 200
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                listener.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                listener.kinds.append(self.headers["Content-Type"])
                self.send_response(listener.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_arguments):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/inbound/canvas?x=1"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    @property
    def names(self):
        return [json.loads(body)["metadata"]["event_name"] for body in self.bodies]


@pytest.fixture
def listener():
    one = Listener()
    yield one
    one.stop()


@pytest.fixture
def everything(canvas, course, api):
    """One event of every kind that the fake knows."""
    module = api.create_module({"name": "Bees"})
    page = api.create_page({"title": "Honey", "body": "x" * 9000})
    item = module.create_module_item({"type": "Page", "page_url": page.url})
    item.edit(module_item={"title": "Wax"})
    assignment = api.create_assignment({"name": "Essay", "points_possible": 5})
    assignment.edit(assignment={"name": "Paper"})
    topic = api.create_discussion_topic(title="Talk", published=True)
    canvas.student.post(course.id, topic.id, "Hello")
    topic.update(title="Debate")
    api.get_page("wax").delete()
    module.delete()
    api.update(course={"name": "Wasps"})
    return canvas.live_events.pending


def test_nothing_is_sent_until_the_test_says_so(canvas, course, listener):
    canvas.teacher.add_module(course.id, "Bees")
    assert listener.bodies == []
    assert canvas.live_events.deliver(listener.url) == [200]
    assert (listener.names, listener.kinds) == (["module_created"], ["application/json"])
    assert canvas.live_events.deliver(listener.url) == []


def test_events_are_lost_doubled_late_and_in_another_order(canvas, course, listener):
    module = canvas.teacher.add_module(course.id, "Bees")
    canvas.teacher.rename_module(course.id, module["id"], "Wasps")
    canvas.teacher.add_page(course.id, "Honey")
    late = canvas.live_events.lose("module_created")
    canvas.live_events.double("module_updated")
    canvas.live_events.pending.reverse()
    canvas.live_events.deliver(listener.url)
    canvas.live_events.send(late, listener.url)
    assert listener.names == ["module_updated", "wiki_page_created", "module_updated", "module_created"]


def test_the_receiver_may_refuse(canvas, course, listener):
    listener.status = 503
    canvas.teacher.add_module(course.id, "Bees")
    assert canvas.live_events.deliver(listener.url) == [503]


def test_the_metadata_tell_a_person_from_the_api(canvas, course, api):
    api.create_module({"name": "Bees"})
    canvas.teacher.add_module(course.id, "Wasps")
    topic = canvas.teacher.do("POST", f"/courses/{course.id}/discussion_topics", title="Talk", published=True)
    canvas.student.post(course.id, topic["id"], "Hello")
    by_api, by_person, _, by_student = (event.metadata for event in canvas.live_events.pending)
    assert (by_person["context_role"], by_student["context_role"]) == ("TeacherEnrollment", "StudentEnrollment")
    assert (by_api["user_id"], "developer_key_id" in by_api) == (global_id(canvas.user.id), True)
    assert (by_person["user_id"], "developer_key_id" in by_person) == (global_id(canvas.teacher.user.id), False)


def test_ids_are_local_or_global(canvas, course):
    module = canvas.teacher.add_module(course.id, "Bees")
    page = canvas.teacher.add_page(course.id, "Honey")
    of_module, of_page = canvas.live_events.pending
    assert of_module.body["module_id"] == str(module["id"])
    assert of_page.body["wiki_page_id"] == f"2107{page['page_id']:013}"
    assert of_page.metadata["context_id"] == f"2107{course.id:013}"


def test_an_id_of_another_shard_stays():
    assert global_id(21070000000000001) == "21070000000000001"


def test_deletions_are_updates(canvas, course):
    module = canvas.teacher.add_module(course.id, "Bees")
    canvas.teacher.add_item(course.id, module["id"], type="SubHeader", title="Honey")
    canvas.live_events.pending.clear()
    canvas.teacher.delete_module(course.id, module["id"])
    found = [(event.name, event.body["workflow_state"]) for event in canvas.live_events.pending]
    assert found == [("module_item_updated", "deleted"), ("module_updated", "deleted")]


def test_bodies_are_cut(everything):
    (created,) = [event for event in everything if event.name == "wiki_page_created"]
    assert len(created.body["body"]) == 8192


def test_the_events_are_as_the_published_description_says(everything):
    known = description("live_events")
    metadata = set().union(*(one["example"]["metadata"] for one in known["examples"]))
    assert {event.name for event in everything} == {
        *("module_created", "module_updated", "module_item_created", "module_item_updated", "wiki_page_created"),
        *("wiki_page_updated", "wiki_page_deleted", "assignment_created", "assignment_updated", "course_updated"),
        *("discussion_topic_created", "discussion_topic_updated", "discussion_entry_created"),
    }
    for event in everything:
        assert event.metadata.keys() <= metadata, event.name
        assert event.body.keys() <= known["body_schemas"][event.name]["body"].keys(), event.name


class TestSigned:
    @pytest.fixture
    def sent(self, canvas, course, listener):
        canvas.live_events.signed = True
        canvas.teacher.add_module(course.id, "Bees")
        canvas.live_events.deliver(listener.url)
        assert listener.kinds == ["application/jwt"]
        return listener.bodies[0].decode()

    def keys(self, canvas):
        return jwt.PyJWKSet.from_dict(requests.get(f"{canvas.url}/jwks", timeout=10).json())

    def read(self, canvas, token):
        return jwt.decode(token, self.keys(canvas)[jwt.get_unverified_header(token)["kid"]].key, ["RS256"])

    def test_another_library_verifies_the_signature(self, canvas, sent):
        assert self.read(canvas, sent)["metadata"]["event_name"] == "module_created"
        assert self.read(canvas, sent)["body"]["name"] == "Bees"

    def test_what_was_changed_on_the_way_is_noticed(self, canvas, sent):
        head, body, signature = sent.split(".")
        with pytest.raises(jwt.InvalidSignatureError):
            self.read(canvas, f"{head}.{body[:-4]}AAAA.{signature}")

    def test_a_forged_key_is_noticed(self, canvas, sent):
        kid = jwt.get_unverified_header(sent)["kid"]
        forged = sign({"metadata": {}}, Key(kid, Key.new().private))
        with pytest.raises(jwt.InvalidSignatureError):
            self.read(canvas, forged)

    def test_keys_rotate(self, canvas, sent):
        before = [key.key_id for key in self.keys(canvas).keys]
        assert len(before) == 3
        canvas.keys.rotate()
        assert [key.key_id for key in self.keys(canvas).keys][:2] == before[1:]
        assert self.read(canvas, sent)["body"]["name"] == "Bees"
        canvas.keys.rotate()
        with pytest.raises(KeyError):
            self.read(canvas, sent)

    def test_the_jwks_is_no_request_of_the_api(self, canvas, sent):
        self.keys(canvas)
        assert canvas.requests == []
