"""The two halves of a mirror: the link of each system, what reads and writes there, and the texts that copies get."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import attrs

from course_sync_plugin.exceptions import PermanentError
from course_sync_plugin.log import get_logger
from course_sync_plugin.models import DatabaseNow, Link, Mirrored, digest_of
from course_sync_plugin.models.text import storable
from course_sync_plugin.sanitize.text import single_line
from course_sync_plugin.targets.two_way.discussions import Discussions, Post
from course_sync_plugin.targets.two_way.post_html import dressed

log = get_logger(__name__)

#: The most characters of a name.
LONGEST_NAME = 100

#: What stands in a copy whose original is gone, and that others have replied to.
GONE_TITLE, GONE_TEXT = "A deleted discussion", "<p>[deleted]</p>"


@attrs.frozen
class Half:
    """One system. ``has_names``: copies of what people write here show their names."""

    link: Link
    side: Discussions
    has_names: bool = True

    def name_of(self, post: Post, row: Mirrored) -> str:
        """Return the name of an author that is kept and shown."""
        return storable(single_line(post.author, LONGEST_NAME)) if self.has_names and not row.is_forgotten else ""

    def text_for(self, post: Post, row: Mirrored) -> str:
        """Return the text of the copy of a post that was written here."""
        name = self.name_of(post, row) or "A person"
        return dressed(row.token, post.html, f"{name} wrote in {self.side.name}:" if self.has_names else "")


@attrs.frozen
class Round:
    """What a round works with. ``began``: the time of the database before anything was read."""

    canvas: Half
    discourse: Half
    began: datetime

    @property
    def directions(self) -> tuple[tuple[Half, Half], tuple[Half, Half]]:
        return (self.canvas, self.discourse), (self.discourse, self.canvas)

    def halves_of(self, row: Mirrored) -> tuple[Half, Half]:
        """Return the half where the original is, and the other one."""
        return self.directions[row.home_id == self.discourse.link.pk]

    def may_begin(self, row: Mirrored, side: Discussions) -> bool:
        """Tell whether a creation may be tried: what an earlier one has made would be seen by now."""
        return row.began_at is None or (self.began - row.began_at).total_seconds() > side.lag_seconds


@attrs.define
class Counts:
    """How much a round has done. ``waiting``: creations whose answer was lost, and that are looked for later.

    ``more``: some topics with news were left for the next round.
    """

    read: int = 0
    written: int = 0
    removed: int = 0
    waiting: int = 0
    more: bool = False


def digest(*texts: str) -> str:
    """Return the digest by which texts are compared."""
    return digest_of("\n\n".join(texts))


def new_token() -> str:
    """Return a token: 32 letters and digits."""
    return secrets.token_hex(16)


def store(row: Mirrored, **values: Any) -> None:
    """Change columns of a row. A row that was removed meanwhile stays so, and so does a name that was forgotten."""
    for name, value in values.items():
        setattr(row, name, value)
    rows = type(row)._default_manager.filter(pk=row.pk)
    rows.update(**values)
    if values.get("author"):
        rows.filter(is_forgotten=True).update(author="")


def begin(row: Mirrored, **values: Any) -> None:
    """Note that the creation of a copy begins now."""
    store(row, **values)
    type(row)._default_manager.filter(pk=row.pk).update(began_at=DatabaseNow())


def others_replied(posts: Collection[Post], parent_id: str | None, ours: Collection[str]) -> bool:
    """Tell whether a person has replied there: to a post or, with None, anywhere in the topic."""
    theirs = (post for post in posts if post.is_public and not post.token and post.id not in ours)
    return any(parent_id in (None, post.parent_id) for post in theirs)


@contextmanager
def noted(row: Mirrored, wanted: str = "") -> Iterator[None]:
    """Note why the other system refuses something about one topic or post, so that the others go on.

    ``wanted``: the digest of the text that is written; it is not tried again until the text is another one.
    """
    try:
        yield
    except PermanentError as error:
        log.warning("course_sync: course=%s post=%s not mirrored: %s", row.home.course, row, error.message)
        store(row, note=error.message, refused=wanted or row.refused)
