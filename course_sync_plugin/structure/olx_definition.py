"""Where a block of an export is written: in its element, in a file of its own, or in both.

Rules: ``load_definition_xml`` and ``load_definition`` of ``xmodule/xml_block.py``, ``load_definition`` of
``xmodule/html_block.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from posixpath import dirname
from typing import Any

import attrs
from lxml import etree

from course_sync_plugin.structure.olx_names import is_pointer
from course_sync_plugin.structure.olx_xml import OPTION_NAMESPACE, drop_asides, elements, parsed
from course_sync_plugin.structure.values import unquoted

#: Folders in a path that authors may have left out.
MAX_FOLDERS = 32


@attrs.frozen
class Definition:
    """What an export says of one block.

    ``attributes`` are written at the block; ``body`` is the element that holds its children and its content, in the
    file ``path``; ``html`` is the body of an html block that has a file of its own. ``is_missing``: the block points
    to a file that is not there, so what it holds is not known.
    """

    attributes: Mapping[str, str]
    body: etree._Element
    path: str
    html: str | None = None
    is_missing: bool = False

    def fields(self, marked: bool) -> dict[str, Any]:
        """Return the fields that are set.

        ``marked``: the block is an XBlock that wrote its texts as they are; older blocks may have written them as JSON.
        """
        fields = {name: value if marked else unquoted(value) for name, value in self.attributes.items()}
        for child in elements(self.body):
            if etree.QName(child).namespace == OPTION_NAMESPACE:
                fields[etree.QName(child).localname] = None if child.get("none") == "true" else child.text or ""
        return fields


@attrs.frozen
class DefinitionReader:
    """Finds the definitions in the files of an export.

    A file that is missing is noted in ``warnings``; the block is empty then.
    """

    files: Mapping[str, bytes]
    warnings: list[str]

    def read(self, element: etree._Element, block_type: str, name: str, path: str, marked: bool) -> Definition:
        """Return what is said of the block ``name`` that ``element`` in the file ``path`` stands for.

        Raises InvalidCourse where a file cannot be parsed.
        """
        own = f"{element.tag}/{_as_path(name)}.xml"
        is_missing = False
        if is_pointer(element) and own in self.files:
            element, path = parsed(self.files, own), own
        elif is_pointer(element) and not marked:  # an XBlock without any setting looks like a pointer and has no file
            self._missing(own, element, path)
            is_missing = True
        definition = self._filed(element, block_type, name, path)
        drop_asides(definition.body)
        return attrs.evolve(definition, is_missing=is_missing)

    def _filed(self, element: etree._Element, block_type: str, name: str, path: str) -> Definition:
        """Follow the attribute ``filename``: of html to its body, of other blocks (before 2013) to their XML."""
        filename = element.get("filename")
        if filename is None:
            return Definition(element.attrib, element, path)
        if block_type == "html":
            return Definition(element.attrib, element, path, self._html(element, name, filename, path))
        own = f"{element.tag}/{filename}.xml"
        try:
            return Definition(element.attrib, parsed(self.files, own), own)
        except KeyError:
            self._missing(own, element, path)
            return Definition(element.attrib, element, path)

    def _html(self, element: etree._Element, name: str, filename: str, path: str) -> str:
        own = f"{dirname(f'html/{_as_path(name)}')}/{filename}.html"
        for file in _html_files(own):
            if file in self.files:
                return self.files[file].decode("utf-8", errors="replace")
        self._missing(own, element, path)
        return ""

    def _missing(self, file: str, element: etree._Element, path: str) -> None:
        self.warnings.append(f"{path}, line {element.sourceline}: there is no {file}, so the block is empty")


def _html_files(path: str) -> Iterator[str]:
    """Where the body of an html block may be: some authors wrote ".html" into its name, some left folders out."""
    path = path.removesuffix(".html") if path.endswith(".html.html") else path
    parts = path.split("/", MAX_FOLDERS)
    return ("/".join(parts[at:]) for at in range(len(parts) - 1))


def _as_path(name: str) -> str:
    """A colon in a name separates folders (``name_to_pathname``)."""
    return name.replace(":", "/")
