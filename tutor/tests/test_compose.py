"""``tutor local`` and ``tutor dev``: the process runs beside Studio."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.site import Site

RUN = ["./manage.py", "cms", "course_sync", "run", "--workers"]


@pytest.mark.parametrize(
    ("mode", "image", "settings"),
    [
        ("local", "docker.io/overhangio/openedx:", "cms.envs.tutor.production"),
        ("dev", "openedx-dev:", "cms.envs.tutor.development"),
    ],
)
def test_the_process_runs_with_the_image_and_the_settings_of_studio(site: Site, mode: str, image: str, settings: str):
    services = site.compose(mode)["services"]

    service = services["course-sync"]

    assert service["command"] == [*RUN, "4"]
    assert service["image"] == services["cms"]["image"]
    assert service["image"].startswith(image)
    assert service["environment"] == {"SERVICE_VARIANT": "cms", "DJANGO_SETTINGS_MODULE": settings}
    assert service["restart"] == "unless-stopped"
    assert list(service["depends_on"]) == ["cms"]


@pytest.mark.parametrize("mode", ["local", "dev"])
def test_the_process_reads_the_same_files_as_studio(site: Site, mode: str):
    services = site.compose(mode)["services"]

    mounts = {mount["target"]: mount["source"] for mount in services["course-sync"]["volumes"]}
    studio = {mount["target"]: mount["source"] for mount in services["cms"]["volumes"]}

    assert {"/openedx/config", "/openedx/data", "/openedx/media"} < mounts.keys()
    assert {target: studio.get(target) for target in mounts} == mounts


@pytest.mark.parametrize("mode", ["local", "dev"])
def test_the_number_of_processes_and_of_lanes_can_be_set(configured: Site, mode: str):
    service = configured.compose(mode)["services"]["course-sync"]

    assert service["command"] == [*RUN, "8"]
    assert service["deploy"]["replicas"] == 2


def test_a_mounted_source_is_in_the_process_too(make_site: Callable[..., Site], tmp_path: Path):
    source = tmp_path / "course-sync-plugin"
    source.mkdir()
    site = make_site()
    site.tutor("mounts", "add", str(source))

    services = site.compose("dev")["services"]

    for name in ("cms", "course-sync"):
        assert {"/mnt/course-sync-plugin"} <= {mount["target"] for mount in services[name]["volumes"]}, name
    assert "mnt-course-sync-plugin" in site.text("build/openedx/Dockerfile")
