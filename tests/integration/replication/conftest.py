"""A course that is linked to a site in memory, and one that is linked to a forum."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection

from course_sync_plugin import api
from course_sync_plugin.data import Structure
from course_sync_plugin.models import Course, DatabaseNow, Lane, Link, Seed, Target, digest_of
from course_sync_plugin.replication.notices import endpoints
from course_sync_plugin.targets.discourse.site import DiscourseSite
from course_sync_plugin.targets.http.client import HttpClient
from course_sync_plugin.targets.registry import targets
from course_sync_plugin.targets.two_way.site import Rate
from course_sync_plugin.testing.canvas.fake import CanvasFake
from course_sync_plugin.testing.canvas.objects import Course as CanvasCourse
from course_sync_plugin.testing.discourse import DiscourseServer
from tests.integration.courses import COURSE
from tests.integration.one_lane import publish
from tests.integration.replication import both_systems, canvas_course, forums
from tests.integration.replication.both_systems import Both
from tests.integration.replication.canvas_course import Author, check_equal
from tests.integration.replication.forums import Seen, a_category, add_target, link, publish_tree
from tests.integration.replication.memory_site import FAR, FarSide, MemorySite, MemoryTarget
from tests.unit.testing.canvas import conformity
from tests.unit.testing.discourse import documented


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    """Let the address for notices read the target of this test: each has another id."""
    endpoints.remembered.clear()


@pytest.fixture(autouse=True)
def in_transaction(monkeypatch) -> Iterator[list[str]]:
    """Return the requests that were made in a transaction. There must be none: a site that hangs would hold rows."""
    found: list[str] = []

    def watch(owner: type, name: str) -> None:
        method = getattr(owner, name)

        def watched(*args, **options):
            if any(not block._from_testcase for block in connection.atomic_blocks):
                found.append(f"{owner.__name__}.{name}{args[1:]}")
            return method(*args, **options)

        monkeypatch.setattr(owner, name, watched)

    watch(HttpClient, "request")
    watch(FarSide, "request")
    watch(FarSide, "read")
    watch(MemorySite, "places")
    yield found
    assert found == [], "requests in a transaction"


@pytest.fixture
def far(monkeypatch) -> FarSide:
    """Return the far side, empty."""
    monkeypatch.setitem(targets._loaded, "memory", MemoryTarget)
    FAR.__init__()
    return FAR


@pytest.fixture
def linked(db, shelf, far) -> Link:
    """Return the link of the course ``COURSE``, of which nothing was delivered yet."""
    publish(shelf, "1")
    api.add_target("crm", backend="memory")
    return link_course()


def link_course(seed: Seed = Seed.OPENEDX) -> Link:
    link = Link(
        target=Target.objects.get(name="crm"),
        course=Course.objects.get(key=COURSE),
        remote_id="7",
        remote_digest=digest_of("7"),
        seed=seed,
        created_at=DatabaseNow(),
    )
    link.save()
    Lane.objects.update(due_at=DatabaseNow())
    return link


@pytest.fixture
def canvas(settings) -> Iterator[CanvasFake]:
    """Return a running Canvas. In the end our requests are checked against the published description."""
    settings.COURSE_SYNC_ALLOWED_PRIVATE_HOSTS = ["127.0.0.1"]
    settings.LMS_ROOT_URL = "https://lms.example.org"
    with CanvasFake() as fake:
        yield fake
        conformity.check_requests(fake.requests)


@pytest.fixture
def there(canvas) -> CanvasCourse:
    """Return a course in Canvas, empty."""
    return canvas.add_course("Bees")


@pytest.fixture
def author(db, shelf) -> Author:
    """Return the author of a small course, which is published once."""
    author = Author.new(shelf)
    author.publish()
    return author


@pytest.fixture
def canvas_link(canvas, there, author) -> Link:
    """Return the link of this course to the course in Canvas, of which nothing was delivered yet."""
    return link_to_canvas(canvas, there)


@pytest.fixture
def filled(canvas, there, author, canvas_link) -> Structure:
    """Return the linked course, which is in Canvas too."""
    structure = author.publish()
    canvas_course.deliver()
    check_equal(there, structure)
    return structure


@pytest.fixture
def forum(db, settings, monkeypatch):
    """Return an empty forum. The budget of requests is large, so that no test waits for it.

    In the end our requests are checked against the published description.
    """
    settings.COURSE_SYNC_ALLOWED_PRIVATE_HOSTS = ["127.0.0.1"]
    settings.LMS_ROOT_URL = "https://lms.example.org"
    monkeypatch.setattr(DiscourseSite, "rate", Rate(1e9, 1e9, 0))
    with DiscourseServer() as server:
        yield server
    documented.check_requests(server.requests)


@pytest.fixture
def begun(forum, shelf):
    """Return a function that publishes a course and links it to a category: ``begun("sections=tag")``."""

    def begin(*options: str, remote: str = "", structure=None, **course) -> Seen:
        publish(shelf, "1", **course) if structure is None else publish_tree(shelf, structure)
        add_target(forum, *options)
        return Seen(forum, int(link(remote or a_category(forum)).remote_id))

    return begin


@pytest.fixture
def seen(begun, forum) -> Seen:
    """Return what is at the forum after a first fill. The requests of the fill are forgotten."""
    seen = begun()
    forums.deliver()
    forum.requests.clear()
    return seen


def link_to_canvas(canvas: CanvasFake, there: CanvasCourse, *options: str, seed: str = "openedx") -> Link:
    api.add_target("crm", backend="canvas", url=canvas.url, token=canvas.token, options=options)
    plan = api.link_plan(COURSE, "crm", str(there.id), seed)
    assert api.link_shown(COURSE, "crm", str(there.id), seed, plan.token).error == ""
    canvas.requests.clear()
    return Link.objects.get()


@pytest.fixture
def link_both(canvas, there, author, forum):
    """Return a function that links the course to a Canvas and to a forum: ``link_both("attribution=none")``."""

    def begin(*options: str) -> Both:
        category = a_category(forum)
        both_systems.link_both(canvas, there, forum, category, *options)
        canvas_course.deliver()
        canvas.requests.clear()
        forum.requests.clear()
        return Both(canvas, there, forum, int(category))

    return begin


@pytest.fixture
def both(link_both) -> Both:
    """Return both systems. The course is there already, and nobody has written anything."""
    return link_both()
