"""Two lanes look at the same linked entities at the same time, with two connections, on MariaDB and PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest
from django.db import connections

from course_sync_plugin.models import Conflict, LedgerEntity, Proposal
from tests.integration.courses import COURSE, SHELF
from tests.integration.replication.author import Author
from tests.integration.replication.two_sites import BACKENDS, LinkedSite, differences, use_two_sites

both = pytest.mark.parametrize("database_url", ["mariadb", "postgresql"], indirect=True)

#: Seconds that all run at the same time.
RACE_SECONDS = 8

ROUNDS = 8


@pytest.fixture
def author(database, settings) -> Author:
    settings.COURSE_SYNC_SOURCE = "tests.integration.courses.the_shelf"
    settings.COURSE_SYNC_ENVELOPE_OPERATIONS = 4
    SHELF.__init__()
    author, chance = Author(), Random(1)
    for parent in ("course", "section", "subsection", "subsection", "subsection"):
        author.add(chance, parent)
    author.publish()
    return author


@pytest.fixture
def sites(author, monkeypatch) -> list[LinkedSite]:
    use_two_sites(monkeypatch)
    return [LinkedSite.make(name) for name in BACKENDS]


def repeated(act: Callable[[], object], until: float) -> int:
    """Repeat something in this thread, with its own connection. Return how often it was done."""
    count = 0
    try:
        while time.monotonic() < until:
            act()
            count += 1
    finally:
        connections.close_all()
    return count


@both
def test_both_lanes_look_at_the_same_entities(author, sites):
    chance = Random(2)
    for site in sites:
        site.work(site.deliver)

    def both_directions(site: LinkedSite) -> None:
        site.work(site.deliver)
        site.work(site.poll)

    def people() -> None:
        author.write(chance.choice([one for one in author.fields if one != COURSE]), "display_name")
        author.publish()
        chance.choice(sites).edit(chance)
        time.sleep(0.1)

    until = time.monotonic() + RACE_SECONDS
    with ThreadPoolExecutor(3) as pool:
        lanes = [pool.submit(repeated, lambda site=site: both_directions(site), until) for site in sites]
        edits = pool.submit(repeated, people, until)
        assert all(one.result() > 3 for one in (*lanes, edits))
    come_to_rest(author, sites)
    for site in sites:
        assert differences(site, author, set()) == []
    kept = {str(one) for row in Conflict.objects.values_list("base", "openedx", "remote") for one in row}
    kept |= {str(one) for row in Proposal.objects.values_list("base", "value") for one in row}
    for site in sites:
        assert set(site.written) <= kept | site.superseded | site.values() | site.far.overtaken
    entities = LedgerEntity.objects.values_list("openedx_vector", flat=True)
    assert all(vector["openedx"] <= 1 + author.edits + Proposal.objects.count() for vector in entities)


def come_to_rest(author: Author, sites: list[LinkedSite]) -> None:
    for _ in range(ROUNDS):
        calls = [len(site.far.calls) for site in sites]
        for site in sites:
            site.work(site.poll)
        pending = list(Proposal.objects.filter(state="open"))
        for one in pending:
            author.fields[one.entity_id][one.field] = one.value
        author.publish()
        for site in sites:
            site.work(site.deliver)
        if not pending and calls == [len(site.far.calls) for site in sites]:
            return
    raise AssertionError(f"no rest after {ROUNDS} rounds")
