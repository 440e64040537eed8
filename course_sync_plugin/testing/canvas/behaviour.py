"""What differs between Canvas installations. A test changes the attributes of ``CanvasFake.behaviour`` at any time."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import attrs

from course_sync_plugin.testing.canvas.rights import OF_TEACHERS


@attrs.define(kw_only=True)
class Behaviour:
    """The differences between installations.

    ``permanent_page_links``: old urls of a page lead to it, and two pages may have the same title (feature flag of the
    same name; canvas-lms, app/models/wiki.rb, ``find_page``).

    ``deleted_slugs_stay_taken``: a new page does not get the url of a deleted one (issue canvas-lms#2541). The code
    (wiki_page.rb, ``delete_lookups``) frees the url, so both happen.

    ``auth_error_updates``: a missing right is 403, else 401 without WWW-Authenticate (feature flag
    ``api_auth_error_updates``; canvas-lms, lib/authentication_methods.rb, ``render_json_unauthorized``).

    ``throttled_status``: 403 with text on installations of one's own (canvas-lms, app/middleware/request_throttle.rb);
    429 in the cloud since October 2025 (issue canvasapi#704). The body of the 429 is assumed.

    ``opaque_pages``: links to pages carry a bookmark instead of a number. Both exist in Canvas; the API documentation,
    Pagination, says that links are opaque.

    ``links_root``: the start of the paging links, if it is another host than that of the fake. Canvas does not do
    that; a client that follows such a link sends its token to a stranger.

    ``time_zone``: the time zone of every user, in which midnight is judged (canvas-lms, gems/canvas_time).

    ``permissions_of_teachers``: the names that are true if a teacher asks for permissions. Administrators change them;
    an older Canvas has others. They say nothing about what the fake refuses.

    ``extra_fields`` and ``missing_fields``: fields to add to, or to leave out of, the answers about a kind of object:
    ``{"module": {"colour": "red"}}`` and ``{"module": {"unlock_at"}}``. Kinds: course, module, item, page, revision,
    assignment, topic, entry. Canvas adds fields with any release, and leaves out those that a user may not see.
    """

    permanent_page_links: bool = False
    deleted_slugs_stay_taken: bool = True
    auth_error_updates: bool = True
    throttled_status: int = 403
    opaque_pages: bool = True
    per_page: int = 10
    max_per_page: int = 100
    links_root: str = ""
    time_zone: str = "UTC"
    permissions_of_teachers: Collection[str] = OF_TEACHERS
    extra_fields: Mapping[str, Mapping[str, Any]] = attrs.field(factory=dict)
    missing_fields: Mapping[str, set[str]] = attrs.field(factory=dict)

    def dress(self, kind: str, value: dict[str, Any]) -> dict[str, Any]:
        """Return the answer about an object with the extra fields, and without the missing ones."""
        missing = self.missing_fields.get(kind, set())
        dressed = {**value, **self.extra_fields.get(kind, {})}
        return {name: one for name, one in dressed.items() if name not in missing}
