"""XML from an export, parsed without trust: no network, no entities, no external files, one clear error.

The parser is set as the platform's importer sets its own (``EDX_XML_PARSER`` in ``xmodule/xml_block.py``): names made
from a hash of XML must come out the same. ``huge_tree`` stays off as it does there: what is too deep for the platform
is no course.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lxml import etree

from course_sync_plugin.exceptions import InvalidCourse

#: Fields of XBlocks that are written as elements and not as attributes (``xblock/core.py``, XML_NAMESPACES).
OPTION_NAMESPACE = "http://code.edx.org/xblock/option"

_FAMILY = "xblock-family"
_ASIDE_FAMILY = "xblock_asides."


def parsed(files: Mapping[str, bytes], path: str) -> etree._Element:
    """Return the root element of a file of the export.

    Raises KeyError where there is no such file, InvalidCourse with file and line where it is no XML or declares
    entities.
    """
    data = files[path]
    parser = etree.XMLParser(
        encoding="utf-8", remove_blank_text=True, resolve_entities=False, load_dtd=False, no_network=True
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise InvalidCourse(f"{path}, line {error.lineno or 1}: {error.msg}. Nothing was synced.") from error
    declared = root.getroottree().docinfo.internalDTD
    if declared is not None and any(True for _ in declared.iterentities()):
        raise InvalidCourse(f"{path} is refused: it declares XML entities. Write the characters themselves.")
    return root


def elements(element: etree._Element) -> Iterator[etree._Element]:
    """Yield the child elements; comments, processing instructions and entities are none."""
    return (child for child in element if isinstance(child.tag, str))


def drop_asides(element: etree._Element) -> None:
    """Take the asides (notes of other systems about a block, no content) out of a block's element."""
    for child in list(elements(element)):
        if child.get(_FAMILY, "").startswith(_ASIDE_FAMILY):
            element.remove(child)


def is_marked_xblock(element: etree._Element) -> bool:
    """Tell whether the export says that this element is an XBlock which writes its own attributes."""
    return _FAMILY in element.attrib


def without_mark(element: etree._Element) -> etree._Element:
    """Take the mark away, as the platform does before it looks at an element."""
    element.attrib.pop(_FAMILY, None)
    return element
