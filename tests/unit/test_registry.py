"""Names in entry points: the registry loads them lazily, and suggests a name after a typing mistake."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest

from course_sync_plugin import registry
from course_sync_plugin.exceptions import ConfigurationError, UnknownName
from course_sync_plugin.registry import Registry

GROUP = "course_sync_plugin.fruit"


@pytest.fixture
def fruits(monkeypatch) -> Registry:
    """Return a registry of three entry points. The module of one of them does not exist."""
    module = ModuleType("fruits_of_another_package")
    module.APPLE, module.PEAR = object(), object()
    monkeypatch.setitem(sys.modules, module.__name__, module)
    points = [
        EntryPoint("pear", f"{module.__name__}:PEAR", GROUP),
        EntryPoint("apple", f"{module.__name__}:APPLE", GROUP),
        EntryPoint("banana", "no_such_package:BANANA", GROUP),
    ]
    monkeypatch.setattr(registry, "entry_points", lambda group: points if group == GROUP else [])
    return Registry(GROUP)


def test_names_are_known_without_importing_anything(fruits):
    assert fruits.names() == ["apple", "banana", "pear"]


def test_one_is_imported_when_it_is_asked_for(fruits):
    assert fruits.get("apple") is sys.modules["fruits_of_another_package"].APPLE
    assert fruits.get("apple") is fruits.get("apple")


def test_one_whose_package_is_broken_breaks_no_other(fruits):
    assert fruits.get("pear")
    with pytest.raises(ModuleNotFoundError):
        fruits.get("banana")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("aple", "Did you mean 'apple'?"),
        ("Pear", "Did you mean 'pear'?"),
        ("xyz", "Known: apple, banana, pear."),
        ("", "Known: apple, banana, pear."),
    ],
)
def test_a_typing_mistake(fruits, name, hint):
    with pytest.raises(UnknownName) as error:
        fruits.get(name)
    assert error.value.message == f"Nothing named '{name}' is registered in {GROUP}. {hint}"
    assert isinstance(error.value, ConfigurationError)


def test_nothing_at_all_is_registered():
    with pytest.raises(UnknownName, match="Known: none"):
        Registry("course_sync_plugin.nothing").get("a")
    assert Registry("course_sync_plugin.nothing").all() == []


def test_what_is_built_in_comes_by_the_same_door():
    from course_sync_plugin.diff.handlers import entity_types
    from course_sync_plugin.targets.registry import targets

    assert entity_types.names() == ["component", "course", "section", "subsection", "unit"]
    assert "webhook" in targets.names()
    assert [handler.entity_type for handler in entity_types.all()] == entity_types.names()
