"""Real courses at a forum, revision after revision: what is there is the course, by the mapping, with few requests."""

from __future__ import annotations

from collections import Counter

import pytest

from course_sync_plugin import api
from course_sync_plugin.data import Entity, Structure
from course_sync_plugin.journal.entities import stored_structure
from course_sync_plugin.models import Conflict, Intent, JournalOperation, LedgerReplica, Link
from course_sync_plugin.structure.olx.reader import read_olx
from course_sync_plugin.targets.two_way import freshness
from tests.conftest import shared_data
from tests.integration.courses import COURSE, approve, recorded
from tests.integration.replication.forums import Seen, a_category, add_target, calls, deliver, link

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh(monkeypatch) -> None:
    """In a slow turn each deletion takes a request more."""
    monkeypatch.setattr(freshness, "FRESH_SECONDS", 10**6)


SERIES = {
    "demox": "2014a 2014b maple nutmeg quince redwood teak verawood new0 new1",
    "test101": "r1 r2 r3 r4 r5",
    "dnd": "r1 r2",
    "problembuilder": "r1 r2",
    "edxplatform": (
        "aside conditional_and_poll course_before_rename course_after_rename graded import_draft_order "
        "manual-testing-complete scoreable simple simple_with_draft split_test_block split_test_block_draft "
        "test_about_blob_end_date test_import_course test_import_course_2 test_unicode toy xml_dag"
    ),
}
UNNAMED = {"sequential": "Subsection", "vertical": "Unit", "discussion": "Discussion"}
TOPICS = {"subsection": "sequential", "unit": "vertical", "discussion": "discussion"}


def ancestors(course: Structure, entity: Entity) -> list[Entity]:
    """Return an entity and all that it is in."""
    above = [entity]
    while above[-1].parent_id:
        above.append(course.entities[above[-1].parent_id])
    return above


def visible(course: Structure, block_type: str) -> list[Entity]:
    return [
        one
        for one in course.entities.values()
        if one.block_type == block_type
        and not any(above.fields.get("visible_to_staff_only") for above in ancestors(course, one))
    ]


def beginning(text: str) -> str:
    """Return the letters and digits at the beginning of a title."""
    return "".join(one for one in text.lower() if one.isalnum())[:30]


class Way:
    """Publishes the revisions of one course and checks what is at the forum."""

    def __init__(self, forum, shelf, topics: str):
        self.forum, self.shelf, self.block_type = forum, shelf, TOPICS[topics]
        self.seen = Seen(forum, int(a_category(forum)))
        add_target(forum, f"topics={topics}", "envelope_operations=20")

    def publish(self, series: str, revision: str) -> None:
        first = not Link.objects.exists()
        structure = read_olx(shared_data() / "courses" / f"{series}__{revision}.tar.gz", COURSE)
        self.shelf.publish(structure)
        position = JournalOperation.objects.count()
        api.sync_course(COURSE)
        approve()
        structure = stored_structure(recorded(COURSE))  # what could not be read there stays as it was
        if first:
            link(str(self.seen.category_id))
        self.forum.requests.clear()
        deliver()
        self.check(structure)
        self.check_requests(structure, first, position)

    def check(self, course: Structure) -> None:
        """Check that each visible entity has its object, in its place and with its name, and that no other has one."""
        objects = dict(LedgerReplica.objects.values_list("entity_id", "objects_there"))
        sections = {one.entity_id: one for one in visible(course, "chapter")}
        forum, where = self.forum.forum, {}
        for entity_id, section in sections.items():
            category = forum.categories[int(objects[entity_id]["category"])]
            where[entity_id] = category.id
            assert beginning(category.name).startswith(beginning(section.fields.get("display_name", ""))[:25])
        for entity in visible(course, self.block_type):
            topic = forum.topics[int(objects[entity.entity_id]["topic"])]
            section = ancestors(course, entity)[-2].entity_id
            assert (topic.deleted_at, topic.visible, topic.category_id) == (None, True, where[section])
            name = entity.fields.get("display_name") or UNNAMED[self.block_type]
            assert beginning(topic.title).startswith(beginning(name))
        shown = [topic for topic in self.seen.topics() if topic.visible]
        assert len(shown) == len(visible(course, self.block_type))
        assert not Conflict.objects.exists()
        assert not Intent.objects.exists()

    def check_requests(self, course: Structure, first: bool, position: int) -> None:
        """A first fill takes one request for each object; a change, one for each entity that changed there."""
        kinds = ("chapter", self.block_type)
        if first:
            objects = sum(len(visible(course, kind)) for kind in kinds)
            assert len(self.forum.requests) <= 1.15 * objects + 3
        else:
            changed = JournalOperation.objects.order_by("position")[position:]
            entities = {row.entity_id for row in changed}
            topics = Counter(row.objects_there.get("topic") for row in LedgerReplica.objects.all())
            below = len(topics) if any(row.operation == "move" for row in changed) else 0
            assert len(calls(self.forum)) <= 1.2 * (len(entities) + below)


@pytest.mark.parametrize(
    ("series", "topics"),
    [("demox", "subsection"), ("demox", "unit"), *((one, "subsection") for one in SERIES if one != "demox")],
)
def test_a_series_arrives_revision_by_revision(forum, shelf, settings, series, topics):
    settings.COURSE_SYNC_MASS_DELETE_COUNT = 10**6
    way = Way(forum, shelf, topics)
    for revision in SERIES[series].split():
        way.publish(series, revision)
    forum.requests.clear()
    api.reset("crm")
    deliver()
    assert calls(forum) == []


def test_discussions(forum, shelf, settings):
    settings.COURSE_SYNC_MASS_DELETE_COUNT = 10**6
    way = Way(forum, shelf, "discussion")
    for revision in ("maple", "verawood"):
        way.publish("demox", revision)
