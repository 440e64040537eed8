"""Tests law 2 on MariaDB: a kill of any process at any time loses no operation.

In the end, the receiver's replica equals the course.
"""

from __future__ import annotations

import random
import time

import pytest
from django.db import connection, transaction

from course_sync_plugin import api
from course_sync_plugin.lanes.batches import visible
from course_sync_plugin.models import Course, Envelope, JournalOperation, Lane, Marker, Run, RunKind
from course_sync_plugin.structure.olx.reader import read_olx
from tests.conftest import shared_data
from tests.integration.courses import COURSE, a_course
from tests.services.host import Host, ReceiverProcess, check_in_step, check_journal, lane_of, publish
from tests.services.processes import Process, eventually

#: Seconds that the receiver holds a message before it answers; less than half of the lease.
HOLD = 1.5


def start_runner(host: Host) -> Process:
    return host.manage("course_sync", "run", "--interval", "0.1")


def start_deliver(host: Host) -> Process:
    return host.manage("course_sync", "deliver", "--until-empty")


@pytest.mark.parametrize("start", [start_runner, start_deliver])
def test_a_deliverer_is_killed_while_the_receiver_holds_the_body(host, start):
    host.set(COURSE_SYNC_LEASE_SECONDS=4)
    receiver = host.receiver(hold=HOLD)
    structure = publish(a_course("v1", sections=10, units=15))
    api.sync_course(COURSE)
    deliverer = start(host)
    eventually(receiver.messages, "the first message")
    deliverer.kill()
    check_that_nobody_takes_over_early(receiver)
    host.runner()
    check_in_step([receiver], [COURSE])
    check_redelivery(receiver, len(structure))


def test_a_celery_worker_is_killed_while_the_receiver_holds_the_body(celery_host):
    """The wake-up is lost with the worker. ``course_sync run`` delivers, and so does the next publish."""
    celery_host.set(COURSE_SYNC_LEASE_SECONDS=4)
    receiver = celery_host.receiver(hold=HOLD)
    studio, worker = celery_host.studio(), celery_host.worker("-c", "1")
    studio.publish(COURSE, "v1")
    eventually(receiver.messages, "the first message")
    worker.kill()
    check_that_nobody_takes_over_early(receiver)
    celery_host.worker("-c", "1")
    eventually(api.due_lane_ids, "the end of the lease")
    studio.publish(COURSE, "v2", {"unit-0-1": "A new title"})
    check_in_step([receiver], [COURSE])
    check_redelivery(receiver, JournalOperation.objects.count())


def check_that_nobody_takes_over_early(receiver: ReceiverProcess) -> None:
    """Check that the lane is as the killed process left it."""
    lane = lane_of(COURSE)
    (message,) = receiver.messages()
    assert lane.lease_token
    assert lane.answered_sequence == 0
    assert (lane.envelope.message_id, bytes(lane.envelope.body)) == message
    assert api.deliver_due().lanes == 0


def check_redelivery(receiver: ReceiverProcess, operations: int) -> None:
    """Check that the open envelope came again first, and that each of its operations was carried out once."""
    first, second = receiver.messages()[:2]
    assert second == first
    with receiver.inbox() as inbox:
        assert inbox.counters["redelivered"] == 1
        assert inbox.counters["applied"] == operations
        assert inbox.counters["failed"] == 0
    eventually(lambda: not Envelope.objects.exists(), "the end of the last envelope")


def told(lane: Lane) -> int:
    """Count the operations that a lane had to deliver: all from the snapshot with which it began.

    The snapshot is the course's first run. If every deliverer was killed until a second run was recorded, it is a
    snapshot of this lane alone.
    """
    journal = JournalOperation.objects.filter(visible(lane))
    snapshots = journal.filter(run__kind__in=(RunKind.INITIAL, RunKind.SNAPSHOT))
    start = snapshots.order_by("-run_id", "position").values_list("position", flat=True)[0]
    return journal.filter(position__gte=start).count()


@pytest.mark.parametrize("seed", [1, 2])
def test_deliverers_are_killed_again_and_again(host, seed):
    """Publishes a series of real revisions, and kills one of two processes ten times at random moments."""
    chance = random.Random(seed)
    host.set(COURSE_SYNC_ENVELOPE_OPERATIONS=20)
    receiver = host.receiver(hold=0.15)
    revisions = [shared_data() / "courses" / f"test101__r{number}.tar.gz" for number in range(1, 6)]
    course = read_olx(revisions[-1]).course_id
    running = [start_runner(host), start_runner(host)]
    for number, path in enumerate(revisions):
        publish(read_olx(path, course, published_version=f"r{number}"))
        for _kill in range(2):
            time.sleep(chance.uniform(0.1, 1.5))
            running.pop(0).kill()
            running.append(start_runner(host))
    check_in_step([receiver], [course])
    check_journal(course)
    with receiver.inbox() as inbox:
        assert inbox.counters["applied"] == told(lane_of(course))
        assert inbox.counters["failed"] == 0
    eventually(lambda: not Marker.objects.exists(), "the deletion of the markers")


def test_a_deliverer_that_comes_after_the_second_run_tells_the_snapshot_alone(host):
    receiver = host.receiver()
    for version, title in (("v1", "Old"), ("v2", "New")):
        publish(a_course(version, titles={"unit-0-0": title}))
        api.sync_course(COURSE)
    recorded = check_journal(COURSE)
    start_runner(host)
    check_in_step([receiver], [COURSE])
    with receiver.inbox() as inbox:
        assert inbox.counters["applied"] == told(lane_of(COURSE)) != recorded
    assert check_journal(COURSE) == recorded + told(lane_of(COURSE))


@pytest.mark.story(3)
def test_a_process_is_killed_while_it_records(host):
    """It was killed when half of a run was written. That half is gone, and another process records the whole run."""
    receiver = host.receiver()
    publish(a_course("v1"))
    api.sync_course(COURSE)
    api.deliver_until_empty()
    before = JournalOperation.objects.count()
    publish(a_course("v2", units=5))
    with transaction.atomic():
        # the recorder wakes the lanes as its last step
        list(Lane.objects.select_for_update())
        recorder = host.manage("course_sync", "sync")
        eventually(waits_for_a_lock, "the recorder's wait for the lane")
        recorder.kill()
    assert JournalOperation.objects.count() == before
    assert Run.objects.count() == 1
    assert Course.objects.get().published_version == "v1"
    assert Course.objects.get().lease_token
    assert Marker.objects.count() == 1
    host.runner()
    check_in_step([receiver], [COURSE])
    check_journal(COURSE)
    assert Run.objects.count() == 2


def waits_for_a_lock() -> bool:
    """Tell whether a statement in this database has waited for some time, for a locked row."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT COUNT(*) FROM information_schema.processlist"
            " WHERE db = DATABASE() AND info LIKE 'UPDATE `course_sync_lane`%' AND time_ms > 300"
        )
        return cursor.fetchone()[0] > 0
