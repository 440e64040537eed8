"""The target ``canvas``: carries courses to courses in Canvas, as docs/references/canvas_mapping.rst says."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import ClassVar

from course_sync_plugin.exceptions import CourseSyncError
from course_sync_plugin.replication.outbound.target import TWO_WAY_OPTIONS, TwoWayTarget
from course_sync_plugin.targets.base import TargetConfig, TestReport
from course_sync_plugin.targets.canvas import courses, rights
from course_sync_plugin.targets.canvas.client import CanvasClient
from course_sync_plugin.targets.canvas.discussions import CanvasDiscussions
from course_sync_plugin.targets.canvas.site.site import CanvasSite
from course_sync_plugin.targets.canvas.token import access_token
from course_sync_plugin.targets.http.address import check_is_root, check_url
from course_sync_plugin.targets.http.private_addresses import AllowedHosts
from course_sync_plugin.targets.inbound import live_events, path_secret
from course_sync_plugin.targets.inbound.contract import Inbound
from course_sync_plugin.targets.options import Option, one_of

#: The most courses in which a test asks what the user of the token may do.
_COURSES_SEEN = 5


class CanvasTarget(TwoWayTarget):
    """A Canvas. Its URL is the root of the site, its token that of a user who teaches in the linked courses."""

    site_class = CanvasSite
    discussions_class = CanvasDiscussions
    uses_secret = False
    inbound = Inbound((path_secret.verify, live_events.verify), live_events.read)
    own_options: ClassVar[Mapping[str, Option]] = {
        **TWO_WAY_OPTIONS,
        **live_events.OPTIONS,
        "publish": Option("Whether what is created is published at once: 'yes' or 'no'.", one_of("yes", "no")),
        "content": Option(
            "'html': pages get the HTML of their html components, sanitised; 'none' (the default): no content is sent.",
            one_of("html", "none"),
        ),
    }

    @classmethod
    def check(cls, config: TargetConfig) -> None:
        super().check(config)
        access_token(config)
        check_url(config.url, AllowedHosts.parse(config.allowed_private_hosts), instead="give a token")
        check_is_root(config.url)

    def test(self) -> TestReport:
        """Ask for the courses of the token's user. This changes nothing in Canvas."""
        began = time.monotonic()
        try:
            self.check(self.config)
            explanation, status = self._ask(), 200
        except CourseSyncError as error:
            return TestReport(False, error.message, error.context.get("status"), time.monotonic() - began)
        return TestReport(True, explanation, status, time.monotonic() - began)

    def _ask(self) -> str:
        """Return what Canvas says. Raises ConfigurationError if the user may do too little in each course seen."""
        client = CanvasClient(self.config)
        try:
            found = courses.some(client, _COURSES_SEEN)
            able = next((one for one in found if not rights.missing(client, one.id)), None)
            if found and able is None:
                rights.check_rights(client, found[0].id)
        finally:
            client.close()
        if able:
            return (
                f"Canvas accepts the token. Its user may do in the course {able.id}, for example, all that is needed."
            )
        return (
            "Canvas accepts the token, but its user is in no course: enrol the user as a teacher before you link one."
        )
