"""The digest of what a learner sees of a component in OLX.

Equal content gives an equal digest however it was written: inline or in a file of its own, attributes in any order,
with the white space of another export. The names that only authors' tools use do not count.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any

from lxml import etree

from course_sync_plugin.structure.values import InvalidValue, normalised

#: Half of a sha256 in hexadecimal: enough to tell contents apart, short enough to read.
CONTENT_DIGEST_LENGTH = 32

#: Attributes that no learner sees: names, traces of export and import, the author's editor, copies and their origin.
INVISIBLE_ATTRIBUTES = frozenset(
    """
    url_name slug filename org course data_dir xml_attributes x-is-pointer-node
    parent_url parent_sequential_url index_in_children_list
    editor markdown markdown_edited source_code use_latex_compiler
    source_library_id source_library_version copied_from_block downstream_customized top_level_downstream_parent_key
    upstream upstream_version upstream_version_declined upstream_version_synced upstream_display_name upstream_data
    """.split()
)

#: Elements whose white space shows or means something.
_VERBATIM = frozenset({"pre", "script", "style", "textarea"})
_VERBATIM_TAG = re.compile("<(?:pre|script|style|textarea)\\b", re.IGNORECASE)
_SPACES = re.compile(r"\s+")

_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")
_DURATION = re.compile(r"\d+ (?:day|hour|minute|second)")

#: Characters beyond ASCII, as some releases of libxml2 write them in attributes.
_REFERENCE = re.compile("&#x((?:[89A-F]|[0-9A-F]{2,})[0-9A-F]);")

#: Blocks that content refers to, as older and newer releases write them, in whatever run the export was made. No part
#: of a key is longer than a key may be: unbounded, a text of nothing but beginnings takes the square of its length.
_BLOCK_KEY = re.compile(
    r"i4x://[\w.%-]{1,255}/[\w.%-]{1,255}/([\w-]{1,255})/([\w.:%~-]+)"
    r"|block-v1:[\w.:~-]{1,255}\+[\w.:~-]{1,255}\+[\w.:~-]{1,255}\+type@([\w-]{1,255})\+block@([\w.:%~-]+)"
)

#: Begins what stands for a tag; no text can hold it.
_MARK = "\0"


def digest_of_olx(attributes: Mapping[str, Any], told: Iterable[str], content: Iterable[str]) -> str:
    """Return the digest of a component's attributes and content.

    ``told`` are attributes that travel as fields of their own: a new title is no new content.
    """
    hidden = INVISIBLE_ATTRIBUTES.union(told)
    visible = {name: _value(value) for name, value in attributes.items() if name not in hidden}
    written = json.dumps([visible, list(content)], sort_keys=True, ensure_ascii=False)
    canonical = _BLOCK_KEY.sub(_block_name, written)
    return sha256(canonical.encode(errors="surrogatepass")).hexdigest()[:CONTENT_DIGEST_LENGTH]


def _block_name(key: re.Match[str]) -> str:
    block_type, name = key[1] or key[3], key[2] or key[4]
    return f"block:{block_type}/{name}"


def html_content(html: str) -> list[str]:
    """Return the body of an html block without white space that does not show."""
    if _VERBATIM_TAG.search(html):
        return [html.replace("\r\n", "\n").strip()]
    return [_SPACES.sub(" ", html).replace("> <", "><").strip()]


def inner_html(element: etree._Element) -> str:
    """Return what stands inside an element as text, as the platform's ``stringify_children`` does."""
    children = (etree.tostring(child, encoding="unicode", with_tail=True) for child in element)
    html = (element.text or "") + "".join(children)
    return _REFERENCE.sub(lambda reference: chr(int(reference[1], 16)), html)


def xml_content(element: etree._Element, blocks: Iterable[etree._Element]) -> Iterator[str]:
    """Yield the content of an element bit by bit, without the child elements that are blocks of their own."""
    others = set(blocks)
    waiting: list[tuple[Any, bool]] = _inside(element, verbatim=element.tag in _VERBATIM)
    while waiting:  # a stack and no recursion: XML can be deep
        item, verbatim = waiting.pop()
        if isinstance(item, str):
            yield from _text(item, verbatim)
            continue
        if isinstance(item.tag, str) and item not in others:
            yield _MARK + json.dumps([item.tag, *sorted(item.attrib.items())])
            waiting.append((_MARK, True))
            waiting.extend(_inside(item, verbatim or item.tag in _VERBATIM))


def _inside(element: etree._Element, verbatim: bool) -> list[tuple[Any, bool]]:
    """Text and children of an element, the first one last: a stack."""
    parts: list[tuple[Any, bool]] = [(element.text, verbatim)]
    for child in element:
        parts += [(child, verbatim), (child.tail, verbatim)]
    return [part for part in reversed(parts) if part[0] is not None]


def _text(text: str, verbatim: bool) -> Iterator[str]:
    if verbatim:
        yield text
    elif text.strip():
        yield _SPACES.sub(" ", text)


def _value(raw: Any) -> Any:
    """One value for every way to write it: in an attribute (as text) or in a policy (as it is), by any release."""
    if not isinstance(raw, str):
        return raw
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        value = raw
    return _moment(value) if isinstance(value, str) else value


def _moment(text: str) -> str | None:
    """Dates and durations are written differently by every release of the platform; an empty text says nothing."""
    for kind, form in (("date", _DATE), ("duration", _DURATION)):
        if form.match(text):
            try:
                return normalised(kind, text)
            except InvalidValue:
                return text
    return text or None
