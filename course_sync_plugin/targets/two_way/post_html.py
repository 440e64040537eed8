"""Makes the text of a post harmless for another system: HTML on one line that names and calls nobody.

The result begins with an element of our own, so Discourse takes the whole line for one block of HTML: nothing in it is
read as Markdown, as a mention, a hashtag or an emoji (CommonMark, HTML blocks). Canvas takes HTML anyway.
"""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import urljoin, urlsplit

import nh3
from lxml import html as lxml_html

#: The most characters of a text. Discourse takes 32,000 (``max_post_length``), and ours come on top.
LONGEST = 30_000

_TEXT = frozenset(
    "p div br hr b strong i em u del s sub sup blockquote pre code ul ol li h1 h2 h3 h4 h5 h6 "
    "table thead tbody tr th td a".split()
)
_MEDIA = frozenset("img iframe video audio embed source".split())
_READ = {*_TEXT, *_MEDIA, "aside", "span"}
_READ_ATTRIBUTES = {"*": {"class"}, "a": {"href"}, "img": {"src", "alt", "title"}, "aside": {"data-onebox-src"}} | {
    tag: {"src"} for tag in _MEDIA - {"img"}
}
_WITHOUT_CONTENT = {"script", "style", "svg", "template", "noscript", "textarea", "select", "title"}
_SCHEMES = {"http", "https"}

#: Of Discourse: pictures of people, the line above a quotation, and the size of an enlarged picture.
_DROPPED = frozenset({"avatar", "title", "meta"})
#: Links to people, groups and categories.
_CALLS = frozenset({"mention", "mention-group", "hashtag", "hashtag-cooked"})
_PEOPLE = re.compile(r"/(?:u|users|user_avatar|about|g|groups)(?:/|$)")
_MENTION = re.compile(r"(?<![\w.])@(?=\w)")
_UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
#: The mark of a copy, and of a topic that the course has in Canvas (targets/canvas/site/mapping.py).
_OURS = re.compile(r"\s*<(?:div|p) data-course-sync=[\"']([A-Za-z0-9]{1,50})[\"']")


def harmless(text: str, site_url: str) -> str:
    """Return the HTML of a post in a form that another system may show.

    Pictures and media become links, links get absolute addresses. A link to the site itself loses its query, which may
    hold a key to a file or the name of who shares it. ``site_url``: the address of the site that the text comes from.
    """
    tree = lxml_html.fragment_fromstring(
        _clean(_UNREADABLE.sub("", text), _READ, _READ_ATTRIBUTES), create_parent="div"
    )
    for node in [one for one in tree.iter() if one is not tree]:
        if node.getparent() is not None:
            _change(node, site_url)
    _quiet(tree)
    inner = html.escape(tree.text or "", quote=False) + "".join(
        lxml_html.tostring(one, encoding="unicode") for one in tree
    )
    found = re.sub(r"[\r\n]+", " ", _clean(inner, _TEXT, {"a": {"href"}})).strip()
    return found if len(found) <= LONGEST else _cut(tree.text_content())


def dressed(token: str, text: str, attribution: str) -> str:
    """Return a harmless text with our mark, and with a line that says who wrote it, unless that is empty."""
    line = f"<p><em>{_quiet_text(html.escape(attribution))}</em></p>" if attribution else ""
    return f'<div data-course-sync="{token}">{line}{text}</div>'


def token_in(text: str) -> str:
    """Return the token of a text that we wrote; empty for all others."""
    found = _OURS.match(text)
    return found[1] if found else ""


def _clean(text: str, tags: Any, attributes: Any) -> str:
    return nh3.clean(
        text, tags=set(tags), attributes=attributes, clean_content_tags=_WITHOUT_CONTENT, url_schemes=_SCHEMES,
        link_rel=None,
    )  # fmt: skip


def _change(node: Any, site_url: str) -> None:
    classes = set((node.get("class") or "").split())
    if node.tag in _MEDIA:
        _replace_media(node, classes, site_url)
    elif classes & _DROPPED and node.tag != "a":
        node.drop_tree()
    elif "onebox" in classes and node.tag == "aside":
        _replace(node, node.get("data-onebox-src"), node.get("data-onebox-src") or "", site_url)
    elif node.tag == "a":
        _change_link(node, classes, site_url)


def _change_link(node: Any, classes: set[str], site_url: str) -> None:
    address = "" if classes & _CALLS else _absolute(node.get("href"), site_url)
    if address:
        node.set("href", address)
    else:
        node.drop_tag()


def _replace_media(node: Any, classes: set[str], site_url: str) -> None:
    if "avatar" in classes:
        node.drop_tree()
        return
    described = node.get("alt") or node.get("title") or ""
    label = described if "emoji" in classes else f"[{'image' if node.tag == 'img' else 'media'}: {described}]"
    address = None if "emoji" in classes or _is_in_link(node) else node.get("src")
    _replace(node, address, label.replace(": ]", "]"), site_url)


def _is_in_link(node: Any) -> bool:
    return any(one.tag == "a" for one in node.iterancestors())


def _replace(node: Any, address: str | None, label: str, site_url: str) -> None:
    """Put a link or, without an address, a text in the place of an element."""
    for child in list(node):
        node.remove(child)
    found = _absolute(address, site_url)
    node.attrib.clear()
    node.tag, node.text = ("a" if found else "span"), label
    if found:
        node.set("href", found)


def _absolute(address: str | None, site_url: str) -> str:
    """Return the absolute address; empty if it is none, or if it leads to a person."""
    try:
        url = urljoin(f"{site_url}/", (address or "").strip())
        parts, own = urlsplit(url), urlsplit(site_url)
    except ValueError:
        return ""
    if not address or parts.scheme not in _SCHEMES or parts.username or parts.password:
        return ""
    if parts.netloc != own.netloc:
        return url
    path = parts.path.removeprefix(own.path.rstrip("/"))
    return "" if _PEOPLE.match(path) else parts._replace(query="", fragment="").geturl()


def _quiet(tree: Any) -> None:
    """Take the effect of mentions away, and keep the lines of code as line breaks."""
    for node in list(tree.iter()):
        in_code = any(one.tag == "pre" for one in (node, *node.iterancestors()))
        tail_in_code = any(one.tag == "pre" for one in node.iterancestors())
        node.text, node.tail = _quiet_text(node.text), _quiet_text(node.tail)
        if tail_in_code and node.tail and node is not tree:
            _break_lines(node.getparent(), node.getparent().index(node) + 1, node, "tail")
        if in_code and node.text:
            _break_lines(node, 0, node, "text")


def _break_lines(parent: Any, at: int, node: Any, where: str) -> None:
    first, *others = getattr(node, where).split("\n")
    setattr(node, where, first)
    for number, line in enumerate(others):
        ended = parent.makeelement("br")
        ended.tail = line
        parent.insert(at + number, ended)


def _quiet_text(text: str | None) -> str | None:
    return _MENTION.sub("@\u2060", text) if text else text


def _cut(text: str) -> str:
    whole = html.escape(" ".join(text.split()), quote=False)[: LONGEST - 100]
    return f"<p>{re.sub(r'&[^;]*$', '', whole)}…</p><p>[The text goes on where it was written.]</p>"
