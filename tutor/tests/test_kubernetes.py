"""``tutor k8s``: a Deployment, a Service for Prometheus, and a CronJob for the catalog."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import kubernetes_validate
import pytest

from tests.site import Site

#: The oldest and the newest Kubernetes whose schemas are tried.
KUBERNETES = ("1.28", "1.37")


def named(site: Site) -> dict[str, Any]:
    """Return all objects of the site, by ``Kind/name``."""
    return {f"{each['kind']}/{each['metadata']['name']}": each for each in site.manifests()}


def ours(site: Site) -> dict[str, Any]:
    """Return the objects of the plugin, by ``Kind/name``."""
    return {name: each for name, each in named(site).items() if "course-sync" in name}


def container(template: dict[str, Any]) -> dict[str, Any]:
    """Return the one container of a pod."""
    (only,) = template["spec"]["containers"]
    return only


@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_accepts_every_object(configured: Site, version: str):
    objects = ours(configured)

    assert len(objects) == 3
    for each in objects.values():
        kubernetes_validate.validate(each, version, strict=True)


def test_the_process_runs_with_the_image_and_the_settings_of_studio(site: Site):
    deployment = ours(site)["Deployment/course-sync"]["spec"]
    pod = container(deployment["template"])
    studio = named(site)["Deployment/cms"]
    cms = container(studio["spec"]["template"])

    assert pod["args"] == ["./manage.py", "cms", "course_sync", "run", "--workers", "4"]
    assert pod["image"] == cms["image"]
    assert {each["name"]: each["value"] for each in pod["env"]} == {
        "SERVICE_VARIANT": "cms",
        "DJANGO_SETTINGS_MODULE": "cms.envs.tutor.production",
    }
    assert deployment["replicas"] == 1
    assert all(mount in cms["volumeMounts"] for mount in pod["volumeMounts"])


@pytest.mark.parametrize("name", ["Deployment/course-sync", "CronJob/course-sync-catalog"])
def test_the_settings_come_from_config_maps_that_exist(configured: Site, name: str):
    made = {each["metadata"]["name"] for each in configured.manifests() if each["kind"] == "ConfigMap"}
    spec = ours(configured)[name]["spec"]
    pod = (spec if "template" in spec else spec["jobTemplate"]["spec"])["template"]["spec"]

    volumes = {volume["name"]: volume["configMap"]["name"] for volume in pod["volumes"]}

    assert set(volumes.values()) <= made
    assert set(volumes) == {mount["name"] for mount in pod["containers"][0]["volumeMounts"]}


def test_the_catalog_is_read_when_the_site_says(site: Site, configured: Site):
    (job,) = (each for each in ours(configured).values() if each["kind"] == "CronJob")
    pod = container(job["spec"]["jobTemplate"]["spec"]["template"])

    assert job["spec"]["schedule"] == "5 4 * * 1-5"
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    assert pod["args"] == ["./manage.py", "lms", "update_catalog_data"]
    assert {"name": "DJANGO_SETTINGS_MODULE", "value": "lms.envs.tutor.production"} in pod["env"]
    assert "CronJob/course-sync-catalog" not in ours(site)  # it would fail every night


def test_the_catalog_is_read_every_night_if_the_discovery_plugin_is_enabled(make_site: Callable[..., Site]):
    site = make_site(plugins=())
    site.plugins.mkdir()
    (site.plugins / "discovery.yml").write_text('name: discovery\nversion: "1"\n', encoding="utf-8")
    site.tutor("plugins", "enable", "course_sync", "discovery")
    site.tutor("config", "save")

    assert ours(site)["CronJob/course-sync-catalog"]["spec"]["schedule"] == "17 3 * * *"


def test_prometheus_finds_the_metrics_of_studio(configured: Site):
    service = ours(configured)["Service/course-sync-metrics"]
    studio = named(configured)["Service/cms"]
    annotations = {
        name.removeprefix("prometheus.io/"): value
        for name, value in service["metadata"]["annotations"].items()
        if name.startswith("prometheus.io/")
    }

    assert annotations == {"scrape": "true", "scheme": "http", "port": "8000", "path": "/api/course_sync/v1/metrics"}
    assert service["spec"]["selector"] == studio["spec"]["selector"]
    assert service["spec"]["ports"] == studio["spec"]["ports"]


def test_nothing_scrapes_without_being_told(site: Site):
    annotations = ours(site)["Service/course-sync-metrics"]["metadata"]["annotations"]

    assert annotations["prometheus.io/scrape"] == "false"


def test_tutor_starts_the_objects_and_runs_none_as_a_task(configured: Site):
    components = [each["metadata"]["labels"].get("app.kubernetes.io/component") for each in ours(configured).values()]

    assert components == [None, None, None]  # "tutor k8s start" leaves jobs out
