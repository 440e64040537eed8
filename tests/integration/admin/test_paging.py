"""Lists read one page, whatever the table holds, and find rows by exact keys."""

from __future__ import annotations

import re
import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from course_sync_plugin import api
from course_sync_plugin.models import Attempt, Envelope, JournalOperation, Lane, Problem, Run, Target, bulk
from tests.integration.admin.conftest import OTHER
from tests.integration.admin.helpers import EDITED, TABLES, client_of, page
from tests.integration.courses import COURSE, block

pytestmark = pytest.mark.django_db(transaction=True)

MANY = 10_000


def queries_of(client, address: str) -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        response = client.get(address)
    assert response.status_code == 200
    return [one["sql"] for one in queries]


def names(client, model, query: str) -> int:
    """Return the number of rows that a list shows."""
    return len(client.get(f"{page(model, 'changelist')}?{query}").context["cl"].result_list)


def many_rows() -> None:
    operation, attempt, problem = JournalOperation.objects.first(), Attempt.objects.first(), Problem.objects.first()
    operations = [JournalOperation.of(operation.as_operation(), operation.run, 1000 + number) for number in range(MANY)]
    for row in operations:
        row.operation_id = uuid.uuid4()
    bulk.insert(operations)
    about = {"lane_id": attempt.lane_id, "target_id": attempt.target_id, "operations": 1, "seconds": 1}
    bulk.insert([Attempt(message_id=f"m{n}", sequence=n, began_at=attempt.began_at, **about) for n in range(MANY)])
    known = list(JournalOperation.objects.filter(position__gte=1000).values_list("pk", flat=True))
    bulk.insert(
        [Problem(lane_id=problem.lane_id, operation_id=pk, state="skipped", since=problem.since) for pk in known]
    )


@pytest.mark.parametrize("kind", ["viewer", "operator"])
def test_queries_do_not_grow_and_nothing_is_counted(site, kind):
    client = client_of(kind)
    addresses = [page(model, "changelist") for model in TABLES if model not in EDITED]
    addresses += [page(model, "change", model._default_manager.first().pk) for model in TABLES if model not in EDITED]
    few = {address: len(queries_of(client, address)) for address in addresses}
    many_rows()
    for address in addresses:
        queries = queries_of(client, address)
        assert len(queries) <= 12, (address, queries)
        assert len(queries) <= few[address] + 1, address
        assert not [sql for sql in queries if re.search(r"COUNT\(", sql)], address
        assert not [sql for sql in queries if "LIKE" in sql], address
        joins = [sql for sql in queries if " JOIN " in sql and re.search(r"course_sync_(operation|attempt)\b", sql)]
        assert joins == [], address


def test_pages(site):
    many_rows()
    client = client_of("viewer")
    address = page(JournalOperation, "changelist")
    first = client.get(address)
    assert "?p=2" in first.content.decode()
    assert 'rel="prev"' not in first.content.decode()
    seen = []
    for number in (1, 2, 3):
        response = client.get(f"{address}?p={number}")
        seen += [row.pk for row in response.context["cl"].result_list]
    assert len(set(seen)) == 150
    assert seen == sorted(seen, reverse=True)
    last = -(-JournalOperation.objects.count() // 50)
    end = client.get(f"{address}?p={last}")
    assert 'rel="next"' not in end.content.decode()
    assert client.get(f"{address}?p={last + 1}").status_code == 302
    assert "Select all" not in client.get(page(Lane, "changelist")).content.decode()


@pytest.mark.parametrize(
    ("model", "query", "found"),
    [
        (JournalOperation, f"q={block('vertical', 'unit-0-0').replace('+', '%2B')}", 2),
        (JournalOperation, f"q={block('vertical', 'UNIT-0-0').replace('+', '%2B')}", 0),
        (JournalOperation, f"q={COURSE.replace('+', '%2B')}", 12),
        (JournalOperation, "q=course-v1:No%2BSuch%2BCourse", 0),
        (JournalOperation, "q=nonsense", 0),
        (Run, f"q={OTHER.replace('+', '%2B')}", 2),
        (Lane, f"q={OTHER.replace('+', '%2B')}", 1),
        (Lane, "q=unit", 0),
        (Lane, "paused__exact=1", 0),
        (Problem, f"q={COURSE.replace('+', '%2B')}", 1),
        (Problem, f"q={block('vertical', 'unit-0-0').replace('+', '%2B')}", 1),
        (Problem, "state__exact=failed", 1),
        (Problem, "state__exact=skipped", 0),
        (Attempt, f"q={OTHER.replace('+', '%2B')}", 2),
    ],
)
def test_what_is_found(site, model, query, found):
    assert names(client_of("viewer"), model, query) == found


def test_an_operation_is_found_by_its_id(site):
    row = JournalOperation.objects.last()
    assert names(client_of("viewer"), JournalOperation, f"q={row.operation_id}") == 1


def test_links_between_pages_lead_somewhere(site):
    client = client_of("viewer")
    lane = Lane.objects.get(course__key=OTHER)
    for row in (
        lane,
        Target.objects.get(),
        Run.objects.last(),
        JournalOperation.objects.last(),
        Envelope.objects.get(),
    ):
        text = client.get(page(type(row), "change", row.pk)).content.decode()
        addresses = [one for one in re.findall(r'href="(/[^"]+)"', text) if "course_sync_plugin" in one]
        assert addresses
        for address in addresses:
            assert client.get(address.replace("&amp;", "&")).status_code == 200, address


def test_a_run_of_a_removed_lane(site):
    lane = Lane.objects.get(course__key=OTHER)
    Run.objects.filter(course=lane.course).update(lane=lane, target_name="crm")
    JournalOperation.objects.filter(course=lane.course).update(lane=lane)
    api.remove_shown("crm", api.removal_plan("crm").token)
    assert not Lane.objects.exists()
    client = client_of("viewer")
    for model in (Run, JournalOperation):
        assert client.get(page(model, "changelist")).status_code == 200
        assert client.get(page(model, "change", model.objects.last().pk)).status_code == 200


def test_the_time_of_a_page_is_bounded_by_an_index(site):
    """The database reads the newest attempts of a target from an index, without a sort."""
    target = Target.objects.get()
    queries = queries_of(client_of("viewer"), f"{page(Attempt, 'changelist')}?target__id__exact={target.pk}")
    (sql,) = [one for one in queries if 'FROM "course_sync_attempt"' in one or "FROM `course_sync_attempt`" in one]
    if connection.vendor != "sqlite":
        pytest.skip("the plan is read from SQLite")
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
        plan = " ".join(str(row[-1]) for row in cursor.fetchall())
    assert "course_sync_attempt_of_target" in plan
    assert "TEMP B-TREE FOR ORDER BY" not in plan
