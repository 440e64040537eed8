"""What operators do with targets: add, correct, remove, pause, test."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

import attrs
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from course_sync_plugin.cleaning import shown
from course_sync_plugin.diff.handlers import entity_types as known_entity_types
from course_sync_plugin.exceptions import ConfigurationError, UnknownName
from course_sync_plugin.keys import parse_course_id, parse_org
from course_sync_plugin.lanes.opened import config_of, opened_target
from course_sync_plugin.lanes.wake import make_lanes, nudge
from course_sync_plugin.models import Course, Lane, Run, Subscription, Target, digest_of
from course_sync_plugin.secrets import encrypt
from course_sync_plugin.targets.base import TestReport, parse_options
from course_sync_plugin.targets.registry import targets
from course_sync_plugin.targets.signing import generate_secret, parse_secret
from course_sync_plugin.upkeep.known import unmatched


@attrs.frozen
class AddedTarget:
    """A target that was added. ``secret`` is shown this once; ``courses`` known ones get a snapshot each.

    ``warnings``: what it wants and no known course is.
    """

    name: str
    secret: str = attrs.field(repr=False)
    courses: int
    warnings: tuple[str, ...]


@attrs.frozen
class Resumed:
    """What going on came to. So many ``lanes`` go on and so many stay ``paused``, each by itself.

    ``held_back``: none goes on, since the target itself is paused or disabled.
    """

    lanes: int
    paused: int
    held_back: bool


def add_target(
    name: str,
    *,
    backend: str = "webhook",
    url: str = "",
    secret: str = "",
    orgs: Sequence[str] = (),
    courses: Sequence[str] = (),
    entity_types: Sequence[str] = (),
    options: Sequence[str] = (),
) -> AddedTarget:
    """Add a target and make a lane for every known course that it wants.

    ``options`` are ``NAME=VALUE``; without ``secret`` one is made. Raises ConfigurationError (UnknownName for a backend
    nobody registered), and nothing is written.
    """
    _check_name(name)
    secret = secret or generate_secret()
    parse_secret(secret)
    backend_class = targets.get(backend)
    row = Target(
        name=name,
        backend=backend,
        url=url,
        secret=encrypt(secret),
        entity_types=_known_types(entity_types),
        options=parse_options(backend_class, options),
    )
    backend_class.check(config_of(row))
    orgs, courses = [parse_org(org) for org in orgs], [parse_course_id(course) for course in courses]
    subscriptions = [Subscription(org=org) for org in orgs]
    subscriptions += [Subscription(course_key=course) for course in courses]
    warnings = tuple(unmatched(orgs, courses))
    try:
        with transaction.atomic():
            row.save()
            row.subscriptions.set(subscriptions, bulk=False)
            courses_wanted = _make_lanes(get_target(name))
    except IntegrityError:
        _check_name(name)  # somebody else has just added it
        raise
    return AddedTarget(name, secret, courses_wanted, warnings)


def set_url(name: str, url: str) -> Resumed:
    """Correct the URL of a target: its receiver is the same, so all that was delivered stays so.

    Lanes that failed or wait go on at once, with all their attempts. Raises ConfigurationError, and nothing is written.
    """
    target = get_target(name)
    target.url = url
    targets.get(target.backend).check(config_of(target))
    target.save(update_fields=["url"])
    return _go_on(target, Lane.objects.filter(target=target))


def remove_target(name: str) -> None:
    """Remove a target with its lanes, problems and context.

    The journal stays as it is. The runs that were for one of its lanes alone keep the target's name.

    Workers lock a lane before anything that belongs to it. So does this, and takes the lanes out of their hands.
    """
    target = get_target(name)
    with transaction.atomic():
        Lane.objects.filter(target=target).update(lease_token="", lease_until=None, paused=True)
        # In a rolling deploy a worker of the older release may have written runs without the name.
        Run.objects.filter(lane__target=target, target_name=None).update(target_name=target.name)
        target.delete()


def pause(name: str, course: str = "") -> None:
    """Pause a target, or its lane through one course; nothing is lost."""
    target = get_target(name)
    if course:
        Lane.objects.filter(pk=get_lane(target, course).pk).update(paused=True)
    else:
        Target.objects.filter(pk=target.pk).update(paused=True)


def resume(name: str, course: str = "") -> Resumed:
    """Let a target, or one lane, go on: paused, disabled by a 410, or failing.

    While it was disabled, nobody made lanes for new courses; they are made now.
    """
    target = get_target(name)
    lanes = Lane.objects.filter(target=target)
    if course:
        lanes = lanes.filter(pk=get_lane(target, course).pk)
        lanes.update(paused=False)
    else:
        Target.objects.filter(pk=target.pk).update(paused=False, disabled_reason="")
        _make_lanes(target)
    return _go_on(target, lanes)


def _go_on(target: Target, lanes: QuerySet[Lane]) -> Resumed:
    nudge(lanes)
    held_back = not Target.objects.filter(pk=target.pk, paused=False, disabled_reason="").exists()
    paused = lanes.filter(paused=True).count()
    return Resumed(0 if held_back else lanes.count() - paused, paused, held_back)


def test_target(name: str) -> TestReport:
    """Send a signed test message and return what came back, explained. Changes nothing."""
    with opened_target(get_target(name)) as target:
        return target.test()


def get_target(name: str) -> Target:
    """Return a target. Raises UnknownName with the name that was probably meant, or the names there are."""
    # MariaDB and MySQL compare without regard to case, so the query only narrows down. They refuse to compare, and
    # PostgreSQL to hear of, what they cannot store; no target is called like that.
    rows = Target.objects.filter(name=name).prefetch_related("subscriptions") if _is_name(name) else ()
    found = [target for target in rows if target.name == name]
    if not found:
        raise UnknownName(_("There is no target {name}.").format(name=shown(name)) + _hint(name))
    return found[0]


def _hint(name: str) -> str:
    names = list(Target.objects.order_by("name").values_list("name", flat=True))
    near = get_close_matches(name, names, n=1)
    if near:
        return _(" Did you mean '{name}'?").format(name=near[0])
    return _(" Known: {names}.").format(names=", ".join(names) or _("none"))


def get_lane(target: Target, course: str) -> Lane:
    """Return a target's lane through a course. Raises UnknownName."""
    lane = Lane.objects.filter(target=target, course__key_digest=digest_of(parse_course_id(course))).first()
    if lane is None:
        raise UnknownName(
            _("Target '{name}' has no lane for {course}: it does not want it, or it was never synced.").format(
                name=target.name, course=course
            )
        )
    return lane


def _check_name(name: str) -> None:
    if not _is_name(name):
        raise ConfigurationError(
            _("{name} cannot be a target's name: up to 64 letters, digits, - and _.").format(name=shown(name))
        )
    there = Target.objects.filter(name__iexact=name).first()  # MariaDB and MySQL keep no two that differ in case only
    if there:
        raise ConfigurationError(
            _("There is a target '{name}' already; remove it first, or take another name.").format(name=there.name)
        )


def _is_name(name: str) -> bool:
    try:
        Target._meta.get_field("name").clean(name, None)
    except ValidationError:
        return False
    return True


def _known_types(names: Sequence[str]) -> list[str]:
    for name in names:
        known_entity_types.get(name)
    return list(names)


def _make_lanes(target: Target) -> int:
    """Give a target a lane for every recorded course that it wants; return how many it wants."""
    wanted = [course for course in Course.objects.exclude(published_version="") if target.wants(course)]
    make_lanes((target, course) for course in wanted)
    return len(wanted)
