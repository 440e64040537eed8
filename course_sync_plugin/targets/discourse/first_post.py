"""The first post of a topic: it says what the topic is about, with the link to it in the LMS."""

from __future__ import annotations

import re
from urllib.parse import quote

#: Characters that Markdown gives a meaning to.
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+!|<>~:-])")
#: Stands behind an ``@``, so that a title which holds one notifies nobody. It is not seen.
_WORD_JOINER = "\u2060"
_BEGIN = "This topic is for questions and comments about this part of the course:"
#: A whole first post of ours, as Discourse keeps it.
_OURS = re.compile(
    rf"{re.escape(_BEGIN)}\n\n\*\*.+\*\*(?:\n\n\[Open it in the course\]\(\S+/courses/\S+/jump_to/\S+\))?\s*"
)


def first_post(names: list[str], course_id: str, entity_id: str, lms_url: str) -> str:
    """Return the text. ``names``: of the entity and its ancestors, the course first."""
    path = " › ".join(map(_plain, names))
    text = f"{_BEGIN}\n\n**{path}**"
    if not lms_url:
        return text
    return f"{text}\n\n[Open it in the course]({link(lms_url, course_id, entity_id)})"


def is_first_post(raw: str) -> bool:
    """Tell whether a text is a first post that this target wrote, for any entity, and that is unchanged since."""
    return bool(_OURS.fullmatch(raw))


def link(lms_url: str, course_id: str, entity_id: str) -> str:
    """Return the address at which the LMS shows an entity of a course."""
    return f"{lms_url}/courses/{quote(course_id, safe=':+')}/jump_to/{quote(entity_id, safe=':+@')}"


def _plain(name: str) -> str:
    """Return a name as Markdown that shows it as it is."""
    return _MARKDOWN.sub(r"\\\1", " ".join(name.split())).replace("@", f"@{_WORD_JOINER}")
