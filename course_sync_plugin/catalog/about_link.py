"""Finds a course's about link, and redirects the LMS about page to it with a filter step."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

from crum import get_current_request
from opaque_keys.edx.keys import CourseKey
from openedx_filters import PipelineStep
from openedx_filters.learning.filters import CourseAboutPageURLRequested, CourseAboutRenderStarted

from course_sync_plugin.catalog import course_overviews, host
from course_sync_plugin.catalog.configuration import cached_configuration
from course_sync_plugin.catalog.records.values import valid_url


def about_page_url(course_overview: Any) -> str:
    """Return the social sharing URL, else the marketing URL, else the LMS about page of a course.

    The first needs the platform's ``CUSTOM_COURSE_URLS`` and the second ``ENABLE_MKTG_SITE``, as in the platform's own
    ``get_link_for_about_page``. The operator can make the links ignore both. The function sends no request to the
    catalog.
    """
    ignores_switches = cached_configuration().about_page_ignores_switches
    social = getattr(course_overview, "social_sharing_url", None)
    if social and (ignores_switches or (host.site_value("SOCIAL_SHARING_SETTINGS") or {}).get("CUSTOM_COURSE_URLS")):
        return str(social)
    marketing = getattr(course_overview, "marketing_url", None)
    if marketing and (ignores_switches or host.feature("ENABLE_MKTG_SITE")):
        return str(marketing)
    return _lms_about_page(course_overview.id)


def _lms_about_page(course_key: CourseKey) -> str:
    """Return the URL of the LMS about page. Like the platform, it lets filters change this URL, and only this one."""
    url = f"{host.site_value('LMS_ROOT_URL', '')}/courses/{course_key}/about"
    filtered, _org = CourseAboutPageURLRequested.run_filter(url=url, org=course_key.org or "")
    return str(filtered)


class RedirectAboutPage(PipelineStep):
    """Redirects the LMS about page to the course's about link.

    It is a step for the filter ``org.openedx.learning.course_about.render.started.v1``. The setting
    ``COURSE_SYNC_REDIRECT_ABOUT_PAGE`` adds it to the pipeline.
    """

    def run_filter(self, context: dict[str, Any], template_name: str) -> dict[str, Any]:
        """Raise RedirectToPage if the course's about link is another page; else return the arguments unchanged."""
        key = getattr(context.get("course"), "id", None)
        overview = course_overviews.find(key) if key else None
        url = about_page_url(overview) if overview else ""
        # Authors type sharing URLs, and the platform does not check them.
        if valid_url(url) and not _is_about_page(url, key):
            raise CourseAboutRenderStarted.RedirectToPage("The course has its own about page.", redirect_to=url)
        return {"context": context, "template_name": template_name}


def _is_about_page(url: str, key: Any) -> bool:
    """Tell whether a URL is the LMS about page itself: a redirect to it would never end.

    A marketing site may have the same paths, so the function compares the host too. Without a current request the LMS's
    host is not known, and every host counts as the LMS. Ports are not compared: browsers leave out the default port.
    """
    parts = urlsplit(url)
    if unquote(parts.path).rstrip("/") != f"/courses/{key}/about":
        return False
    request = get_current_request()
    if request is None:
        return True
    ours = (host.site_value("LMS_ROOT_URL", ""), f"//{request.get_host()}")
    return parts.hostname in [urlsplit(one).hostname for one in ours]
