"""How the fake forum cleans and judges titles and bodies.

Sources: discourse, lib/text_cleaner.rb, lib/text_sentinel.rb, lib/validators/quality_title_validator.rb,
topic_title_length_validator.rb, post_validator.rb, lib/post_revisor.rb (``cleanup_whitespaces``),
config/locales/server.en.yml.
"""

from __future__ import annotations

import html
import re

from course_sync_plugin.testing.discourse.forum.settings import SiteSettings

#: White space that becomes a plain space.
ODD_SPACES = re.compile("[\u00a0\u1680\u180e\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")
UNCLEAR = "seems unclear, is it a complete sentence?"


def clean_title(title: str, settings: SiteSettings) -> str:
    """Return the title as the forum keeps it, for instance ``Week one`` for ``WEEK  ONE...``."""
    text = title
    if settings.title_prettify:
        text = re.sub("!+", "!", text)
        text = re.sub(r"\?+", "?", text)
        if re.search("[A-Z]", text) and text == text.upper():
            text = re.sub("[A-Z]", lambda letter: letter[0].lower(), text)
        text = re.sub(r"\A[a-z]*\b", lambda word: word[0].capitalize(), text)
        text = re.sub(r"([^.])\.+(\s*)\Z", r"\1\2", text)
        text = re.sub(r"\s+([!?]\s*)\Z", r"\1", text)
    return ODD_SPACES.sub(" ", re.sub(" +", " ", text)).strip()


def clean_body(raw: str) -> str:
    """Return a text without odd white space and without white space at its end."""
    return re.sub(r"\s+\Z", "", ODD_SPACES.sub(" ", raw))


def title_faults(title: str, minimum: int, settings: SiteSettings) -> list[str]:
    """Return the faults of a cleaned title, as messages. ``minimum``: the least number of characters."""
    if not title:
        return ["Title can't be blank"]
    faults = []
    if len(title) < minimum:
        faults.append(f"Title is too short (minimum is {_characters(minimum)})")
    if len(title) > settings.max_topic_title_length:
        faults.append(f"Title is too long (maximum is {_characters(settings.max_topic_title_length)})")
    return faults


def title_quality(title: str, settings: SiteSettings) -> list[str]:
    """Return why a title is of poor quality: too few different bytes, too long words, only capitals, only symbols.

    The first fault of these is the only one that is told.
    """
    if _entropy(title) < _least(settings.title_min_entropy, settings.min_topic_title_length):
        return ["Title seems unclear, most of the words contain the same letters over and over?"]
    if re.search(rf"[^\W_]{{{settings.title_max_word_length + 1},}}", title):
        return ["Title seems unclear, one or more words is very long?"]
    if not _quiet(title, settings):
        return ["Title seems unclear, did you mean to enter it in ALL CAPS?"]
    return [] if re.search(r"[^\W_]", title) else [f"Title {UNCLEAR}"]


def body_faults(raw: str, minimum: int, settings: SiteSettings) -> list[str]:
    """Return the faults of a cleaned text, as messages. ``minimum``: the least number of characters."""
    faults = [] if raw.strip() else ["Body can't be blank"]
    if len(raw.strip()) < minimum:
        faults.append(f"Body is too short (minimum is {_characters(minimum)})")
    if len(raw) > settings.max_post_length:
        faults.append(f"Body is limited to {_characters(settings.max_post_length)}; you entered {len(raw)}.")
    entropy = _least(settings.body_min_entropy, settings.min_post_length)
    if not raw.strip() or _entropy(raw) < entropy or not re.search(r"[^\W_]", raw) or not _quiet(raw, settings):
        faults.append(f"Body {UNCLEAR}")
    return faults


def cook(raw: str) -> str:
    """Return a text as HTML. Only paragraphs and line breaks: real Markdown is not imitated."""
    paragraphs = [part for part in re.split(r"\n\s*\n", raw.strip()) if part.strip()]
    return "\n".join(f"<p>{html.escape(part.strip(), quote=False)}</p>".replace("\n", "<br>\n") for part in paragraphs)


def first_paragraph(cooked: str) -> str | None:
    """Return the HTML inside the first paragraph (app/models/category.rb ``first_paragraph_description``)."""
    found = re.search(r"<p>(.*?)</p>", cooked, re.DOTALL)
    return found[1].strip() if found else None


def _entropy(text: str) -> int:
    return len(set(text.strip().encode()))


def _least(entropy: int, length: int) -> int:
    """Return the least entropy: a share of the least length where a site allows texts that are shorter than it."""
    return entropy if length > entropy else int(length * 0.7)


def _quiet(text: str, settings: SiteSettings) -> bool:
    letters = [character for character in text if character.isalpha()]
    return settings.allow_uppercase_posts or not letters or not all(letter.isupper() for letter in letters)


def _characters(number: int) -> str:
    return f"{number} character" + ("" if number == 1 else "s")
