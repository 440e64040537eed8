"""Titles and urls of pages.

Source: canvas-lms, app/models/wiki_page.rb: ``ensure_unique_title``, ``ensure_unique_url``, ``create_lookup``,
``delete_lookups``, and its validations of the title.
"""

from __future__ import annotations

import re

from course_sync_plugin.testing.canvas import refusals
from course_sync_plugin.testing.canvas.behaviour import Behaviour
from course_sync_plugin.testing.canvas.objects import Course, Page, living
from course_sync_plugin.testing.canvas.slugs import to_url

_LONGEST = 255


def unique_title(course: Course, title: str, page: Page | None, behaviour: Behaviour) -> str:
    """Return the title that a page gets: ``Bees-2`` if another page is called ``Bees``.

    Raises Refusal 400 if the title is empty, too long or has no letter, or ends in ``-<number>`` and is taken.
    """
    _check(title)
    taken = {other.title for other in living(course.pages.values()) if other is not page}
    if behaviour.permanent_page_links or title not in taken:
        return title
    if re.search(r"-\d+\Z", title):
        text = "A page with this title already exists. Please choose a different title."
        raise refusals.invalid({"title": text})
    return _numbered(title, taken)


def unique_url(course: Course, title: str, page: Page | None) -> str:
    """Return the url for a title: with ``-2`` if another page has, or had, the plain one."""
    url = to_url(title)
    taken = {other.url for other in living(course.pages.values()) if other is not page}
    taken |= {slug for slug, owner in course.slugs.items() if page is None or owner != page.id}
    return _numbered(url, taken) if url in taken else url


def free_urls(course: Course, page: Page, behaviour: Behaviour) -> None:
    """Free the urls of a deleted page, if the installation does so."""
    if not behaviour.deleted_slugs_stay_taken:
        for slug in [slug for slug, owner in course.slugs.items() if owner == page.id]:
            del course.slugs[slug]


def find_page(course: Course, name: str, behaviour: Behaviour) -> Page | None:
    """Return the page with a url, an id, or ``page_id:<id>``; the last finds deleted pages too.

    Source: canvas-lms, app/models/wiki.rb, ``find_page``.
    """
    by_id = re.fullmatch(r"page_id:(\d+)", name)
    if by_id:
        return course.pages.get(int(by_id[1]))
    names = {name, to_url(name)}
    if behaviour.permanent_page_links:
        owners = [owner for slug, owner in course.slugs.items() if slug in names]
        if owners:
            return next(iter(living([course.pages[owners[0]]])), None)
    pages = living(course.pages.values())
    with_url = [page for page in pages if page.url in names]
    with_id = [page for page in pages if str(page.id) == name]
    return next(iter(with_url + with_id), None)


def _check(title: str) -> None:
    if not title.strip():
        raise refusals.invalid({"title": "Title can't be blank"})
    if len(title) > _LONGEST:
        raise refusals.invalid({"title": f"Title can't exceed {_LONGEST} characters"})
    if not to_url(title):
        raise refusals.invalid({"title": "Title must contain at least one letter or number"})


def _numbered(text: str, taken: set[str]) -> str:
    number = 2
    while (numbered := f"{text[: _LONGEST - len(f'-{number}')]}-{number}") in taken:
        number += 1
    return numbered
