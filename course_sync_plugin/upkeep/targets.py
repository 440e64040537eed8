"""What operators do with targets: add, remove, pause, give context, rotate a secret, test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from difflib import get_close_matches

import attrs
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from course_sync_plugin.diff.handlers import entity_types as known_entity_types
from course_sync_plugin.exceptions import ConfigurationError, UnknownName
from course_sync_plugin.keys import parse_course_id
from course_sync_plugin.lanes.opened import config_of, opened_target
from course_sync_plugin.lanes.wake import make_lanes, nudge
from course_sync_plugin.models import Course, CourseContext, Lane, Subscription, Target, digest_of
from course_sync_plugin.secrets import encrypt
from course_sync_plugin.targets.base import TestReport, parse_options
from course_sync_plugin.targets.registry import targets
from course_sync_plugin.targets.signing import generate_secret, parse_secret


@attrs.frozen
class AddedTarget:
    """A target that was added. ``secret`` is shown this once; ``courses`` known ones get a snapshot each."""

    name: str
    secret: str = attrs.field(repr=False)
    courses: int


@attrs.frozen
class Resumed:
    """What a resume came to. So many ``lanes`` go on and so many stay ``paused``, each by itself.

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
    subscriptions = [Subscription(org=org) for org in orgs]
    subscriptions += [Subscription(course_key=parse_course_id(course)) for course in courses]
    with transaction.atomic():
        row.save()
        row.subscriptions.set(subscriptions, bulk=False)
        courses_wanted = _make_lanes(get_target(name))
    return AddedTarget(name, secret, courses_wanted)


def remove_target(name: str) -> None:
    """Remove a target with its lanes, problems and context. The journal stays."""
    get_target(name).delete()


def pause(name: str, course: str = "") -> int:
    """Pause a target, or its lane through one course; nothing is lost. Returns how many rows were changed."""
    target = get_target(name)
    if course:
        return Lane.objects.filter(pk=get_lane(target, course).pk).update(paused=True)
    return Target.objects.filter(pk=target.pk).update(paused=True)


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
    nudge(lanes)
    held_back = not Target.objects.filter(pk=target.pk, paused=False, disabled_reason="").exists()
    paused = lanes.filter(paused=True).count()
    return Resumed(0 if held_back else lanes.count() - paused, paused, held_back)


def set_context(course: str, name: str, values: Sequence[str]) -> Mapping[str, str]:
    """Set what a target must know of a course (``KEY=VALUE``; ``KEY=`` takes it away); return all there is now."""
    key, target, new = parse_course_id(course), get_target(name), _pairs(values)
    with transaction.atomic():
        row, _created = CourseContext.objects.get_or_create(
            target=target, key_digest=digest_of(key), defaults={"course_key": key}
        )
        row.values = {key: value for key, value in {**row.values, **new}.items() if value}
        row.save()
        nudge(Lane.objects.filter(target=target, course__key_digest=row.key_digest))
    return row.values


def rotate_secret(name: str, hours: float = 24) -> str:
    """Give a target a new secret and return it; for so many hours messages are signed with both."""
    target = get_target(name)
    secret = generate_secret()
    target.previous_secret, target.secret = target.secret, encrypt(secret)
    target.previous_secret_until = timezone.now() + timedelta(hours=hours)
    target.save(update_fields=["secret", "previous_secret", "previous_secret_until"])
    return secret


def test_target(name: str) -> TestReport:
    """Send a signed test message and return what came back, explained. Changes nothing."""
    with opened_target(get_target(name)) as target:
        return target.test()


def get_target(name: str) -> Target:
    """Return a target. Raises UnknownName with the name that was probably meant, or the names there are."""
    target = Target.objects.filter(name=name).prefetch_related("subscriptions").first()
    if target is None:
        raise UnknownName(_("There is no target '{name}'.").format(name=name) + _hint(name))
    return target


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
    try:
        Target._meta.get_field("name").clean(name, None)
    except ValidationError:
        raise ConfigurationError(
            _("'{name}' cannot be a target's name: up to 64 letters, digits, - and _.").format(name=name)
        ) from None
    if Target.objects.filter(name=name).exists():
        raise ConfigurationError(
            _("There is a target '{name}' already; remove it first, or take another name.").format(name=name)
        )


def _known_types(names: Sequence[str]) -> list[str]:
    for name in names:
        known_entity_types.get(name)
    return list(names)


def _make_lanes(target: Target) -> int:
    """Give a target a lane for every recorded course that it wants; return how many it wants."""
    wanted = [course for course in Course.objects.exclude(published_version="") if target.wants(course)]
    make_lanes((target, course) for course in wanted)
    return len(wanted)


def _pairs(texts: Sequence[str]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not (key and equals):
            raise ConfigurationError(_("'{text}' is not KEY=VALUE.").format(text=text))
        pairs[key] = value
    return pairs
