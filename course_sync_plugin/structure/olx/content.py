"""Computes the digest of a component in OLX from the content that a learner sees.

Equal content gives an equal digest, however it is written: inline or in a separate file, with attributes in any order,
with the white space of another export. Names that only authoring tools use do not count.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any

from lxml import etree

from course_sync_plugin.structure.values import InvalidValue, normalised

#: Characters: half of a sha256 in hexadecimal, enough to tell contents apart and short enough to read.
CONTENT_DIGEST_LENGTH = 32

#: Attributes that no learner sees: names, data of export and import, settings of the editor, the origin of copies.
INVISIBLE_ATTRIBUTES = frozenset(
    """
    url_name slug filename org course data_dir xml_attributes x-is-pointer-node
    parent_url parent_sequential_url index_in_children_list
    editor markdown markdown_edited source_code use_latex_compiler
    source_library_id source_library_version copied_from_block downstream_customized top_level_downstream_parent_key
    upstream upstream_version upstream_version_declined upstream_version_synced upstream_display_name upstream_data
    """.split()
)

#: Elements whose white space is visible or has a meaning.
_VERBATIM = frozenset({"pre", "script", "style", "textarea"})
_VERBATIM_TAG = re.compile("<(?:pre|script|style|textarea)\\b", re.IGNORECASE)
_SPACES = re.compile(r"\s+")

_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")
_DURATION = re.compile(r"\d+ (?:day|hour|minute|second)")

#: Character references: some releases of libxml2 write non-ASCII characters in attributes like this.
_REFERENCE = re.compile("&#x((?:[89A-F]|[0-9A-F]{2,})[0-9A-F]);")

#: Keys of blocks in the content, as older and newer releases write them, with any course run. Each part has at most the
#: length of a key: without the limit, a text that only repeats the beginning of a key would take quadratic time.
_BLOCK_KEY = re.compile(
    r"i4x://[\w.%-]{1,255}/[\w.%-]{1,255}/([\w-]{1,255})/([\w.:%~-]+)"
    r"|block-v1:[\w.:~-]{1,255}\+[\w.:~-]{1,255}\+[\w.:~-]{1,255}\+type@([\w-]{1,255})\+block@([\w.:%~-]+)"
)

#: The first character of each item that describes a tag; XML text cannot contain it.
_MARK = "\0"


def digest_of_olx(attributes: Mapping[str, Any], told: Iterable[str], content: Iterable[str]) -> str:
    """Return the digest of a component's attributes and content.

    ``told``: names of attributes that are fields of the entity and do not count here: a new title is not new content.
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
    """Return the body of an html block without invisible white space."""
    if _VERBATIM_TAG.search(html):
        return [html.replace("\r\n", "\n").strip()]
    return [_SPACES.sub(" ", html).replace("> <", "><").strip()]


def inner_html(element: etree._Element) -> str:
    """Return the inner XML of an element as text, as the platform's ``stringify_children`` does."""
    children = (etree.tostring(child, encoding="unicode", with_tail=True) for child in element)
    html = (element.text or "") + "".join(children)
    return _REFERENCE.sub(lambda reference: chr(int(reference[1], 16)), html)


def xml_content(element: etree._Element, blocks: Iterable[etree._Element]) -> Iterator[str]:
    """Yield the content of an element, item by item, without the child elements that are blocks themselves."""
    others = set(blocks)
    waiting: list[tuple[Any, bool]] = _inside(element, verbatim=element.tag in _VERBATIM)
    while waiting:  # a stack instead of recursion, because XML can be deep
        item, verbatim = waiting.pop()
        if isinstance(item, str):
            yield from _text(item, verbatim)
            continue
        if isinstance(item.tag, str) and item not in others:
            yield _MARK + json.dumps([item.tag, *sorted(item.attrib.items())])
            waiting.append((_MARK, True))
            waiting.extend(_inside(item, verbatim or item.tag in _VERBATIM))


def _inside(element: etree._Element, verbatim: bool) -> list[tuple[Any, bool]]:
    """Return the text and the children of an element in reverse order, for a stack."""
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
    """Return one value for all forms in which a release writes it: as text in an attribute, or as JSON in a policy."""
    if not isinstance(raw, str):
        return raw
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        value = raw
    return _canonical_date_or_duration(value) if isinstance(value, str) else value


def _canonical_date_or_duration(text: str) -> str | None:
    """Return a date or duration in one form, because each release of the platform writes them differently.

    Another text is returned unchanged, an empty one as None.
    """
    for kind, form in (("date", _DATE), ("duration", _DURATION)):
        if form.match(text):
            try:
                canonical: str | None = normalised(kind, text)
                return canonical
            except InvalidValue:
                return text
    return text or None
