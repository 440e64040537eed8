"""Starts edx-platform in this process, as its own manage.py does, with MongoDB in memory.

It starts Studio, or the LMS if ``SERVICE_VARIANT=lms`` is in the environment.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

VARIANT = "lms" if os.environ.get("SERVICE_VARIANT") == "lms" else "cms"
SETTINGS = f"{VARIANT}.envs.test"


def is_inside() -> bool:
    """Tell whether the working directory is a checkout of edx-platform and no other settings are chosen."""
    chosen = os.environ.get("DJANGO_SETTINGS_MODULE", SETTINGS)
    return Path("cms/envs/test.py").is_file() and chosen == SETTINGS


def start() -> None:
    """Set Django up. The platform's test settings use relative paths: the working directory must be the checkout."""
    sys.path.insert(0, os.getcwd())
    os.environ.update(DJANGO_SETTINGS_MODULE=SETTINGS, SERVICE_VARIANT=VARIANT)
    for folder in ("test_root/log", "test_root/db"):
        Path(folder).mkdir(parents=True, exist_ok=True)

    from openedx.core.lib.logsettings import log_python_warnings
    from openedx.core.lib.safe_lxml import defuse_xml_libs

    log_python_warnings()
    defuse_xml_libs()

    import host_mongo

    host_mongo.replace()

    import django

    django.setup()
