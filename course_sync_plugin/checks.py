"""Django system checks: wrong settings are told at start, each by its name and with the way out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cryptography.fernet import Fernet
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from course_sync_plugin import limits
from course_sync_plugin.cleaning import shown
from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.sources import source_class
from course_sync_plugin.targets.http.private_addresses import AllowedHosts

_MAKE_A_KEY = 'Make one: python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'


@register("course_sync")
def check_settings(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Check every setting of the plugin."""
    wrong = [*_numbers()]
    periods = () if wrong else _periods()
    return [*wrong, *periods, *_schedule(), *_secret_keys(), *_hosts(), *_queue(), *_source(), *_redirect()]


def _numbers() -> Iterator[CheckMessage]:
    for name, limit in limits.SETTINGS.items():
        value = getattr(settings, name)
        if not limit.holds(value):
            yield Error(f"{name} is {shown(value)}.", hint=f"It must be {limit}.", id="course_sync.E001")


def _periods() -> Iterator[CheckMessage]:
    if settings.COURSE_SYNC_LEASE_SECONDS < 10:
        yield Warning(
            f"COURSE_SYNC_LEASE_SECONDS is {settings.COURSE_SYNC_LEASE_SECONDS}.",
            hint="A receiver has half of it to answer; 10 seconds are the least that makes sense.",
            id="course_sync.W001",
        )
    if settings.COURSE_SYNC_QUIET_SECONDS > settings.COURSE_SYNC_MAX_WAIT_SECONDS:
        yield Warning(
            "COURSE_SYNC_QUIET_SECONDS is more than COURSE_SYNC_MAX_WAIT_SECONDS.",
            hint="A course is synced after the latter, quiet or not.",
            id="course_sync.W003",
        )


def _schedule() -> Iterator[CheckMessage]:
    schedule = settings.COURSE_SYNC_RETRY_SCHEDULE
    is_list = isinstance(schedule, (list, tuple))
    if not is_list or not limits.RETRY_WAITS.holds(len(schedule)) or not all(map(limits.RETRY_WAIT.holds, schedule)):
        yield Error(
            "COURSE_SYNC_RETRY_SCHEDULE is not a list of seconds.",
            hint=f"{limits.RETRY_WAITS.most} waits at most, each {limits.RETRY_WAIT}. For example [5, 300, 1800]: "
            "three waits, four attempts.",
            id="course_sync.E002",
        )


def _secret_keys() -> Iterator[CheckMessage]:
    keys = settings.COURSE_SYNC_SECRET_KEYS
    if not keys:
        text = "COURSE_SYNC_SECRET_KEYS is empty: no target with a secret can be added."
        yield Warning(text, hint=_MAKE_A_KEY, id="course_sync.W002")
    elif not isinstance(keys, (list, tuple)):
        yield _no_list("COURSE_SYNC_SECRET_KEYS")
    else:
        for at, key in enumerate(keys, 1):
            if not _is_key(key):
                text = f"Key {at} of COURSE_SYNC_SECRET_KEYS is no Fernet key."
                yield Error(text, hint=_MAKE_A_KEY, id="course_sync.E003")


def _hosts() -> Iterator[CheckMessage]:
    hosts = settings.COURSE_SYNC_ALLOWED_PRIVATE_HOSTS
    if not isinstance(hosts, (list, tuple)):
        yield _no_list("COURSE_SYNC_ALLOWED_PRIVATE_HOSTS")
        return
    for host in hosts:
        try:
            AllowedHosts.parse([host if isinstance(host, str) else ""])
        except ConfigurationError:
            yield Error(
                f"{shown(host)} in COURSE_SYNC_ALLOWED_PRIVATE_HOSTS is neither a host's name nor a network.",
                hint="Write a host's name, an address, or a network such as 10.0.0.0/8.",
                id="course_sync.E005",
            )


def _queue() -> Iterator[CheckMessage]:
    queue = settings.COURSE_SYNC_CELERY_QUEUE
    if queue is not None and not (isinstance(queue, str) and queue):
        yield Error(
            f"COURSE_SYNC_CELERY_QUEUE is {shown(queue)}.",
            hint="It must be a queue's name, or None for the host's default queue.",
            id="course_sync.E006",
        )


def _source() -> Iterator[CheckMessage]:
    try:
        source_class(settings.COURSE_SYNC_SOURCE)
    except ConfigurationError as error:
        yield Error(
            error.message,
            hint="It must be the dotted path of a class (course_sync_plugin.structure.source.Source).",
            id="course_sync.E007",
        )


def _redirect() -> Iterator[CheckMessage]:
    redirect = settings.COURSE_SYNC_REDIRECT_ABOUT_PAGE
    if not isinstance(redirect, bool):
        yield Error(
            f"COURSE_SYNC_REDIRECT_ABOUT_PAGE is {shown(redirect)}.",
            hint="It must be True or False.",
            id="course_sync.E008",
        )


def _no_list(name: str) -> CheckMessage:
    return Error(f"{name} is no list.", hint="Write a list, however short: ['…'].", id="course_sync.E004")


def _is_key(key: Any) -> bool:
    try:
        Fernet(key)
    except (ValueError, TypeError):
        return False
    return True
