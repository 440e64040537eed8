"""Checks the URL of a target before it is saved."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

import requests

from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.targets.http import private_addresses
from course_sync_plugin.targets.http.client import CONNECT_SECONDS
from course_sync_plugin.targets.http.private_addresses import SETTING, AllowedHosts


def check_url(url: str, allowed: AllowedHosts, *, instead: str) -> None:
    """Raise ConfigurationError unless the target may have this URL. Its host need not have an address yet.

    ``instead``: what is done instead of a password in the URL: "messages are signed".
    """
    parts = parts_of_url(url)
    if "@" in parts.netloc:
        raise ConfigurationError(f"The URL must not hold a user name or a password; {instead} instead.")
    host, encrypted = parts.hostname or "", parts.scheme == "https"
    private_addresses.check_form(host)
    try:
        found = private_addresses.resolve(host, parts.port or 443, CONNECT_SECONDS)
    except OSError:  # checked again at every connection
        found = []
    if not encrypted and not found and not allowed.named(host):
        raise ConfigurationError(f"The URL must begin with https://, or {host} must be allowed in {SETTING}.")
    allowed.check(host, found, encrypted=encrypted)


def check_is_root(url: str, pages: str = "[^/]+") -> None:
    """Raise ConfigurationError, with the right form, unless a URL is that of a whole site.

    ``pages``: a regular expression of the first names in the paths of its pages. Before them, a site that is in a
    folder of its host has the names of the folder.
    """
    parts = parts_of_url(url)
    page = re.search(rf"/(?:{pages})(?:/|$)", parts.path)
    if page or parts.query or parts.fragment:
        root = f"{parts.scheme}://{parts.netloc}{parts.path[: page.start()] if page else parts.path}"
        raise ConfigurationError(f"Give the address of the site without that of a page: --url {root.rstrip('/')}")


def parts_of_url(url: str) -> SplitResult:
    """Return the parts of a URL as the HTTP client sees them. Raises ConfigurationError."""
    if re.search(r"[\s\\\x00-\x1f\x7f]", url):
        raise ConfigurationError("The URL must not hold spaces, backslashes or control characters.")
    try:
        parts = urlsplit(requests.Request("POST", url).prepare().url or "")
        valid = parts.scheme in ("http", "https") and parts.hostname
    except (ValueError, requests.RequestException):
        valid = False
    if not valid:
        raise ConfigurationError(
            "The URL is not valid, or missing (--url); it should look like https://receiver.example.org/path."
        )
    return parts
