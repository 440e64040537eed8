"""Copies of pages: they carry the text of the original, with every mark in it.

Source: canvas-lms, app/models/wiki_page.rb, ``duplicate``; the API documentation, Duplicate page. That a second copy is
called "Copy 2" is remembered (``get_copy_title``).
"""

from __future__ import annotations

from course_sync_plugin.testing.canvas.call import Call, Json
from course_sync_plugin.testing.canvas.objects import Course, living
from course_sync_plugin.testing.canvas.page_saving import create_page
from course_sync_plugin.testing.canvas.pages import found, page_json


def duplicate(call: Call, course: Course, name: str) -> Json:
    """Copy a page. The copy is unpublished."""
    page = found(call, course, name)
    values = {"title": _copy_title(course, page.title), "body": page.body, "editing_roles": page.editing_roles}
    return page_json(call, course, create_page(call, course, values))


def _copy_title(course: Course, title: str) -> str:
    taken = {page.title for page in living(course.pages.values())}
    wanted, number = f"{title} Copy", 2
    while wanted in taken:
        wanted, number = f"{title} Copy {number}", number + 1
    return wanted
