"""Reads the id of a counterpart from what a person gives: the id, or the address of its page."""

from __future__ import annotations

from urllib.parse import urlsplit

from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.sanitize.text import host_of, short_repr
from course_sync_plugin.targets.two_way.site import Site


def remote_id_of(given: str, url: str, site: type[Site]) -> str:
    """Return the id of a counterpart. ``url``: that of the target.

    Raises ConfigurationError for an address that is that of no counterpart, or of one at another host.
    """
    text = given.strip()
    if site.address is None or "/" not in text:
        return text
    there, here = host_of(text), host_of(url)
    if there and there.lower() != here.lower():
        raise ConfigurationError(f"{short_repr(text)} is at {there}, and the target is at {here}.")
    found = site.address.fullmatch(_path(text).removeprefix(_path(url)))
    if found is None:
        raise ConfigurationError(
            f"{short_repr(text)} is no address of a counterpart. It should look like "
            f"{url.rstrip('/')}{site.sample_address}, or be the number at its end."
        )
    return found[1]


def _path(url: str) -> str:
    try:
        return urlsplit(url).path.rstrip("/")
    except ValueError:
        return ""
