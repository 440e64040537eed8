"""Fixtures: sites that Tutor rendered once."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.site import Site

REPOSITORY = Path(__file__).resolve().parents[2]
# The plugin whose settings the site has. Its module of settings needs no other package.
sys.path.append(str(REPOSITORY))


@pytest.fixture(scope="session")
def make_site(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Site]:
    """Return a function that makes a site with the plugin: ``make_site("NAME=value", …)``."""

    def make(*settings: str, plugins: tuple[str, ...] = ("course_sync",)) -> Site:
        site = Site(tmp_path_factory.mktemp("site"))
        site.tutor("config", "save")
        if plugins:
            site.tutor("plugins", "enable", *plugins)
        site.tutor("config", "save", *(part for setting in settings for part in ("--set", setting)))
        return site

    return make


@pytest.fixture(scope="session")
def site(make_site: Callable[..., Site]) -> Site:
    """Return a site with the plugin, as it is after ``enable`` and ``config save``."""
    return make_site()


@pytest.fixture(scope="session")
def configured(make_site: Callable[..., Site]) -> Site:
    """Return a site in which each setting of the plugin has another value than its default."""
    return make_site(
        "COURSE_SYNC_PIP_REQUIREMENT=git+https://git.example.org/course-sync-plugin.git@v2",
        'COURSE_SYNC_SETTINGS={"COURSE_SYNC_OBJECTIVE_SECONDS": 900, "COURSE_SYNC_REDIRECT_ABOUT_PAGE": true, '
        '"COURSE_SYNC_ALLOWED_PRIVATE_HOSTS": ["crm.internal"], "COURSE_SYNC_WRITE_BACK_USER": "no"}',
        "COURSE_SYNC_REPLICAS=2",
        "COURSE_SYNC_WORKERS=8",
        "COURSE_SYNC_CATALOG_SCHEDULE=5 4 * * 1-5",
        "COURSE_SYNC_PROMETHEUS_SCRAPE=true",
        "K8S_NAMESPACE=school",
    )
