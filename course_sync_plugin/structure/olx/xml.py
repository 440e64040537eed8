"""Parses XML of an export safely: no network, no entities, no external files, one clear error.

The parser has the options of the platform's importer (``EDX_XML_PARSER`` in ``xmodule/xml_block.py``), because names
made from a hash of XML must be the same. ``huge_tree`` is off, as it is there: XML that is too deep for the platform
is refused.
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

    Raises KeyError if there is no such file, InvalidCourse if it is not XML (with file and line) or declares entities
    (with the file).
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
    """Yield the child elements, without comments, processing instructions and entities."""
    return (child for child in element if isinstance(child.tag, str))


def drop_asides(element: etree._Element) -> None:
    """Remove the asides from a block's element: data of other systems about the block, not content."""
    for child in list(elements(element)):
        if child.get(_FAMILY, "").startswith(_ASIDE_FAMILY):
            element.remove(child)


def is_marked_xblock(element: etree._Element) -> bool:
    """Tell whether the export marks this element as an XBlock that writes its own attributes."""
    return _FAMILY in element.attrib


def without_mark(element: etree._Element) -> etree._Element:
    """Remove the mark from the element and return it, as the platform does before it reads an element."""
    element.attrib.pop(_FAMILY, None)
    return element
