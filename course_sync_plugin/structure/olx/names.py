"""Gives each block in OLX the name (``url_name``) that the platform gives it.

The rules are those of ``make_name_unique`` in ``xmodule/modulestore/xml.py``. A block without a name gets one made from
its content, so the name changes with each edit of the block. Studio's exports name every block.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from hashlib import sha1

import attrs
from lxml import etree
from opaque_keys.edx.locator import BlockUsageLocator

#: Tags for which the second use of a name gets a new name; with another tag, the same name means the same block.
UNIQUE_TAGS = frozenset({"problem", "sequential", "video", "course", "chapter", "poll_question", "vertical"})

#: Tags that become ``<customtag impl="tag">`` (``TranslateCustomTagBlock`` in ``xmodule/template_block.py``).
CUSTOM_TAGS = frozenset({"book", "discuss", "image", "slides", "videodev"})

#: Blocks that pass their children on as text; the others pass them on as ASCII bytes, which gives another hash.
_TEXT_PARENTS = frozenset({"course", "chapter", "sequential", "vertical", "wrapper", "randomize", "conditional"})

_HASH_LENGTH = 12


def is_pointer(element: etree._Element) -> bool:
    """Tell whether an element only names a block that is written in a separate file (``is_pointer_tag``)."""
    expected = {"url_name", "org", "course"} if element.tag == "course" else {"url_name"}
    named = {"url_name" if name == "slug" else name for name in element.attrib}
    empty = len(element) == 0 and not (element.text or "").strip()
    return named == expected and empty and element.tag not in CUSTOM_TAGS


@attrs.define
class Names:
    """The names given so far in one course, in document order."""

    _used: defaultdict[str, set[str]] = attrs.field(factory=lambda: defaultdict(set), init=False)

    def name(self, element: etree._Element, parent_type: str) -> str:
        """Return the name of the next element in document order, and store it as used."""
        tag = element.tag
        name = _own_name(element) or _generated_name(element, parent_type)
        if name in self._used[tag] and tag in UNIQUE_TAGS and not is_pointer(element):
            name = _generated_name(element, parent_type, name)
        self._used[tag].add(name)
        return name


def _own_name(element: etree._Element) -> str | None:
    """Return the name that the element's attributes give.

    The first attribute that exists counts, even if it is empty.
    """
    attributes: Mapping[str, str] = element.attrib
    for attribute in ("url_name", "slug"):
        if attribute in attributes:
            return attributes[attribute]
    for attribute in ("name", "display_name"):
        if attribute in attributes:
            return BlockUsageLocator.clean(attributes[attribute])
    return None


def _generated_name(element: etree._Element, parent_type: str, taken: str = "") -> str:
    """Return a name made of the tag, the name that is taken already, and a hash of the element as its parent gives it.

    The releases of libxml2 write non-ASCII characters in attributes differently, so the platform's name differs too.
    """
    tag = element.tag
    if taken.startswith(tag) and re.search(f"[0-9a-fA-F]{{{_HASH_LENGTH}}}$", taken):
        taken = taken[len(tag) + 1 : -_HASH_LENGTH]
    as_text = parent_type in _TEXT_PARENTS
    written = etree.tostring(element, encoding="unicode").encode() if as_text else etree.tostring(element)
    digest = sha1(written, usedforsecurity=False).hexdigest()[:_HASH_LENGTH]
    return "_".join(part for part in (tag, taken, digest) if part)
