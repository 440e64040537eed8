"""Measures our reader inside a real edx-platform, against ``get_items`` with lazy content.

Run it in a checkout of the platform::

    cd edx-platform && python <plugin>/benchmarks/platform_reader.py [EXPORT.tar.gz …]

It measures a course of 5 000 blocks and the named exports. The platform imports them, with MongoDB in memory
(docs/how-tos/run_the_platform_tests.rst says what must be installed). The exit status is 1 if a budget is missed.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from measuring import HERE, Figure, interleaved, ratio

sys.path += [str(HERE.parent), str(HERE.parent / "tests" / "platform")]

ROUNDS = 7

#: Sections, subsections in each section, units in each subsection, components in each unit: 5 011 blocks in all.
SHAPE = (10, 10, 7, 6)


def main() -> int:
    """Measure, print; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("exports", nargs="*", type=Path, metavar="EXPORT.tar.gz")
    exports = [path.resolve() for path in parser.parse_args().exports]
    _start()
    figures = [figure for name, key in _courses(exports) for figure in _measured(name, key)]
    return 0 if all(figure.is_met for figure in figures) else 1


def _start() -> None:
    """Start the host on an empty database in memory. Its tables are made without its thousand migrations."""
    import host_start

    host_start.start()
    from django.conf import settings
    from django.test.utils import setup_databases

    class NoMigrations(dict):
        __contains__ = lambda self, app: True  # noqa: E731
        __getitem__ = lambda self, app: None  # noqa: E731

    settings.MIGRATION_MODULES = NoMigrations()
    logging.disable(logging.CRITICAL)
    setup_databases(verbosity=0, interactive=False)


def _courses(exports: list[Path]) -> Iterator[tuple[str, Any]]:
    from django.contrib.auth import get_user_model
    from host_courses import Studio, fresh_store, import_course

    user = get_user_model().objects.create(username="author", email="author@example.com")
    studio = Studio(fresh_store(), user.id)
    _fill(studio)
    yield "made up", studio.key
    for path in exports:
        key = studio.key.replace(run=path.name.split(".")[0])
        with tempfile.TemporaryDirectory() as folder:
            import_course(path, key, Path(folder), user.id)
        yield path.name, key


def _fill(studio: Any) -> None:
    """Write a large course and publish it."""
    parents = [("course", "course")]
    with studio.store.bulk_operations(studio.key, emit_signals=False):
        for block_type, number in zip(("chapter", "sequential", "vertical", "html"), SHAPE):
            fields = {"data": "<p>Some words that a learner reads.</p>" * 20} if block_type == "html" else {}
            parents = [
                studio.add(parent, block_type, f"{parent[1]}-{at}", **fields)
                for parent in parents
                for at in range(number)
            ]
        studio.publish(("course", "course"))


def _measured(name: str, key: Any) -> Iterator[Figure]:
    from course_sync_plugin.structure.modulestore.source import ModulestoreSource

    def read() -> Any:
        return ModulestoreSource().read(str(key))

    what = f"{name}, {len(read()):,} entities"
    for way, function in (
        ("our reader", read),
        ("get_items", lambda: _lazily(key)),
        ("get_course", lambda: _eagerly(key)),
    ):
        sql, mongo = _queries(function)
        yield _shown(Figure(f"{what}: {way}, SQL queries", sql, "", most=1 if function is read else None))
        yield _shown(Figure(f"{what}: {way}, MongoDB queries", mongo, "", most=3 if function is read else None))
    ways = {"reader": read, "get_items": lambda: _lazily(key), "get_course": lambda: _eagerly(key)}
    seconds = interleaved(ROUNDS, {name: _afresh(way) for name, way in ways.items()})
    yield _shown(Figure(f"{what}: our reader", min(seconds["reader"]), "s"))
    yield _shown(
        Figure(f"{what}: times faster than get_items, lazy content", ratio([seconds], "get_items", "reader"), least=4)
    )
    yield _shown(Figure(f"{what}: times faster than get_course, eager", ratio([seconds], "get_course", "reader")))


def _shown(figure: Figure) -> Figure:
    print(figure, flush=True)
    return figure


def _afresh(way: Callable[[], Any]) -> Callable[[], Any]:
    """Return the function with an empty request cache before each call, as in a request or a task."""
    from edx_django_utils.cache import RequestCache

    def run() -> None:
        RequestCache.clear_all_namespaces()
        way()

    return run


def _queries(way: Callable[[], Any]) -> tuple[int, int]:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext
    from host_courses import mongo_queries

    with CaptureQueriesContext(connection) as sql, mongo_queries() as mongo:
        _afresh(way)()
    return len(sql), len(mongo)


def _lazily(key: Any) -> None:
    """Read every block with the public API, as a plugin usually does, and the same fields of it that we read."""
    from host_courses import published

    with published(key) as store:
        for block in store.get_items(key):
            _fields(block)


def _eagerly(key: Any) -> None:
    """Read the tree from its root, with all content fetched at once."""
    from host_courses import published

    with published(key) as store:
        waiting = [store.get_course(key, depth=None, lazy=False)]
        while waiting:
            block = waiting.pop()
            _fields(block)
            waiting += block.get_children() if block.has_children else []


def _fields(block: Any) -> list[Any]:
    from xblock.fields import Scope

    from course_sync_plugin.diff.handlers import handler_for

    names = set(handler_for(block.scope_ids.block_type).fields)
    names |= {name for name, field in block.fields.items() if field.scope == Scope.content}
    return [getattr(block, name, None) for name in names] + [getattr(block, "children", None)]


if __name__ == "__main__":
    sys.exit(main())
