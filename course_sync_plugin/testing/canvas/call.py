"""A call of the API, ready to be carried out: who asks for what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs

from course_sync_plugin.testing.canvas import dates, links, refusals, sanitizer
from course_sync_plugin.testing.canvas.objects import Course, User
from course_sync_plugin.testing.canvas.parameters import Parameters, to_integer
from course_sync_plugin.testing.canvas.site import Change, Site

#: The form of every JSON object in an answer.
Json = dict[str, Any]


@attrs.frozen
class Listing:
    """A list that is answered page by page. ``show`` makes the JSON of an entry; None: the entry is left out."""

    rows: Sequence[Any]
    show: Callable[[Any], Json | None]


@attrs.frozen
class NoContent:
    """An answer with status 204 and no body."""


@attrs.frozen
class Created:
    """An answer with status 201."""

    body: Json


@attrs.frozen(kw_only=True)
class Call:
    """A call. ``by_api``: False for a person in the web interface, which uses the same API."""

    site: Site
    user: User
    method: str
    path: str
    parameters: Parameters
    by_api: bool = True

    def now(self) -> datetime:
        """Return the time of the site."""
        return self.site.clock.now()

    def group(self, name: str) -> Parameters | None:
        """Return the parameters that are nested in a name, or None if there are none."""
        found = self.parameters.get(name)
        return found if isinstance(found, dict) else None

    def link(self, path: str) -> str:
        """Return the URL of a path of this site."""
        return f"{self.site.root}{path}"

    def manages(self, course: Course) -> bool:
        """Tell whether the user is a teacher of the course, and so sees drafts."""
        return self.user.roles.get(course.id) == "teacher"

    def dress(self, kind: str, value: Json) -> Json:
        """Return the answer about an object with the additions that the test asked for."""
        return self.site.behaviour.dress(kind, value)

    def stored_html(self, html: object) -> str:
        """Return HTML as it is stored."""
        return sanitizer.sanitize(links.incoming(str(html or ""), self.site.root))

    def shown_html(self, html: str | None) -> str | None:
        """Return stored HTML as it is read."""
        return links.outgoing(html, self.site.root)

    def date(self, name: str, text: object) -> datetime | None:
        """Return a date. Raises Refusal with the error that assignments have (api/v1/assignment.rb)."""
        try:
            return dates.read_date(text, self.site.behaviour.time_zone)
        except ValueError:
            raise refusals.invalid({name: f"Invalid datetime for {name.rpartition('[')[2].rstrip(']')}"}) from None

    def tell(self, name: str, course: Course, body: Json) -> None:
        """Tell the listeners of the site what this call has changed."""
        self.site.tell(Change(name, self.user, self.by_api, course, body, self.now()))


def find(rows: Mapping[int, Any], text: object) -> Any:
    """Return the row with an id that is not deleted. Raises Refusal 404."""
    row = rows.get(to_integer(text))
    if row is None or row.deleted:
        raise refusals.not_found()
    return row


def user_json(user: User, site: Site) -> Json:
    """Return how a user is shown beside what they made (lib/api/v1/user.rb, ``user_display_json``)."""
    return {"id": user.id, "display_name": user.name, "html_url": f"{site.root}/users/{user.id}"}
