"""Tests two ``course_sync run``, Celery workers, several authors and several receivers at once, on MariaDB."""

from __future__ import annotations

import itertools
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from course_sync_plugin import api
from course_sync_plugin.models import Lane, Marker, Run
from tests.services.host import Host, ReceiverProcess, check_in_step, check_journal, syncs
from tests.services.processes import eventually


def courses(number: int) -> list[str]:
    return [f"course-v1:Org+Course+Run{at}" for at in range(number)]


def free_port() -> int:
    """Return a port on which no process listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return unused.getsockname()[1]


def publish_everything(host: Host, names: list[str], times: int, authors: int = 2, **environment: str) -> None:
    """Publish every course ``times`` times, each time with other titles, by several authors at once."""
    studios = [host.studio(**environment) for _ in range(authors)]

    def work(at: int) -> None:
        for number, course in itertools.product(range(times), names[at::authors]):
            titles = {"unit-0-0": f"Title {number}", f"unit-1-{number % 3}": f"Other {number}"}
            studios[at].publish(course, f"{course[-6:]}-v{number}", titles)

    with ThreadPoolExecutor(authors) as pool:
        list(pool.map(work, range(authors)))


def test_all_ends_in_step_but_what_hangs_and_what_refuses(celery_host):
    names = courses(20)
    good = [celery_host.receiver("crm"), celery_host.receiver("lms", hold=0.1)]
    retry = "retry_schedule=" + ",".join(["3"] * 50)
    hanging = ReceiverProcess(celery_host.processes, "hanging", hold=30)
    api.add_target("hanging", url=hanging.url, secret=hanging.secret, options=[retry])
    api.add_target("refusing", url=f"http://127.0.0.1:{free_port()}/", options=[retry])
    celery_host.runner()
    celery_host.runner()
    celery_host.worker()
    publish_everything(celery_host, names, 4)
    check_in_step(good, names)
    for course in names:
        operations = check_journal(course)
        assert operations >= 11
    for receiver in good:
        with receiver.inbox() as inbox:
            assert inbox.counters["failed"] == 0
    for name in ("hanging", "refusing"):
        lanes = Lane.objects.filter(target__name=name)
        assert len(lanes) == len(names)
        assert {lane.answered_sequence for lane in lanes} == {0}
        assert not any(lane.failing for lane in lanes)
    with hanging.inbox() as inbox:  # it carries out messages but never answers
        assert inbox.violations == []


@pytest.mark.story(1)
@pytest.mark.parametrize("with_worker", [False, True])
def test_publishing_again_and_again_is_few_syncs(celery_host, with_worker):
    """320 publishes of 40 courses become 40 runs and a few more, for each kind of syncing process."""
    names = courses(40)
    # two publishes of a course are closer together than this, unless the machine stands still in between
    celery_host.set(COURSE_SYNC_QUIET_SECONDS=4)
    celery_host.environment["LOG_LEVEL"] = "INFO"
    syncing = [celery_host.runner(), celery_host.worker() if with_worker else celery_host.runner()]
    publish_everything(celery_host, names, 8)
    eventually(lambda: not Marker.objects.exists(), "the sync")
    for course in names:
        check_journal(course)
    assert Run.objects.count() <= len(names) + 5
    assert sum(len(syncs(process, "recorded", "unchanged")) for process in syncing) <= len(names) + 10
