"""GETs are answered from a replica that lags behind."""

from __future__ import annotations

import pytest
from canvasapi.exceptions import ResourceDoesNotExist


def test_what_was_just_created_is_not_found(canvas, api):
    canvas.replica.writes_behind = 1
    module = api.create_module({"name": "Bees"})
    assert [*api.get_modules()] == []
    with pytest.raises(ResourceDoesNotExist):
        api.get_module(module.id)
    canvas.replica.catch_up()
    assert [one.name for one in api.get_modules()] == ["Bees"]


def test_the_replica_is_a_number_of_writes_behind(canvas, api):
    canvas.replica.writes_behind = 2
    for name in "ABCD":
        api.create_module({"name": name})
    assert [one.name for one in api.get_modules()] == ["A", "B"]
    canvas.replica.writes_behind = 0
    assert len([*api.get_modules()]) == 4


def test_a_write_sees_the_truth(canvas, course, api):
    canvas.replica.writes_behind = 1
    module = api.create_module({"name": "Bees"})
    assert module.edit(module={"name": "Wasps"}).name == "Wasps"
    assert [one.name for one in api.get_modules()] == ["Bees"]
