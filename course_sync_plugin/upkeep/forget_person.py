"""Forgets a person: removes the name that is kept, and has the copies of what they wrote say "A person"."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator

import attrs
from django.db import transaction
from django.utils.translation import gettext as _

from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.models import DatabaseNow, DiscussionMirror, InboundEvent, MirroredPost, MirroredTopic, Target
from course_sync_plugin.models.text import storable
from course_sync_plugin.replication.discussions.half import LONGEST_NAME
from course_sync_plugin.sanitize.text import single_line
from course_sync_plugin.upkeep.audit import record
from course_sync_plugin.upkeep.plan_tokens import no_longer_valid, token_of
from course_sync_plugin.upkeep.targets.change import get_target


@attrs.frozen
class ForgetPlan:
    """What would be forgotten. ``posts``: copies that show the name. ``notices``: stored notices that hold it."""

    target: str
    posts: int
    notices: int
    token: str


@attrs.frozen
class Forgotten:
    """What was forgotten. ``error``: why nothing was done."""

    token: str
    posts: int = 0
    notices: int = 0
    error: str = ""


@attrs.frozen
class _Found:
    topics: list[int]
    posts: list[int]
    notices: list[int]

    @property
    def count(self) -> int:
        return len(self.topics) + len(self.posts)


def forget_plan(target: str, name: str) -> ForgetPlan:
    """Return what is kept of the person with this name at a target: exactly the name that is shown there.

    Raises UnknownName for an unknown target, ConfigurationError for an empty name.
    """
    return _plan(get_target(target), name)[0]


def forget_shown(target: str, name: str, token: str) -> Forgotten:
    """Forget a person if what is kept is still as it was shown with this token. The record does not have the name.

    The copies are written anew in the next comparison of the discussions. The errors are those of :func:`forget_plan`.
    """
    row = get_target(target)
    with transaction.atomic():
        plan, found = _plan(row, name)
        if not token or plan.token != token:
            return Forgotten(token, error=no_longer_valid(token))
        _forget(found)
        record("forget-person", target=row.name, changed={"posts": found.count, "notices": len(found.notices)})
    return Forgotten(token, posts=found.count, notices=len(found.notices))


def _plan(target: Target, name: str) -> tuple[ForgetPlan, _Found]:
    kept = storable(single_line(name, LONGEST_NAME))
    if not kept:
        raise ConfigurationError(_("Give the name of the person as the other system shows it."))
    found = _Found(
        [*_with_name(MirroredTopic, target, kept)],
        [*_with_name(MirroredPost, target, kept)],
        [*_notices(target, name.strip())],
    )
    token = token_of("forget-person", str(target.pk), kept, *map(str, (found.topics, found.posts, found.notices)))
    return ForgetPlan(target.name, found.count, len(found.notices), token), found


def _with_name(model: type[MirroredTopic] | type[MirroredPost], target: Target, name: str) -> Iterator[int]:
    """Yield the rows with exactly this name. The database would compare it without regard to case."""
    rows = model.objects.filter(home__target=target).exclude(author="").values_list("pk", "author")
    yield from (pk for pk, author in rows.iterator(chunk_size=2000) if author == name)


def _notices(target: Target, name: str) -> Iterator[int]:
    forms = [name.encode(), json.dumps(name)[1:-1].encode()]
    rows = InboundEvent.objects.filter(target=target).values_list("pk", "body")
    for pk, body in rows.iterator(chunk_size=200):
        if any(form in text for text in _texts(bytes(body)) for form in forms):
            yield pk


def _texts(body: bytes) -> Iterator[bytes]:
    """Yield a body, and what is encoded in it if it is a JWT."""
    yield body
    parts = body.strip().split(b".")
    if len(parts) == 3:
        try:
            yield base64.urlsafe_b64decode(parts[1] + b"=" * (-len(parts[1]) % 4))
        except ValueError:
            return


def _forget(found: _Found) -> None:
    without = {"author": "", "is_forgotten": True}
    MirroredPost.objects.filter(pk__in=found.posts).update(**without)
    MirroredTopic.objects.filter(pk__in=found.topics).update(**without)
    InboundEvent.objects.filter(pk__in=found.notices).delete()
    topics = {*found.topics, *MirroredPost.objects.filter(pk__in=found.posts).values_list("topic", flat=True)}
    _compare_soon(topics)


def _compare_soon(topics: Iterable[int]) -> None:
    rows = MirroredTopic.objects.filter(pk__in=topics)
    courses = set(rows.values_list("home__course", flat=True))
    rows.update(summary="")
    DiscussionMirror.objects.filter(course__in=courses).update(due_at=DatabaseNow())
