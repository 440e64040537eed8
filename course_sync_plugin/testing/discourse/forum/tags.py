"""Tags of the fake forum.

Source: discourse, lib/discourse_tagging.rb (``clean_tag``, ``tags_for_saving``, ``TAGS_FILTER_REGEXP``),
app/controllers/concerns/tag_param_limit.rb. Tag groups and synonyms are not imitated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from course_sync_plugin.testing.discourse.forum.errors import invalid
from course_sync_plugin.testing.discourse.forum.guardian import Guardian
from course_sync_plugin.testing.discourse.forum.settings import SiteSettings
from course_sync_plugin.testing.discourse.forum.state import Forum

_FILTERED = re.compile(r"[/?#\[\]@!$&'()*+,;=.%\\`^\s|{}\"<>]+")


def clean_tag(name: str, settings: SiteSettings) -> str:
    """Return a tag as the forum keeps it: lower case, words joined by ``-``, cut after ``max_tag_length``."""
    tag = (name.lower() if settings.force_lowercase_tags else name).strip()
    tag = _FILTERED.sub("", re.sub(r"-+", "-", re.sub(r"\s+", "-", tag)))
    return tag[: settings.max_tag_length]


def names_in(value: Any, forum: Forum) -> list[str]:
    """Return the tag names of a parameter: names, or objects with ``id`` or ``name`` (topics_controller.rb)."""
    names = {number: name for name, number in forum.tags.items()}
    found = []
    for one in value.values() if isinstance(value, Mapping) else value or []:
        if isinstance(one, Mapping):
            number = str(one.get("id") or "")
            found.append(names.get(int(number), "") if number.isdecimal() else str(one.get("name") or ""))
        else:
            found.append(str(one))
    return [name for name in found if name]


def refuse_too_many(value: Any, forum: Forum) -> None:
    """Refuse a new topic with more tags than the site allows. A change of a topic silently takes the first ones."""
    most = forum.settings.max_tags_per_topic
    if value is not None and len(value) > most:
        raise invalid(f"You can't add more than {most} tags to a topic.")


def tags_for_saving(names: list[str], guardian: Guardian) -> list[str]:
    """Return the tags that a topic gets: cleaned, each once, not too many. Only some users may make new ones."""
    forum = guardian.forum
    if not forum.settings.tagging_enabled or guardian.user is None:
        return []
    known = [name for name in names if name in forum.tags]
    cleaned = [clean_tag(name, forum.settings) for name in names if name not in known]
    made = [tag for tag in cleaned if tag and (tag in forum.tags or guardian.makes_tags())]
    return list(dict.fromkeys(known + made))[: forum.settings.max_tags_per_topic]


def register(tags: list[str], forum: Forum) -> None:
    """Give each tag that is new an id."""
    for tag in tags:
        if tag not in forum.tags:
            forum.tags[tag] = forum.number("tag")
