"""Fitness functions: rules for the code as a whole. The rules for layers are in pyproject.toml (``make quality``)."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
from celery import Task
from django.core.management import call_command

from course_sync_plugin.catalog import merge_records
from course_sync_plugin.models import CatalogRecord, Entity
from course_sync_plugin.settings.common import DEFAULTS
from course_sync_plugin.sync import record

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "course_sync_plugin"
MODULES = sorted(PACKAGE.rglob("*.py"))

#: Top-level packages of edx-platform, and the modules that may import them (docs/decisions/0001-purpose-and-shape.rst).
PLATFORM = {"xmodule", "openedx", "common", "lms", "cms", "pymongo"}
MAY_KNOW_THE_PLATFORM = (
    "catalog/host.py",
    "structure/modulestore/",
    "signals/handlers.py",
    "roles/platform.py",
    "toggles.py",
)


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def imports(tree: ast.AST, inside_function: bool = False) -> Iterator[tuple[str, bool, int]]:
    """Yield every imported module with its line, and whether it is imported inside a function."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, inside_function, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module, inside_function, node.lineno
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            yield from ((arg.value, inside_function, node.lineno) for arg in node.args if isinstance(arg, ast.Constant))
        yield from imports(node, inside_function or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_edx_platform_is_imported_only_where_allowed_and_inside_functions(path):
    found = [one for one in imports(ast.parse(path.read_text("utf-8"))) if one[0].split(".")[0] in PLATFORM]
    allowed = name_of(path).startswith(MAY_KNOW_THE_PLATFORM)
    assert not found or allowed, f"{name_of(path)} must not know edx-platform: {found}"
    at_the_top = [one for one in found if not one[1]]
    assert not at_the_top, f"{name_of(path)} could not be imported without edx-platform: {at_the_top}"


def test_the_page_on_the_architecture_names_every_place_that_imports_edx_platform():
    importing = {
        name_of(path)
        for path in MODULES
        if any(one[0].split(".")[0] in PLATFORM for one in imports(ast.parse(path.read_text("utf-8"))))
    }
    page = (ROOT / "docs" / "architecture.rst").read_text("utf-8")
    (sentence,) = re.findall(r"edx-platform is imported in these places only, (.+?)\.\n", page, re.DOTALL)
    assert set(re.findall(r"``([\w/.]+)``", sentence)) == importing


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_says_one_thing(path):
    if path.parent.name != "migrations":
        most = 500 if name_of(path) == "api.py" else 400  # api.py is a list of names
        assert len(path.read_text("utf-8").splitlines()) <= most


def test_apps_is_imported_while_settings_load():
    """The host imports apps.py before its settings exist: the module must not use settings or models."""
    code = (
        "import sys, course_sync_plugin.apps; from django.conf import settings; "
        "sys.exit(settings.configured or 'course_sync_plugin.models' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={}, check=False).returncode == 0


def test_the_names_of_tasks_stay():
    """Messages in a broker and the schedules of a site have them: another name is an unregistered task there."""
    from course_sync_plugin import tasks

    names = {one.name for one in vars(tasks).values() if isinstance(one, Task)}
    short = {
        "sync_marked",
        "deliver_lane",
        "sweep",
        "notify",
        "run_jobs",
        "prune",
        "update_catalog_data",
        "restore_catalog_columns",
    }
    assert names == {f"course_sync_plugin.{name}" for name in short}


def test_every_entry_point_leads_somewhere():
    points = distribution("course-sync-plugin").entry_points
    assert {"lms.djangoapp", "cms.djangoapp", "console_scripts"} <= {point.group for point in points}
    for point in points:
        point.load()


def test_what_is_imported_is_declared():
    """Every third-party package that the plugin imports is a line of requirements/base.in, and every line is used."""
    used = {name.split(".")[0] for path in MODULES for name, _, _ in imports(ast.parse(path.read_text("utf-8")))}
    used -= {*sys.stdlib_module_names, *PLATFORM, "course_sync_plugin"}
    lines = (ROOT / "requirements" / "base.in").read_text("utf-8").splitlines()
    declared = {normalised(re.match(r"[\w.-]+", line)[0]) for line in lines if line and not line.startswith("#")}
    by_package = packages_distributions()
    used |= {"django_htmx"}  # settings/common.py names it as an app
    assert {normalised(name) for package in used for name in by_package[package]} == declared


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_setting_is_annotated():
    """Each default has an annotation, each annotation has a default, and both have the same value."""
    source = (PACKAGE / "settings" / "common.py").read_text("utf-8")
    annotated = dict(re.findall(r"# \.\. setting_name: (\w+)\n# \.\. setting_default: (.*)\n", source))
    assert annotated == {name: str(default) or '""' for name, default in DEFAULTS.items()}


def test_every_setting_that_is_read_has_a_default():
    read = {name for path in MODULES for name in re.findall(r"settings\.(COURSE_SYNC_\w+)", path.read_text("utf-8"))}
    assert read <= DEFAULTS.keys()


def test_every_toggle_is_annotated():
    """Waffle names look like ``course_sync.name``, and all are in one module."""
    name = r"\"(course_sync\.[a-z_]+)\""
    source = (PACKAGE / "toggles.py").read_text("utf-8")
    annotated = re.findall(r"# \.\. toggle_name: (\S+)", source)
    assert sorted(annotated) == sorted(set(re.findall(name, source)))
    elsewhere = [path for path in MODULES if re.search(r"Waffle(Flag|Switch)\(", path.read_text("utf-8"))]
    assert elsewhere == [PACKAGE / "toggles.py"]


@pytest.mark.django_db
def test_no_migration_is_missing():
    call_command("makemigrations", check=True, dry_run=True)


def test_nothing_names_a_machine():
    """No committed file holds a path of a certain machine, and no pinned requirement names a package registry."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    machine = re.compile(r"(?<![\w./\\$}-])/(?:work|root|home/\w+|Users|opt/pypi[\w-]*)/")
    texts = {path: path.read_text("utf-8", errors="ignore") for path in paths if path.is_file()}
    assert {str(path.relative_to(ROOT)) for path, text in texts.items() if machine.search(text)} == set()
    pinned = [text for path, text in texts.items() if path.parent.name == "requirements"]
    assert not any("://" in text for text in pinned)


#: Columns with exact identifiers. MariaDB and MySQL compare them without regard to case.
EXACT = {
    *("entity_id", "parent_id", "after_id", "course_key", "key", "org", "block_type", "entity_type"),
    *("published_version", "delivered_version", "message_id", "name", "target_name"),
}

#: Comparisons in SQL that are allowed all the same, and why.
COMPARED = {
    ("admin/shared/search.py", "entity_id"): "narrows down; the exact id is compared in Python",
    ("replication/notices/endpoints.py", "name"): "narrows down; the exact name is compared in Python",
    ("replication/outbound/tree.py", "parent_id"): "narrows down; the exact id is compared in Python",
    ("upkeep/targets/change.py", "name"): "narrows down; the exact name is compared in Python",
    ("upkeep/targets/change.py", "name__iexact"): "two names that differ in case only are refused on every database",
    ("upkeep/targets/removal.py", "target_name"): "compared with NULL",
    ("upkeep/status/linked.py", "target_name"): "names of targets differ in more than case, and this only counts",
    ("upkeep/actions.py", "target_name"): "narrows down; the exact name is compared in Python",
    ("upkeep/actions.py", "course_key"): "narrows down; the exact key is compared in Python",
    ("upkeep/reports/decisions.py", "target_name"): "narrows down; the exact name is compared in Python",
    ("upkeep/reports/courses.py", "org"): "narrows down; the exact organisation is compared in Python",
    ("upkeep/reports/courses.py", "key__icontains"): "narrows down, and the case does not count",
    ("upkeep/reports/history/sources.py", "entity_type"): "types are the names of entry points, the exact one is known",
    ("upkeep/check/courses.py", "published_version"): "compared with the empty text",
    ("upkeep/targets/change.py", "published_version"): "compared with the empty text",
    ("upkeep/site_copy/targets.py", "target_name"): "compared with NULL",
    ("migrations/0003_journal_stays.py", "target_name"): "compared with NULL",
    ("structure/modulestore/source.py", "published_version"): "compared with the empty text",
    ("lanes/priority.py", "delivered_version"): "compared with the empty text",
    ("targets/local/read.py", "replica__org"): "narrows down; the exact organisation is compared in Python",
    ("upkeep/filters.py", "operation__entity_type"): "types are the names of entry points, the exact one is looked up",
    ("replication/inbound/take_notices.py", "entity_type"): "a constant that no other type resembles",
    ("lanes/batches.py", "entity_type__in"): "types are the names of entry points, which differ in more than case",
}

_COMPARING = {"filter", "exclude", "get", "get_or_create", "update_or_create", "Q", "When"}


def compared_in(path: Path) -> set[str]:
    """Return the conditions on exact identifiers that a module puts into SQL; ``**`` if the code does not name them."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in _COMPARING:
            words = {word.arg or "**" for word in node.keywords}
            found |= {word for word in words if word == "**" or EXACT & {word, *word.split("__")}}
    return found


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_identifier_is_compared_by_a_collation(path):
    """Comparisons use the primary key, a digest or Python. Otherwise ``abc`` could close the problem of ``ABC``."""
    assert {one for one in compared_in(path) if (name_of(path), one) not in COMPARED} == set()


def test_every_exception_is_needed():
    assert {(name_of(path), one) for path in MODULES for one in compared_in(path)} == COMPARED.keys()


@pytest.mark.parametrize(
    ("model", "columns", "keys"),
    [
        (Entity, record._COLUMNS, {"id", "course", "entity_id", "id_digest"}),
        (CatalogRecord, merge_records._WRITTEN, {"id", "key_digest"}),
    ],
    ids=["entities", "catalog records"],
)
def test_an_upsert_writes_every_column_but_the_keys(model, columns, keys):
    """A column that is missing in the list would be written once and never updated."""
    assert {field.name for field in model._meta.concrete_fields} - keys == {*columns}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_many_rows_are_written_by_one_function(path):
    """The function bounds the bytes of a statement, because databases refuse longer ones (``max_allowed_packet``)."""
    writes = re.findall(r"\.(?:bulk_create|bulk_update|abulk_create|abulk_update)\(", path.read_text("utf-8"))
    assert len(writes) == (2 if name_of(path) == "models/bulk.py" else 0)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_what_is_logged_and_printed_is_cleaned(path):
    """Loggers come from ``log.py``. Commands print through ``Output``, which cleans, or call ``cleaned`` themselves.

    ``producer.py`` of the event bus logs nothing: it listens to the logger of another package.
    """
    if name_of(path).startswith("testing/"):
        return  # kits for developers
    text = path.read_text("utf-8")
    assert name_of(path) in ("log.py", "targets/event_bus/producer.py") or "getLogger" not in text
    printed = [line for line in text.splitlines() if re.search(r"\bprint\(|(stdout|stderr|stream)\.write\(", line)]
    clean = re.compile(r"cleaned\(|as_json\(|error\.message\)|_written\(|database_error_text\(")
    advice = re.compile("Fernet|token_urlsafe")  # how to make a secret, in a text
    assert [line for line in printed if not clean.search(line) and not advice.search(line)] == []


def test_every_file_of_the_pages_is_in_the_package():
    """A file that no pattern in setup.py names is missing in the wheel, and nobody sees it in a checkout."""
    patterns = re.findall(r'"((?:static|templates|locale)/[^"]+)"', (ROOT / "setup.py").read_text("utf-8"))
    packaged = {path for pattern in patterns for path in PACKAGE.glob(pattern)}
    folders = ("static", "templates", "locale")
    files = {path for folder in folders for path in (PACKAGE / folder).rglob("*") if path.is_file()}
    assert files == packaged


def test_templates_are_named_in_full():
    """The loader of themes in edx-platform does not know the name of a template, so a relative one fails there."""
    paths = sorted((PACKAGE / "templates").rglob("*.html"))
    assert [path.name for path in paths if re.search(r"(?:include|extends) [\"']\.", path.read_text("utf-8"))] == []
