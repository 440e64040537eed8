"""Cleans the HTML of a page, in both directions: what we send, and what we read back.

It lets through less than Canvas does (canvas-lms, gems/canvas_sanitize), so Canvas has nothing left to take away. What
can act by itself goes: scripts, forms, frames, media, and attributes that begin with ``data-``, which the pages of
Canvas read as commands (rails-ujs: ``data-method``, ``data-remote``).
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping

import nh3

from course_sync_plugin.structure.values import FORBIDDEN_CHARACTERS

_TAGS = frozenset(
    "a b blockquote br caption cite code col colgroup dd del div dl dt em figcaption figure h1 h2 h3 h4 h5 h6 hr i img "
    "ins li ol p pre q small span strike strong sub sup table tbody td tfoot th thead tr u ul".split()
)
_CELL = {"colspan", "rowspan", "abbr", "align", "valign", "width"}
_ATTRIBUTES: Mapping[str, set[str]] = {
    "*": {"style", "class", "id", "title", "lang", "dir"},
    "a": {"href", "target", "name"},
    "col": {"span", "width"},
    "colgroup": {"span", "width"},
    "img": {"src", "alt", "width", "height", "align"},
    "ol": {"start", "type"},
    "table": {"summary", "width", "border", "cellpadding", "cellspacing"},
    "td": _CELL,
    "th": {*_CELL, "scope"},
    "ul": {"type"},
}
_WITHOUT_CONTENT = {
    "script", "style", "svg", "math", "template", "noscript", "iframe", "object", "embed", "video", "audio", "textarea",
    "select", "title", "xmp", "noembed", "noframes", "plaintext",
}  # fmt: skip
_SCHEMES = {"http", "https", "mailto", "tel"}

#: The attributes that hold an address.
_ADDRESSES = ("href", "src")

#: Nothing here can take text out of its place on the page, or load something.
_PROPERTIES = set(
    "background-color border border-bottom border-collapse border-color border-left border-right border-spacing "
    "border-style border-top border-width clear color direction float font-family font-size font-style font-variant "
    "font-weight height line-height list-style-type margin margin-bottom margin-left margin-right margin-top "
    "max-height max-width min-height min-width padding padding-bottom padding-left padding-right padding-top "
    "table-layout text-align text-decoration text-indent vertical-align white-space width".split()
)

#: Times that HTML is cleaned until it stays as it is. What is unwrapped may be nested in a new way.
_MOST_TIMES = 20

#: Translates the address of a link or a picture; None: it is left out.
Translate = Callable[[str], str | None]


def cleaned(text: str, translate: Translate = lambda address: address) -> str:
    """Return harmless HTML. Cleaning it again changes nothing.

    ``translate``: gets each address, and must return a translated one as it is.
    """
    last = FORBIDDEN_CHARACTERS.sub("", text)
    for _time in range(_MOST_TIMES):
        now = _clean(last, _ATTRIBUTES, translate).strip()
        if now == last:
            return now
        last = now
    return html.escape(" ".join(nh3.clean(last, tags=set()).split()), quote=False)


def _clean(text: str, attributes: Mapping[str, set[str]], translate: Translate) -> str:
    def changed(_tag: str, name: str, value: str) -> str | None:
        return translate(value) if name in _ADDRESSES else value

    return nh3.clean(
        text, tags=set(_TAGS), attributes={tag: set(names) for tag, names in attributes.items()},
        clean_content_tags=_WITHOUT_CONTENT, attribute_filter=changed, url_schemes=_SCHEMES,
        filter_style_properties=_PROPERTIES, link_rel=None,
    )  # fmt: skip


#: The paragraph with our link. It does not match if a person has added text to the paragraph.
_LINK = re.compile(
    r"<p\b[^>]*\bdata-course-sync=\"[^\"]*\"[^>]*>\s*(?:<a\b[^>]*>Open in Open edX \([^<]*\)</a>)?\s*</p>"
)


def text_in(body: str | None) -> str:
    """Return the HTML of a page besides our link, cleaned."""
    return cleaned(_LINK.sub("", body or "", count=1))


def has_link(body: str | None) -> bool:
    """Tell whether a page has the paragraph with our link, so that the page is one that we created."""
    return _LINK.search(body or "") is not None
