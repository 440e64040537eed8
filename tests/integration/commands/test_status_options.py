"""``status --watch`` and ``--prometheus``: what they show, what they refuse, and how they end."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command
from django.db import OperationalError

from course_sync_plugin.management.subcommands import status
from course_sync_plugin.management.subcommands.base import CLEAR
from course_sync_plugin.models import Target
from tests.integration.upkeep.test_status import many

# --watch closes old connections, and with them a transaction around the test
pytestmark = pytest.mark.django_db(transaction=True)


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def pages(shelf, monkeypatch):
    """Return a function that watches, presses Ctrl-C after some pages, and returns the pages."""

    def watch(*options: str, count: int = 3) -> list[str]:
        screen, waits = Terminal(), []

        def wait(seconds: float) -> None:
            waits.append(seconds)
            Target.objects.filter(name="t0").update(paused=len(waits) % 2)
            if len(waits) == count:
                raise KeyboardInterrupt

        monkeypatch.setattr(status.time, "sleep", wait)
        call_command("course_sync", "status", "--watch", *options, stdout=screen)
        assert set(waits) == {float(options[0]) if options and options[0][0] != "-" else status.WATCH_SECONDS}
        return screen.getvalue().split(CLEAR)[1:]

    return watch


def test_it_shows_the_status_again_and_again_until_ctrl_c(pages):
    many(2)
    found = pages("2")
    assert len(found) == 3
    assert ["paused" in page for page in found] == [False, True, False]
    assert all(page.startswith("Targets\n") for page in found)


def test_with_the_other_options(pages):
    many(2)
    (page,) = pages("--target", "t1", "--all", count=1)
    assert "t0" not in page
    assert "course-v1:Org+Course+Run1" in page


def test_long_lines_are_wrapped(pages, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    many(1, targets=1)
    Target.objects.update(disabled_reason="a receiver that is gone for some reason " * 5)
    (page,) = pages(count=1)
    assert max(map(len, page.splitlines())) <= 80
    assert (
        " ".join(page.split()).count("a receiver that is gone for some reason") == 3
    )  # a line has 160 characters at most


def test_a_page_has_no_control_characters_of_others(pages):
    many(1, targets=1)
    Target.objects.update(disabled_reason="\x1b[31mred")
    (page,) = pages(count=1)
    assert "\x1b" not in page


def test_a_database_that_goes_away_ends_it(pages, monkeypatch, capsys):
    def down(target: str) -> None:
        raise OperationalError("gone away")

    monkeypatch.setattr(status.api, "status_overview", down)
    with pytest.raises(SystemExit) as exit_:
        call_command("course_sync", "status", "--watch", stdout=Terminal())
    assert exit_.value.code == 1
    assert "gone away" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--watch"], "--watch needs a terminal"),
        (["--watch", "--json"], "--watch does not go together with --json"),
        (["--prometheus", "--json"], "--prometheus does not go together with --json"),
        (["--prometheus", "--watch"], "--prometheus does not go together with --watch"),
        (["--prometheus", "--all"], "--prometheus does not go together with --all"),
        (["--prometheus", "--target", "crm"], "--prometheus does not go together with --target"),
    ],
    ids=str,
)
def test_what_is_wrong_usage(shelf, capsys, options, says):
    with pytest.raises(SystemExit) as exit_:
        call_command("course_sync", "status", *options)
    assert exit_.value.code == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("seconds", ["0", "-1", "soon", "nan", "3601"])
def test_seconds_out_of_bounds(capsys, seconds):
    with pytest.raises(Exception, match=r"0\.1 to 3600"):
        call_command("course_sync", "status", f"--watch={seconds}")


def test_metrics_stay_whole_on_a_terminal(shelf):
    many(1, targets=1)
    screen = Terminal()
    call_command("course_sync", "status", "--prometheus", stdout=screen)
    assert all(line.startswith(("# HELP ", "# TYPE ", "course_sync_")) for line in screen.getvalue().splitlines())
