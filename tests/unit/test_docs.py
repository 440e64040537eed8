"""The documentation is true: its commands, fields, settings and links."""

from __future__ import annotations

import re
import shlex
from argparse import ArgumentParser
from pathlib import Path

import pytest
from django.core.management import load_command_class
from django.core.management.base import CommandError

from course_sync_plugin.diff.handlers import chain
from course_sync_plugin.management.subcommands import SUBCOMMANDS
from course_sync_plugin.models import OPEN_STATES
from course_sync_plugin.sanitize import limits
from course_sync_plugin.settings.common import DEFAULTS
from course_sync_plugin.targets.registry import targets
from course_sync_plugin.upkeep.advice import ADVICE, TOKEN_ADVICE
from course_sync_plugin.upkeep.status.lanes import STATES

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
#: Everything that Sphinx reads, and the README. ``docs/_build`` is what Sphinx writes; ``docs/mfe`` may hold packages.
PAGES = [
    ROOT / "README.rst",
    *sorted(page for page in DOCS.rglob("*.rst") if page.relative_to(DOCS).parts[0] not in ("_build", "mfe")),
]
STATES_AND_COMMANDS = DOCS / "references" / "states_and_commands.rst"
SETTINGS = DOCS / "references" / "settings.rst"
FIELDS = DOCS / "references" / "fields.rst"


def name_of(value: object) -> str:
    return value.relative_to(ROOT).as_posix() if isinstance(value, Path) else ""


def commands() -> list[tuple[Path, str]]:
    """Return each line of a literal block, and each literal text, that calls ``course_sync``."""
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
    """Every command is in the table of commands, where two that belong together share a row."""
    text = STATES_AND_COMMANDS.read_text("utf-8").split("\nCommands\n", 1)[1]
    rows = re.findall(r"^(``[a-z-]+``(?:, ``[a-z-]+``)*)  ", text, re.MULTILINE)
    written = [name for row in rows for name in re.findall(r"``([a-z-]+)``", row)]
    subcommands = next(action for action in parser._actions if action.dest == "subcommand")
    assert sorted(written) == sorted(subcommands.choices)


def test_the_commands_without_json_are_written_down():
    text = STATES_AND_COMMANDS.read_text("utf-8")
    (sentence,) = re.findall(r"a program can read; (.+?) have no result to print", " ".join(text.split()))
    assert re.findall(r"``([a-z-]+)``", sentence) == sorted(one.name for one in SUBCOMMANDS if not one.has_json)


def test_every_state_is_written_down():
    text = STATES_AND_COMMANDS.read_text("utf-8")
    written = re.findall(r"^``([a-z ]+)``  ", text, re.MULTILINE)
    assert {*STATES, "no courses", *OPEN_STATES} <= {*written}


def test_the_table_of_fields_is_the_allow_list():
    """The table and the allow-list are equal, so no field that is not in the table leaves the site."""
    head, *rows = (re.split(r"\s{2,}", line) for line in table_of(FIELDS))
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


def table_of(page: Path) -> list[str]:
    """Return the lines of the first table of a page, without its borders."""
    lines = page.read_text("utf-8").splitlines()
    borders = [at for at, line in enumerate(lines) if re.fullmatch(r"=+(  =+)+", line)]
    return [line for line in lines[borders[0] : borders[2]] if not line.startswith("==")]


def test_the_page_of_errors_is_the_table_in_the_code():
    """Each class and status has its section, with the same sentences, and there is no other section."""
    parts = re.split(r"^(.+)\n\*+\n", (DOCS / "references" / "errors.rst").read_text("utf-8"), flags=re.MULTILINE)[1:]
    written = {head: " ".join(text.split()) for head, text in zip(parts[::2], parts[1::2])}
    told = {heading_of(*key): one for key, one in ADVICE.items()}
    told |= {f"{heading_of(*key)}, with an access token": one for key, one in TOKEN_ADVICE.items()}
    assert written == {head: f"{one.meaning} To do: {one.action}" for head, one in told.items()}


def heading_of(name: str, status: int | None) -> str:
    shown = f"{status}xx" if status and status < 10 else status
    return (name or "no class") + (f", HTTP {shown}" if status else "")


def test_every_setting_is_written_down():
    text = SETTINGS.read_text("utf-8")
    written = dict(re.findall(r"^``(COURSE_SYNC_\w+)`` \(``(.*)``\)$", text, re.MULTILINE))
    assert written == {name: str(default) or '""' for name, default in DEFAULTS.items()}


def test_the_bounds_of_numbers_are_those_that_are_checked():
    text = SETTINGS.read_text("utf-8")
    written = dict(re.findall(r"^``(COURSE_SYNC_\w+|[a-z_-]+ --[a-z-]+)``  +(\S+ to \S+) [a-z ]+$", text, re.MULTILINE))
    arguments = {
        "run --workers": limits.WORKERS,
        "run --interval": limits.INTERVAL,
        "run --seconds": limits.RUN_SECONDS,
        "backfill --limit": limits.BACKFILL_COURSES,
        "backfill --sleep": limits.BACKFILL_SLEEP,
        "retry --limit": limits.RETRY_LANES,
        "retry --sleep": limits.RETRY_SLEEP,
        "rotate-secret --hours": limits.TWO_SECRETS,
        "status --watch": limits.WATCH,
        "update_catalog_data --page-size": limits.CATALOG["page_size"],
    }
    known = {**limits.SETTINGS, **arguments}
    assert written == {name: str(limit).partition("from ")[2] for name, limit in known.items()}


def test_every_option_of_a_target_is_written_down():
    """Only those of this package: another package describes the options of its own targets."""
    ours = [target for target in targets.all() if target.__module__.startswith("course_sync_plugin.")]
    text = SETTINGS.read_text("utf-8").split("\nOptions of a target\n")[1].split("\nSwitches\n")[0]
    known = {name for target in ours for name in target.known_options()}
    assert set(re.findall(r"^``(\w+)``$", text, re.MULTILINE)) == known


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_file_that_is_named_is_there(path):
    named = re.findall(r"(?:docs|tests|sandbox|course_sync_plugin)/[\w./-]*\w", path.read_text("utf-8"))
    made = {"docs/_build/html"}
    assert [name for name in named if name not in made and not (ROOT / name).exists()] == []


def test_the_method_of_the_sample_that_users_replace_is_there():
    page = (ROOT / "docs" / "how-tos" / "write_a_receiver.rst").read_text("utf-8")
    (method,) = re.findall(r"Replace the method ``(\w+)``", page)
    assert f"def {method}(" in (ROOT / "docs" / "receiver_sample.py").read_text("utf-8")
