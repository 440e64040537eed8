"""Any wrong argument of any subcommand ends in a clear sentence and exit status 1 or 2. So does any wrong setting."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from io import StringIO

import pytest
from django.core.management import CommandError, call_command, load_command_class
from django.core.management.base import BaseCommand

from course_sync_plugin import api
from course_sync_plugin.exceptions import ConfigurationError
from tests.conftest import ROOT
from tests.integration.courses import COURSE, a_course

pytestmark = pytest.mark.django_db

#: Hostile texts by kind: not UTF-8 (in the form in which Python gives them), NUL, too long, not storable in utf8mb3.
HOSTILE = {
    "surrogate": "a\udcffb",
    "nul": "a\x00b",
    "newline": "a\nb",
    "300": "x" * 300,
    "5000": "x" * 5000,
    "emoji": "\U0001f41d",
    "letter": "\U00010400",  # a letter beyond the basic plane; a key may hold it
    "empty": "",
}

#: The forms of arguments that have parts, by name.
FORMS = {
    "course": ("{}", "course-v1:{}+Course+Run", "course-v1:Org+Course+{}"),
    "url": ("{}", "https://{}/", "https://127.0.0.1/{}", "https://127.0.0.1:{}/"),
    "values": ("{}", "a={}", "{}=a"),
    "option": ("{}", "retry_schedule={}", "{}=1", "requires_context={}", "on_course_deleted={}"),
    "notify": ("{}", "{}@example.org", "ops@{}"),
    "secret": ("{}", "whsec_{}"),
}

#: Arguments that are right although they look odd: texts that are sent to a receiver as they are, and empty texts.
RIGHT = {
    ("set-context", "values", "a={}"): HOSTILE.keys() - {"surrogate", "nul"},
    ("set-context", "values", "{}=a"): HOSTILE.keys() - {"surrogate", "nul", "empty"},
    ("add-target", "option", "retry_schedule={}"): {"empty"},
    ("add-target", "option", "requires_context={}"): {"300", "5000", "letter", "empty"},
    ("add-target", "url", "https://127.0.0.1/{}"): {"300", "5000", "emoji", "letter", "empty"},
    ("set-url", "url", "https://127.0.0.1/{}"): {"300", "5000", "emoji", "letter", "empty"},
    ("add-target", "url", "https://{}/"): {"letter"},
    ("set-url", "url", "https://{}/"): {"letter"},
    ("set-context", "course", "course-v1:{}+Course+Run"): {"letter"},
    ("set-context", "course", "course-v1:Org+Course+{}"): {"letter"},
    ("export", "file", "{}"): {"newline", "emoji", "letter"},
    ("import", "file", "{}"): {"newline", "emoji", "letter"},  # 'export' has written them
    ("drift", "notify", "{}@example.org"): {"300"},
    ("add-target", "url", "https://127.0.0.1:{}/"): {"empty"},
    ("set-url", "url", "https://127.0.0.1:{}/"): {"empty"},
    ("retry", "name", "{}"): {"empty"},
    ("skip", "name", "{}"): {"empty"},
    ("poll", "name", "{}"): {"empty"},
    ("forget-person", "person", "{}"): HOSTILE.keys() - {"surrogate", "nul", "empty"},
    ("actions", "target", "{}"): HOSTILE.keys() - {"surrogate", "nul"},  # it may be removed by now
    ("actions", "course", "course-v1:{}+Course+Run"): {"letter"},
    ("actions", "course", "course-v1:Org+Course+{}"): {"letter"},
}
#: Options that may be given without a value.
MAY_BE_EMPTY = {"course", "target", "secret", "operation", "entity_type", "id", "since", "until", "cause"}
#: What a note may hold: it is cleaned and cut.
NOTE = HOSTILE.keys() - {"surrogate", "nul"}

#: Values of the other arguments.
RIGHT_VALUES = {
    "name": "crm",
    "person": "Ann",
    "course": COURSE,
    "url": "https://127.0.0.1/",
    "values": "a=b",
    "entity": COURSE,
    "file": "-",
    "id": "1",
    "step": "list",
    "user": "ann",
}


@cache
def subcommands_of(command: str) -> dict[str, argparse.ArgumentParser]:
    """Return the parsers of the subcommands, or of the command itself."""
    parser = load_command_class("course_sync_plugin", command).create_parser("manage.py", command)
    found = [one.choices for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    return found[0] if found else {"": parser}


def arguments_of(command: str) -> Iterator[tuple[str, argparse.Action, list[str]]]:
    """Yield each argument that takes a text, with its subcommand and the words before it."""
    common = {action.dest for action in BaseCommand().create_parser("manage.py", command)._actions}
    for name, each in subcommands_of(command).items():
        for action in each._actions:
            if action.nargs != 0 and action.dest not in common and not isinstance(action, argparse._HelpAction):
                places = [one for one in each._actions if not one.option_strings and one is not action]
                yield name, action, [RIGHT_VALUES[one.dest] for one in places if one.nargs != "*"]


def lines_of(command: str) -> Iterator[tuple[str, ...]]:
    """Yield subcommand, argument, form, kind and the whole line, for each combination."""
    for name, action, others in arguments_of(command):
        for form in FORMS.get(action.dest, ("{}",)):
            for kind, text in HOSTILE.items():
                value = form.format(text)
                places = [one.dest for one in subcommands_of(command)[name]._actions if not one.option_strings]
                if action.option_strings:
                    words = [*others, f"{action.option_strings[0]}={value}"]
                else:
                    at = places.index(action.dest)
                    words = [*others[:at], value, *others[at:]]
                extra = ["--url=https://127.0.0.1/"] if name == "add-target" and action.dest != "url" else []
                yield name, action.dest, form, kind, *filter(None, [name]), *words, *extra


def run(command: str, *words: str) -> tuple[int, str]:
    """Run a command; return its exit status and its error message."""
    out, err = StringIO(), StringIO()
    try:
        call_command(command, *words, stdout=out, stderr=err)
    except CommandError as error:
        return 2, str(error)
    except SystemExit as ended:
        return ended.code, err.getvalue() or out.getvalue()
    return 0, ""


def check_every_argument(command: str) -> int:
    """Try all combinations; return the number of command lines."""
    wrong, tried = [], 0
    for name, argument, form, kind, *words in lines_of(command):
        tried += 1
        try:
            status, said = run(command, *words)
        except Exception as error:  # noqa: BLE001
            wrong.append(f"{name} {argument} {form} {kind}: {type(error).__name__}: {str(error)[:80]}")
            continue
        right = kind in RIGHT.get((name, argument, form), ()) or (kind == "empty" and argument in MAY_BE_EMPTY)
        right = right or (argument == "note" and kind in NOTE)
        if not right and not (status in (1, 2) and said.strip() and "\x00" not in said and len(said) < 1500):
            wrong.append(f"{name} {argument} {form} {kind}: {status} {said[:120]!r} ({len(said)})")
        if name == "add-target" and status == 0:
            api.remove_target(words[1])
    assert not wrong, "\n".join(wrong)
    return tried


@pytest.fixture
def a_target(shelf, settings):
    """Add a target ``crm`` with a lane, at an address on which nothing listens."""
    settings.COURSE_SYNC_ALLOWED_PRIVATE_HOSTS = ["127.0.0.1"]
    api.add_target("crm", url="https://127.0.0.1:9/")
    shelf.publish(a_course("v1"))
    api.sync_course(COURSE)


@pytest.mark.parametrize(("command", "least"), [("course_sync", 300), ("update_catalog_data", 30)])
def test_every_argument_of_every_subcommand(a_target, command, least, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some arguments name files to write
    assert check_every_argument(command) > least


@pytest.mark.parametrize("org", ["x" * 256, "two words", "a+b", "", " ", "a\x00", "\udcff", "\U0001f41d"], ids=ascii)
def test_an_organisation_from_python(org):
    with pytest.raises(ConfigurationError, match="organisation"):
        api.add_target("crm", url="https://example.org/", orgs=[org])


@pytest.mark.parametrize("name", ["a\x00", "\udcff", "\U0001f41d", "x" * 5000, ""], ids=lambda name: ascii(name)[:9])
def test_names_from_python(a_target, name):
    changes = (api.pause, api.resume, api.remove_target, api.test_target, api.rotate_secret)
    for call in (*changes, api.retry, api.reset_plan, api.removal_plan):
        with pytest.raises(ConfigurationError, match="There is no target"):
            call(name)


def test_arguments_that_are_not_utf_8(tmp_path):
    """A process gets such arguments as a shell passes them."""
    environment = {**os.environ, "DATABASE_URL": f"sqlite:///{tmp_path / 'db.sqlite3'}", "SANDBOX_VAR": str(tmp_path)}

    def manage(*words: bytes | str) -> subprocess.CompletedProcess:
        command = [sys.executable, "manage.py", *words]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False)

    assert manage("migrate", "-v0").returncode == 0
    for words in (["pause", b"a\xffb"], ["sync", "--course", b"\xff"], ["set-context", COURSE, "crm", b"a=\xff"]):
        done = manage("course_sync", *words)
        assert done.returncode in (1, 2)
        assert b"Traceback" not in done.stderr
        assert b"UTF-8" in done.stderr


@pytest.mark.parametrize("source", [b"x", 5, None, {}, "", ".", "x", "no.such.Source", "os.sep", "a\x00.b", "x" * 5000])
def test_a_wrong_source(settings, source):
    settings.COURSE_SYNC_SOURCE = source
    status, said = run("course_sync", "status")
    assert status == 1
    assert said.startswith("COURSE_SYNC_SOURCE is ")
    assert len(said) < 400
