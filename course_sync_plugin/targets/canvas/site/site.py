"""One course in Canvas as a site: does the calls that carry an entity there."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any

from course_sync_plugin.data import Entity
from course_sync_plugin.exceptions import ConfigurationError, PermanentError, TransientError
from course_sync_plugin.log import get_logger
from course_sync_plugin.targets.canvas import courses, items, rights
from course_sync_plugin.targets.canvas.client import CanvasClient
from course_sync_plugin.targets.canvas.errors import NoRight, NotThere
from course_sync_plugin.targets.canvas.items import Item
from course_sync_plugin.targets.canvas.page_links import Links
from course_sync_plugin.targets.canvas.page_text import cleaned
from course_sync_plugin.targets.canvas.pages import Page
from course_sync_plugin.targets.canvas.site import contents, fields, shown
from course_sync_plugin.targets.canvas.site.contents import PageContents
from course_sync_plugin.targets.canvas.site.creation import Creation
from course_sync_plugin.targets.canvas.site.fields import LAG_SECONDS, FieldCalls
from course_sync_plugin.targets.canvas.site.listing import Listing
from course_sync_plugin.targets.canvas.site.lookup import TOKENED, Lookup
from course_sync_plugin.targets.canvas.site.mapping import (
    ITEM_PARTS,
    PART_ORDER,
    POINTERS,
    Texts,
    is_staff_only,
    mark_of,
    parts_of,
)
from course_sync_plugin.targets.canvas.site.moves import Moves
from course_sync_plugin.targets.canvas.site.places import Places
from course_sync_plugin.targets.canvas.site.removal import Removal
from course_sync_plugin.targets.canvas.site.tree import places
from course_sync_plugin.targets.canvas.site.values import our_value
from course_sync_plugin.targets.canvas.throttling import FLOOR, FULL, LEAK_PER_SECOND
from course_sync_plugin.targets.two_way.site import CONTENT, Counterpart, Rate, Remote, Site, SiteContext

log = get_logger(__name__)

#: What the item of a part shows: by the type of the entity.
_SHOWN = {"subsection": "assignment", "unit": "page", "component": "topic"}

#: Seconds in which what was read is used for the next envelope too.
_FRESH_SECONDS = 5


class CanvasSite(Site):
    """A course in Canvas. ``remote_id``: its id there."""

    kind = "canvas"
    address = re.compile(r"/courses/([0-9]+)(?:/.*)?", re.ASCII)
    sample_address = "/courses/4711"
    fields = {
        "section": ("display_name", "start"),
        "subsection": ("display_name", "start", "due"),
        "unit": ("display_name",),
        "component": ("display_name",),
    }
    part_order = PART_ORDER
    #: The same if the target sends content.
    fields_with_content = {**fields, "unit": ("display_name", CONTENT)}
    rate = Rate(FULL, LEAK_PER_SECOND, FLOOR, per_token=True)
    lag_seconds = LAG_SECONDS
    tokened = TOKENED
    pointers = POINTERS
    has_places = True

    def __init__(self, context: SiteContext):
        super().__init__(context)
        self._client = CanvasClient(self.config, self.budget)
        self._address = self.config.url.rstrip("/")
        common = (self._client, self.remote_id)
        self._listing = Listing(*common)
        self._places = Places(self.tree, self.known, self._listing)
        self._moves = Moves(*common, self._listing, self._places)
        self._lookup = Lookup(*common, self._listing, self._places, self.known)
        self._removal = Removal(*common, self._listing, self._places, self.known)
        self._fields = FieldCalls(*common, self._listing, self._places, self.known)
        self._contents = PageContents(*common, self._listing)
        self._texts = Texts(self.lms_url, self.tree.course_id)
        self._sends_content = self.config.options.get("content") == "html"
        if self._sends_content:
            self.fields = self.fields_with_content
        self._creation = Creation(
            *common,
            self._listing,
            self._places,
            self._moves,
            self.known,
            self._texts,
            self.config.options.get("publish") == "yes",
        )
        self._wrote_at = self._began_at = float("-inf")

    def begin(self, moving: Collection[str] = ()) -> None:
        """Forget what was read, unless that was just now.

        What was just written may not be read yet, but it is noted here. A turn lasts about 20 seconds.
        """
        now = time.monotonic()
        if now - self._wrote_at > LAG_SECONDS and now - self._began_at > _FRESH_SECONDS:
            self._listing.forget()
            self._began_at = now

    def counterpart(self) -> Counterpart:
        try:
            course = courses.show(self._client, self.remote_id)
        except NotThere as error:
            raise PermanentError(
                f"Canvas has no course {self.remote_id}. The number of a course is at the end of its address: "
                f"{self._address}/courses/4711. {error.message}"
            ) from error
        except NoRight as error:
            raise PermanentError(
                f"The user of the token may not see the course {self.remote_id} of Canvas. Enrol it there as a "
                f"teacher. {error.message}"
            ) from error
        if course.is_concluded:
            raise PermanentError(self._concluded())
        return Counterpart(course.id, course.name, f"{self._address}/courses/{course.id}")

    def check_rights(self) -> None:
        rights.check_rights(self._client, self.remote_id)

    def parts(self, entity: Entity) -> Sequence[str]:
        return parts_of(entity, self.tree)

    def create(self, entity: Entity, part: str, token: str) -> Remote:
        make = self._creation
        makers: Mapping[str, Callable[[], Any]] = {
            "module": lambda: make.module(entity),
            "header": lambda: make.header(entity),
            "page": lambda: make.page(entity, token),
            "assignment": lambda: make.assignment(entity, token),
            "topic": lambda: make.topic(entity, token),
        }
        with self._writing():
            made = makers[part]() if part in makers else self._make_item(entity, part)
        if isinstance(made, Page) and self._sends_content:
            value = contents.value_of(made, entity.fields.get(CONTENT))
            return Remote(made.id, {**fields.held(part, made), CONTENT: value})
        is_second = part == "header" and "assignment" in self.known.of(entity.entity_id)
        return Remote(made.id, {} if is_second else fields.held(part, made))

    def _make_item(self, entity: Entity, part: str) -> Item:
        """Create an item. Raises Gone if somebody has deleted what it is to show."""
        try:
            return self._creation.item(entity, part, _SHOWN[entity.entity_type])
        except PermanentError:
            self._fields.check_content(entity, _SHOWN[entity.entity_type])
            raise

    def candidates(self, entity: Entity, part: str, token: str, *, anew: bool) -> Sequence[Remote]:
        if anew:
            self._listing.forget()
        look = self._lookup
        finders: Mapping[str, Callable[[], Any]] = {
            "module": lambda: look.modules(entity),
            "header": lambda: look.headers(entity),
            "page": lambda: look.pages(entity, token),
            "assignment": lambda: look.assignments(entity, token),
            "topic": lambda: look.topics(entity, token),
        }
        found = finders[part]() if part in finders else look.items(entity, _SHOWN[entity.entity_type])
        return [Remote(one.id, fields.held(part, one)) for one in found]

    def former(self, entity: Entity, part: str, remote_id: str) -> Remote | None:
        found = self._lookup.former(part, remote_id)
        return Remote(found.id, fields.held(part, found)) if found else None

    def is_recovered(self, part: str, remote_id: str, *, scan: bool) -> bool:
        """With content, each look reads the list of pages; else neither this nor that of discussions is read."""
        is_unlisted = part == "topic" or (part == "page" and not self._sends_content)
        return (scan or not is_unlisted) and self._lookup.is_listed(part, remote_id)

    def read(self, entity: Entity, base: Mapping[str, Any]) -> Mapping[str, Any]:
        found = self._fields.read(entity, base)
        page_id = self.known.of(entity.entity_id).get("page")
        if not self._sends_content or page_id is None:
            return found
        value = self._contents.read(page_id, base.get(CONTENT))
        return found if value is None else {**found, CONTENT: value}

    def changed_at(self, entity: Entity, fields: Collection[str]) -> datetime | None:
        return self._fields.changed_at(entity, fields)

    def read_before_removal(self, entity: Entity, base: Mapping[str, Any]) -> Mapping[str, Any]:
        if not self._listing.is_fresh:
            self._fields.read_again(entity)
        page_id = self.known.of(entity.entity_id).get("page")
        if page_id and CONTENT in base:
            with suppress(NotThere):
                self._listing.show_page(page_id)
        return self.read(entity, base)

    def write(self, entity: Entity, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        others = {name: value for name, value in fields.items() if name != CONTENT}
        with self._writing(), self._looking_again():
            answer = self._fields.write(entity, others)
            if CONTENT not in fields:
                return answer
            link = self._texts.text_of(entity, mark_of(entity.entity_id))
            page_id = self.known.of(entity.entity_id)["page"]
            return {**answer, CONTENT: self._contents.write(page_id, link, fields[CONTENT])}

    def ours(self, entity: Entity, field: str, value: Any) -> Any:
        return contents.ours(value) if field == CONTENT else our_value(entity, field, value)

    def shown_components(self, entity: Entity) -> Sequence[str]:
        return shown.shown_components(entity, self.tree)

    def content(self, entity: Entity, html: Sequence[str]) -> str | None:
        links = Links(self.lms_url, self.tree.course_id)
        text = cleaned("\n".join(cleaned(one, links.absolute) for one in html))
        if len(text.encode()) <= contents.LONGEST:
            return text or None
        message = "course_sync: target=%s entity=%s its HTML is longer than Canvas takes, so only the link is sent"
        log.warning(message, self.config.name, entity.entity_id)
        return None

    def showing(self, operation: Mapping[str, Any]) -> Collection[str]:
        return shown.showing(operation, self.tree) if self._sends_content else ()

    def place(self, entity: Entity) -> None:
        with self._writing(), self._looking_again():
            if entity.entity_type == "section":
                module = self._listing.module(self.known.of(entity.entity_id).get("module", ""))
                if module:
                    self._moves.section(entity, module)
            else:
                self._moves.block(entity)

    def places(self) -> Mapping[str, Sequence[str]]:
        return places(self.tree, self.known, self._listing)

    def foreign(self) -> int | None:
        modules = (one for one in self._listing.modules() if not self.known.owner(one.id, "module"))
        items = (one for one in self._listing.all_items() if not self._places.owner(one))
        return sum(1 for _one in (*modules, *items))

    def is_hidden(self, entity: Entity) -> bool:
        return is_staff_only(entity, self.tree)

    def hide(self, entity: Entity) -> None:
        """Unpublish the objects of an entity. The discussions below a unit have no operation of their own."""
        with self._writing():
            if entity.entity_type == "section":
                self._fields.hide_module(entity)
            for item in self._items_to_hide(entity):
                self._unpublish(item)

    def remove(self, entity_type: str, part: str, remote_id: str) -> str:
        removers: Mapping[str, Callable[[str], str]] = {
            "module": self._removal.module,
            "page": self._removal.page,
            "assignment": self._removal.assignment,
            "topic": self._removal.topic,
            **dict.fromkeys(ITEM_PARTS, self._removal.item),
        }
        with self._writing():
            return removers[part](remote_id)

    def close(self) -> None:
        self._client.close()

    def _items_to_hide(self, entity: Entity) -> Iterator[Item]:
        below = self.tree.children(entity.entity_id) if entity.entity_type == "unit" else ()
        for entity_id in (entity.entity_id, *below):
            found = (self._places.item_of(entity_id, part) for part in ITEM_PARTS)
            yield from (one for one in found if one and one.published)

    def _unpublish(self, item: Item) -> None:
        try:
            hidden = items.publish(self._client, self.remote_id, item.module_id, item.id, published=False)
        except NotThere:
            self._listing.drop_items([item])
        else:
            self._listing.put_item(hidden, item, None)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Note when something is written. Raises ConfigurationError if the course is concluded, so read-only."""
        try:
            yield
        except NoRight as error:
            if courses.show(self._client, self.remote_id).is_concluded:
                raise ConfigurationError(self._concluded()) from error
            raise
        finally:
            self._wrote_at = time.monotonic()

    @contextmanager
    def _looking_again(self) -> Iterator[None]:
        """Raise TransientError for what was deleted since it was read. The next look says what is left."""
        try:
            yield
        except NotThere as error:
            self._listing.forget()
            raise TransientError(f"It was deleted in Canvas just now, so it is read again. {error.message}") from error

    def _concluded(self) -> str:
        return (
            f"The course {self.remote_id} is concluded in Canvas, so nothing can be changed in it. Reopen it there and "
            "resume the lane, or end the link with 'unlink'."
        )
