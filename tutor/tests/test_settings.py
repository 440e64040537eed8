"""The settings of the LMS and of Studio: valid, known to course-sync-plugin, and read by it."""

from __future__ import annotations

import ast
import base64
import re
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from tests.conftest import REPOSITORY
from tests.site import Site

SITES = ("lms", "cms")


def tokens(site: Site, name: str) -> dict[str, Any]:
    """Return the YAML that the LMS or Studio reads."""
    return yaml.safe_load(site.text(f"apps/openedx/config/{name}.env.yml"))


def read_by_the_plugin(site: Site, name: str) -> SimpleNamespace:
    """Return the settings as course-sync-plugin leaves them in production."""
    from course_sync_plugin.settings import production

    settings = SimpleNamespace(ENV_TOKENS=tokens(site, name), INSTALLED_APPS=[])
    production.plugin_settings(settings)
    return settings


@pytest.mark.parametrize("name", SITES)
def test_every_settings_file_is_valid_python(configured: Site, name: str):
    files = sorted((configured.env / "apps/openedx/settings" / name).glob("*.py"))

    assert {"development.py", "production.py"} <= {path.name for path in files}
    for path in files:
        ast.parse(path.read_text(encoding="utf-8"), str(path))


@pytest.mark.parametrize("name", SITES)
def test_only_settings_that_the_plugin_knows_are_written(configured: Site, name: str):
    from course_sync_plugin.settings.common import DEFAULTS

    written = {key for key in tokens(configured, name) if key.startswith("COURSE_SYNC")}

    assert written == {
        "COURSE_SYNC_SECRET_KEYS",
        "COURSE_SYNC_METRICS_TOKEN",
        "COURSE_SYNC_OBJECTIVE_SECONDS",
        "COURSE_SYNC_REDIRECT_ABOUT_PAGE",
        "COURSE_SYNC_ALLOWED_PRIVATE_HOSTS",
        "COURSE_SYNC_WRITE_BACK_USER",
    }
    assert written <= DEFAULTS.keys()


@pytest.mark.parametrize("name", SITES)
def test_the_plugin_reads_the_settings(configured: Site, name: str):
    settings = read_by_the_plugin(configured, name)
    stored = configured.config()

    assert stored["COURSE_SYNC_SECRET_KEYS"] == settings.COURSE_SYNC_SECRET_KEYS
    assert stored["COURSE_SYNC_METRICS_TOKEN"] == settings.COURSE_SYNC_METRICS_TOKEN
    assert settings.COURSE_SYNC_OBJECTIVE_SECONDS == 900
    assert settings.COURSE_SYNC_ALLOWED_PRIVATE_HOSTS == ["crm.internal"]
    assert settings.COURSE_SYNC_WRITE_BACK_USER == "no"  # in YAML without quotes this is false
    assert "org.openedx.learning.course_about.render.started.v1" in settings.OPEN_EDX_FILTERS_CONFIG


def test_a_new_site_has_the_secrets_and_nothing_else(site: Site):
    assert [key for key in tokens(site, "lms") if key.startswith("COURSE_SYNC")] == [
        "COURSE_SYNC_SECRET_KEYS",
        "COURSE_SYNC_METRICS_TOKEN",
    ]


def test_the_key_and_the_token_are_what_the_plugin_accepts(site: Site):
    (key,) = site.config()["COURSE_SYNC_SECRET_KEYS"]
    checks = (REPOSITORY / "course_sync_plugin" / "checks.py").read_text(encoding="utf-8")
    (pattern,) = re.findall(r'^_TOKEN = re\.compile\(r"(.*)"\)', checks, re.MULTILINE)

    raw = base64.urlsafe_b64decode(key)

    assert len(raw) == 32  # what Fernet demands
    assert base64.urlsafe_b64encode(raw).decode() == key
    assert re.fullmatch(pattern, site.config()["COURSE_SYNC_METRICS_TOKEN"])


def test_studio_answers_under_the_name_of_the_service_of_prometheus(configured: Site):
    tree = ast.parse(configured.text("apps/openedx/settings/cms/production.py"))
    steps = [ast.unparse(step) for step in tree.body if "ALLOWED_HOSTS" in ast.unparse(step)]

    assert steps[0].startswith("ALLOWED_HOSTS = [")
    assert steps[1:] == ["ALLOWED_HOSTS.append('course-sync-metrics.school.svc')"]
