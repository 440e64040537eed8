"""Finds the definition of a block in an export: in its element, in a separate file, or in both.

The rules are those of ``load_definition_xml`` and ``load_definition`` of ``xmodule/xml_block.py``, and of
``load_definition`` of ``xmodule/html_block.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from posixpath import dirname
from typing import Any

import attrs
from lxml import etree

from course_sync_plugin.structure.olx.names import is_pointer
from course_sync_plugin.structure.olx.xml import OPTION_NAMESPACE, drop_asides, elements, parsed
from course_sync_plugin.structure.values import unquoted

#: Largest number of folders in a path that are tried, because an author may have left them out.
MAX_FOLDERS = 32


@attrs.frozen
class Definition:
    """The definition of one block in an export.

    ``attributes``: the attributes of the block. ``body``: the element with its children and its content, in the file
    ``path``. ``html``: the body of an html block that has a separate file. ``is_missing``: the block points to a file
    that does not exist, so its children and content are unknown.
    """

    attributes: Mapping[str, str]
    body: etree._Element
    path: str
    html: str | None = None
    is_missing: bool = False

    def fields(self, marked: bool) -> dict[str, Any]:
        """Return the fields that are set.

        ``marked``: the block is an XBlock that wrote its texts unchanged; older blocks may have written them as JSON.
        """
        fields = {name: value if marked else unquoted(value) for name, value in self.attributes.items()}
        for child in elements(self.body):
            if etree.QName(child).namespace == OPTION_NAMESPACE:
                fields[etree.QName(child).localname] = None if child.get("none") == "true" else child.text or ""
        return fields


@attrs.frozen
class DefinitionReader:
    """Finds the definitions in the files of an export.

    If a file is missing, the block is empty, and a warning is added to ``warnings``.
    """

    files: Mapping[str, bytes]
    warnings: list[str]

    def read(self, element: etree._Element, block_type: str, name: str, path: str, marked: bool) -> Definition:
        """Return the definition of the block ``name``, whose element in the file ``path`` is ``element``.

        Raises InvalidCourse if a file cannot be parsed.
        """
        own = f"{element.tag}/{_as_path(name)}.xml"
        is_missing = False
        if is_pointer(element) and own in self.files:
            element, path = parsed(self.files, own), own
        elif is_pointer(element) and not marked:  # an XBlock without any setting looks like a pointer and has no file
            self._warn_of_missing_file(own, element, path)
            is_missing = True
        definition = self._follow_filename(element, block_type, name, path)
        drop_asides(definition.body)
        return attrs.evolve(definition, is_missing=is_missing)

    def _follow_filename(self, element: etree._Element, block_type: str, name: str, path: str) -> Definition:
        """Follow the attribute ``filename``: for html to its body, for other blocks (before 2013) to their XML."""
        filename = element.get("filename")
        if filename is None:
            return Definition(element.attrib, element, path)
        if block_type == "html":
            return Definition(element.attrib, element, path, self._html(element, name, filename, path))
        own = f"{element.tag}/{filename}.xml"
        try:
            return Definition(element.attrib, parsed(self.files, own), own)
        except KeyError:
            self._warn_of_missing_file(own, element, path)
            return Definition(element.attrib, element, path)

    def _html(self, element: etree._Element, name: str, filename: str, path: str) -> str:
        own = f"{dirname(f'html/{_as_path(name)}')}/{filename}.html"
        for file in _html_files(own):
            if file in self.files:
                return self.files[file].decode("utf-8", errors="replace")
        self._warn_of_missing_file(own, element, path)
        return ""

    def _warn_of_missing_file(self, file: str, element: etree._Element, path: str) -> None:
        self.warnings.append(f"{path}, line {element.sourceline}: there is no {file}, so the block is empty")


def _html_files(path: str) -> Iterator[str]:
    """Yield the paths where the body of an html block may be.

    Some authors wrote ".html" into the name, and some left out folders.
    """
    path = path.removesuffix(".html") if path.endswith(".html.html") else path
    parts = path.split("/", MAX_FOLDERS)
    return ("/".join(parts[at:]) for at in range(len(parts) - 1))


def _as_path(name: str) -> str:
    """Return a name as a path: a colon separates folders (``name_to_pathname``)."""
    return name.replace(":", "/")
