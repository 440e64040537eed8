"""Cleans HTML by the list of what is allowed, as Canvas does when a page is saved.

Source: canvas-lms, gems/canvas_sanitize; rgrove/sanitize 6, lib/sanitize/transformers/clean_element.rb. Text is not
changed, comments go, an element that is not allowed goes and its content stays. A style is written anew: ``color:red``
is read back as ``color: red;``.
"""

from __future__ import annotations

import re
from typing import Any

from course_sync_plugin.testing.canvas import allowed_html, fragments

_PLAIN_STYLE = re.compile(r"""([-:,;#%.()/\sa-zA-Z0-9!]|'[\s\w]+'|"[\s\w]+"|\([\d,\s]+\))*""")
_DECLARATIONS = re.compile(r"\s*([-\w]+\s*:[^;]*(;\s*|$))*")
_SCHEME = re.compile(r"\s*([^/#:]*?):")


def sanitize(html: str) -> str:
    """Return the HTML that is stored."""
    parent = fragments.parse(html)
    for node in [node for node in parent.iter() if node is not parent]:
        if node.tag in allowed_html.ELEMENTS:
            _clean_attributes(node)
        elif not isinstance(node.tag, str) or node.tag in allowed_html.REMOVED_WITH_CONTENT:
            node.drop_tree()
        else:
            _unwrap(node)
    return fragments.write(parent)


def _unwrap(node: Any) -> None:
    """Take an element away and leave its content, with a space around it if it was a block of text."""
    if node.tag in allowed_html.LEAVE_SPACE:
        filled = len(node) or node.text
        node.text = f" {node.text or ''}"
        if filled:
            node.tail = f" {node.tail or ''}"
    node.drop_tag()


def clean_style(style: str) -> str:
    """Return the declarations of a style that are allowed, each written as ``name: value``, with a final semicolon."""
    if not (_PLAIN_STYLE.fullmatch(style) and _DECLARATIONS.fullmatch(style)):
        style = ""
    found = re.findall(r"([-\w]+)\s*:\s*([^;]*)", style)
    kept = [
        f"{name.lower()}: {value}"
        for name, value in found
        if allowed_html.STYLE_PROPERTY.fullmatch(name.lower()) and _is_harmless(value.lower())
    ]
    return "; ".join(kept) + ";"


def _is_harmless(value: str) -> bool:
    word = r"([A-Za-z0-9+\-.&;#\s]*?)"
    functions = set(re.findall(rf"{word}\(", value))
    schemes = set(re.findall(f"{word}:", value))
    return functions <= allowed_html.STYLE_FUNCTIONS and schemes <= allowed_html.STYLE_SCHEMES


def _clean_attributes(node: Any) -> None:
    allowed = allowed_html.EVERYWHERE | allowed_html.ATTRIBUTES.get(node.tag, frozenset())
    for name, value in list(node.attrib.items()):
        is_known = name in allowed or allowed_html.DATA_ATTRIBUTE.fullmatch(name)
        if not is_known or not _may_lead(node.tag, name, value):
            del node.attrib[name]
        elif name == "style":
            node.attrib[name] = clean_style(value)


def _may_lead(element: str, attribute: str, value: str) -> bool:
    """Tell whether the address in an attribute has an allowed scheme, or is relative."""
    schemes = allowed_html.SCHEMES.get((element, attribute))
    scheme = _SCHEME.match(value)
    return schemes is None or scheme is None or scheme[1].strip().lower() in schemes
