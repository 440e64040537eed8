"""Reads the blocks of an export, from ``course.xml`` down.

The block type decides which child elements are blocks, as in the platform's importers (``definition_from_xml`` of the
XModules, ``parse_xml`` of ``xblock/core.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs
from lxml import etree
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import UsageKey
from opaque_keys.edx.locator import BlockUsageLocator

from course_sync_plugin.diff.handlers import handler_for
from course_sync_plugin.structure.builder import RawBlock
from course_sync_plugin.structure.olx import bounds
from course_sync_plugin.structure.olx.content import digest_of_olx, html_content, inner_html, xml_content
from course_sync_plugin.structure.olx.definition import Definition, DefinitionReader
from course_sync_plugin.structure.olx.names import CUSTOM_TAGS, Names, is_pointer
from course_sync_plugin.structure.olx.policy import Policy
from course_sync_plugin.structure.olx.xml import OPTION_NAMESPACE, elements, is_marked_xblock, without_mark
from course_sync_plugin.structure.values import HTML

#: Block types whose child elements are all blocks, except for the elements of NO_BLOCKS.
CONTAINERS = frozenset(
    "course chapter sequential vertical wrapper randomize split_test conditional library_content itembank unit".split()
)
NO_BLOCKS = {"course": {"textbook", "wiki", "meta"}}

#: Block types that have no child blocks, even if their XML has child elements.
LEAVES = frozenset("html problem video poll_question word_cloud annotatable lti customtag".split())

#: The platform loads these tags as another block type (its entry points ``xblock.v1``).
RENAMED = {"videoalpha": "video", **dict.fromkeys(CUSTOM_TAGS, "customtag")}


@attrs.define
class _Block:
    """A block whose children are still being collected."""

    entity_id: str
    block_type: str
    fields: dict[str, Any] = attrs.field(factory=dict)
    children: list[str] = attrs.field(factory=list)
    unreadable: bool = False


@attrs.frozen
class _ElementToRead:
    """An element to read. ``path``: its file. ``marked``: the export marks it as an XBlock."""

    element: etree._Element
    path: str
    parent: _Block | None = None
    marked: bool = False


@attrs.frozen
class _EndOfFile:
    """The step after the last element of a file."""

    path: str


_Step = _ElementToRead | _EndOfFile


@attrs.define
class BlockReader:
    """Reads the blocks of one course in document order.

    ``files``: the files of the export. ``course_id``: the course key that the blocks get. ``policy``: settings by
    ``type/url_name``. ``warnings``: the reader adds a sentence for each thing that it had to leave out. ``html``: the
    HTML of each html component, by entity id.
    """

    files: Mapping[str, bytes] = attrs.field(converter=bounds.BoundedFiles)
    course_id: str
    policy: Policy
    warnings: list[str]
    html: dict[str, str] = attrs.field(factory=dict, init=False)
    _names: Names = attrs.field(factory=Names, init=False)
    _blocks: dict[str, _Block] = attrs.field(factory=dict, init=False)
    _bounds: bounds.Bounds = attrs.field(factory=bounds.Bounds, init=False)

    def read(self, root: etree._Element, path: str) -> dict[str, RawBlock]:
        """Return every block below the root element of the file ``path``, by entity id.

        Raises InvalidCourse if a file cannot be parsed, if a file contains itself, or if the course is too large.
        """
        waiting: list[_Step] = [_ElementToRead(root, path)]
        while waiting:  # a stack instead of recursion, because courses can be deep
            item = waiting.pop()
            if isinstance(item, _EndOfFile):
                self._bounds.leave(item.path)
            else:
                waiting.extend(reversed(self._read(item)))
        return {entity_id: self._raw(block) for entity_id, block in self._blocks.items()}

    def _raw(self, block: _Block) -> RawBlock:
        for missing in (child for child in block.children if child not in self._blocks):
            self.warnings.append(f"{block.entity_id} shows {missing}, which is missing in the export")
        children = tuple(child for child in block.children if child in self._blocks)
        return RawBlock(block.entity_id, block.block_type, block.fields, children, block.unreadable)

    def _read(self, item: _ElementToRead) -> Sequence[_Step]:
        """Read one element; return the steps for its child elements."""
        if item.parent is not None and item.element.tag == "show" and item.parent.block_type == "conditional":
            item.parent.children.extend(self._shown_blocks(item.element))
            return []
        block_type = RENAMED.get(item.element.tag, item.element.tag)
        if block_type == "error":
            return self._leave_out(item, "the platform could not read it when the course was exported")
        name = self._names.name(item.element, item.parent.block_type if item.parent else "")
        if item.parent is None:
            return self._read_definition(item, _Block(self.course_id, block_type), name)
        if not all(BlockUsageLocator.ALLOWED_ID_RE.match(part) for part in (block_type, name)):
            return self._leave_out(item, f"the platform refuses the name '{name}'")
        return self._read_child(item, item.parent, _Block(self._entity_id(block_type, name), block_type), name)

    def _leave_out(self, item: _ElementToRead, reason: str) -> Sequence[_Step]:
        self.warnings.append(f"{item.path}, line {item.element.sourceline}: <{item.element.tag}> is left out: {reason}")
        if item.parent:
            item.parent.unreadable = True
        return []

    def _read_child(self, item: _ElementToRead, parent: _Block, block: _Block, name: str) -> Sequence[_Step]:
        parent.children.append(block.entity_id)
        if block.entity_id in self._blocks and is_pointer(item.element):
            return []  # a second place of a block that was already read
        return self._read_definition(item, block, name)

    def _read_definition(self, item: _ElementToRead, block: _Block, name: str) -> Sequence[_Step]:
        """Set the fields and the content of a block; return the steps for its child elements."""
        reader = DefinitionReader(self.files, self.warnings)
        definition = reader.read(item.element, block.block_type, name, item.path, item.marked)
        settings = self.policy.get(f"{block.block_type}/{name}", {})
        found = _child_elements(block.block_type, definition.body)
        children = list(self._bounds.counted(found, definition.path))
        block.unreadable = definition.is_missing
        block.fields = {**definition.fields(item.marked), **settings}
        if block.block_type == HTML:
            self.html[block.entity_id] = _html(definition)
        if "content_digest" in handler_for(block.block_type).fields:
            content = self._content(block, definition, children)
            block.fields["content_digest"] = _digest(block.block_type, definition, settings, content)
        self._blocks[block.entity_id] = block
        return self._steps_for_children(item, definition, block, children)

    def _content(self, block: _Block, definition: Definition, children: list[etree._Element]) -> Iterable[str]:
        """Return what counts as the content of a component, item by item."""
        if block.block_type == HTML:
            return html_content(self.html[block.entity_id])
        return xml_content(definition.body, [child for child in children if child.tag != "show"])

    def _steps_for_children(
        self, item: _ElementToRead, definition: Definition, block: _Block, children: list[etree._Element]
    ) -> Sequence[_Step]:
        """Return the steps for the child elements of a block; the last one ends their file if it is another file."""
        marks = [is_marked_xblock(child) for child in children]
        path = definition.path
        waiting = [_ElementToRead(without_mark(child), path, block, mark) for child, mark in zip(children, marks)]
        if definition.body is item.element or not waiting:
            return waiting
        self._bounds.enter(path, item.element, item.path)
        return [*waiting, _EndOfFile(path)]

    def _entity_id(self, block_type: str, name: str) -> str:
        """Return the usage key. The result equals that of ``str(BlockUsageLocator)``, about twenty times faster."""
        return f"block-v1:{self.course_id.removeprefix('course-v1:')}+type@{block_type}+block@{name}"

    def _shown_blocks(self, show: etree._Element) -> Iterator[str]:
        """Yield the ids of the blocks, elsewhere in the course, that a conditional shows."""
        for source in filter(None, (part.strip() for part in show.get("sources", "").split(";"))):
            try:
                key = UsageKey.from_string(source)
            except InvalidKeyError:
                self.warnings.append(f"<show> does not name a block: '{source}'")
            else:
                yield self._entity_id(key.block_type, key.block_id)


def _child_elements(block_type: str, body: etree._Element) -> Iterator[etree._Element]:
    """Yield the child elements that are blocks.

    For block types that are not part of the platform, the XML decides: an export gives every block a name and marks
    every XBlock. An element that has neither a name nor a mark is content.
    """
    if block_type in LEAVES:
        return
    for child in elements(body):
        if block_type in CONTAINERS:
            ours = child.tag not in NO_BLOCKS.get(block_type, {"meta"})
        else:
            ours = "url_name" in child.attrib or is_marked_xblock(child)
        if ours and etree.QName(child).namespace != OPTION_NAMESPACE:
            yield child


def _html(definition: Definition) -> str:
    return definition.html if definition.html is not None else inner_html(definition.body)


def _digest(block_type: str, definition: Definition, settings: Mapping[str, Any], content: Iterable[str]) -> str:
    attributes = {**definition.body.attrib, **definition.attributes, **settings}
    return digest_of_olx(attributes, handler_for(block_type).outside_content(), content)
