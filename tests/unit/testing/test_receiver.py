"""Tests the receiver kit: it follows the rules of the contract, and notices when the sender breaks them."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Mapping
from urllib.parse import quote
from urllib.request import urlopen

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_sync_plugin.data import NOTHING, Answer, Message, Operation, Structure
from course_sync_plugin.diff.engine import diff
from course_sync_plugin.exceptions import ConfigurationError, PermanentError, TransientError
from course_sync_plugin.structure.builder import RawBlock, StructureBuilder
from course_sync_plugin.targets.base import TargetConfig
from course_sync_plugin.targets.signing import generate_secret
from course_sync_plugin.targets.webhook import WebhookTarget
from course_sync_plugin.testing.contract import envelope
from course_sync_plugin.testing.faults import Drop, Fail, Refuse, poison
from course_sync_plugin.testing.inbox import Inbox
from course_sync_plugin.testing.receiver import Receiver
from course_sync_plugin.testing.replica import Replica
from tests.unit.strategies import COURSE_ID, structure_pairs

SECTION = "block-v1:O+C+R+type@chapter+block@0"
SECOND = "block-v1:O+C+R+type@chapter+block@1"
THIRD = "block-v1:O+C+R+type@chapter+block@2"


def course(*sections: str, titles: Mapping[str, str] = NOTHING) -> Structure:
    blocks = {COURSE_ID: RawBlock(COURSE_ID, "course", {"display_name": "Bees"}, tuple(sections))}
    for section in sections:
        blocks[section] = RawBlock(section, "chapter", {"display_name": titles.get(section, "Week")}, ())
    return StructureBuilder(COURSE_ID, "1", blocks).build()


def creation(structure: Structure) -> list[Operation]:
    return diff(Structure.empty(COURSE_ID), structure)


class Sender:
    """Delivers envelopes to an inbox with the sequences of a lane."""

    def __init__(self, inbox: Inbox):
        self.inbox = inbox
        self.sequence = 0

    def message(self, *operations: Operation, **data) -> Message:
        self.sequence += 1
        values = {"course_id": COURSE_ID, "sequence": self.sequence, "previous_sequence": self.sequence - 1, **data}
        return envelope(*operations, **values)

    def send(self, *operations: Operation, **data) -> list[dict]:
        message = self.message(*operations, **data)
        return self.inbox.deliver(message.message_id, message.body)


@pytest.fixture
def inbox():
    return Inbox()


@pytest.fixture
def sender(inbox):
    return Sender(inbox)


# Applying


@given(structure_pairs(), st.integers(1, 4))
def test_a_snapshot_and_then_changes_give_the_course(pair, size):
    old, new = pair
    inbox = Inbox()
    sender = Sender(inbox)
    for mode, operations, result in (("snapshot", creation(old), old), ("changes", diff(old, new), new)):
        slices = [operations[at : at + size] for at in range(0, len(operations), size)] or [[]]
        for at, part in enumerate(slices, start=1):
            failed = sender.send(
                *part, mode=mode, end_of_run=at == len(slices), published_version=result.published_version
            )
            assert failed == []
        replica = inbox.replica(COURSE_ID)
        assert replica.difference(result) == []
        assert replica.complete
        assert replica.published_version == result.published_version
        assert replica.structure().same_course_as(result)
    assert inbox.violations == []


@given(structure_pairs())
def test_a_snapshot_over_what_is_there_leaves_the_course(pair):
    old, new = pair
    inbox = Inbox()
    sender = Sender(inbox)
    sender.send(*creation(old), mode="snapshot")
    assert sender.send(*creation(new), mode="snapshot") == []
    if new.entities:
        assert inbox.replica(COURSE_ID).difference(new) == []


def test_what_a_snapshot_does_not_name_is_dropped_when_its_run_ends(inbox, sender):
    sender.send(*creation(course(SECTION, SECOND, THIRD)), mode="snapshot")
    root, section, second = creation(course(SECTION, SECOND))
    replica = inbox.replica(COURSE_ID)
    sender.send(root, section, mode="snapshot", end_of_run=False)
    assert (len(replica.structure()), replica.complete) == (4, False)
    sender.send(second, mode="snapshot", end_of_run=False)
    assert len(replica.structure()) == 4
    sender.send(mode="changes", end_of_run=True)
    assert replica.equals(course(SECTION, SECOND))
    assert replica.complete


def test_what_a_snapshot_named_and_failed_is_not_dropped(inbox, sender):
    sender.send(*creation(course(SECTION)), mode="snapshot")
    root, section = creation(course(SECTION, titles={SECTION: "Renamed"}))
    message = sender.message(root, section, mode="snapshot")
    inbox.deliver(message.message_id, message.body, lambda operation: FAILS if operation["id"] == section.id else None)
    assert inbox.replica(COURSE_ID).equals(course(SECTION))


FAILS = {"reason": "no", "retry": False}


def test_a_lane_that_begins_anew_begins_its_snapshot_anew(inbox, sender):
    """The target was removed during a snapshot and added again: the names of the first snapshot no longer count."""
    sender.send(*creation(course(SECTION, SECOND)), mode="snapshot", end_of_run=False)
    sender.send(*creation(course(SECOND)), mode="snapshot", previous_sequence=0, end_of_run=True)
    assert inbox.replica(COURSE_ID).equals(course(SECOND))
    assert inbox.violations == []


def test_what_stands_behind_one_that_failed_takes_its_place(inbox, sender):
    """When the message comes again, the failed entity is placed; the entities after it are known already."""
    sender.send(*creation(course(THIRD)))
    message = sender.message(*diff(course(THIRD), course(SECTION, SECOND, THIRD)))
    fails = iter([FAILS])
    inbox.deliver(message.message_id, message.body, lambda operation: next(fails, None))
    assert inbox.replica(COURSE_ID).equals(course(SECOND, THIRD))
    inbox.deliver(message.message_id, message.body)
    assert inbox.replica(COURSE_ID).equals(course(SECTION, SECOND, THIRD))


def test_a_message_that_comes_again_after_a_later_one_has_no_effect(inbox, sender):
    first = sender.message(*creation(course(SECTION)), mode="snapshot")
    inbox.deliver(first.message_id, first.body, lambda operation: FAILS if operation["entity_id"] == SECTION else None)
    sender.send(*diff(course(), course(SECOND)))
    assert inbox.deliver(first.message_id, first.body) == []
    assert inbox.replica(COURSE_ID).equals(course(SECOND))
    assert inbox.counters["late"] == 1
    assert inbox.violations == []


def test_a_creation_of_what_is_there_replaces_its_fields_and_its_place(inbox, sender):
    """A retry may create an entity that exists: an earlier attempt without an answer carried out the operation."""
    sender.send(*creation(course(SECTION, SECOND)))
    (again,) = [operation for operation in creation(course(SECOND, SECTION)) if operation.entity_id == SECTION]
    assert sender.send(attrs.evolve(again, fields={"display_name": "Renamed"})) == []
    assert inbox.replica(COURSE_ID).equals(course(SECOND, SECTION, titles={SECTION: "Renamed"}))


def test_a_deletion_takes_along_what_is_still_below(inbox, sender):
    sender.send(*creation(course(SECTION, SECOND)))
    sender.send(Operation("delete", "course", COURSE_ID, "course"))
    assert inbox.replica(COURSE_ID).equals(Structure.empty(COURSE_ID))


def test_nothing_goes_below_itself(inbox, sender):
    sender.send(*creation(course(SECTION, SECOND)))
    below = Operation("move", "section", SECOND, "chapter", SECTION, 0, previous={"parent_id": COURSE_ID, "index": 1})
    circle = Operation("move", "section", SECTION, "chapter", SECOND, 0, previous={"parent_id": COURSE_ID, "index": 0})
    failed = sender.send(below, circle)
    assert [(one["id"], "cannot go below itself" in one["reason"]) for one in failed] == [(circle.id, True)]


@pytest.mark.parametrize(
    "operation",
    [
        Operation("create", "section", SECTION, "chapter", "block-v1:O+C+R+type@chapter+block@9", 0),
        Operation("update", "section", SECTION, "chapter", fields={"a": 1}),
        Operation("move", "section", SECTION, "chapter", COURSE_ID, 0),
    ],
    ids=lambda operation: operation.operation,
)
def test_what_does_not_fit_is_reported_and_tried_again(inbox, sender, operation):
    sender.send(*creation(course()))
    for _ in range(2):
        assert [failed["id"] for failed in sender.send(operation)] == [operation.id]
    assert inbox.counters["failed"] == 2
    assert operation.id not in inbox.operation_ids


def test_a_deletion_of_what_is_not_there_is_done(inbox, sender):
    assert sender.send(Operation("delete", "section", SECTION, "chapter")) == []


def test_a_known_operation_is_ignored_whatever_message_it_is_in(inbox, sender):
    operations = creation(course(SECTION))
    sender.send(*operations)
    assert sender.send(*operations) == []
    assert inbox.counters["duplicates"] == inbox.counters["applied"] == 2
    assert inbox.counters["create section"] == 1


def test_some_entity_types_only():
    inbox = Inbox(entity_types=["section"])
    sender = Sender(inbox)
    old, new = course(SECTION, SECOND), course(SECOND, SECTION, THIRD)
    for before, after in ((Structure.empty(COURSE_ID), old), (old, new)):
        wanted = [operation for operation in diff(before, after) if operation.entity_type == "section"]
        assert sender.send(*wanted) == []
        assert inbox.replica(COURSE_ID).difference(after) == []
    assert inbox.replica(COURSE_ID).difference(old) != []


# Reporting differences


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        (course(SECTION, SECOND, THIRD), [f"missing: section {THIRD} (Week)"]),
        (course(SECTION), [f"extra: section {SECOND} (Week)"]),
        (
            course(SECTION, SECOND, titles={SECOND: "Month"}),
            [f"different: section {SECOND} (Month): display_name is 'Week'"],
        ),
        (course(SECOND, SECTION), [f"children of {COURSE_ID}: ['{SECTION}', '{SECOND}'], should be"]),
        (course(THIRD, SECTION), [f"missing: section {THIRD}", f"extra: section {SECOND}"]),
        (Structure.empty(COURSE_ID), ["extra: course", "extra: section", "extra: section"]),
    ],
)
def test_a_difference_is_readable(inbox, sender, expected, words):
    sender.send(*creation(course(SECTION, SECOND)))
    lines = inbox.replica(COURSE_ID).difference(expected)
    assert len(lines) == len(words)
    assert all(line.startswith(word) for line, word in zip(lines, words))
    assert not inbox.replica(COURSE_ID).equals(expected)


@given(structure_pairs())
def test_only_the_same_course_is_equal(pair):
    old, new = pair
    replica = Replica(COURSE_ID)
    for operation in creation(old):
        replica.apply(operation)
    assert replica.equals(new) == old.same_course_as(new)


def test_a_block_that_changed_its_type_is_different(inbox, sender):
    structure = course(SECTION)
    sender.send(*creation(structure))
    changed = attrs.evolve(structure.entities[SECTION], entity_type="unit", block_type="vertical")
    expected = attrs.evolve(structure, entities={**structure.entities, SECTION: changed})
    (line,) = inbox.replica(COURSE_ID).difference(expected)
    assert "entity_type is section, should be unit; block_type is chapter, should be vertical" in line


# Noticing breaches


def test_a_lane_that_keeps_the_rules_breaks_none(inbox, sender):
    sender.send(*creation(course(SECTION)))
    message = sender.message()
    inbox.deliver(message.message_id, message.body)
    inbox.deliver(message.message_id, message.body)
    sender.sequence += 5  # gaps are allowed
    sender.send(previous_sequence=2)
    assert inbox.violations == []
    assert inbox.counters["redelivered"] == 1


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"sequence": 2, "previous_sequence": 1}, "sequence 2 came after 2"),
        ({"sequence": 1, "previous_sequence": 0}, "sequence 1 came after 2"),
        ({"sequence": 3, "previous_sequence": 1}, "previous_sequence is 1, but 2 was answered"),
        ({"sequence": 5, "previous_sequence": 4}, "previous_sequence is 4, but 2 was answered"),
    ],
)
def test_a_wrong_sequence_is_noticed(inbox, sender, data, words):
    sender.send()
    sender.send()
    sender.send(**data)
    (violation,) = inbox.violations
    assert words in violation


def test_each_course_has_sequences_of_its_own(inbox, sender):
    sender.send()
    sender.send()
    sender.send(course_id="course-v1:O+D+R", sequence=1, previous_sequence=0)
    assert inbox.violations == []


def test_other_bytes_under_the_same_id_are_noticed(inbox, sender):
    message = sender.message()
    inbox.deliver(message.message_id, message.body)
    inbox.deliver(message.message_id, message.body + b" ")
    assert inbox.violations == [f"{message.message_id}: other bytes with the same webhook-id"]


def test_an_envelope_whose_answer_was_lost_may_be_unknown_to_the_sender(inbox, sender):
    """It was sent again, refused permanently and withdrawn: the next envelope follows the one before it."""
    sender.send()
    lost = sender.message()
    inbox.deliver(lost.message_id, lost.body, answered=False)
    sender.send(previous_sequence=1)
    assert inbox.violations == []


# State that survives a restart


def test_the_state_survives_with_what_failed(tmp_path):
    path = tmp_path / "replica.sqlite3"
    inbox = Inbox(path)
    sender = Sender(inbox)
    old, new = course(SECTION, SECOND), course(SECOND, SECTION, titles={SECTION: "Renamed"})
    sender.send(*creation(old), mode="snapshot")
    message = sender.message(*diff(old, new))
    inbox.deliver(message.message_id, message.body, lambda operation: FAILS if operation["fields"] else None)
    sender.send(mode="snapshot", end_of_run=False)

    again = Inbox(path)
    assert again.replica(COURSE_ID).as_dict() == inbox.replica(COURSE_ID).as_dict()
    assert again.operation_ids == inbox.operation_ids
    assert again.counters == inbox.counters
    assert again.counters["failed"] == 1
    sender.inbox = again
    sender.send(*creation(new)[:2], mode="snapshot")
    assert len(again.replica(COURSE_ID).structure()) == 2  # it still knew that a snapshot was not complete
    assert again.violations == []
    inbox.close()
    again.close()


# Over HTTP


@pytest.fixture
def receiver():
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def target(receiver):
    target = target_of(receiver.url, receiver.secret)
    yield target
    target.close()


def target_of(url: str, secret: str) -> WebhookTarget:
    return WebhookTarget(TargetConfig("crm", url, (secret,), allowed_private_hosts=("127.0.0.1",)))


def message_of(structure: Structure, **data) -> Message:
    return envelope(*creation(structure), course_id=COURSE_ID, published_version=structure.published_version, **data)


def get(url: str) -> dict:
    with urlopen(url, timeout=5) as response:
        return json.load(response)


def test_what_another_process_can_ask_for(receiver, target):
    target.send(message_of(course(SECTION, titles={SECTION: "Übung 🐝"})))
    replica = get(f"{receiver.url}replica?course_id={quote(COURSE_ID)}")
    assert replica["course_id"] == COURSE_ID
    assert (replica["published_version"], replica["complete"]) == ("1", True)
    root, section = replica["entities"]
    assert root["children"] == [section["entity_id"]] == [SECTION]
    assert section["parent_id"] == root["entity_id"] == COURSE_ID
    assert section["fields"] == {"display_name": "Übung 🐝"}
    report = get(receiver.url)
    assert report["courses"] == [COURSE_ID]
    assert report["violations"] == []
    assert report["counters"]["applied"] == 2


def test_a_message_with_another_secret_has_no_effect(receiver):
    target = target_of(receiver.url, generate_secret())
    with pytest.raises(ConfigurationError):
        target.send(message_of(course(SECTION)))
    target.close()
    assert receiver.counters["rejected"] == receiver.counters["requests"] == 1
    assert receiver.inbox.replicas == {}


def test_faults_act_in_turn_and_are_used_up(receiver, target):
    message = message_of(course(SECTION))
    receiver.faults += [Refuse(503, times=2), Drop(), Fail(entity_id=SECTION)]
    outcomes = []
    for _ in range(5):
        try:
            outcomes.append(len(target.send(message).failed))
        except TransientError as error:
            outcomes.append(error.context.get("status"))
    assert outcomes == [503, 503, None, 1, 0]
    assert receiver.equals(course(SECTION))
    assert receiver.violations == []


def test_poison_lasts(receiver, target):
    receiver.faults.append(poison(SECTION))
    for _ in range(3):
        with pytest.raises(PermanentError):
            target.send(message_of(course(SECTION)))
    assert target.send(message_of(course())) == Answer()


def test_a_receiver_that_was_stopped_comes_back_on_its_port_with_its_state(tmp_path):
    path = tmp_path / "replica.sqlite3"
    with Receiver(state=path) as first:
        target = target_of(first.url, first.secret)
        target.send(message_of(course(SECTION)))
        port = int(first.url.rstrip("/").rpartition(":")[2])
    with pytest.raises(TransientError):
        target.send(message_of(course(SECTION)))
    with Receiver(port=port, secrets=first.secrets, state=path) as second:
        assert second.equals(course(SECTION))
        assert target.send(envelope(course_id=COURSE_ID, sequence=2, previous_sequence=1)) == Answer()
        assert second.violations == []
    target.close()


# As a process


def start(*arguments: str) -> tuple[subprocess.Popen, str]:
    command = [sys.executable, "-m", "course_sync_plugin.testing.receiver", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().strip()


def end(process: subprocess.Popen) -> None:
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_process_that_is_killed_has_lost_nothing_it_answered(tmp_path):
    secret, path = generate_secret(), str(tmp_path / "replica.sqlite3")
    process, url = start("--secret", secret, "--state", path)
    try:
        target = target_of(url, secret)
        assert target.send(message_of(course(SECTION))) == Answer()
    finally:
        end(process)
        target.close()
    inbox = Inbox(path)
    assert inbox.replica(COURSE_ID).equals(course(SECTION))
    inbox.close()


def test_a_process_killed_while_it_holds_a_message_has_it_when_it_is_back(tmp_path):
    secret, path = generate_secret(), str(tmp_path / "replica.sqlite3")
    message = message_of(course(SECTION))
    process, url = start("--secret", secret, "--state", path, "--hold", "60")
    config = TargetConfig("crm", url, (secret,), deadline_seconds=0.5, allowed_private_hosts=("127.0.0.1",))
    target = WebhookTarget(config)
    with pytest.raises(TransientError, match="within"):
        target.send(message)
    end(process)
    process, again = start("--secret", secret, "--state", path, "--port", url.rstrip("/").rpartition(":")[2])
    try:
        assert again == url
        assert target.send(message) == Answer()
        assert get(url)["counters"]["duplicates"] == 2
    finally:
        end(process)
        target.close()


@pytest.mark.parametrize("module", ["receiver", "catalog_server"])
def test_a_port_that_cannot_be_had_is_one_sentence(module):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = refused(module, "--port", port)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"Cannot listen on port {port}: Address already in use.\n"


@pytest.mark.parametrize("module", ["receiver", "catalog_server"])
@pytest.mark.parametrize("port", ["80000", "-1", "http"])
def test_what_is_no_port_is_wrong_usage(module, port):
    done = refused(module, f"--port={port}")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith(f"argument --port: '{port}' is not a port number (0 to 65535)")


@pytest.mark.parametrize("content", [None, "no JSON", "7", '{"detail": "Not found."}', b"\xff"], ids=str)
def test_a_file_without_recorded_runs_is_one_sentence(tmp_path, content):
    path = tmp_path / "runs.json"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    done = refused("catalog_server", "--file", str(path))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"{path} holds no recorded runs: ")
    assert len(done.stderr.splitlines()) == 1


def refused(module: str, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", f"course_sync_plugin.testing.{module}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_a_process_without_a_secret_makes_one_and_shows_it():
    process, url = start()
    try:
        secret = process.stdout.readline().strip()
        target = target_of(url, secret)
        assert target.test().ok
        target.close()
    finally:
        end(process)
