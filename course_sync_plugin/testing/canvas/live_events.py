"""Live Events: what Canvas tells another system of changes. They wait until the test delivers them.

Source: data services documentation (event types of Canvas). Ids in metadata and in most bodies are global: the number
of the shard times 10^13 plus the local id. There is no event for a deleted module, item or topic: they are updated with
``workflow_state`` deleted; a wiki page has ``wiki_page_deleted``. Bodies are cut at 8192 characters.
"""

from __future__ import annotations

import http.client
import json
import secrets
from typing import Any
from urllib.parse import urlsplit

import attrs

from course_sync_plugin.testing.canvas.signing import KeyRing
from course_sync_plugin.testing.canvas.site import Change, Site

#: The shard of the fake, and the number of ids of a shard.
_SHARD = 2107
_IDS_OF_A_SHARD = 10**13

_SECONDS = 10


def global_id(local_id: int) -> str:
    """Return the global id of an object. An id that is greater than a shard's is global already."""
    return str(local_id if local_id > _IDS_OF_A_SHARD else _SHARD * _IDS_OF_A_SHARD + local_id)


@attrs.frozen
class Event:
    """An event: who, when and where (``metadata``), and what (``body``)."""

    metadata: dict[str, Any]
    body: dict[str, Any]

    @property
    def name(self) -> str:
        """The name of the event, such as ``module_updated``."""
        return str(self.metadata["event_name"])


class LiveEvents:
    """The events of a site. ``pending``: those not delivered yet; a test may change the list.

    ``signed``: each event is sent as a JWT (content type ``application/jwt``, assumed), else as JSON.
    """

    def __init__(self, site: Site, keys: KeyRing):
        self.pending: list[Event] = []
        self.signed = False
        self._site = site
        self._keys = keys
        site.listeners.append(self._note)

    def lose(self, name: str) -> Event:
        """Take the first pending event with a name out of the queue, and return it: it may come late."""
        event = next(event for event in self.pending if event.name == name)
        self.pending.remove(event)
        return event

    def double(self, name: str) -> None:
        """Queue the first pending event with a name once more."""
        self.pending.append(next(event for event in self.pending if event.name == name))

    def deliver(self, url: str) -> list[int]:
        """Send every pending event to a URL, in the order of the queue, and return the statuses.

        The queue is empty afterwards, also after refusals. Raises OSError if no server listens at the address.
        """
        events, self.pending = self.pending, []
        return [self.send(event, url) for event in events]

    def send(self, event: Event, url: str) -> int:
        """Send an event to a URL, and return the status."""
        value = {"metadata": event.metadata, "body": event.body}
        body, kind = json.dumps(value), "application/json"
        if self.signed:
            body, kind = self._keys.sign(value), "application/jwt"
        return _post(url, body.encode(), kind)

    def _note(self, change: Change) -> None:
        body = {name: _shown(name, value) for name, value in change.body.items()}
        self.pending.append(Event(self._metadata(change), body))

    def _metadata(self, change: Change) -> dict[str, Any]:
        """Return the metadata. Only what came through the API has the id of a developer key."""
        key = {"developer_key_id": "170000000000056"} if change.by_api else {}
        role = "TeacherEnrollment" if change.user.roles.get(change.course.id) == "teacher" else "StudentEnrollment"
        return {
            "event_name": change.name,
            "event_time": change.at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
            "producer": "canvas",
            "root_account_id": global_id(1),
            "root_account_uuid": "VicYj3cu5BIFpoZhDVU4DZumnlBrWi1grgJEzADs",
            "context_id": global_id(change.course.id),
            "context_type": "Course",
            "context_account_id": global_id(1),
            "context_role": role,
            "user_id": global_id(change.user.id),
            "user_account_id": global_id(1),
            "hostname": urlsplit(self._site.root).netloc,
            "request_id": secrets.token_hex(16),
            "time_zone": self._site.behaviour.time_zone,
            **key,
        }


def _shown(name: str, value: Any) -> Any:
    is_id = name.endswith("_id") and isinstance(value, int)
    return global_id(value) if is_id else value


def _post(url: str, body: bytes, kind: str) -> int:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.netloc, timeout=_SECONDS)
    try:
        path = f"{address.path or '/'}{'?' if address.query else ''}{address.query}"
        connection.request("POST", path, body, {"Content-Type": kind})
        return connection.getresponse().status
    finally:
        connection.close()
