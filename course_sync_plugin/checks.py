"""Django system checks: they report each wrong setting at start, with its name and the way to correct it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from cryptography.fernet import Fernet
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from course_sync_plugin.diff.handlers import entity_types
from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.replication.merge.places import PLACE
from course_sync_plugin.replication.strategies.registry import conflict_strategies
from course_sync_plugin.sanitize import limits
from course_sync_plugin.sanitize.text import short_repr
from course_sync_plugin.structure.dotted_path import class_named
from course_sync_plugin.structure.sources import source_class
from course_sync_plugin.structure.writers import writer_class
from course_sync_plugin.targets.http.private_addresses import AllowedHosts

_MAKE_A_KEY = 'Generate one: python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'

#: The characters of a bearer token (RFC 6750), and so many of them that a token cannot be guessed.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{20,200}")


@register("course_sync")
def check_settings(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Check every setting of the plugin."""
    wrong = [*_numbers()]
    periods = () if wrong else _periods()
    return [
        *wrong,
        *periods,
        *_schedule(),
        *_secret_keys(),
        *_hosts(),
        *_queue(),
        *_retention(),
        *_source(),
        *_writer(),
        *_roles(),
        *_write_back_user(),
        *_redirect(),
        *_instructor_dashboard(),
        *_metrics_token(),
        *_strategies(),
    ]


def _numbers() -> Iterator[CheckMessage]:
    for name, limit in limits.SETTINGS.items():
        value = getattr(settings, name)
        if not limit.holds(value):
            yield Error(f"{name} is {short_repr(value)}.", hint=f"It must be {limit}.", id="course_sync.E001")


def _periods() -> Iterator[CheckMessage]:
    if settings.COURSE_SYNC_LEASE_SECONDS < 10:
        yield Warning(
            f"COURSE_SYNC_LEASE_SECONDS is {settings.COURSE_SYNC_LEASE_SECONDS}.",
            hint="A receiver has half of this time to answer. Set 10 seconds or more.",
            id="course_sync.W001",
        )
    if settings.COURSE_SYNC_QUIET_SECONDS > settings.COURSE_SYNC_MAX_WAIT_SECONDS:
        yield Warning(
            "COURSE_SYNC_QUIET_SECONDS is more than COURSE_SYNC_MAX_WAIT_SECONDS.",
            hint="After COURSE_SYNC_MAX_WAIT_SECONDS a course is synced, even if it is not quiet.",
            id="course_sync.W003",
        )


def _schedule() -> Iterator[CheckMessage]:
    schedule = settings.COURSE_SYNC_RETRY_SCHEDULE
    is_list = isinstance(schedule, (list, tuple))
    if not is_list or not limits.RETRY_WAITS.holds(len(schedule)) or not all(map(limits.RETRY_WAIT.holds, schedule)):
        yield Error(
            "COURSE_SYNC_RETRY_SCHEDULE is not a list of seconds.",
            hint=f"Write at most {limits.RETRY_WAITS.most} waits, each {limits.RETRY_WAIT}. "
            "For example, [5, 300, 1800] means three waits and four attempts.",
            id="course_sync.E002",
        )


def _secret_keys() -> Iterator[CheckMessage]:
    keys = settings.COURSE_SYNC_SECRET_KEYS
    if not keys:
        text = "COURSE_SYNC_SECRET_KEYS is empty: no target with a secret can be added."
        yield Warning(text, hint=_MAKE_A_KEY, id="course_sync.W002")
    elif not isinstance(keys, (list, tuple)):
        yield _not_a_list("COURSE_SYNC_SECRET_KEYS")
    else:
        for at, key in enumerate(keys, 1):
            if not _is_key(key):
                text = f"Key {at} of COURSE_SYNC_SECRET_KEYS is not a Fernet key."
                yield Error(text, hint=_MAKE_A_KEY, id="course_sync.E003")


def _hosts() -> Iterator[CheckMessage]:
    hosts = settings.COURSE_SYNC_ALLOWED_PRIVATE_HOSTS
    if not isinstance(hosts, (list, tuple)):
        yield _not_a_list("COURSE_SYNC_ALLOWED_PRIVATE_HOSTS")
        return
    for host in hosts:
        try:
            AllowedHosts.parse([host if isinstance(host, str) else ""])
        except ConfigurationError:
            yield Error(
                f"{short_repr(host)} in COURSE_SYNC_ALLOWED_PRIVATE_HOSTS is neither a host name nor a network.",
                hint="Write a host name, an IP address, or a network such as 10.0.0.0/8.",
                id="course_sync.E005",
            )


def _queue() -> Iterator[CheckMessage]:
    queue = settings.COURSE_SYNC_CELERY_QUEUE
    if queue is not None and not (isinstance(queue, str) and queue):
        yield Error(
            f"COURSE_SYNC_CELERY_QUEUE is {short_repr(queue)}.",
            hint="It must be the name of a queue, or None for the host's default queue.",
            id="course_sync.E006",
        )


def _retention() -> Iterator[CheckMessage]:
    name = "COURSE_SYNC_RETENTION_DAYS_BY_TYPE"
    days = getattr(settings, name)
    if not isinstance(days, dict) or not all(map(limits.RETENTION.holds, days.values())):
        hint = f"Write days by entity type, each {limits.RETENTION}. For example: {{'component': 10}}."
        yield Error(f"{name} is {short_repr(days)}.", hint=hint, id="course_sync.E009")
        return
    known = entity_types.names()
    for unknown in [one for one in days if one not in known]:
        hint = f"The entity types are {', '.join(known)}."
        yield Warning(f"{short_repr(unknown)} in {name} is no entity type.", hint=hint, id="course_sync.W004")


def _source() -> Iterator[CheckMessage]:
    try:
        source_class(settings.COURSE_SYNC_SOURCE)
    except ConfigurationError as error:
        yield Error(
            error.message,
            hint="It must be the dotted path of a class (course_sync_plugin.structure.base.Source).",
            id="course_sync.E007",
        )


def _writer() -> Iterator[CheckMessage]:
    try:
        writer_class(settings.COURSE_SYNC_WRITER)
    except ConfigurationError as error:
        yield Error(
            error.message,
            hint="It must be the dotted path of a class (course_sync_plugin.structure.writer.CourseWriter).",
            id="course_sync.E013",
        )


def _roles() -> Iterator[CheckMessage]:
    try:
        class_named("COURSE_SYNC_ROLES", settings.COURSE_SYNC_ROLES)
    except ConfigurationError as error:
        yield Error(
            error.message,
            hint="It must be the dotted path of a class (course_sync_plugin.roles.contract.Roles).",
            id="course_sync.E015",
        )


def _write_back_user() -> Iterator[CheckMessage]:
    user = settings.COURSE_SYNC_WRITE_BACK_USER
    if not isinstance(user, str) or not user.isprintable():
        yield Error(
            f"COURSE_SYNC_WRITE_BACK_USER is {short_repr(user)}.",
            hint="It must be the name of a user, or empty if nothing is written back.",
            id="course_sync.E014",
        )


def _redirect() -> Iterator[CheckMessage]:
    redirect = settings.COURSE_SYNC_REDIRECT_ABOUT_PAGE
    if not isinstance(redirect, bool):
        yield Error(
            f"COURSE_SYNC_REDIRECT_ABOUT_PAGE is {short_repr(redirect)}.",
            hint="It must be True or False.",
            id="course_sync.E008",
        )


def _instructor_dashboard() -> Iterator[CheckMessage]:
    shown = settings.COURSE_SYNC_INSTRUCTOR_DASHBOARD
    if shown not in ("", "page", "widget"):
        yield Error(
            f"COURSE_SYNC_INSTRUCTOR_DASHBOARD is {short_repr(shown)}.",
            hint='It must be "page", "widget", or empty.',
            id="course_sync.E016",
        )


def _strategies() -> Iterator[CheckMessage]:
    known = conflict_strategies.names()
    hint = f"The strategies are {', '.join(known)}."
    strategy, by_type = settings.COURSE_SYNC_CONFLICT_STRATEGY, settings.COURSE_SYNC_CONFLICT_STRATEGIES
    if strategy not in known:
        text = f"COURSE_SYNC_CONFLICT_STRATEGY is {short_repr(strategy)}."
        yield Error(text, hint=hint, id="course_sync.E012")
    if not isinstance(by_type, dict) or not set(by_type.values()) <= set(known):
        text = f"COURSE_SYNC_CONFLICT_STRATEGIES is {short_repr(by_type)}."
        yield Error(text, hint=f"Write a strategy by entity type. {hint}", id="course_sync.E012")
        return
    types = [*entity_types.names(), PLACE]
    for unknown in [one for one in by_type if one not in types]:
        text = f"{short_repr(unknown)} in COURSE_SYNC_CONFLICT_STRATEGIES is no entity type."
        hint = f"The entity types are {', '.join(types)}."
        yield Warning(text, hint=hint, id="course_sync.W005")


def _metrics_token() -> Iterator[CheckMessage]:
    """Check the token, without repeating it: it is a secret."""
    token = settings.COURSE_SYNC_METRICS_TOKEN
    if not isinstance(token, str) or (token and not _TOKEN.fullmatch(token)):
        yield Error(
            "COURSE_SYNC_METRICS_TOKEN is no token.",
            hint="It must be empty, or have 20 to 200 letters, digits and characters of '-._~+/='. "
            'Generate one: python -c "import secrets; print(secrets.token_urlsafe(32))"',
            id="course_sync.E010",
        )


def _not_a_list(name: str) -> CheckMessage:
    hint = "Write a list, also if it has only one item: ['…']."
    return Error(f"{name} is not a list.", hint=hint, id="course_sync.E004")


def _is_key(key: Any) -> bool:
    try:
        Fernet(key)
    except (ValueError, TypeError):
        return False
    return True
