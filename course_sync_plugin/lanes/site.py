"""Remembers for which site a target was made, so that a restored dump does not send from another site.

A site is known by the root URL of its LMS (``LMS_ROOT_URL``), in the form in which two of them are compared.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.db.models import Q

from course_sync_plugin.log import get_logger
from course_sync_plugin.models import Target

log = get_logger(__name__)

#: Characters of a URL that stay as they are; all others are percent-encoded.
_SAFE = "/:@%[]!$&'()*+,;=~?#"


def this_site() -> str:
    """Return the root URL of this site's LMS, normalised. Empty if the host has no ``LMS_ROOT_URL``: no check then."""
    return normalised(getattr(settings, "LMS_ROOT_URL", None))


def normalised(url: Any) -> str:
    """Return a root URL in lower case, in ASCII, without a slash or the scheme's port at its end.

    So two of them are equal on every database exactly if they are equal in Python. Anything but a text is an empty one.
    """
    if not isinstance(url, str):
        return ""
    text = quote(url.strip().rstrip("/"), safe=_SAFE).lower()
    scheme, _, rest = text.partition("://")
    default = {"http": ":80", "https": ":443"}.get(scheme)
    return text.removesuffix(default) if default and "/" not in rest else text


def made_here() -> Q:
    """Return the condition for targets that may send from this site: made or confirmed for it, or for no site yet."""
    site = this_site()
    return Q(site=None) | Q(site=site) if site else Q()


def is_elsewhere(target: Target) -> bool:
    """Tell whether a target was made for another site and not confirmed for this one."""
    site = this_site()
    return bool(site and target.site is not None and target.site != site)


def adopt_targets() -> int:
    """Note this site for the targets that were made for none, by an older release or without ``LMS_ROOT_URL``.

    Return their number. A sweep calls this function.
    """
    site = this_site()
    adopted = Target.objects.filter(site=None).update(site=site) if site else 0
    if adopted:
        log.info("course_sync: %s targets belong to the site %s from now on", adopted, site)
    return adopted
