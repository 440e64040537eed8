"""What was read of a course in Canvas in this turn. Each list is read once, when it is needed.

What we write is noted here too, so that it need not be read again: reads of Canvas may be late.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import attrs

from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.targets.canvas import assignments, items, modules, pages, topics
from course_sync_plugin.targets.canvas.assignments import Assignment
from course_sync_plugin.targets.canvas.client import CanvasClient
from course_sync_plugin.targets.canvas.errors import NoRight, NotThere
from course_sync_plugin.targets.canvas.items import Item
from course_sync_plugin.targets.canvas.modules import Module
from course_sync_plugin.targets.canvas.pages import Page
from course_sync_plugin.targets.canvas.site import positions
from course_sync_plugin.targets.canvas.topics import Topic
from course_sync_plugin.targets.two_way.freshness import is_fresh

_Rows = TypeVar("_Rows")


class Listing:
    """The modules, items, assignments and pages of a course, as far as they were read. Modules are without items."""

    def __init__(self, client: CanvasClient, course_id: str):
        self._client, self._course_id = client, course_id
        self._pages: dict[str, Page] = {}
        #: The ids of the modules, items and assignments that were created in this turn.
        self.created: set[str] = set()
        self.forget()

    def forget(self) -> None:
        """Forget everything. It is read again when it is needed."""
        self._read_at: float | None = None
        self._modules: list[Module] | None = None
        self._items: dict[str, list[Item]] = {}
        self._assignments: dict[str, Assignment] | None = None
        self._topics: dict[str, Topic] | None = None
        self._pages.clear()
        self._pages_are_listed = False

    @property
    def is_fresh(self) -> bool:
        """Tell whether the oldest of the lists is fresh."""
        return is_fresh(self._read_at)

    def modules(self) -> Sequence[Module]:
        """Return the modules in their order."""
        if self._modules is None:
            found = self._of_course(lambda: modules.list_all(self._client, self._course_id, with_items=True))
            self._items = {one.id: positions.in_order(one.items) for one in found if one.items is not None}
            self._modules = positions.in_order(attrs.evolve(one, items=None) for one in found)
        return self._modules

    def module(self, module_id: str) -> Module | None:
        """Return a module; None if it is not in the list."""
        return next((one for one in self.modules() if one.id == module_id), None)

    def items(self, module_id: str) -> Sequence[Item]:
        """Return the items of a module in their order. Canvas leaves out many items from the list of modules."""
        self.modules()
        if module_id not in self._items:
            found = items.list_all(self._client, self._course_id, module_id)
            self._items[module_id] = positions.in_order(found)
        return self._items[module_id]

    def all_items(self) -> Iterator[Item]:
        """Yield all items: first those that were read already."""
        for module in sorted(self.modules(), key=lambda one: one.id not in self._items):
            yield from self.items(module.id)

    def item(self, item_id: str) -> Item | None:
        """Return an item, in whatever module it is; None if it is not in the lists."""
        return next((one for one in self.all_items() if one.id == item_id), None)

    def assignments(self) -> dict[str, Assignment]:
        """Return the assignments by id."""
        if self._assignments is None:
            found = self._of_course(lambda: assignments.list_all(self._client, self._course_id))
            self._assignments = {one.id: one for one in found}
        return self._assignments

    def topic(self, topic_id: str) -> Topic | None:
        """Return a discussion as the list has it; None if it is not there."""
        if self._topics is None:
            found = self._of_course(lambda: topics.list_all(self._client, self._course_id))
            self._topics = {one.id: one for one in found}
        return self._topics.get(topic_id)

    def page(self, page_id: str) -> Page:
        """Return a page. Raises NotThere if it was deleted."""
        if page_id not in self._pages:
            self._pages[page_id] = pages.show(self._client, self._course_id, page_id)
        return self._pages[page_id]

    def show_page(self, page_id: str) -> None:
        """Read a page by itself, whatever the list says. Raises NotThere if it was deleted."""
        self._pages[page_id] = pages.show(self._client, self._course_id, page_id)

    def listed_page(self, page_id: str) -> Page | None:
        """Return a page as the list has it, so maybe without its body; None if it is not there."""
        if not self._pages_are_listed:
            found = self._of_course(lambda: pages.list_all(self._client, self._course_id))
            self._pages = {one.id: one for one in found} | self._pages
            self._pages_are_listed = True
        return self._pages.get(page_id)

    def _of_course(self, read: Callable[[], _Rows]) -> _Rows:
        """Read a list of the whole course. A course that is gone must not look like one in which all was deleted."""
        self._read_at = self._read_at or time.monotonic()
        try:
            return read()
        except (NotThere, NoRight) as error:
            raise ConfigurationError(
                f"The course {self._course_id} is not in Canvas any more, or the user of the token is not a teacher of "
                f"it. Restore that there and resume the lane, or end the link with 'unlink'. {error.message}",
                **error.context,
            ) from error

    def put_module(self, module: Module, old: Module | None, wanted: int | None) -> None:
        """Note a module that was created or changed.

        ``old``: as it was; None: it is new, so it was the last one first. ``wanted``: the position that was sent.
        """
        rows = self.modules()
        if _was_disturbed(module.position, old.position if old else None, wanted):
            self._modules = None
            return
        old_position = old.position if old else positions.last(rows) + 1
        new = attrs.evolve(module, items=None)
        self._modules = positions.with_row(rows, new, module.position if wanted is None else old_position)
        self._items.setdefault(module.id, [])

    def put_item(self, item: Item, old: Item | None, wanted: int | None) -> None:
        """Note an item that was created, changed or moved; see :meth:`put_module`."""
        rows = self.items(item.module_id)
        stays = old is None or old.module_id == item.module_id
        if _was_disturbed(item.position, old.position if old else None, wanted) or not (stays or wanted):
            for module_id in {item.module_id, old.module_id if old else item.module_id}:
                self._items.pop(module_id, None)
            return
        if old and not stays:
            self._items[old.module_id] = positions.without(self.items(old.module_id), old)
        old_position = positions.last(rows) + 1 if old is None else old.position if stays else None
        self._items[item.module_id] = positions.with_row(rows, item, item.position if wanted is None else old_position)

    def put_page(self, page: Page) -> None:
        """Note a page that was created, changed or read."""
        self._pages[page.id] = page

    def put_assignment(self, assignment: Assignment) -> None:
        """Note an assignment that was created or changed, if they were read."""
        if self._assignments is not None:
            self._assignments[assignment.id] = assignment

    def drop_module(self, module_id: str) -> None:
        """Note that a module was deleted. The others keep their positions."""
        self._modules = [one for one in self.modules() if one.id != module_id]
        self._items.pop(module_id, None)

    def drop_items(self, gone: Sequence[Item]) -> None:
        """Note that items were deleted. The others keep their positions."""
        ids = {one.id for one in gone}
        for module_id, rows in self._items.items():
            self._items[module_id] = [one for one in rows if one.id not in ids]

    def drop_assignment(self, assignment_id: str) -> None:
        """Note that an assignment was deleted."""
        if self._assignments is not None:
            self._assignments.pop(assignment_id, None)


def _was_disturbed(position: int | None, old: int | None, wanted: int | None) -> bool:
    """Tell whether a row has not the position that it should have: then people have moved others meanwhile."""
    expected = old if wanted is None else wanted
    return expected is not None and position != expected
