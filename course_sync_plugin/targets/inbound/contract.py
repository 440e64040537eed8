"""Defines what a kind of target offers for notices of its system: who may send them, and what they name.

A notice is only a hint. It may be lost, doubled, late, out of order or repeated by somebody who has seen it. So nothing
in it is believed: the objects that it names are read again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from course_sync_plugin.exceptions import CourseSyncError


class NotVerified(CourseSyncError):
    """The notice does not prove that the other system sent it."""


@attrs.frozen
class Received:
    """A request as it came. Its ``repr`` shows none of it.

    ``headers``: by name, without regard to case. ``path_secret``: what follows the target's name in the path.
    """

    body: bytes = attrs.field(repr=False)
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    path_secret: str = attrs.field(default="", repr=False)


@attrs.frozen
class Credentials:
    """What a notice is verified with.

    ``secrets``: of the target, decrypted, the newest first. ``find_key`` returns the public key of a name as a JSON Web
    Key, or None if the other system has no such key. It raises TransientError if that cannot be known now.
    """

    secrets: tuple[str, ...] = attrs.field(repr=False)
    find_key: Callable[[str], Mapping[str, Any] | None]


@attrs.frozen
class Notice:
    """An object of the other system that may have changed.

    ``kind``: the other system's own word, such as ``module_item`` or ``topic``. ``container_id``: the course of Canvas,
    or the category of Discourse, that the object is in; empty if the notice does not say it. ``event``: the name of the
    event. Ids are texts.
    """

    kind: str
    remote_id: str
    container_id: str
    event: str


#: Raises NotVerified, unless the request proves that the other system sent it; or TransientError from ``find_key``.
Verifier = Callable[[Received, Credentials], None]


@attrs.frozen
class Inbound:
    """What a kind of target offers for notices.

    ``verifiers``: one of them must accept a request. ``read`` returns the objects that a stored notice names, from its
    body and the name of its event; none for anything that it does not know. It raises nothing. ``name_header``,
    ``id_header``: the headers with the name and the id of the event, if there are such headers.
    """

    verifiers: tuple[Verifier, ...]
    read: Callable[[bytes, str], tuple[Notice, ...]]
    name_header: str = ""
    id_header: str = ""

    def verify(self, received: Received, credentials: Credentials) -> None:
        """Raise NotVerified if no verifier accepts the request, or TransientError if that cannot be known now."""
        refusal = NotVerified()
        for verifier in self.verifiers:
            try:
                return verifier(received, credentials)
            except NotVerified as error:
                refusal = error
        raise refusal
