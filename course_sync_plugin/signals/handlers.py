"""Receives the signals of the host. A receiver notes the event and returns.

It makes one INSERT in a savepoint. It raises nothing, waits for nothing and reads no course.
"""

from __future__ import annotations

import atexit
from importlib import import_module
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import transaction
from django.db.models.signals import post_save

from course_sync_plugin import api
from course_sync_plugin.keys import course_id, is_course_run
from course_sync_plugin.log import get_logger
from course_sync_plugin.models import Marker
from course_sync_plugin.signals.saved_overviews import SavedOverviews
from course_sync_plugin.signals.waker import Waker
from course_sync_plugin.tasks import wake_restore, wake_sync

log = get_logger(__name__)
waker = Waker(wake_sync, rest=lambda: settings.COURSE_SYNC_QUIET_SECONDS)
saved_overviews = SavedOverviews(wake_restore, rest=lambda: settings.COURSE_SYNC_QUIET_SECONDS)
atexit.register(waker.finish)
atexit.register(saved_overviews.finish)


def on_course_published(sender: Any, course_key: Any, **kwargs: Any) -> None:
    """Note that a course was published (``xmodule.modulestore.django.COURSE_PUBLISHED``).

    A plain function with a stable name, so that ``simulate_publish --receivers`` can select it.
    """
    note(course_key)


def on_course_deleted(sender: Any, course_key: Any, **kwargs: Any) -> None:
    """Note that a course was deleted (``COURSE_DELETED``). Its entities are known from our own tables."""
    note(course_key)


def on_rerun_state_saved(sender: Any, instance: Any, **kwargs: Any) -> None:
    """Note a rerun that succeeded. Every release saves this row; only newer releases send COURSE_RERUN_COMPLETED."""
    if instance.state == "succeeded":
        note(instance.course_key)


def on_overview_saved(sender: Any, instance: Any, created: bool, raw: bool = False, **kwargs: Any) -> None:
    """Have the catalog columns of an overview checked after the commit, because the saved row may lack them.

    Raises nothing.
    """
    if raw:
        return
    key = str(instance.id)
    try:
        transaction.on_commit(lambda: _request_check(key, created), robust=True)
    except Exception:  # an error here must not break the save of the platform
        log.exception("course_sync: the overview of %s is not checked; the next catalog run will correct it", key)


def _request_check(key: str, created: bool) -> None:
    """Request the check of an overview. A new one is noted in our table too, in case the wake-up is lost.

    The note is written after the commit. Otherwise a catalog run would have to wait for the author's open transaction,
    while it holds locks on its own rows.
    """
    try:
        if created:
            api.note_overview_created(key)
    except Exception:
        log.exception("course_sync: the new overview of %s was not noted; the next catalog run will correct it", key)
    saved_overviews.add(key)


def note(course_key: Any) -> None:
    """Insert a marker for a course run, and wake the sync after the commit. Raises nothing."""
    if not is_course_run(course_key):
        return
    try:
        with transaction.atomic():
            Marker.put(course_id(course_key))
        transaction.on_commit(waker.request, robust=True)
    except Exception:  # an error here must not break the author's publish
        log.exception("course_sync: the publish of %s was not noted; the sweep will find it by its version", course_key)


def connect() -> None:
    """Connect to the signals that this host has. A signal that a release does not have must not stop the start."""
    _connect("COURSE_PUBLISHED", on_course_published)
    _connect("COURSE_DELETED", on_course_deleted)
    if "course_overviews" in apps.app_configs:
        model = apps.get_model("course_overviews", "CourseOverview")
        post_save.connect(on_overview_saved, sender=model, dispatch_uid="course_sync_plugin.overview")
    if apps.is_installed("common.djangoapps.course_action_state"):
        model = apps.get_model("course_action_state", "CourseRerunState")
        post_save.connect(on_rerun_state_saved, sender=model, dispatch_uid="course_sync_plugin.rerun")


def _connect(name: str, receiver: Any) -> None:
    """Connect a receiver to a signal of the modulestore, for all senders: the platform uses several."""
    try:
        signal = getattr(import_module("xmodule.modulestore.django"), name)
    except ImportError:
        log.info("course_sync: this host is not edx-platform and has no signal %s", name)
        return
    except AttributeError:
        log.warning("course_sync: this host has no signal %s; the sweep finds the courses by their versions", name)
        return
    signal.connect(receiver, dispatch_uid=f"course_sync_plugin.{receiver.__name__}")
