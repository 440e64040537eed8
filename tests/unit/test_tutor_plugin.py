"""The Tutor plugin in ``tutor/`` calls commands and addresses that this package has.

It has tests of its own (``make tutor-test``). They run in environments without Django, so they cannot see these.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from django.core.management import load_command_class
from django.urls import reverse

from course_sync_plugin.apps import CourseSyncConfig

PACKAGE = Path(__file__).resolve().parents[2] / "tutor" / "tutorcoursesync"
PATCHES = {path.name: path.read_text("utf-8") for path in (PACKAGE / "patches").iterdir()}
#: The default of the one value that Tutor fills in.
WORKERS = ("{{ COURSE_SYNC_WORKERS }}", "4")


def commands() -> list[list[str]]:
    """Return the arguments after ``./manage.py`` of each container."""
    found = [json.loads(line) for text in PATCHES.values() for line in re.findall(r'\["\./manage\.py".*\]', text)]
    return [[part.replace(*WORKERS) for part in arguments[1:]] for arguments in found]


@pytest.mark.parametrize("arguments", commands(), ids=" ".join)
def test_every_container_calls_a_command_of_this_package(arguments: list[str]):
    variant, name, *rest = arguments

    assert variant == ("cms" if name == "course_sync" else "lms")
    load_command_class("course_sync_plugin", name).create_parser("manage.py", name).parse_args(rest)


def test_each_way_to_run_it_has_a_container():
    assert [" ".join(arguments[1:3]) for arguments in sorted(commands())] == [
        "course_sync run",
        "course_sync run",
        "update_catalog_data",
    ]


def test_prometheus_is_sent_to_the_address_of_the_metrics():
    assert re.findall(r"prometheus\.io/path: (\S+)", PATCHES["k8s-services"]) == [reverse("course_sync:metrics")]


def test_the_tables_of_this_app_are_made():
    assert f'"./manage.py cms migrate {CourseSyncConfig.label}"' in (PACKAGE / "plugin.py").read_text("utf-8")
