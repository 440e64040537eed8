"""The target ``discourse``: carries courses to categories of a Discourse forum."""

from __future__ import annotations

import time
from types import MappingProxyType

from course_sync_plugin.exceptions import ConfigurationError, CourseSyncError
from course_sync_plugin.replication.outbound.target import TWO_WAY_OPTIONS, TwoWayTarget
from course_sync_plugin.targets.base import TargetConfig, TestReport
from course_sync_plugin.targets.discourse import rights
from course_sync_plugin.targets.discourse.client import DiscourseClient
from course_sync_plugin.targets.discourse.discussions import DiscourseDiscussions
from course_sync_plugin.targets.discourse.mapping import DISCOURSE_OPTIONS
from course_sync_plugin.targets.discourse.site import DiscourseSite
from course_sync_plugin.targets.discourse.users import current_user
from course_sync_plugin.targets.http.address import check_is_root, check_url
from course_sync_plugin.targets.http.private_addresses import AllowedHosts
from course_sync_plugin.targets.inbound import discourse as discourse_notices
from course_sync_plugin.targets.inbound.contract import Inbound
from course_sync_plugin.targets.two_way.budget import LocalBudget

#: The first names in the paths of the pages of a forum. A forum may be in a folder: https://example.org/forum.
_PAGES = "c|t|u|tag|admin|categories|latest"

#: What holds for a user who is no administrator. ``link`` asks for the rights in the category.
_LIMITS = (
    "This user is no administrator: link a category that is there, in which the user may create topics. Titles of "
    "fewer than 15 characters are refused."
)


class DiscourseTarget(TwoWayTarget):
    """A forum. docs/references/discourse_mapping.rst describes what of a course is there, and what is never touched."""

    site_class = DiscourseSite
    discussions_class = DiscourseDiscussions
    uses_secret = False
    inbound = Inbound(
        (discourse_notices.verify,), discourse_notices.read, discourse_notices.NAME_HEADER, discourse_notices.ID_HEADER
    )
    own_options = MappingProxyType({**TWO_WAY_OPTIONS, **DISCOURSE_OPTIONS})

    @classmethod
    def check(cls, config: TargetConfig) -> None:
        super().check(config)
        check_url(config.url, AllowedHosts.parse(config.allowed_private_hosts), instead="give an API key")
        check_is_root(config.url, _PAGES)
        _client(config).close()

    def test(self) -> TestReport:
        """Ask which user the API key acts for, and what ``link`` asks. It has no effect on the forum."""
        began = time.monotonic()
        try:
            type(self).check(self.config)
            has_tags = self.config.options.get("sections") == "tag"
            explanation = _try_out(_client(self.config), has_tags)
        except CourseSyncError as error:
            return TestReport(False, error.message, None, time.monotonic() - began)
        return TestReport(True, explanation, None, time.monotonic() - began)


def _client(config: TargetConfig) -> DiscourseClient:
    rate = DiscourseSite.rate
    return DiscourseClient(config, LocalBudget(full=rate.full, per_second=rate.per_second, floor=0))


def _try_out(client: DiscourseClient, has_tags: bool) -> str:
    """Return an explanation. Raises ConfigurationError for a right that ``link`` would miss.

    ``has_tags``: sections become tags, so nobody must create categories.
    """
    try:
        user = current_user(client)
        who = f"The API key acts as {'the administrator ' if user.admin else ''}'{user.username}'."
        try:
            (rights.check_tags if has_tags else rights.check_categories)(client)
        except ConfigurationError as error:
            raise ConfigurationError(f"{who} {error.message}", **error.context) from error
    finally:
        client.close()
    return who if user.admin else f"{who} {_LIMITS}"
