"""A site with the courses of two organisations, and something in every table that the API shows."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from course_sync_plugin import api
from course_sync_plugin.models import (
    Conflict,
    ConflictState,
    Course,
    Envelope,
    HeldRun,
    Lane,
    Link,
    Proposal,
    ProposalState,
    Seed,
    digest_of,
)
from course_sync_plugin.testing.faults import Fail
from tests.integration.courses import COURSE, a_course, block

OTHER = "course-v1:Other+Course+Run"
HOSTILE = "<script>alert(1)</script>\"'& \u202e\u0007 é"

#: The users of the tests: the groups that give roles, and the columns of the user.
ROLES = {
    "superuser": ((), {"is_superuser": True}),
    "global staff": ((), {"is_staff": True}),
    "admin of Org": (("admin of Org",), {}),
    "staff of Org": (("staff of Org",), {}),
    "staff of the course": ((f"staff of {COURSE}",), {}),
    "admin of Other": (("admin of Other",), {}),
    "no role": ((), {}),
    "inactive": (("admin of Org",), {"is_active": False}),
}


@pytest.fixture
def sign_in(db, settings) -> Callable[..., Client]:
    """Return a function that returns the client of a user with one of ``ROLES``."""
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.AllowAllUsersModelBackend"]  # as the platform

    def signed_in(role: str, **options: bool) -> Client:
        groups, values = ROLES[role]
        user = User.objects.create_user(role, **values)
        user.groups.set([Group.objects.get_or_create(name=name)[0] for name in groups])
        client = Client(**options)
        client.force_login(user)
        return client

    return signed_in


@pytest.fixture
def site(shelf, receiver):
    """Publish a course of each organisation to ``crm``, of which an entity fails, and fill the other tables."""
    for course in (COURSE, OTHER):
        receiver.faults.append(Fail(entity_id=block("vertical", "unit-0-0", course), reason=HOSTILE))
        shelf.publish(a_course("1", course=course))
        api.sync_course(course)
    api.deliver_until_empty()
    for course in (COURSE, OTHER):
        _decisions(course)
        with api.acting("somebody", f"note on {course}"):
            api.pause("crm", course)
            api.resume("crm", course)
            api.start_job("check-remote", [(course, "token")], target="crm", course=course)
        shelf.publish(a_course("2", course=course, units=4))
        api.sync_course(course)
        row = Course.objects.get(key_digest=digest_of(course))
        HeldRun.objects.create(course=row, deletes=1, of=2, set_digest="", since=timezone.now())
        lane = Lane.objects.get(course=row)
        Envelope.objects.create(
            lane=lane, message_id=f"msg_{lane.pk}", sequence=9, last=lane.end, operation_ids=["x"], body=b"the body"
        )
    return receiver


def _decisions(course: str) -> None:
    lane = Lane.objects.get(course__key_digest=digest_of(course))
    remote_id = f"remote of {course}"
    link = Link.objects.create(
        target=lane.target,
        course=lane.course,
        remote_id=remote_id,
        remote_digest=digest_of(remote_id),
        remote_title=HOSTILE,
        remote_url="https://person:password@canvas.example/courses/1?token=abc",
        seed=Seed.OPENEDX,
        created_at=timezone.now(),
    )
    entity_id = block("vertical", "unit-0-0", course)
    common = {
        "link": link,
        "target_name": "crm",
        "course": lane.course,
        "entity_type": "unit",
        "entity_id": entity_id,
        "id_digest": digest_of(entity_id),
        "field": "title",
        "base": "base",
        "since": timezone.now(),
    }
    Conflict.objects.create(
        **common, openedx=HOSTILE, remote=None, relation="concurrent", strategy="manual", state=ConflictState.OPEN
    )
    Proposal.objects.create(**common, value=HOSTILE, state=ProposalState.OPEN)
