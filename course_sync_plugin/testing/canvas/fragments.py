"""HTML fragments as trees and back. The exact text that Canvas writes is not known; compare it with care."""

from __future__ import annotations

import re
from html import escape
from typing import Any

from lxml import html as lxml_html


def parse(html: str) -> Any:
    """Return an element that holds the fragment."""
    readable = re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", "", html)
    if not readable.strip():
        parent = lxml_html.Element("div")
        parent.text = readable
        return parent
    return lxml_html.fragment_fromstring(readable, create_parent="div")


def write(parent: Any) -> str:
    """Return the fragment as text."""
    text = escape(parent.text or "", quote=False)
    return text + "".join(lxml_html.tostring(child, encoding="unicode") for child in parent)
