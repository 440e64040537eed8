"""Fixtures of the tests in a browser: Chromium, a site with work to do, and somebody who is signed in."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from course_sync_plugin.models import Activity
from course_sync_plugin.testing.canvas.fake import CanvasFake
from course_sync_plugin.testing.discourse import DiscourseServer
from course_sync_plugin.testing.receiver import Receiver
from sandbox.screenshots import find_chromium
from sandbox.site_with_work import Systems, fill
from tests.pages.browser import ARGUMENTS, Window


@pytest.fixture(scope="package")  # its event loop must not stay in this thread for other tests
def chromium() -> Iterator[Any]:
    """Return a browser. Without Chromium the test is skipped; in CI it fails."""
    found = find_chromium()
    if found is None:
        reason = "Chromium was not found (Debian: apt-get install chromium)"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Playwright runs its own event loop in this thread. Django would take the tests for asynchronous code.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def systems(transactional_db, settings) -> Iterator[Systems]:
    """Return the three systems of a site that has work to do. Its pages are at ``live_server``."""
    settings.COURSE_SYNC_ALLOWED_PRIVATE_HOSTS = ["127.0.0.1"]
    with Receiver() as receiver, CanvasFake() as canvas, DiscourseServer() as forum:
        yield Systems(receiver, canvas, forum)


@pytest.fixture
def course(systems) -> str:
    """Return the key of the course of a site that has work to do (sandbox/site_with_work.py)."""
    key = fill(systems)
    Activity.note_run()
    return key


@pytest.fixture
def sign_in(chromium, live_server) -> Iterator[Callable[..., Window]]:
    """Return a function that opens a window in which a user is signed in.

    It takes the groups of the user, other values of the user, and options of the window such as ``viewport``. At the
    end the test fails if a page of any window broke its rules.
    """
    windows: list[Window] = []

    def opened(*groups: str, options: dict[str, Any] | None = None, **values: bool) -> Window:
        user = User.objects.create_user(f"person {User.objects.count()}", **values)
        user.groups.set([Group.objects.get_or_create(name=name)[0] for name in groups])
        client = Client()
        client.force_login(user)
        context = chromium.new_context(base_url=live_server.url, **(options or {}))
        cookies = [{"name": name, "value": one.value, "url": live_server.url} for name, one in client.cookies.items()]
        context.add_cookies(cookies)
        windows.append(Window(context))
        return windows[-1]

    yield opened
    for window in windows:
        window.close()
    assert [fault for window in windows for fault in window.faults] == []
