"""Makes the addresses in the HTML of Open edX absolute, so that they lead to the LMS from Canvas too.

What the LMS does with them: edx-platform, common/djangoapps/static_replace (``/static/``, ``/course/`` and
``/jump_to_id/``); xmodule/contentstore/content.py, ``StaticContent.compute_location``; opaque_keys,
``AssetLocator.clean_keeping_underscores``. A file that learners may see only when they are enrolled stays so.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote, urlsplit

import attrs

_NO_NAME = re.compile(r"[^\w.%-]")


@attrs.frozen
class Links:
    """The addresses of one course. ``lms_url``: the root URL of the LMS; empty if it is not known."""

    lms_url: str
    course_id: str

    def absolute(self, address: str) -> str | None:
        """Return the address as it is sent. None: it leads somewhere only on a page of the LMS, so it is left out."""
        try:
            parts = urlsplit(address.strip())
        except ValueError:
            return None
        if parts.scheme or parts.netloc:
            return address.strip()
        if not address.strip().startswith("/"):
            return address.strip() if address.strip().startswith("#") else None
        return f"{self.lms_url}{self._path(address.strip())}" if self.lms_url else None

    def _path(self, address: str) -> str:
        if address.startswith("/static/"):
            return self._asset(address.removeprefix("/static/"))
        if address.startswith("/jump_to_id/"):
            return f"/courses/{self.course_id}{address}"
        if address.startswith("/course/"):
            return f"/courses/{self.course_id}/{address.removeprefix('/course/')}"
        return address

    def _asset(self, path: str) -> str:
        """Return the path of an uploaded file. A folder in its name is part of the name."""
        name, mark, rest = path.partition("?") if "?" in path else path.partition("#")
        run = self.course_id.removeprefix("course-v1:")
        key = _NO_NAME.sub("_", unquote(name).replace("/", "_"))
        return f"/asset-v1:{run}+type@asset+block@{quote(key)}{mark}{rest}"
