"""How ``add-target`` and ``rotate-secret`` read a secret without showing it in the list of processes."""

from __future__ import annotations

import os
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from course_sync_plugin import api
from course_sync_plugin.models import Target
from course_sync_plugin.secrets import decrypt

pytestmark = pytest.mark.django_db

SECRET = "whsec_" + "A" * 43 + "="
VARIABLE = "COURSE_SYNC_TARGET_SECRET"
URL = "http://127.0.0.1:1/"
COMMANDS = {"add-target": ("add-target", "crm", "--url", URL), "rotate-secret": ("rotate-secret", "crm")}


@pytest.fixture(params=COMMANDS)
def command(request, settings) -> tuple[str, ...]:
    """Return each of the two commands that take a secret. The second needs a target."""
    settings.COURSE_SYNC_ALLOWED_PRIVATE_HOSTS = ["127.0.0.1"]
    if request.param == "rotate-secret":
        api.add_target("crm", url=URL)
    return COMMANDS[request.param]


@pytest.fixture
def typed():
    """Return a function that writes bytes to the real standard input of this process."""
    before = os.dup(0)

    def put(content: bytes) -> None:
        reading, writing = os.pipe()
        os.write(writing, content)
        os.close(writing)
        os.dup2(reading, 0)
        os.close(reading)

    yield put
    os.dup2(before, 0)
    os.close(before)


def run(*arguments: str) -> tuple[int, str, str]:
    """Run a subcommand; return exit status, output and errors."""
    out, err, status = StringIO(), StringIO(), 0
    try:
        call_command("course_sync", *arguments, stdout=out, stderr=err)
    except SystemExit as exit_:
        status = exit_.code
    return status, out.getvalue(), err.getvalue()


def stored() -> str:
    return decrypt(Target.objects.get(name="crm").secret)


@pytest.mark.parametrize("end", ["", "\n", "\r\n"], ids=repr)
def test_a_file(command, tmp_path, end):
    path = tmp_path / "secret"
    path.write_bytes(f"{SECRET}{end}".encode())
    status, out, _err = run(*command, "--secret-file", str(path))
    assert (status, stored()) == (0, SECRET)
    assert "whsec" not in out


def test_standard_input(command, typed):
    typed(f"{SECRET}\n".encode())
    status, out, _err = run(*command, "--secret-file", "-", "--json")
    assert (status, stored()) == (0, SECRET)
    assert "whsec" not in out


def test_the_environment(command, monkeypatch):
    monkeypatch.setenv(VARIABLE, SECRET)
    status, out, _err = run(*command)
    assert (status, stored()) == (0, SECRET)
    assert "whsec" not in out


def test_the_command_line_in_tests(command):
    assert run(*command, "--secret", SECRET)[0] == 0
    assert stored() == SECRET


def test_none(command):
    status, out, _err = run(*command)
    assert status == 0
    assert stored() in out


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file or directory"),
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"whsec_\xff\xfe", "is not UTF-8"),
        (b"A" * 100_000, "holds more than 1000 bytes"),
        (f"{SECRET}\n{SECRET}\n".encode(), "The secret is not valid"),
    ],
    ids=["missing", "empty", "a line's end", "not UTF-8", "huge", "two"],
)
def test_a_file_that_holds_none(command, tmp_path, content, said):
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    before = list(Target.objects.values())
    status, out, err = run(*command, "--secret-file", str(path))
    assert (status, out) == (1, "")
    assert said in err
    assert str(path) in err or said == "The secret is not valid"
    assert "AAAA" not in err
    assert list(Target.objects.values()) == before


@pytest.mark.parametrize("path", ["/dev/zero", "/"])
def test_what_is_no_file_with_an_end(command, path):
    status, _out, err = run(*command, "--secret-file", path)
    assert status == 1
    assert f"The secret cannot be read: {path}" in err


def test_an_empty_standard_input(command, typed):
    typed(b"")
    assert run(*command, "--secret-file", "-")[::2] == (1, "The secret cannot be read: standard input is empty.\n")


@pytest.mark.parametrize(
    ("value", "said"), [(b"", "is empty"), (b"whsec_\xff", "is not UTF-8")], ids=["empty", "not UTF-8"]
)
def test_an_environment_that_holds_none(command, value, said, monkeypatch):
    """An empty variable is an error: it usually means a mistake in a script, not the wish for a new secret."""
    monkeypatch.setitem(os.environ, VARIABLE, os.fsdecode(value))
    before = list(Target.objects.values())
    status, _out, err = run(*command)
    assert (status, err) == (1, f"The secret cannot be read: {VARIABLE} {said}.\n")
    assert list(Target.objects.values()) == before


@pytest.mark.parametrize(
    "sources", [("--secret", "--secret-file"), ("--secret", VARIABLE), ("--secret-file", VARIABLE)], ids=" ".join
)
def test_two_sources_are_wrong_usage(command, sources, tmp_path, monkeypatch):
    path = Path(tmp_path, "secret")
    path.write_text(SECRET)
    values = {"--secret": SECRET, "--secret-file": str(path)}
    if VARIABLE in sources:
        monkeypatch.setenv(VARIABLE, SECRET)
    options = [word for name in sources if name in values for word in (name, values[name])]
    before = list(Target.objects.values())
    status, _out, err = run(*command, *options)
    assert status == 2
    assert all(name in err for name in sources)
    assert list(Target.objects.values()) == before


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_says_why(name, capsys):
    with pytest.raises(SystemExit):
        call_command("course_sync", name, "--help")
    said = " ".join(capsys.readouterr().out.split())
    assert "--secret-file PATH" in said
    assert VARIABLE in said
    assert "only for tests: every user of this machine can read it in the list of processes" in said
