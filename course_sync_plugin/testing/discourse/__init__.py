"""A fake Discourse for those who write targets: see :mod:`course_sync_plugin.testing.discourse.server`."""

from course_sync_plugin.testing.discourse.forum.errors import Refused
from course_sync_plugin.testing.discourse.forum.settings import SiteSettings
from course_sync_plugin.testing.discourse.server import DiscourseServer

__all__ = ["DiscourseServer", "Refused", "SiteSettings"]
