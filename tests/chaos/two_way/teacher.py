"""A teacher works in the linked Canvas course, and a student submits and discusses."""

from __future__ import annotations

from typing import Any

import attrs

from course_sync_plugin.models import LedgerReplica
from course_sync_plugin.testing.canvas.objects import Course, Item, Module, living
from course_sync_plugin.testing.canvas.positions import in_order
from course_sync_plugin.testing.canvas.refusals import Refusal
from tests.chaos.two_way.edits import as_text
from tests.chaos.two_way.site import Person

#: What the plugin may change of an object of others: ours come and go between them.
_NOT_COMPARED = ("position",)


def tables(course: Course) -> tuple[dict[int, Any], ...]:
    """Return the tables of a course. An id is in one of them only."""
    return course.modules, course.items, course.pages, course.assignments, course.topics


def find(course: Course, number: int | str) -> Any:
    """Return an object by its id."""
    return next((table[int(number)] for table in tables(course) if int(number) in table), None)


def values_of(thing: Any) -> set[str]:
    """Return the values of an object that are kept in step."""
    title = getattr(thing, "title", None) or getattr(thing, "name", "")
    dates = {as_text(getattr(thing, name, None)) for name in ("unlock_at", "due_at")}
    return {title, *dates} - {""}


class Teacher(Person):
    """Renames, moves, hides and deletes what is ours, and makes modules, items and pages."""

    site = "canvas"
    refused = Refusal
    actions = {
        "_rename": 6, "_set_a_date": 3, "_move_an_item": 3, "_move_a_module": 2, "_hide": 2, "_remove": 1,
        "_add_what_is_foreign": 3, "_edit_what_is_foreign": 3, "_delete_what_is_foreign": 1, "_submit": 1,
    }  # fmt: skip

    def __init__(self, world: Any, name: str):
        super().__init__(world, name)
        self.course: Course = world.course_there
        self._teacher = world.canvas.teacher

    def lock(self) -> Any:
        return self.world.canvas.application.lock

    def is_there(self, key: Any) -> bool:
        found = find(self.course, key)
        return found is not None and not found.deleted

    def snapshot(self, key: Any) -> Any:
        values = attrs.asdict(find(self.course, key), recurse=False)
        return {name: repr(value) for name, value in values.items() if name not in _NOT_COMPARED}

    def _rename(self, rows: list[LedgerReplica]) -> bool:
        row = self._any(rows)
        thing = self._titled(row)
        if row is None or thing is None:
            return False
        replaced, value = [*values_of(thing)], self.world.edits.new_value("display_name", "Teacher")
        old = getattr(thing, "title", None) or thing.name
        self._set_title(row, value)
        return bool(replaced) and self.wrote(row, "display_name", value, old)

    def _set_title(self, row: LedgerReplica, value: str) -> None:
        there, objects = self.course.id, row.objects_there
        if row.entity_type == "section":
            self._teacher.rename_module(there, int(objects["module"]), value)
        elif row.entity_type == "unit":
            self._teacher.edit_page(there, int(objects["page"]), title=value)
        else:
            header = find(self.course, objects["header"])
            self._teacher.edit_item(there, header.module_id, header.id, title=value)
            if "assignment" in objects:
                self._teacher.edit_assignment(there, int(objects["assignment"]), name=value)

    def _set_a_date(self, rows: list[LedgerReplica]) -> bool:
        dated = [one for one in rows if one.entity_type == "section" or "assignment" in one.objects_there]
        row = self._any(dated)
        if row is None or self._titled(row) is None:
            return False
        field = "start" if row.entity_type == "section" else self.chance.choice(["start", "due"])
        name, value = {"start": "unlock_at", "due": "due_at"}[field], self.world.edits.new_value(field, "Teacher")
        thing = find(self.course, row.objects_there.get("assignment") or row.objects_there["module"])
        old = as_text(getattr(thing, name))
        if row.entity_type == "section":
            self._teacher.do("PUT", f"/courses/{self.course.id}/modules/{thing.id}", module={name: value})
        else:
            self._teacher.edit_assignment(self.course.id, thing.id, **{name: value})
        return self.wrote(row, field, value, old)

    def _move_an_item(self, rows: list[LedgerReplica]) -> bool:
        row = self._any([one for one in rows if "item" in one.objects_there])
        item = find(self.course, row.objects_there["item"]) if row else None
        modules = [find(self.course, one.objects_there["module"]) for one in rows if "module" in one.objects_there]
        modules = living([one for one in modules if one])
        if item is None or item.deleted or not modules:
            return False
        module = self.chance.choice(modules)
        place = self.chance.choice(self._places_in(module, item))
        path = f"/courses/{self.course.id}/modules/{item.module_id}/items/{item.id}"
        self._teacher.do("PUT", path, module_item={"module_id": module.id, "position": place})
        return True

    def _places_in(self, module: Module, moving: Item) -> list[int]:
        """Return the places in a module, without those between a header and its assignment.

        What a teacher puts there is at the same place in the course, so the plugin leaves it there.
        """
        items = [one for one in in_order(self.course.module_items(module.id)) if one is not moving]
        ours = [[one for one in items[at:] if one.id not in self.foreign] for at in range(len(items) + 1)]
        return [at for at, after in enumerate(ours, 1) if not (after and after[0].kind == "Assignment")]

    def _move_a_module(self, rows: list[LedgerReplica]) -> bool:
        module = self._any_of(living(self.course.modules.values()))
        place = self.chance.randint(1, len(living(self.course.modules.values())) or 1)
        if module:
            self._teacher.move_module(self.course.id, module.id, place)
            self._keep_if_foreign(module.id)
        return bool(module)

    def _hide(self, rows: list[LedgerReplica]) -> bool:
        row = self._any([one for one in rows if "header" in one.objects_there])
        item = find(self.course, row.objects_there["header"]) if row else None
        if item is None or item.deleted:
            return False
        self._teacher.edit_item(self.course.id, item.module_id, item.id, published=not item.published)
        self.world.states[item.id] = item.state
        return True

    def _remove(self, rows: list[LedgerReplica]) -> bool:
        row = self._any([one for one in rows if one.entity_type != "section"] if self.chance.random() < 0.8 else rows)
        numbers = [number for number in row.objects_there.values() if self.is_there(number)] if row else []
        if not numbers:
            return False
        thing = find(self.course, self.chance.choice(numbers))
        before = [one for table in tables(self.course) for one in living(table.values())]
        if isinstance(thing, Item):
            self._teacher.delete_item(self.course.id, thing.module_id, thing.id)
        else:
            getattr(self._teacher, f"delete_{type(thing).__name__.lower()}")(self.course.id, thing.id)
        gone = [one for one in before if one.deleted]
        self.replaced(value for one in gone for value in values_of(one))
        titles = [getattr(one, "title", None) or one.name for one in gone]
        self.world.deleted[self.site] |= {self.world.edits.owners.get(one, "") for one in titles}
        return True

    def _add_what_is_foreign(self, rows: list[LedgerReplica]) -> bool:
        title = self.world.edits.new_value("display_name", "Foreign")
        modules = living(self.course.modules.values())
        kind = self.chance.choice(["module", "item", "item", "page"])
        if kind == "page":
            made = self._teacher.add_page(self.course.id, title, f"<p>{title}</p>")["page_id"]
        elif kind == "module" or not modules:
            made = self._teacher.add_module(self.course.id, title)["id"]
        else:
            module = self.chance.choice(modules)
            place = self.chance.randint(1, len(self.course.module_items(module.id)) + 1)
            values = {"type": "SubHeader", "title": title, "position": place}
            made = self._teacher.add_item(self.course.id, module.id, **values)["id"]
        return self.is_kept(made)

    def _edit_what_is_foreign(self, rows: list[LedgerReplica]) -> bool:
        thing = self._any_foreign()
        title = self.world.edits.new_value("display_name", "Foreign")
        if isinstance(thing, Module):
            self._teacher.rename_module(self.course.id, thing.id, title)
        elif isinstance(thing, Item):
            self._teacher.edit_item(self.course.id, thing.module_id, thing.id, title=title)
        elif thing:
            self._teacher.edit_page(self.course.id, thing.id, title=title, body=f"<p>{title}</p>")
        return bool(thing) and self.is_kept(thing.id)

    def _delete_what_is_foreign(self, rows: list[LedgerReplica]) -> bool:
        thing = self._any_foreign()
        if isinstance(thing, Item):
            self._teacher.delete_item(self.course.id, thing.module_id, thing.id)
        elif thing and not isinstance(thing, Module):  # ours may be in a module of theirs
            self._teacher.delete_page(self.course.id, thing.id)
        else:
            return False
        return True

    def _submit(self, rows: list[LedgerReplica]) -> bool:
        row = self._any([one for one in rows if "assignment" in one.objects_there])
        if row is None or not self.is_there(row.objects_there["assignment"]):
            return False
        self.world.canvas.student.submit(self.course.id, int(row.objects_there["assignment"]))
        return True

    def _titled(self, row: LedgerReplica | None) -> Any:
        """Return what holds the title of an entity, if all of its objects are there."""
        if row is None or not all(self.is_there(one) for one in row.objects_there.values()):
            return None
        names = {"section": "module", "subsection": "header", "unit": "page"}
        return find(self.course, row.objects_there.get(names[row.entity_type], 0))

    def _any(self, rows: list[LedgerReplica]) -> LedgerReplica | None:
        return self.chance.choice(rows) if rows else None

    def _any_of(self, things: list[Any]) -> Any:
        return self.chance.choice(things) if things else None

    def _any_foreign(self) -> Any:
        return find(self.course, self.chance.choice(sorted(self.foreign))) if self.foreign else None

    def _keep_if_foreign(self, key: int) -> None:
        if key in self.foreign:
            self.is_kept(key)
