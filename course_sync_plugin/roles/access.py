"""Says in which courses a user may see the pages and the API, and in which the user may act."""

from __future__ import annotations

from typing import Any

import attrs
from django.conf import settings

from course_sync_plugin.models import Course, digest_of
from course_sync_plugin.roles.contract import Role, Roles
from course_sync_plugin.structure.dotted_path import class_named

#: Django's permissions for the whole site, declared at the model Target. Who may act may also see.
VIEW, OPERATE = "course_sync_plugin.view_sync", "course_sync_plugin.operate_sync"


@attrs.frozen
class Scope:
    """Some courses: all of the site, those of organisations, and single ones. Names are compared exactly."""

    site: bool = False
    orgs: frozenset[str] = frozenset()
    courses: frozenset[str] = frozenset()

    def includes(self, org: str, course_key: str) -> bool:
        """Tell whether a course of this organisation and with this key is one of them."""
        return self.site or org in self.orgs or course_key in self.courses

    def find(self, course_key: str) -> Course | None:
        """Return the course with exactly this key, or None if there is none or it is not one of them.

        It is read with its held run.
        """
        course = Course.objects.filter(key_digest=digest_of(course_key)).select_related("held").first()
        return course if course and self.includes(course.org, course.key) else None

    def course_ids(self) -> list[int] | None:
        """Return the keys of the rows of these courses, or None for all courses of the site.

        The names are compared here: a database may ignore case.
        """
        if self.site:
            return None
        rows = Course.objects.values_list("pk", "org", "key")
        return [pk for pk, org, key in rows.iterator() if self.includes(org, key)]


@attrs.frozen
class Access:
    """What a user may do. ``sees`` includes everything in ``acts``."""

    sees: Scope = Scope()
    acts: Scope = Scope()

    @property
    def is_operator(self) -> bool:
        """Tell whether the pages for operators concern the user: the whole site, or at least one organisation."""
        return self.sees.site or bool(self.sees.orgs)


def access_of(user: Any) -> Access:
    """Return what a user may do. A visitor, and a user who is not active, may do nothing.

    Global staff and users with the permission ``view_sync`` see the whole site. Superusers and users with the
    permission ``operate_sync`` see it and act. Others have the roles that the host gives them.
    """
    if not (user.is_authenticated and user.is_active):
        return Access()
    operates = user.has_perm(OPERATE)
    if operates or user.is_staff or user.has_perm(VIEW):
        return Access(Scope(site=True), Scope(site=operates))
    roles = list(host_roles().of(user))
    return Access(_scope(roles), _scope([role for role in roles if role.may_act]))


def host_roles() -> Roles:
    """Return the roles of this host. Raises ConfigurationError if COURSE_SYNC_ROLES names no class."""
    found: Roles = class_named("COURSE_SYNC_ROLES", settings.COURSE_SYNC_ROLES)()
    return found


def _scope(roles: list[Role]) -> Scope:
    return Scope(
        orgs=frozenset(role.org for role in roles if role.org and not role.course_key),
        courses=frozenset(role.course_key for role in roles if role.course_key),
    )
