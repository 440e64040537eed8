"""What is written down is true: commands, fields, settings, links."""

from __future__ import annotations

import re
import shlex
from argparse import ArgumentParser
from pathlib import Path

import pytest
from django.core.management import load_command_class
from django.core.management.base import CommandError

from course_sync_plugin import limits
from course_sync_plugin.diff.handlers import chain
from course_sync_plugin.management.subcommands import SUBCOMMANDS
from course_sync_plugin.models import OPEN_STATES
from course_sync_plugin.settings.common import DEFAULTS
from course_sync_plugin.targets.base import COMMON_OPTIONS
from course_sync_plugin.upkeep.status import STATES

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.rst", *sorted((ROOT / "docs").glob("*.rst"))]


def name_of(value: object) -> str:
    return value.relative_to(ROOT).as_posix() if isinstance(value, Path) else ""


def commands() -> list[tuple[Path, str]]:
    """Every line of a literal block, and every bit of literal text, that calls ``course_sync``."""
    call = r"manage\.py (?:cms )?course_sync ((?!COMMAND)[^`\n]+)"
    found = []
    for path in PAGES:
        text = path.read_text("utf-8")
        lines = re.findall(rf"^ +(?:python |\./){call}$", text, re.MULTILINE)
        found += [(path, line) for line in [*lines, *re.findall(rf"``[^`\n]*{call}``", text)]]
    return found


@pytest.fixture(scope="module")
def parser() -> ArgumentParser:
    return load_command_class("course_sync_plugin", "course_sync").create_parser("manage.py", "course_sync")


@pytest.mark.parametrize(("path", "line"), commands(), ids=name_of)
def test_every_command_that_is_written_down_is_one(parser, path, line):
    try:
        parser.parse_args(shlex.split(line, comments=True))
    except CommandError as error:
        pytest.fail(f"{path.name}: course_sync {line}: {error}")


def test_there_are_commands_to_check():
    assert len(commands()) > 20


def test_every_command_is_written_down(parser):
    """In the table of docs/operations.rst, where two that belong together share a row."""
    text = (ROOT / "docs" / "operations.rst").read_text("utf-8").split("\nCommands\n", 1)[1]
    rows = re.findall(r"^(``[a-z-]+``(?:, ``[a-z-]+``)*)  ", text, re.MULTILINE)
    written = [name for row in rows for name in re.findall(r"``([a-z-]+)``", row)]
    subcommands = next(action for action in parser._actions if action.dest == "subcommand")
    assert sorted(written) == sorted(subcommands.choices)


def test_the_commands_without_json_are_written_down():
    text = (ROOT / "docs" / "operations.rst").read_text("utf-8")
    (sentence,) = re.findall(r"program can read; (.+?) have no result to print", text, re.DOTALL)
    assert re.findall(r"``([a-z-]+)``", sentence) == sorted(one.name for one in SUBCOMMANDS if not one.has_json)


def test_every_state_is_written_down():
    text = (ROOT / "docs" / "operations.rst").read_text("utf-8")
    written = re.findall(r"^``([a-z ]+)``  ", text, re.MULTILINE)
    assert {*STATES, "no courses", *OPEN_STATES} <= {*written}


def test_the_table_of_fields_is_the_allow_list():
    """Both ways: nothing leaves the site that is not in the table."""
    head, *rows = (re.split(r"\s{2,}", line) for line in table_of("fields.rst"))
    written = {
        (entity_type, field): (kind, how)
        for field, kind, *cells in rows
        for entity_type, how in zip(head[2:], cells, strict=True)
        if how != "–"
    }
    assert written == {
        (handler.entity_type, name): (field.kind, "effective" if field.effective else "own")
        for handler in chain()
        for name, field in handler.fields.items()
    }


def table_of(page: str) -> list[str]:
    """The lines of the first table of a page, without its borders."""
    lines = (ROOT / "docs" / page).read_text("utf-8").splitlines()
    borders = [at for at, line in enumerate(lines) if re.fullmatch(r"=+(  =+)+", line)]
    return [line for line in lines[borders[0] : borders[2]] if not line.startswith("==")]


def test_every_setting_is_written_down():
    text = (ROOT / "docs" / "settings.rst").read_text("utf-8")
    written = dict(re.findall(r"^``(COURSE_SYNC_\w+)`` \(``(.*)``\)$", text, re.MULTILINE))
    assert written == {name: str(default) for name, default in DEFAULTS.items()}


def test_the_bounds_of_numbers_are_those_that_are_checked():
    text = (ROOT / "docs" / "settings.rst").read_text("utf-8")
    written = dict(re.findall(r"^``(COURSE_SYNC_\w+|[a-z_-]+ --[a-z-]+)``  +(\S+ to \S+) [a-z ]+$", text, re.MULTILINE))
    arguments = {
        "run --workers": limits.WORKERS,
        "run --interval": limits.INTERVAL,
        "run --seconds": limits.RUN_SECONDS,
        "rotate-secret --hours": limits.TWO_SECRETS,
        "update_catalog_data --page-size": limits.CATALOG["page_size"],
    }
    known = {**limits.SETTINGS, **arguments}
    assert written == {name: str(limit).partition("from ")[2] for name, limit in known.items()}


def test_every_common_option_is_written_down():
    text = (
        (ROOT / "docs" / "settings.rst").read_text("utf-8").split("\nOptions of a target\n")[1].split("\nSwitches\n")[0]
    )
    assert set(re.findall(r"^``(\w+)``$", text, re.MULTILINE)) == COMMON_OPTIONS.keys()


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_file_that_is_named_is_there(path):
    named = re.findall(r"(?:docs|tests|sandbox|course_sync_plugin)/[\w./-]*\w", path.read_text("utf-8"))
    made = {"docs/_build/html"}
    assert [name for name in named if name not in made and not (ROOT / name).exists()] == []
