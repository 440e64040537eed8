"""The lines of a command fit the terminal; in a file and in a pipe each line stays whole."""

from __future__ import annotations

from io import StringIO

import pytest

from course_sync_plugin.management.subcommands.base import Output

LONG = "  crm: unreachable: " + "a receiver that does not answer " * 4
KEY = f"  course-v1:Org+{'Course' * 15}+Run"


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _eighty_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


def written(stream: StringIO, text: str, *, whole: bool = False) -> list[str]:
    Output(stream).line(text, whole=whole)
    return stream.getvalue().splitlines()


def test_a_long_line_is_wrapped_and_indented_on_a_terminal():
    lines = written(Terminal(), LONG)
    assert len(lines) == 2
    assert max(map(len, lines)) <= 80
    assert lines[1].startswith("      ")
    assert " ".join(" ".join(lines).split()) == LONG.strip()


@pytest.mark.parametrize("text", [KEY, "short", "", "x" * 80])
def test_what_fits_or_cannot_be_broken_stays(text):
    assert "".join(written(Terminal(), text)) == text


def test_elsewhere_a_line_stays_whole():
    assert written(StringIO(), LONG) == [LONG]


def test_a_command_to_be_copied_stays_whole():
    assert written(Terminal(), LONG, whole=True) == [LONG]


def test_json_gets_no_lines():
    stream = Terminal()
    Output(stream, as_json=True).line(LONG)
    assert stream.getvalue() == ""
