"""Links in HTML: absolute on the way out, without the host on the way in.

Source: canvas-lms, lib/api.rb, ``api_user_content`` and ``API_ROUTE_MAP``; lib/api/html/content.rb, ``UrlAttributes``
and ``process_incoming``; lib/api/html/link.rb. The ``data-api-`` attributes are not taken off on the way in, so they
are stored if a client sends back what it has read.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from course_sync_plugin.testing.canvas import fragments
from course_sync_plugin.testing.canvas.allowed_html import SCHEMES

#: Addresses of the web interface that have an address in the API, and the kind of object there.
_ROUTES = {
    r"/courses/(\d+)/discussion_topics": "[Discussion]",
    r"/courses/(\d+)/discussion_topics/(\d+)": "Discussion",
    r"/courses/(\d+)/(?:wiki|pages)": "[Page]",
    r"/courses/(\d+)/(?:wiki|pages)/([^/?#]+)": "Page",
    r"/courses/(\d+)/assignments": "[Assignment]",
    r"/courses/(\d+)/assignments/(\d+)": "Assignment",
    r"/courses/(\d+)/files": "Folder",
}


def outgoing(html: str | None, root: str) -> str | None:
    """Return stored HTML as the API shows it: links that begin with ``/`` get the host and ``data-api-`` attributes."""
    if not html or "/" not in html:
        return html
    parent = fragments.parse(html)
    for element, name in SCHEMES:
        for node in parent.iter(element):
            address = node.get(name, "")
            if address.startswith("/") and not address.startswith("//"):
                node.set(name, root + address)
                for added, value in _api_attributes(address, root).items():
                    node.set(added, value)
    return fragments.write(parent)


def incoming(html: str, root: str) -> str:
    """Return HTML as it is stored: ``href`` and ``src`` lose our host. HTML without our host stays as it is."""
    if root not in html:
        return html
    parent = fragments.parse(html)
    for node in parent.iter():
        for name in ("href", "src"):
            address = node.get(name, "")
            if re.match(f"{re.escape(root)}([/?#]|$)", address):
                local = address.removeprefix(root)
                node.set(name, local if local.startswith("/") else f"/{local}")
    return fragments.write(parent)


def _api_attributes(address: str, root: str) -> dict[str, str]:
    path = urlsplit(address).path
    for route, kind in _ROUTES.items():
        if re.fullmatch(route, path):
            endpoint = f"{root}/api/v1{path.replace('/wiki', '/pages')}"
            return {"data-api-endpoint": endpoint, "data-api-returntype": kind}
    return {}
