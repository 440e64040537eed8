"""The titles of topics and the names of categories that stand for entities, and the way back from them.

A forum wants the title of a topic to be unique, to have ten different bytes, and to be clean. So a title says where the
entity is, too: ``Bees · Week 1 · DemoX 2026``. What is sent is clean already, so the forum keeps it as it is.
Sources: discourse, lib/text_cleaner.rb, lib/text_sentinel.rb, app/models/topic.rb, app/models/category.rb.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

import attrs

from course_sync_plugin.sanitize.text import cleaned

SEPARATOR = " · "
#: The most characters of a title (``max_topic_title_length``), of the name of a category, and of a tag.
TITLE_LENGTH, NAME_LENGTH, TAG_LENGTH = 255, 50, 20
#: The most characters of each part of a title that is not the name of the entity.
_CONTEXT_LENGTH = 80
#: The most characters of a word in what is added to a title (``title_max_word_length``).
_WORD = re.compile(r"([^\W_]{30})[^\W_]+")
_ODD_SPACES = re.compile("[\u00a0\u1680\u180e\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")
#: What a tag cannot hold (lib/discourse_tagging.rb, ``TAGS_FILTER_REGEXP``).
_NOT_IN_TAGS = re.compile(r"[/?#\[\]@!$&'()*+,;=.%\\`^\s|{}\"<>]+")


@attrs.frozen
class TopicTitles:
    """The titles that an entity may have. ``parent``: the name of what it is in. ``course``: its number and run."""

    entity_id: str
    name: str
    parent: str
    course: str

    def __iter__(self) -> Iterator[str]:
        """Yield the title, and the one for a forum in which another topic has it already."""
        for tail in self._tails():
            context = f"{SEPARATOR}{self._parent}{tail}"
            yield clean_title(cut(_part(self.name), TITLE_LENGTH - len(context)) + context)

    def name_in(self, title: str) -> str:
        """Return the part of a title that is the name of the entity. A person may have changed or removed the rest."""
        for tail in reversed(self._tails()):
            if _ends_with(title, tail):
                return self._without_parent(title[: -len(tail)], is_whole=True)
        return self._without_parent(title, is_whole=False)

    def is_ours(self, title: str) -> bool:
        """Tell whether a title has our form and the name of the entity. What the entity is in may have changed."""
        return any(_ends_with(title, tail) for tail in self._tails()) and self.is_name(self.name_in(title))

    def is_name(self, text: str) -> bool:
        """Tell whether a text is what the forum makes of the name."""
        return text == clean_title(_part(self.name))

    @property
    def _parent(self) -> str:
        return _context(self.parent)

    def _tails(self) -> tuple[str, str]:
        course = f"{SEPARATOR}{_context(self.course).rstrip('.!? ')}"
        return course, f"{course}{SEPARATOR}{short_digest(self.entity_id)}"

    def _without_parent(self, text: str, *, is_whole: bool) -> str:
        """``is_whole``: the end of our title is there, so the last part is the parent, which may have a new name."""
        if _ends_with(text, f"{SEPARATOR}{self._parent}"):
            return text[: -len(f"{SEPARATOR}{self._parent}")]
        return text.rpartition(SEPARATOR)[0] if is_whole and SEPARATOR in text else text


@attrs.frozen
class CategoryNames:
    """The names that the category of an entity may have."""

    entity_id: str
    name: str

    def __iter__(self) -> Iterator[str]:
        """Yield the name, and the one for a parent in which another category has it already."""
        yield cut(_spaced(self.name), NAME_LENGTH)
        yield cut(_spaced(self.name), NAME_LENGTH - len(self._tail)) + self._tail

    def name_in(self, name: str) -> str:
        """Return the name of the entity in the name of its category."""
        return name.removesuffix(self._tail)

    def is_name(self, text: str) -> bool:
        """Tell whether a text is what the forum makes of the name."""
        return text == cut(_spaced(self.name), NAME_LENGTH)

    @property
    def _tail(self) -> str:
        return f"{SEPARATOR}{short_digest(self.entity_id)}"


def clean_title(title: str) -> str:
    """Return a title that the forum keeps as it is. One pass of the forum may leave something for the next one."""
    before = ""
    while title != before:
        before, title = title, _cleaned_once(title)
    return title


def tag_of(name: str) -> str:
    """Return the tag for a name, as the forum keeps it. Empty if no character of it can be in a tag."""
    allowed = _NOT_IN_TAGS.sub("", _spaced(name).lower().replace(" ", "-"))
    return re.sub(r"-+", "-", allowed)[:TAG_LENGTH].strip("-")


def slug_of(course_id: str) -> str:
    """Return the slug of the category of a course."""
    return _not_reserved(_slug(course_id.partition(":")[2] or course_id))


def slug_if_reserved(name: str) -> str | None:
    """Return a slug for a name from which the forum would make one that it refuses; None for other names."""
    slug = _slug(name)
    return None if slug == _not_reserved(slug) else _not_reserved(slug)


def cut(text: str, longest: int) -> str:
    """Return a text with at most so many characters."""
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"


def short_digest(entity_id: str) -> str:
    """Return six characters that tell entities of one name apart."""
    return hashlib.sha256(entity_id.encode()).hexdigest()[:6]


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _not_reserved(slug: str) -> str:
    """The forum keeps ``7-category`` and what begins so for categories without a slug (``ensure_slug``)."""
    return f"course-{slug}" if re.match(r"[0-9]+-category", slug) else slug


def _cleaned_once(text: str) -> str:
    text = re.sub(r"\?+", "?", re.sub("!+", "!", text))
    if re.search("[A-Z]", text) and text == text.upper():
        text = re.sub("[A-Z]", lambda letter: letter[0].lower(), text)
    text = re.sub(r"\A[a-z]*\b", lambda word: word[0].capitalize(), text)
    text = re.sub(r"([^.])\.+(\s*)\Z", r"\1\2", text)
    text = re.sub(r"\s+([!?]\s*)\Z", r"\1", text)
    return _ODD_SPACES.sub(" ", re.sub(" +", " ", text)).strip()


def _spaced(text: str) -> str:
    return " ".join(cleaned(text).split())


def _part(text: str) -> str:
    return re.sub(r"\?+", "?", re.sub("!+", "!", _spaced(text)))


def _context(text: str) -> str:
    return cut(_WORD.sub(r"\1", _part(text)), _CONTEXT_LENGTH)


def _ends_with(text: str, end: str) -> bool:
    """The forum may have changed capital letters."""
    return text[-len(end) :].lower() == end.lower()
