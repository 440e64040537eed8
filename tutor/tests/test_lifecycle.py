"""Enable, render again, disable: the secrets stay, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable

from tests.conftest import REPOSITORY
from tests.site import Site

SECRETS = ("COURSE_SYNC_SECRET_KEYS", "COURSE_SYNC_METRICS_TOKEN")


def secrets(site: Site) -> dict[str, object]:
    """Return the secrets that are stored."""
    return {name: site.config()[name] for name in SECRETS}


def test_rendering_again_keeps_the_secrets(make_site: Callable[..., Site]):
    site = make_site()
    before, files = secrets(site), site.files()

    site.tutor("config", "save")

    assert secrets(site) == before
    assert site.files() == files


def test_each_site_has_secrets_of_its_own(site: Site, configured: Site):
    assert all(secrets(site)[name] != secrets(configured)[name] for name in SECRETS)


def test_disabling_removes_everything_but_the_secrets(make_site: Callable[..., Site]):
    site = make_site(plugins=())
    before = site.files()
    site.tutor("plugins", "enable", "course_sync")
    site.tutor("config", "save")
    kept = secrets(site)
    assert site.files() != before

    site.tutor("plugins", "disable", "course_sync")
    site.tutor("config", "save")
    assert site.files() == before
    assert secrets(site) == kept  # who enables the plugin again can still decrypt

    site.tutor("plugins", "enable", "course_sync")
    assert kept["COURSE_SYNC_METRICS_TOKEN"] in site.text("apps/openedx/config/cms.env.yml")


def test_the_image_installs_the_plugin(make_site: Callable[..., Site], site: Site, configured: Site):
    path = "build/openedx/Dockerfile"
    mounted = make_site("COURSE_SYNC_PIP_REQUIREMENT=")

    assert site.text(path).count("install 'course-sync-plugin==") == 1
    assert "install 'git+https://git.example.org/course-sync-plugin.git@v2'" in configured.text(path)
    assert "course-sync-plugin" not in mounted.text(path)
    assert "install ''" not in mounted.text(path)


def test_the_plugin_installs_the_release_that_it_belongs_to(site: Site):
    text = (REPOSITORY / "course_sync_plugin" / "__init__.py").read_text(encoding="utf-8")
    version = text.split('__version__ = "')[1].split('"')[0]

    assert f"install 'course-sync-plugin=={version}'" in site.text("build/openedx/Dockerfile")
    assert version in site.tutor("plugins", "list")


def test_launch_builds_the_image_and_makes_the_tables(make_site: Callable[..., Site]):
    calls = make_site().calls_of_docker("local", "launch", "--non-interactive")

    (build,) = (at for at, call in enumerate(calls) if call.startswith("buildx build --tag="))
    (start,) = (at for at, call in enumerate(calls) if call.startswith("compose ") and " up " in call)
    (tables,) = (at for at, call in enumerate(calls) if "migrate course_sync_plugin" in call)
    assert "/openedx:" in calls[build].split()[2]
    assert build < start < tables


def test_dev_builds_only_its_own_image(make_site: Callable[..., Site]):
    calls = make_site().calls_of_docker("dev", "launch", "--non-interactive")

    (build,) = (call for call in calls if call.startswith("buildx build "))
    assert build.split()[2].startswith("--tag=openedx-dev:")


def test_the_tables_can_be_made_alone(make_site: Callable[..., Site]):
    calls = make_site().calls_of_docker("local", "do", "init", "--limit=course_sync")

    (job,) = (call for call in calls if " run " in call)
    assert job.endswith(" cms-job sh -e -c ./manage.py cms migrate course_sync_plugin")
