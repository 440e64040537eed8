"""The defaults of all settings, for the LMS and for Studio."""

from __future__ import annotations

from copy import copy
from pathlib import Path
from typing import Any

# .. setting_name: COURSE_SYNC_SOURCE
# .. setting_default: course_sync_plugin.structure.modulestore.source.ModulestoreSource
# .. setting_description: The class that reads published courses, as a dotted path. The sandbox has a source of its own.

# .. setting_name: COURSE_SYNC_WRITER
# .. setting_default: course_sync_plugin.structure.modulestore.writer.ModulestoreWriter
# .. setting_description: The class that writes edits of two-way targets back into Open edX, as a dotted path. The
#     sandbox has a writer of its own.

# .. setting_name: COURSE_SYNC_WRITE_BACK_USER
# .. setting_default: ""
# .. setting_description: The name of the user who is recorded in Studio as the author of edits that come from two-way
#     targets. Empty: nothing is written back.

# .. setting_name: COURSE_SYNC_ROLES
# .. setting_default: course_sync_plugin.roles.platform.PlatformRoles
# .. setting_description: The class that reads the roles of users in organisations and courses, as a dotted path. The
#     sandbox has roles of its own.

# .. setting_name: COURSE_SYNC_QUIET_SECONDS
# .. setting_default: 5
# .. setting_description: Seconds without a publish after which a course is synced: one import sends up to 182 signals.

# .. setting_name: COURSE_SYNC_MAX_WAIT_SECONDS
# .. setting_default: 60
# .. setting_description: Seconds after which a course is synced even if it is still published again and again.

# .. setting_name: COURSE_SYNC_LEASE_SECONDS
# .. setting_default: 60
# .. setting_description: Seconds for which a worker owns a course or a lane. A request to a receiver may take half of
#     this time. While a worker reads a course, it renews its lease.

# .. setting_name: COURSE_SYNC_READ_SECONDS
# .. setting_default: 300
# .. setting_description: Seconds that reading a course may take. A course that takes longer is tried again later, like
#     one that cannot be read, and does not hold up other courses.

# .. setting_name: COURSE_SYNC_RETRY_SCHEDULE
# .. setting_default: [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
# .. setting_description: Seconds to wait between attempts when a receiver gives no answer: n waits are n + 1 attempts.
#     The default is that of Standard Webhooks: ten attempts in three days.

# .. setting_name: COURSE_SYNC_ENVELOPE_OPERATIONS
# .. setting_default: 100
# .. setting_description: How many operations an envelope holds at most.

# .. setting_name: COURSE_SYNC_ENVELOPE_BYTES
# .. setting_default: 262144
# .. setting_description: How many bytes an envelope's body has at most. An envelope of one operation may be larger.

# .. setting_name: COURSE_SYNC_LONG_BACKLOG
# .. setting_default: 0
# .. setting_description: A lane with more pending operations than this gets the difference between what the target
#     holds and the course now, instead of each operation. 0: never.

# .. setting_name: COURSE_SYNC_MASS_DELETE_PERCENT
# .. setting_default: 30
# .. setting_description: A run that deletes more than this share of a course is held, if it also deletes more than
#     COURSE_SYNC_MASS_DELETE_COUNT entities.

# .. setting_name: COURSE_SYNC_MASS_DELETE_COUNT
# .. setting_default: 20
# .. setting_description: A run that deletes no more entities than this is never held.

# .. setting_name: COURSE_SYNC_OBJECTIVE_SECONDS
# .. setting_default: 3600
# .. setting_description: The objective of the site: seconds within which an operation should be delivered. A rule of
#     notifications can tell when it is missed.

# .. setting_name: COURSE_SYNC_METRICS_TOKEN
# .. setting_default: ""
# .. setting_description: The token with which a monitoring program reads the metrics and the details of the health
#     (``Authorization: Bearer …``). Empty: only global staff who are signed in can.
# .. setting_warning: It is a secret. Make one with ``python -c "import secrets; print(secrets.token_urlsafe(32))"``.

# .. setting_name: COURSE_SYNC_ALLOWED_PRIVATE_HOSTS
# .. setting_default: []
# .. setting_description: Host names and networks (CIDR) of receivers that may have a private address and plain http.

# .. setting_name: COURSE_SYNC_SECRET_KEYS
# .. setting_default: []
# .. setting_description: Fernet keys that encrypt webhook secrets; the first encrypts, all decrypt. Make one with
#     ``python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"``.
# .. setting_warning: Without its key a stored secret is lost. To rotate keys, put a new one first and keep the others.

# .. setting_name: COURSE_SYNC_CELERY_QUEUE
# .. setting_default: None
# .. setting_description: The Celery queue of the plugin's tasks. None: the host's default queue. A Celery worker must
#     consume the queue, or no task runs.

# .. setting_name: COURSE_SYNC_RETENTION_DAYS
# .. setting_default: 30
# .. setting_description: Days after which attempts, the log of syncs, background jobs that ended and journal rows
#     that every lane has passed are pruned.

# .. setting_name: COURSE_SYNC_PROBLEM_RETENTION_DAYS
# .. setting_default: 90
# .. setting_description: Days after which a closed problem is pruned.

# .. setting_name: COURSE_SYNC_RETENTION_DAYS_BY_TYPE
# .. setting_default: {}
# .. setting_description: Days for the journal rows of an entity type, by its name. Other types have
#     COURSE_SYNC_RETENTION_DAYS.

# .. setting_name: COURSE_SYNC_INBOUND_DAYS
# .. setting_default: 7
# .. setting_description: Days after which a notice of another system is pruned. It may hold names and mail addresses.

# .. setting_name: COURSE_SYNC_REDIRECT_ABOUT_PAGE
# .. setting_default: False
# .. setting_description: Whether the LMS about page redirects to the course's sharing or marketing URL, if it has one
#     and the platform's switches allow it. Adds a step at the end of the filter's pipeline.

# .. setting_name: COURSE_SYNC_INSTRUCTOR_DASHBOARD
# .. setting_default: ""
# .. setting_description: Whether the instructor dashboard of the LMS shows the page for course staff: "page" adds a
#     section to the legacy dashboard, and to the MFE a tab that opens the page. "widget" does the same, but the tab of
#     the MFE shows the widget of docs/mfe. Empty: nothing is shown.

# .. setting_name: COURSE_SYNC_CONFLICT_STRATEGY
# .. setting_default: merge_prefer_openedx
# .. setting_description: Which side is taken if Open edX and a linked system changed the same field without knowing of
#     each other. The option conflict_strategy of a target goes before it.

# .. setting_name: COURSE_SYNC_CONFLICT_STRATEGIES
# .. setting_default: {}
# .. setting_description: Conflict strategies of entity types, by the name of the type. Other types have
#     COURSE_SYNC_CONFLICT_STRATEGY.

DEFAULTS: dict[str, Any] = {
    "COURSE_SYNC_SOURCE": "course_sync_plugin.structure.modulestore.source.ModulestoreSource",
    "COURSE_SYNC_WRITER": "course_sync_plugin.structure.modulestore.writer.ModulestoreWriter",
    "COURSE_SYNC_WRITE_BACK_USER": "",
    "COURSE_SYNC_ROLES": "course_sync_plugin.roles.platform.PlatformRoles",
    "COURSE_SYNC_QUIET_SECONDS": 5,
    "COURSE_SYNC_MAX_WAIT_SECONDS": 60,
    "COURSE_SYNC_LEASE_SECONDS": 60,
    "COURSE_SYNC_READ_SECONDS": 300,
    "COURSE_SYNC_RETRY_SCHEDULE": [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400],
    "COURSE_SYNC_ENVELOPE_OPERATIONS": 100,
    "COURSE_SYNC_ENVELOPE_BYTES": 262144,
    "COURSE_SYNC_LONG_BACKLOG": 0,
    "COURSE_SYNC_MASS_DELETE_PERCENT": 30,
    "COURSE_SYNC_MASS_DELETE_COUNT": 20,
    "COURSE_SYNC_OBJECTIVE_SECONDS": 3600,
    "COURSE_SYNC_METRICS_TOKEN": "",
    "COURSE_SYNC_ALLOWED_PRIVATE_HOSTS": [],
    "COURSE_SYNC_SECRET_KEYS": [],
    "COURSE_SYNC_CELERY_QUEUE": None,
    "COURSE_SYNC_RETENTION_DAYS": 30,
    "COURSE_SYNC_PROBLEM_RETENTION_DAYS": 90,
    "COURSE_SYNC_RETENTION_DAYS_BY_TYPE": {},
    "COURSE_SYNC_INBOUND_DAYS": 7,
    "COURSE_SYNC_REDIRECT_ABOUT_PAGE": False,
    "COURSE_SYNC_INSTRUCTOR_DASHBOARD": "",
    "COURSE_SYNC_CONFLICT_STRATEGY": "merge_prefer_openedx",
    "COURSE_SYNC_CONFLICT_STRATEGIES": {},
}

#: The app that ships htmx, with which the pages update themselves.
_HTMX = "django_htmx"

#: Which filter gets which step, by the setting that switches the step on.
_STEPS = {
    "COURSE_SYNC_REDIRECT_ABOUT_PAGE": {
        "org.openedx.learning.course_about.render.started.v1": (
            "course_sync_plugin.catalog.about_link.RedirectAboutPage"
        ),
    },
    "COURSE_SYNC_INSTRUCTOR_DASHBOARD": {
        "org.openedx.learning.instructor.dashboard.render.started.v1": (
            "course_sync_plugin.host_pages.section.AddSection"
        ),
        "org.openedx.learning.instructor.dashboard.tabs.requested.v1": "course_sync_plugin.host_pages.tab.AddTab",
    },
}

#: Where the host's Mako finds the section of the legacy instructor dashboard.
_MAKO = Path(__file__).resolve().parents[1] / "templates" / "mako"


def plugin_settings(settings: Any) -> None:
    """Set the defaults on the host's settings module, and add the app that ships htmx.

    A setting that the module already has stays as it is.
    """
    for name, value in DEFAULTS.items():
        if not hasattr(settings, name):
            setattr(settings, name, copy(value))
    add_to_pages_of_the_host(settings)
    apps = getattr(settings, "INSTALLED_APPS", [])
    if _HTMX not in apps:
        settings.INSTALLED_APPS = [*apps, _HTMX]


def add_to_pages_of_the_host(settings: Any) -> None:
    """Add the filter steps that are switched on, and the template that the instructor dashboard needs.

    The host keeps a reference to its list of template folders, so the list itself is changed.
    """
    for setting, steps in _STEPS.items():
        if getattr(settings, setting):
            for name, step in steps.items():
                _add_step(settings, name, step)
    folders = getattr(settings, "MAKO_TEMPLATE_DIRS_BASE", None)
    if settings.COURSE_SYNC_INSTRUCTOR_DASHBOARD and folders is not None and _MAKO not in folders:
        folders.append(_MAKO)


def _add_step(settings: Any, name: str, step: str) -> None:
    """Add a step at the end of a filter's pipeline, which stays as it is otherwise.

    The host can write the pipeline in three forms: a dictionary, a list or a text.
    """
    filters = dict(getattr(settings, "OPEN_EDX_FILTERS_CONFIG", None) or {})
    present = filters.get(name) or {}
    configured = dict(present) if isinstance(present, dict) else {"pipeline": present}
    steps = configured.get("pipeline") or []
    steps = [steps] if isinstance(steps, str) else list(steps)
    configured["pipeline"] = [*steps, *([] if step in steps else [step])]
    settings.OPEN_EDX_FILTERS_CONFIG = {**filters, name: configured}
