"""Users: who the API key acts for. Source: discourse, app/controllers/session_controller.rb (``current``)."""

from __future__ import annotations

import attrs

from course_sync_plugin.targets.discourse.client import DiscourseClient
from course_sync_plugin.targets.discourse.fields import Fields


@attrs.frozen
class CurrentUser:
    """The user of an API key."""

    username: str
    admin: bool


def current_user(client: DiscourseClient) -> CurrentUser:
    """Return the user who acts. Raises ConfigurationError for a key that is not valid."""
    return client.get("/session/current.json", _current)


def _current(answer: Fields) -> CurrentUser:
    shown = answer.inside("current_user")
    return CurrentUser(shown.text("username"), shown.flag("admin"))
