# SPDX-License-Identifier: Apache-2.0
"""Says to Tutor what belongs to course-sync-plugin. Tutor imports this module when the plugin is enabled.

The files in ``patches/`` have the name of the place in Tutor's templates that they fill.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tutor import hooks

from tutorcoursesync.__about__ import __version__

#: Settings that a user may change with ``tutor config save --set``.
DEFAULTS: dict[str, Any] = {
    # What pip installs into the openedx image. Empty: nothing, because the source is mounted.
    "COURSE_SYNC_PIP_REQUIREMENT": f"course-sync-plugin=={__version__}",
    # Other settings of course-sync-plugin, by name.
    "COURSE_SYNC_SETTINGS": {},
    # The number of processes "course_sync run", and of lanes that each delivers at once for a target.
    "COURSE_SYNC_REPLICAS": 1,
    "COURSE_SYNC_WORKERS": 4,
    # When Kubernetes reads the catalog, as a cron schedule. Empty: never. Without a catalog each read would fail.
    "COURSE_SYNC_CATALOG_SCHEDULE": "{{ '17 3 * * *' if 'discovery' in PLUGINS | default([]) else '' }}",
    # Whether a Prometheus that goes by annotations scrapes the metrics. It needs the token too.
    "COURSE_SYNC_PROMETHEUS_SCRAPE": False,
}

#: Secrets. Tutor makes them once, and writes them into config.yml.
UNIQUE: dict[str, Any] = {
    # 42 letters and digits and "A=" are 32 bytes in base64: a Fernet key.
    "COURSE_SYNC_SECRET_KEYS": ["{{ 42|random_string }}A="],
    "COURSE_SYNC_METRICS_TOKEN": "{{ 40|random_string }}",
}

hooks.Filters.CONFIG_DEFAULTS.add_items(list(DEFAULTS.items()))
hooks.Filters.CONFIG_UNIQUE.add_items(list(UNIQUE.items()))

# "tutor local launch" makes the tables of all apps. This task is for "tutor local do init --limit=course_sync".
hooks.Filters.CLI_DO_INIT_TASKS.add_item(("cms", "./manage.py cms migrate course_sync_plugin"))

# "tutor mounts add .../course-sync-plugin" installs that folder into the images, for development.
hooks.Filters.MOUNTED_DIRECTORIES.add_item(("openedx", "course-sync-plugin"))

for patch in sorted((Path(__file__).parent / "patches").iterdir()):
    hooks.Filters.ENV_PATCHES.add_item((patch.name, patch.read_text(encoding="utf-8")))


@hooks.Filters.IMAGES_BUILD_REQUIRED.add()
def _build_openedx(images: list[str], context: str) -> list[str]:
    """Let ``tutor local launch`` build the image. The published one does not contain course-sync-plugin."""
    return [*images, "openedx"] if context == "local" and "openedx" not in images else images
