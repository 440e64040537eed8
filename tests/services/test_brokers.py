"""Tests law 4 with real processes on MariaDB: a failing broker does not slow down or disturb the author."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from statistics import median

import pytest
import redis

from course_sync_plugin.models import Marker
from tests.integration.courses import COURSE
from tests.services.host import Studio, check_in_step
from tests.services.processes import eventually
from tests.services.test_everybody import free_port

ROUNDS = 25


@pytest.fixture
def black_hole() -> Iterator[int]:
    """The port of a server that accepts connections and never answers."""
    accepted: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=_swallow, args=(listening, accepted), daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
    for connection in accepted:
        connection.close()


def _swallow(listening: socket.socket, accepted: list[socket.socket]) -> None:
    while True:
        try:
            accepted.append(listening.accept()[0])
        except OSError:  # the test is over
            return


@pytest.mark.story(8)
@pytest.mark.story(10)
def test_a_broker_that_is_broken_costs_the_author_nothing(host, black_hole, broker_url):
    """Compares a process without a broker with three brokers: one refuses, one hangs, one loses its messages."""
    receiver = host.receiver()
    studios = {
        "none": host.studio(),
        "refuses": host.studio(CELERY_BROKER_URL=f"redis://127.0.0.1:{free_port()}/0"),
        "hangs": host.studio(CELERY_BROKER_URL=f"redis://127.0.0.1:{black_hole}/0"),
        "loses": host.studio(CELERY_BROKER_URL=broker_url),
    }
    seconds = {name: [] for name in studios}
    for number in range(ROUNDS):
        for name, studio in studios.items():
            seconds[name].append(studio.publish(COURSE, f"{name}-{number}", {"unit-0-0": f"{name} {number}"}))
    without = median(seconds.pop("none"))
    ratios = {name: median(measured) / without for name, measured in seconds.items()}
    assert max(ratios.values()) < 3, ratios
    assert Marker.objects.count() == 4 * ROUNDS

    lose_every_message(broker_url, host.environment["COURSE_SYNC_CELERY_QUEUE"])
    host.runner()
    check_in_step([receiver], [COURSE])
    eventually(lambda: not Marker.objects.exists(), "the deletion of the markers")
    for name, studio in studios.items():
        check_the_end(name, studio)


def lose_every_message(broker_url: str, queue: str) -> None:
    """Delete the queue with the messages in it."""
    with closing(redis.Redis.from_url(broker_url)) as client:
        assert eventually(lambda: client.llen(queue), "a wake-up")
        client.delete(queue)


def check_the_end(name: str, studio: Studio) -> None:
    """Check that the process ends soon, although one of its threads still waits for the broker.

    If the broker refuses connections, the log must say so.
    """
    if name == "refuses":  # the client of Redis retries for some seconds
        eventually(lambda: studio.process.has_said("no wake-up was sent"), "the refusal")
    studio.process.close_input()
    assert studio.process.wait(15) == 0
    assert ("no wake-up was sent" in studio.process.says()) == (name == "refuses")
