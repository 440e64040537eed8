"""Packages course-sync-plugin. The dependencies are in requirements/base.in."""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent


def requirements(name: str) -> list[str]:
    """Return the requirements of ``requirements/<name>.in`` without comments."""
    lines = (ROOT / "requirements" / f"{name}.in").read_text(encoding="utf-8").splitlines()
    bare = (line.split("#")[0].strip() for line in lines)
    return [line for line in bare if line and not line.startswith("-")]


def version() -> str:
    """Return ``__version__`` without importing the package."""
    text = (ROOT / "course_sync_plugin" / "__init__.py").read_text(encoding="utf-8")
    return re.search(r'^__version__ = "([^"]+)"', text, re.MULTILINE).group(1)


setup(
    name="course-sync-plugin",
    version=version(),
    description="Keeps other systems in step with Open edX courses: every published change, once, in order.",
    long_description=(ROOT / "README.rst").read_text(encoding="utf-8"),
    long_description_content_type="text/x-rst",
    license="AGPL-3.0-only",
    keywords="openedx edx-platform plugin course synchronization webhook",
    python_requires=">=3.11",
    packages=find_packages(include=["course_sync_plugin", "course_sync_plugin.*"]),
    include_package_data=True,
    package_data={
        "course_sync_plugin": [
            "py.typed",
            "static/**/*.css",
            "static/**/*.js",
            "templates/**/*.html",
            "locale/**/*.mo",
            "locale/**/*.po",
        ]
    },
    install_requires=requirements("base"),
    entry_points={
        "lms.djangoapp": ["course_sync_plugin = course_sync_plugin.apps:CourseSyncConfig"],
        "cms.djangoapp": ["course_sync_plugin = course_sync_plugin.apps:CourseSyncConfig"],
        "console_scripts": ["course-sync = course_sync_plugin.cli:main"],
        "course_sync_plugin.target": [
            "webhook = course_sync_plugin.targets.webhook:WebhookTarget",
            "local = course_sync_plugin.targets.local.target:LocalTarget",
            "event-bus = course_sync_plugin.targets.event_bus.target:EventBusTarget",
            "canvas = course_sync_plugin.replication.targets.canvas:CanvasTarget",
            "discourse = course_sync_plugin.replication.targets.discourse:DiscourseTarget",
        ],
        "course_sync_plugin.local_strategy": [
            "course = course_sync_plugin.targets.local.tables:CourseTable",
            "section = course_sync_plugin.targets.local.tables:SectionTable",
            "subsection = course_sync_plugin.targets.local.tables:SubsectionTable",
            "unit = course_sync_plugin.targets.local.tables:UnitTable",
            "component = course_sync_plugin.targets.local.tables:ComponentTable",
        ],
        "course_sync_plugin.conflict_strategy": [
            "manual = course_sync_plugin.replication.strategies.prefer:manual",
            "merge_prefer_canvas = course_sync_plugin.replication.strategies.prefer:merge_prefer_canvas",
            "merge_prefer_discourse = course_sync_plugin.replication.strategies.prefer:merge_prefer_discourse",
            "merge_prefer_openedx = course_sync_plugin.replication.strategies.prefer:merge_prefer_openedx",
            "prefer_canvas = course_sync_plugin.replication.strategies.prefer:prefer_canvas",
            "prefer_discourse = course_sync_plugin.replication.strategies.prefer:prefer_discourse",
            "prefer_most_recent = course_sync_plugin.replication.strategies.prefer:prefer_most_recent",
            "prefer_openedx = course_sync_plugin.replication.strategies.prefer:prefer_openedx",
        ],
        "course_sync_plugin.entity_type": [
            "course = course_sync_plugin.diff.handlers:COURSE",
            "section = course_sync_plugin.diff.handlers:SECTION",
            "subsection = course_sync_plugin.diff.handlers:SUBSECTION",
            "unit = course_sync_plugin.diff.handlers:UNIT",
            "component = course_sync_plugin.diff.handlers:COMPONENT",
        ],
    },
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Web Environment",
        "Framework :: Django",
        "Framework :: Django :: 4.2",
        "Framework :: Django :: 5.2",
        "Intended Audience :: Developers",
        "Intended Audience :: System Administrators",
        "License :: OSI Approved :: GNU Affero General Public License v3",
        "Natural Language :: English",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Topic :: Education",
    ],
)
