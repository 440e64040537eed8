"""The environment variables of every process of the campaign. Nothing here needs Django."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.servers import MariaDB, Redis

#: The environment variable with the folder of the published courses.
FOLDER = "CHAOS_COURSES"

#: Seconds of a lease. A process that is stopped for longer loses its work.
LEASE = 3

#: The queue of the campaign's tasks.
QUEUE = "course-sync-chaos"

SETTINGS = {
    "COURSE_SYNC_SOURCE": "tests.chaos.courses.FileSource",
    "COURSE_SYNC_QUIET_SECONDS": "0.2",
    "COURSE_SYNC_MAX_WAIT_SECONDS": "5",
    "COURSE_SYNC_LEASE_SECONDS": str(LEASE),
    "COURSE_SYNC_ENVELOPE_OPERATIONS": "7",
    # Each kill uses up an attempt, and that must not stop a lane.
    "COURSE_SYNC_RETRY_SCHEDULE": ",".join(["1"] * 100),
    "COURSE_SYNC_ALLOWED_PRIVATE_HOSTS": "127.0.0.1",
    "COURSE_SYNC_CELERY_QUEUE": QUEUE,
    "LOG_LEVEL": "INFO",
}


#: What the campaign for two-way targets has otherwise: the sandbox's own Studio, and who writes to it.
TWO_WAY = {
    "COURSE_SYNC_SOURCE": "sandbox.published.source.PublishedSource",
    "COURSE_SYNC_WRITE_BACK_USER": "course-sync",
}


def environment(folder: Path, database: MariaDB, broker: Redis) -> dict[str, str]:
    """Return the environment variables. ``folder`` holds everything that the campaign writes."""
    return {
        **SETTINGS,
        FOLDER: str(folder / "courses"),
        "SANDBOX_VAR": str(folder),
        "DATABASE_URL": database.url,
        "CELERY_BROKER_URL": broker.url,
        "DJANGO_SETTINGS_MODULE": "sandbox.settings",
    }
