"""Helpers for the tests of pages: people with roles, and what a page shows."""

from __future__ import annotations

from django.contrib.auth.models import Group, User
from django.test import Client
from lxml import html

#: A course of another organisation, and a text that must not be read as HTML.
OTHER = "course-v1:Other+Course+Run"
HOSTILE = "<script>alert(1)</script>\"'&"


def sign_in(client: Client, *groups: str, **values: bool) -> Client:
    """Sign a new user in. ``groups``: the names of roles, such as ``staff of Org``."""
    user = User.objects.create_user("somebody", **values)
    user.groups.set([Group.objects.get_or_create(name=name)[0] for name in groups])
    client.force_login(user)
    return client


def seen(client: Client, address: str) -> html.HtmlElement:
    """Return a page that must be there."""
    answer = client.get(address)
    assert answer.status_code == 200
    return html.fromstring(answer.content.decode())


def texts(page: html.HtmlElement, path: str) -> list[str]:
    """Return the texts of the elements that an XPath finds."""
    return [" ".join(one.text_content().split()) for one in page.xpath(path)]


def cells(page: html.HtmlElement, table: str) -> list[list[str]]:
    """Return the texts of a table's cells, by the id of its heading."""
    rows = page.xpath(f"//*[@aria-labelledby='{table}']//tbody/tr")
    return [[" ".join(cell.text_content().split()) for cell in row] for row in rows]


def no_inline_code(page: html.HtmlElement) -> bool:
    """Tell whether a strict content security policy lets the whole page work."""
    return page.xpath("//script[not(@src)] | //style | //@style | //@*[starts-with(name(), 'on')]") == []


def seen_in(client: Client, address: str, languages: str) -> html.HtmlElement:
    """Return a page that must be there, for a browser that asks for these languages."""
    answer = client.get(address, HTTP_ACCEPT_LANGUAGE=languages)
    assert answer.status_code == 200
    return html.document_fromstring(answer.content.decode())
