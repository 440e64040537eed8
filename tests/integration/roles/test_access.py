"""Who sees what, and who may act: by Django's permissions, and by the roles that the host gives."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser, Group, Permission, User

from course_sync_plugin.models import Course, digest_of
from course_sync_plugin.roles.access import Access, Scope, access_of

pytestmark = pytest.mark.django_db

COURSE = "course-v1:Org+C+R"
SITE = Scope(site=True)


def user(*groups: str, permission: str = "", **values) -> User:
    made = User.objects.create_user("somebody", **values)
    made.groups.set([Group.objects.create(name=name) for name in groups])
    if permission:
        made.user_permissions.add(Permission.objects.get(codename=permission))
    return made


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, Access()),
        ({"is_staff": True}, Access(SITE)),
        ({"is_staff": True, "is_active": False}, Access()),
        ({"is_superuser": True}, Access(SITE, SITE)),
        ({"permission": "view_sync"}, Access(SITE)),
        ({"permission": "operate_sync"}, Access(SITE, SITE)),
    ],
)
def test_the_whole_site(values, expected):
    assert access_of(user(**values)) == expected


@pytest.mark.parametrize(
    ("group", "sees", "acts"),
    [
        ("staff of Org", Scope(orgs=frozenset({"Org"})), Scope()),
        ("admin of Org", Scope(orgs=frozenset({"Org"})), Scope(orgs=frozenset({"Org"}))),
        (f"staff of {COURSE}", Scope(courses=frozenset({COURSE})), Scope()),
        (f"admin of {COURSE}", Scope(courses=frozenset({COURSE})), Scope(courses=frozenset({COURSE}))),
        ("friends of Org", Scope(), Scope()),
    ],
)
def test_organisations_and_courses(group, sees, acts):
    found = access_of(user(group))
    assert found == Access(sees, acts)
    assert found.is_operator == bool(sees.orgs)


def test_a_visitor():
    assert access_of(AnonymousUser()) == Access()


def test_names_are_compared_exactly():
    """MariaDB and MySQL do not tell Org from ORG. Their courses are different courses."""
    rows = [("Org", COURSE), ("ORG", "course-v1:ORG+C+R"), ("Orga", "course-v1:Orga+C+R")]
    made = [Course.objects.create(org=org, key=key, key_digest=digest_of(key)) for org, key in rows]
    assert Scope(orgs=frozenset({"Org"})).course_ids() == [made[0].pk]
    assert Scope(courses=frozenset({"course-v1:ORG+C+R"})).course_ids() == [made[1].pk]
    assert Scope().course_ids() == []
    assert SITE.course_ids() is None
