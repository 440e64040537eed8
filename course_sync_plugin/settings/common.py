"""Defaults of every setting, for LMS and Studio alike."""

from __future__ import annotations

from copy import copy
from typing import Any

# .. setting_name: COURSE_SYNC_SOURCE
# .. setting_default: course_sync_plugin.structure.modulestore.ModulestoreSource
# .. setting_description: Where published courses are read from, as a dotted path; the sandbox has a source of its own.

# .. setting_name: COURSE_SYNC_QUIET_SECONDS
# .. setting_default: 5
# .. setting_description: Seconds a course must have been quiet before it is synced: one import sends up to 182 signals.

# .. setting_name: COURSE_SYNC_MAX_WAIT_SECONDS
# .. setting_default: 60
# .. setting_description: Seconds after which a course is synced although it is still being published.

# .. setting_name: COURSE_SYNC_LEASE_SECONDS
# .. setting_default: 60
# .. setting_description: Seconds a worker owns a course or a lane. A request to a receiver may take half of it.
#     A worker that reads a course holds it on meanwhile.

# .. setting_name: COURSE_SYNC_READ_SECONDS
# .. setting_default: 300
# .. setting_description: Seconds that a course may take to read. One that takes longer is put off like one that
#     cannot be read, and holds up no other.

# .. setting_name: COURSE_SYNC_RETRY_SCHEDULE
# .. setting_default: [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
# .. setting_description: Seconds to wait between attempts when a receiver gives no answer: n waits are n + 1 attempts.
#     The default is that of Standard Webhooks: ten attempts in three days.

# .. setting_name: COURSE_SYNC_ENVELOPE_OPERATIONS
# .. setting_default: 100
# .. setting_description: How many operations an envelope holds at most.

# .. setting_name: COURSE_SYNC_ENVELOPE_BYTES
# .. setting_default: 262144
# .. setting_description: How many bytes an envelope's body has at most; one single operation may be larger.

# .. setting_name: COURSE_SYNC_MASS_DELETE_PERCENT
# .. setting_default: 30
# .. setting_description: A run that deletes more than this share of a course is held, if it is also more than
#     COURSE_SYNC_MASS_DELETE_COUNT entities.

# .. setting_name: COURSE_SYNC_MASS_DELETE_COUNT
# .. setting_default: 20
# .. setting_description: A run that deletes no more entities than this is never held.

# .. setting_name: COURSE_SYNC_ALLOWED_PRIVATE_HOSTS
# .. setting_default: []
# .. setting_description: Names and networks (CIDR) of receivers that may have a private address and plain http.

# .. setting_name: COURSE_SYNC_SECRET_KEYS
# .. setting_default: []
# .. setting_description: Fernet keys that encrypt webhook secrets; the first encrypts, all decrypt. Make one with
#     ``python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"``.
# .. setting_warning: Whoever loses them loses the secrets; rotate by putting a new key first.

# .. setting_name: COURSE_SYNC_CELERY_QUEUE
# .. setting_default: None
# .. setting_description: Celery queue of our tasks. None: the host's default queue. A queue that nobody consumes
#     delivers nothing.

# .. setting_name: COURSE_SYNC_REDIRECT_ABOUT_PAGE
# .. setting_default: False
# .. setting_description: Whether the LMS about page leads to the course's sharing or marketing URL, where it has one
#     and the platform's switches allow it. Puts a step behind those that the filter's pipeline has already.

DEFAULTS: dict[str, Any] = {
    "COURSE_SYNC_SOURCE": "course_sync_plugin.structure.modulestore.ModulestoreSource",
    "COURSE_SYNC_QUIET_SECONDS": 5,
    "COURSE_SYNC_MAX_WAIT_SECONDS": 60,
    "COURSE_SYNC_LEASE_SECONDS": 60,
    "COURSE_SYNC_READ_SECONDS": 300,
    "COURSE_SYNC_RETRY_SCHEDULE": [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400],
    "COURSE_SYNC_ENVELOPE_OPERATIONS": 100,
    "COURSE_SYNC_ENVELOPE_BYTES": 262144,
    "COURSE_SYNC_MASS_DELETE_PERCENT": 30,
    "COURSE_SYNC_MASS_DELETE_COUNT": 20,
    "COURSE_SYNC_ALLOWED_PRIVATE_HOSTS": [],
    "COURSE_SYNC_SECRET_KEYS": [],
    "COURSE_SYNC_CELERY_QUEUE": None,
    "COURSE_SYNC_REDIRECT_ABOUT_PAGE": False,
}

_ABOUT_FILTER = "org.openedx.learning.course_about.render.started.v1"
_ABOUT_STEP = "course_sync_plugin.catalog.about_link.RedirectAboutPage"


def plugin_settings(settings: Any) -> None:
    """Set the defaults on the host's settings module, without touching what it already says."""
    for name, value in DEFAULTS.items():
        if not hasattr(settings, name):
            setattr(settings, name, copy(value))
    add_about_step(settings)


def add_about_step(settings: Any) -> None:
    """Put the redirect behind what is in the about page's pipeline, in whichever of its three forms that is written."""
    if not settings.COURSE_SYNC_REDIRECT_ABOUT_PAGE:
        return
    filters = dict(getattr(settings, "OPEN_EDX_FILTERS_CONFIG", None) or {})
    present = filters.get(_ABOUT_FILTER) or {}
    configured = dict(present) if isinstance(present, dict) else {"pipeline": present}
    steps = configured.get("pipeline") or []
    steps = [steps] if isinstance(steps, str) else list(steps)
    configured["pipeline"] = [*steps, *([] if _ABOUT_STEP in steps else [_ABOUT_STEP])]
    settings.OPEN_EDX_FILTERS_CONFIG = {**filters, _ABOUT_FILTER: configured}
