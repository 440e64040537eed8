"""Adds, changes, pauses, resumes and tests targets."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

import attrs
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from course_sync_plugin.diff.handlers import entity_types as known_entity_types
from course_sync_plugin.exceptions import ConfigurationError, UnknownName
from course_sync_plugin.keys import parse_course_id, parse_org
from course_sync_plugin.lanes.breaker import IS_OPEN, probe_now
from course_sync_plugin.lanes.due import make_lanes, nudge
from course_sync_plugin.lanes.open_target import config_of, open_target
from course_sync_plugin.lanes.site import this_site
from course_sync_plugin.models import Course, Lane, Subscription, Target, digest_of
from course_sync_plugin.sanitize.text import host_of, short_repr
from course_sync_plugin.secrets import encrypt
from course_sync_plugin.targets.base import Target as Backend
from course_sync_plugin.targets.base import TestReport, parse_options
from course_sync_plugin.targets.registry import targets
from course_sync_plugin.targets.signing import generate_secret, parse_secret
from course_sync_plugin.upkeep.audit import only, record
from course_sync_plugin.upkeep.courses import courses_of, unmatched
from course_sync_plugin.upkeep.pending import count_pending


@attrs.frozen
class AddedTarget:
    """A target that was added. ``secret`` is shown only now; it is empty if the target uses none.

    ``courses``: the number of courses it gets a snapshot of. ``needs_link``: of each when it is linked, not before.
    ``warnings``: a sentence for each course or organisation in its subscriptions that no known course matches.
    """

    name: str
    secret: str = attrs.field(repr=False)
    courses: int
    warnings: tuple[str, ...]
    needs_link: bool = False


@attrs.frozen
class Paused:
    """The result of pausing. ``courses``: those whose lanes wait from now on.

    ``pending``: the number of operations in these lanes that are not delivered.
    """

    courses: tuple[str, ...]
    pending: int


@attrs.frozen
class Resumed:
    """The result of resuming. ``lanes``: the number of lanes that go on.

    ``paused``: the number of lanes that stay paused, because each was paused by itself. ``held_back``: no lane goes
    on, because the target itself is paused or disabled. ``courses``: those of the lanes that go on. ``pending``: the
    number of operations in these lanes that are not delivered. ``unreachable``: they go on when a probe is answered,
    because the breaker of the target is open; the next probe may be sent at once.
    """

    lanes: int
    paused: int
    held_back: bool
    courses: tuple[str, ...]
    pending: int
    unreachable: bool = False


def add_target(
    name: str,
    *,
    backend: str = "webhook",
    url: str = "",
    secret: str = "",
    token: str = "",
    orgs: Sequence[str] = (),
    courses: Sequence[str] = (),
    entity_types: Sequence[str] = (),
    options: Sequence[str] = (),
) -> AddedTarget:
    """Add a target and make a lane for every known course that it wants.

    ``options`` are texts ``NAME=VALUE``. If ``secret`` is empty, one is generated, except for a target that uses none.
    ``token``: the access token for the API of the other system.
    Raises ConfigurationError, or UnknownName for a backend that is not registered; then nothing is written.
    """
    _check_name(name)
    backend_class = targets.get(backend)
    secret = secret or (generate_secret() if backend_class.uses_secret else "")
    if secret:
        parse_secret(secret)
    row = Target(
        name=name,
        backend=backend,
        url=url,
        secret=encrypt(secret) if secret else "",
        token=_encrypted_token(backend_class, name, token),
        entity_types=_known_types(entity_types),
        options=parse_options(backend_class, options),
        site=this_site() or None,
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
            courses_wanted = make_lanes_of(get_target(name))
            record("add-target", target=name, arguments=_asked(row, orgs, courses), changed={"courses": courses_wanted})
    except IntegrityError:
        _check_name(name)  # another process has just added a target of this name
        raise
    return AddedTarget(name, secret, courses_wanted, warnings, backend_class.needs_link)


def set_url(name: str, url: str) -> Resumed:
    """Change the URL of a target. The receiver must be the same: nothing that was delivered is sent again.

    Lanes that are failing or wait for an attempt go on at once, with all their attempts. Raises ConfigurationError if
    the URL is wrong; then nothing is written.
    """
    target = get_target(name)
    target.url = url
    targets.get(target.backend).check(config_of(target))
    with transaction.atomic():
        nudge(lanes_of(target))  # the lanes first, as workers do: a different order could deadlock
        target.save(update_fields=["url"])
        resumed = _resumed(target, lanes_of(target))
        record("set-url", target=name, arguments={"host": host_of(url)}, changed=_changed(resumed))
    return resumed


def set_token(name: str, token: str) -> Resumed:
    """Give a target a new access token for its API. Lanes that are failing or wait for an attempt go on at once.

    Raises ConfigurationError if the target uses no token, or the token is wrong; then nothing is written.
    """
    target = get_target(name)
    backend_class = targets.get(target.backend)
    if not token.strip():
        raise ConfigurationError(_("Target '{name}' needs an access token, and none was given.").format(name=name))
    target.token = _encrypted_token(backend_class, name, token)
    backend_class.check(config_of(target))
    with transaction.atomic():
        nudge(lanes_of(target))
        target.save(update_fields=["token"])
        resumed = _resumed(target, lanes_of(target))
        record("set-token", target=name, changed=_changed(resumed))
    return resumed


def _encrypted_token(backend_class: type[Backend], name: str, token: str) -> str | None:
    if token:
        check_uses_token(backend_class, name)
    if not token and backend_class.uses_token:
        raise ConfigurationError(_("Target '{name}' needs an access token: give --token-file.").format(name=name))
    return encrypt(token) if token else None


def check_uses_token(backend_class: type[Backend], name: str) -> None:
    """Raise ConfigurationError if targets of this kind have no access token. ``name``: that of the target."""
    if not backend_class.uses_token:
        raise ConfigurationError(_("Target '{name}' is of a kind that uses no access token.").format(name=name))


def pause(name: str, course: str = "") -> Paused:
    """Pause a target, or its lane of one course. Operations wait meanwhile; none is lost."""
    target = get_target(name)
    lanes = lanes_of(target, course)
    return pause_lanes(target, lanes, whole=not course)


@transaction.atomic
def pause_lanes(target: Target, lanes: QuerySet[Lane], *, whole: bool) -> Paused:
    """Pause lanes of a target, or with ``whole`` the target itself. A turn that runs ends after its request."""
    if whole:
        Target.objects.filter(pk=target.pk).update(paused=True)
    else:
        lanes.update(paused=True)
    paused = Paused(courses_of(lanes), count_pending(lanes))
    record("pause", target=target.name, course="" if whole else only(paused.courses), changed=_changed(paused))
    return paused


def resume(name: str, course: str = "") -> Resumed:
    """Resume a target, or one lane, that is paused, disabled by an HTTP 410, or failing.

    A disabled target gets no lanes for newly recorded courses; they are made now.
    """
    target = get_target(name)
    return resume_lanes(target, lanes_of(target, course), whole=not course)


@transaction.atomic
def resume_lanes(target: Target, lanes: QuerySet[Lane], *, whole: bool) -> Resumed:
    """Resume lanes of a target, or with ``whole`` the target itself and its lanes that are not paused by themselves."""
    nudge(lanes)  # the lanes first, as workers do: a different order could deadlock
    if whole:
        Target.objects.filter(pk=target.pk).update(paused=False, disabled_reason="")
        make_lanes_of(target)
    else:
        lanes.update(paused=False)
    resumed = _resumed(target, lanes)
    record("resume", target=target.name, course="" if whole else only(resumed.courses), changed=_changed(resumed))
    return resumed


def _resumed(target: Target, lanes: QuerySet[Lane]) -> Resumed:
    probe_now(target.pk)
    held_back = not Target.objects.filter(pk=target.pk, paused=False, disabled_reason="").exists()
    going_on = lanes.none() if held_back else lanes.filter(paused=False)
    courses = courses_of(going_on)
    paused = lanes.filter(paused=True).count()
    unreachable = not held_back and Target.objects.filter(IS_OPEN, pk=target.pk).exists()
    return Resumed(len(courses), paused, held_back, courses, count_pending(going_on), unreachable)


def _changed(result: Paused | Resumed) -> dict[str, Any]:
    return {"lanes": len(result.courses), "pending": result.pending, "courses": result.courses}


def _asked(target: Target, orgs: Sequence[str], courses: Sequence[str]) -> dict[str, Any]:
    """Return what an operator asked for with ``add-target``, without the secret and without the whole URL."""
    about = {"backend": target.backend, "host": host_of(target.url), "options": target.options}
    return {**about, "orgs": orgs, "courses": courses, "entity_types": target.entity_types}


def test_target(name: str) -> TestReport:
    """Send a signed test message; return the answer with an explanation. This changes nothing in the database."""
    with open_target(get_target(name)) as target:
        return target.test()


def get_target(name: str) -> Target:
    """Return a target. Raises UnknownName, which suggests a similar name or lists all names."""
    # MariaDB and MySQL compare without regard to case, so the names are compared once more below. All databases
    # raise an error for some texts that they cannot store, so a text that cannot be a name is not looked up.
    rows = Target.objects.filter(name=name).prefetch_related("subscriptions") if _is_name(name) else ()
    found = [target for target in rows if target.name == name]
    if not found:
        raise UnknownName(_("There is no target {name}.").format(name=short_repr(name)) + _hint(name))
    return found[0]


def _hint(name: str) -> str:
    names = list(Target.objects.order_by("name").values_list("name", flat=True))
    near = get_close_matches(name, names, n=1)
    if near:
        return _(" Did you mean '{name}'?").format(name=near[0])
    return _(" Known: {names}.").format(names=", ".join(names) or _("none"))


def lanes_of(target: Target, course: str = "") -> QuerySet[Lane]:
    """Return the lanes of a target, or its lane of one course. Raises UnknownName if it has no lane of the course."""
    return Lane.objects.filter(pk=get_lane(target, course).pk) if course else Lane.objects.filter(target=target)


def get_lane(target: Target, course: str) -> Lane:
    """Return a target's lane of a course. Raises UnknownName if there is none."""
    lane = Lane.objects.filter(target=target, course__key_digest=digest_of(parse_course_id(course))).first()
    if lane is None:
        raise UnknownName(
            _(
                "Target '{name}' has no lane of {course}: it is not subscribed, or the course was never synced. "
                "Look at 'targets'; 'backfill --course' records a course."
            ).format(name=target.name, course=course)
        )
    return lane


def _check_name(name: str) -> None:
    if not _is_name(name):
        raise ConfigurationError(
            _("{name} cannot be a target's name: up to 64 letters, digits, - and _.").format(name=short_repr(name))
        )
    # Without regard to case: for MariaDB and MySQL such names are equal, and the column is unique.
    there = Target.objects.filter(name__iexact=name).first()
    if there:
        raise ConfigurationError(
            _("There is already a target '{name}'. Remove it first, or use another name.").format(name=there.name)
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


def make_lanes_of(target: Target) -> int:
    """Make a lane for each recorded course that a target wants; return the number of these courses."""
    wanted = [course for course in Course.objects.exclude(published_version="") if target.wants(course)]
    make_lanes((target, course) for course in wanted)
    return len(wanted)
