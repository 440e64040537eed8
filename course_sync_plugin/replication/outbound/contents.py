"""What the units of a course show of their html components: the HTML as it is published now.

The journal holds no content, so it is read from the published course when a unit is brought. It may be newer than the
operation that is carried out. Then the operation of the newer publish, which follows, finds nothing left to do.
"""

from __future__ import annotations

from collections.abc import Collection

from course_sync_plugin.data import Entity
from course_sync_plugin.exceptions import SourceError, TransientError
from course_sync_plugin.replication.outbound.tree import RecordedTree
from course_sync_plugin.structure.sources import get_source
from course_sync_plugin.targets.two_way.site import CONTENT, Site


class Contents:
    """The contents of the entities that share the field ``CONTENT``, for one turn. Each is read once."""

    def __init__(self, site: Site, tree: RecordedTree):
        self._site, self._tree = site, tree
        self._found: dict[str, str | None] = {}

    def forget(self) -> None:
        """Forget what was read: something else may be published by now."""
        self._found.clear()

    def are_shared(self, entity: Entity) -> bool:
        """Tell whether entities of this type share the field."""
        return CONTENT in self._site.fields.get(entity.entity_type, ())

    def of(self, entity: Entity) -> str | None:
        """Return the content of an entity; None if it has none. Raises TransientError if it cannot be read now."""
        if entity.entity_id not in self._found:
            self.load([entity.entity_id])
        return self._found[entity.entity_id]

    def load(self, entity_ids: Collection[str]) -> None:
        """Read the contents of entities at once."""
        entities = [one for entity_id in entity_ids if (one := self._tree.entity(entity_id)) and self.are_shared(one)]
        shown = {one.entity_id: self._site.shown_components(one) for one in entities}
        wanted = {component for some in shown.values() for component in some}
        try:
            html = get_source().html(self._tree.course_id, wanted) if wanted else {}
        except SourceError as error:
            raise TransientError(f"The HTML of the course cannot be read now. {error.message}") from error
        for one in entities:
            texts = [html[component] for component in shown[one.entity_id] if component in html]
            self._found[one.entity_id] = self._site.content(one, texts) if texts else None
