"""The description of the API: it is committed as it is, and every request that it allows is answered as it says."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import count

import pytest
import schemathesis
import yaml
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import booleans, data
from jsonschema import Draft202012Validator
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from course_sync_plugin.rest_api.v1.act import NAMES
from course_sync_plugin.rest_api.v1.schema import openapi
from tests.conftest import ROOT
from tests.integration.courses import COURSE
from tests.integration.rest_api.test_roles import ONE, course_row

pytestmark = pytest.mark.django_db

COMMITTED = ROOT / "docs" / "schema" / "openapi-v1.yaml"
SCHEMA = schemathesis.openapi.from_dict(yaml.safe_load(openapi()))
SCHEMA.app = get_wsgi_application()
OPERATIONS = [found.ok() for found in SCHEMA.get_all_operations()]
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


def test_the_committed_description_is_what_the_code_says():
    """If it differs on purpose: write it with WRITE_OPENAPI=1 in the environment of this test, and look at it."""
    if os.environ.get("WRITE_OPENAPI"):
        COMMITTED.write_text(openapi(), "utf-8")
    assert COMMITTED.read_text("utf-8") == openapi()


def test_it_is_served_to_everybody():
    answer = Client().get("/api/course_sync/v1/schema")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/yaml")
    assert answer.content.decode() == openapi()


def test_its_schemas_are_schemas():
    found = yaml.safe_load(openapi())
    assert found["openapi"] == "3.1.0"
    for schema in found["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_no_action_whose_result_is_a_secret_is_offered():
    assert set(NAMES) & {"rotate-secret", "replace-secret"} == set()


@pytest.fixture(autouse=True)
def _the_connection_stays_open() -> Iterator[None]:
    """Requests in this process end as those of a server do, which closes connections: here, that of the test."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def cookies(site, sign_in, monkeypatch) -> dict[str, str]:
    """Return the session of a user who may do everything, as often as the test likes, without waiting."""
    monkeypatch.setattr("course_sync_plugin.rest_api.v1.resources.operations.LOOK_SECONDS", 0)
    monkeypatch.setattr("course_sync_plugin.rest_api.v1.resources.operations.time.monotonic", count(step=30).__next__)
    monkeypatch.setattr("course_sync_plugin.rest_api.v1.base.PerUser.rate", "1000000/min")
    client = sign_in("superuser")
    return {name: morsel.value for name, morsel in client.cookies.items()}


def known(operation) -> dict[str, object]:
    """Return the names in the path of an operation for something that is there."""
    resource = operation.path.split("/")[4]
    if "{name}" in operation.path and resource == "actions":
        return {"name": "pause"}
    (name,) = re.findall(r"\{(\w+)\}", operation.path) or [""]
    return {name: ONE[resource](course_row(COURSE))} if name else {}


def test_what_is_allowed_is_answered_as_described(cookies):
    """No request that the description allows gives status 500, and no answer is other than described.

    The examples are the same each time, also outside CI: a new one that fails is for the one who looks for it.
    """
    assert len(OPERATIONS) == 30
    for operation in OPERATIONS:
        if operation.method == "get":
            case = operation.Case(path_parameters=known(operation), query={})
            assert case.call_and_validate(cookies=cookies, checks=CHECKS).status_code == 200
        try_examples(operation, cookies)


def try_examples(operation, cookies: dict[str, str]) -> None:
    @settings(
        max_examples=12,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(data())
    def check(draw):
        chosen = known(operation) if draw.draw(booleans()) else None
        case = draw.draw(operation.as_strategy(path_parameters=chosen))
        case.call_and_validate(cookies=cookies, checks=CHECKS)

    check()
