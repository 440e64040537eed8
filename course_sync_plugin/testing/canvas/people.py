"""People who work in the web interface of the fake, with a user of their own.

They use the same functions as the API, but nothing that they do is in the log of requests, throttled or disturbed by
faults.
"""

from __future__ import annotations

from typing import Any

from course_sync_plugin.testing.canvas.application import Application
from course_sync_plugin.testing.canvas.call import find
from course_sync_plugin.testing.canvas.objects import User


class Person:
    """A person. Each method returns the JSON of the object after the edit, or raises ``refusals.Refusal``."""

    def __init__(self, application: Application, user: User):
        self.user = user
        self._application = application

    def do(self, method: str, path: str, **parameters: Any) -> Any:
        """Do anything that the API can do: ``do("PUT", "/courses/1/modules/2", module={"name": "Bees"})``."""
        return self._application.act(self.user, method, path, parameters)


class Teacher(Person):
    """A teacher edits the objects of a course."""

    def add_module(self, course_id: int, name: str) -> Any:
        """Add a module at the end of a course."""
        return self.do("POST", f"/courses/{course_id}/modules", module={"name": name})

    def rename_module(self, course_id: int, module_id: int, name: str) -> Any:
        """Rename a module."""
        return self.do("PUT", f"/courses/{course_id}/modules/{module_id}", module={"name": name})

    def move_module(self, course_id: int, module_id: int, position: int) -> Any:
        """Drag a module to a position."""
        return self.do("PUT", f"/courses/{course_id}/modules/{module_id}", module={"position": position})

    def publish_module(self, course_id: int, module_id: int, published: bool = True) -> Any:
        """Publish or unpublish a module with its items."""
        return self.do("PUT", f"/courses/{course_id}/modules/{module_id}", module={"published": published})

    def delete_module(self, course_id: int, module_id: int) -> Any:
        """Delete a module with its items."""
        return self.do("DELETE", f"/courses/{course_id}/modules/{module_id}")

    def add_item(self, course_id: int, module_id: int, **values: Any) -> Any:
        """Add an item to a module: ``type``, ``title``, ``page_url``, ``content_id``, ``external_url`` and others."""
        return self.do("POST", f"/courses/{course_id}/modules/{module_id}/items", module_item=values)

    def edit_item(self, course_id: int, module_id: int, item_id: int, **values: Any) -> Any:
        """Rename, move, indent or publish an item."""
        return self.do("PUT", f"/courses/{course_id}/modules/{module_id}/items/{item_id}", module_item=values)

    def delete_item(self, course_id: int, module_id: int, item_id: int) -> Any:
        """Remove an item from a module."""
        return self.do("DELETE", f"/courses/{course_id}/modules/{module_id}/items/{item_id}")

    def add_page(self, course_id: int, title: str, body: str = "") -> Any:
        """Add a page."""
        return self.do("POST", f"/courses/{course_id}/pages", wiki_page={"title": title, "body": body})

    def edit_page(self, course_id: int, page_id: int, **values: Any) -> Any:
        """Change the title, the body or the state of a page."""
        return self.do("PUT", f"/courses/{course_id}/pages/page_id:{page_id}", wiki_page=values)

    def copy_page(self, course_id: int, page_id: int) -> Any:
        """Copy a page. The copy has the text of the original."""
        return self.do("POST", f"/courses/{course_id}/pages/page_id:{page_id}/duplicate")

    def delete_page(self, course_id: int, page_id: int) -> Any:
        """Delete a page."""
        return self.do("DELETE", f"/courses/{course_id}/pages/page_id:{page_id}")

    def edit_assignment(self, course_id: int, assignment_id: int, **values: Any) -> Any:
        """Change an assignment."""
        return self.do("PUT", f"/courses/{course_id}/assignments/{assignment_id}", assignment=values)

    def delete_assignment(self, course_id: int, assignment_id: int) -> Any:
        """Delete an assignment."""
        return self.do("DELETE", f"/courses/{course_id}/assignments/{assignment_id}")

    def edit_topic(self, course_id: int, topic_id: int, **values: Any) -> Any:
        """Change a discussion topic."""
        return self.do("PUT", f"/courses/{course_id}/discussion_topics/{topic_id}", **values)

    def delete_topic(self, course_id: int, topic_id: int) -> Any:
        """Delete a discussion topic."""
        return self.do("DELETE", f"/courses/{course_id}/discussion_topics/{topic_id}")

    def undelete(self, course_id: int, kind: str, number: int) -> Any:
        """Bring back what was deleted, in the page "undelete" of the course.

        ``kind``: ``module``, ``page``, ``assignment`` or ``topic``. Pages, modules and what students have not answered
        come back unpublished. A module has its items again; the others are in no module.
        """
        asset = {"module": "context_module", "page": "wiki_page", "topic": "discussion_topic"}.get(kind, kind)
        return self.do("POST", f"/courses/{course_id}/undelete/{asset}_{number}")


class Student(Person):
    """A student submits and discusses."""

    def submit(self, course_id: int, assignment_id: int) -> None:
        """Submit something for an assignment. From then on it cannot be unpublished."""
        course = self._application.site.courses[course_id]
        find(course.assignments, assignment_id).submitters.add(self.user.id)

    def post(self, course_id: int, topic_id: int, message: str) -> Any:
        """Post an entry in a discussion."""
        return self.do("POST", f"/courses/{course_id}/discussion_topics/{topic_id}/entries", message=message)

    def reply(self, course_id: int, topic_id: int, entry_id: int, message: str) -> Any:
        """Reply to an entry."""
        path = f"/courses/{course_id}/discussion_topics/{topic_id}/entries/{entry_id}/replies"
        return self.do("POST", path, message=message)
