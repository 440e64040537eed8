"""How the host loads the plugin: its app, its settings and its URLs. The plugin also loads without edx-platform."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from django.urls import resolve, reverse
from edx_django_utils.plugins import add_plugins, get_plugin_apps, get_plugin_url_patterns

from course_sync_plugin.apps import CourseSyncConfig
from course_sync_plugin.settings import common, devstack, production, test

ROOT = Path(__file__).resolve().parents[2]
HOSTS = ("lms.djangoapp", "cms.djangoapp")


def host(**values: object) -> ModuleType:
    """Return the settings module of a host."""
    module = ModuleType("host_settings")
    for name, value in values.items():
        setattr(module, name, value)
    return module


def ours(module: ModuleType) -> dict[str, object]:
    return {name: value for name, value in vars(module).items() if name.startswith("COURSE_SYNC_")}


class TestSettings:
    @pytest.mark.parametrize("module", [common, devstack, test], ids=lambda module: module.__name__)
    def test_the_defaults(self, module):
        settings = host()
        module.plugin_settings(settings)
        assert ours(settings) == common.DEFAULTS

    @pytest.mark.parametrize("module", [common, production], ids=lambda module: module.__name__)
    def test_what_the_host_says_stays(self, module):
        settings = host(COURSE_SYNC_QUIET_SECONDS=9, COURSE_SYNC_SECRET_KEYS=["mine"], OTHER=1)
        module.plugin_settings(settings)
        assert (settings.COURSE_SYNC_QUIET_SECONDS, settings.COURSE_SYNC_SECRET_KEYS) == (9, ["mine"])
        assert settings.COURSE_SYNC_LEASE_SECONDS == 60
        assert settings.OTHER == 1

    @pytest.mark.parametrize("module", [common, production], ids=lambda module: module.__name__)
    def test_twice_is_once(self, module):
        settings = host(ENV_TOKENS={"COURSE_SYNC_LEASE_SECONDS": 30})
        module.plugin_settings(settings)
        before = ours(settings)
        module.plugin_settings(settings)
        assert ours(settings) == before

    def test_lists_are_the_hosts_own(self):
        """A host that appends to a list must not change our defaults or the settings of another host."""
        settings = host()
        common.plugin_settings(settings)
        settings.COURSE_SYNC_ALLOWED_PRIVATE_HOSTS.append("crm")
        other = host()
        common.plugin_settings(other)
        assert other.COURSE_SYNC_ALLOWED_PRIVATE_HOSTS == common.DEFAULTS["COURSE_SYNC_ALLOWED_PRIVATE_HOSTS"] == []

    def test_the_operators_yaml_has_the_last_word(self):
        """The host loads common first, then reads the YAML into ENV_TOKENS, then loads production."""
        settings = host(ENV_TOKENS={"COURSE_SYNC_QUIET_SECONDS": 1, "COURSE_SYNC_CELERY_QUEUE": "q", "OTHER": 2})
        common.plugin_settings(settings)
        assert settings.COURSE_SYNC_QUIET_SECONDS == 5
        production.plugin_settings(settings)
        assert (settings.COURSE_SYNC_QUIET_SECONDS, settings.COURSE_SYNC_CELERY_QUEUE) == (1, "q")
        assert not hasattr(settings, "OTHER")

    @pytest.mark.parametrize("tokens", [{}, None], ids=repr)
    def test_a_host_without_env_tokens(self, tokens):
        """Newer releases put the values of the YAML on the settings module before they load plugins."""
        settings = host(COURSE_SYNC_QUIET_SECONDS=1, ENV_TOKENS=tokens)
        if tokens == {}:
            del settings.ENV_TOKENS
        common.plugin_settings(settings)
        production.plugin_settings(settings)
        assert settings.COURSE_SYNC_QUIET_SECONDS == 1
        assert settings.COURSE_SYNC_MAX_WAIT_SECONDS == 60


class TestPlugin:
    @pytest.mark.parametrize("project", HOSTS)
    def test_the_host_finds_the_app_by_its_entry_point(self, project):
        apps = list(get_plugin_apps(project))
        assert f"{CourseSyncConfig.__module__}.{CourseSyncConfig.__name__}" in apps

    @pytest.mark.parametrize("project", HOSTS)
    @pytest.mark.parametrize("kind", ["common", "production", "devstack", "test"])
    def test_the_host_adds_its_settings(self, monkeypatch, project, kind):
        settings = host(ENV_TOKENS={})
        monkeypatch.setitem(sys.modules, settings.__name__, settings)
        add_plugins(settings.__name__, project, kind)
        assert ours(settings) == common.DEFAULTS

    @pytest.mark.parametrize("project", HOSTS)
    def test_the_host_adds_its_urls(self, project):
        patterns = [str(pattern.pattern) for pattern in get_plugin_url_patterns(project)]
        assert "^" in patterns  # the API and the pages have no common prefix

    def test_the_urls_of_the_sandbox_are_those_of_the_host(self):
        assert reverse("course_sync:status") == "/api/course_sync/v1/status"
        assert resolve("/api/course_sync/v1/status").namespace == "course_sync"
        assert reverse("course_sync:overview") == "/course_sync/"

    def test_signals_are_not_the_frameworks(self):
        """If a release lacks the signal of a ``signal_path``, the host does not start."""
        assert CourseSyncConfig.plugin_app.keys() == {"url_config", "settings_config"}


WITHOUT_A_HOST = """
import importlib, pkgutil, sys

class NoPlatform:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"xmodule", "openedx", "common", "lms", "cms"}:
            raise ModuleNotFoundError(f"asked for {name}", name=name)

sys.meta_path.insert(0, NoPlatform())
import django
django.setup()
import course_sync_plugin
for module in pkgutil.walk_packages(course_sync_plugin.__path__, "course_sync_plugin."):
    importlib.import_module(module.name)
print(len([name for name in sys.modules if name.startswith("course_sync_plugin.")]))
"""


def test_every_module_is_imported_without_edx_platform():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_A_HOST], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
        env={"DJANGO_SETTINGS_MODULE": "sandbox.settings", "PATH": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    modules = [path for path in (ROOT / "course_sync_plugin").rglob("*.py") if path.name != "__init__.py"]
    assert int(done.stdout) >= len(modules)
