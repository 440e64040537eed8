"""Keeps the public keys (JWKS) of a target's system in the database, and asks for them when an unknown key is named.

All processes share them, and a restart does not ask again. They are asked for once a minute at most, by one process,
because anybody can send a notice with an unknown key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
from django.db.models import Q

from course_sync_plugin.exceptions import CourseSyncError, TransientError
from course_sync_plugin.log import get_logger
from course_sync_plugin.models import DatabaseNow, InboundKeys, Target
from course_sync_plugin.sanitize.text import host_of
from course_sync_plugin.targets.base import TargetConfig
from course_sync_plugin.targets.http.client import NETWORK_ERRORS, HttpClient
from course_sync_plugin.targets.http.errors import network_error, status_error
from course_sync_plugin.targets.http.private_addresses import AllowedHosts
from course_sync_plugin.targets.inbound.json_body import read_json

log = get_logger(__name__)

#: Seconds between two requests for the keys of a target, and the most that one may take: a web worker waits for it.
BETWEEN_SECONDS, FETCH_SECONDS = 60, 5

#: The most bytes of a JWKS, and the most keys that are kept of it. A real one has three keys.
JWKS_BYTES, KEYS = 2**16, 20


@attrs.frozen
class KeptKeys:
    """The keys of the system of one target."""

    _row: Target
    _config: TargetConfig

    def find(self, name: str) -> Mapping[str, Any] | None:
        """Return the key of this name as a JSON Web Key, or None if the system has no such key.

        Raises TransientError if the key is not kept and the keys could not be asked for.
        """
        kept: InboundKeys | None = getattr(self._row, "inbound_keys", None)
        if kept and name in kept.keys:
            return _key(kept, name)
        if "jwks_url" not in self._config.options:
            return None
        if self._may_ask(kept):
            self._ask()
        kept = InboundKeys.objects.get(pk=self._row.pk)
        if name not in kept.keys and not _is_fresh(kept):
            raise TransientError("The keys cannot be asked for now.", target=self._row.name)
        return _key(kept, name)

    def _may_ask(self, kept: InboundKeys | None) -> bool:
        """Claim the next request for the keys. Of several processes only one may make it: a compare-and-set."""
        if kept is None:
            InboundKeys.objects.get_or_create(pk=self._row.pk)
        due = InboundKeys.objects.filter(
            Q(tried_at=None) | Q(tried_at__lt=DatabaseNow(-BETWEEN_SECONDS)), pk=self._row.pk
        )
        return due.exists() and bool(due.update(tried_at=DatabaseNow()))  # no write for each forged notice

    def _ask(self) -> None:
        """Ask for the keys and keep them. If they do not come, the present ones stay, and the reason is logged."""
        try:
            keys = self._fetch()
        except CourseSyncError as error:
            log.warning("course_sync: the keys of target=%s did not come: %s", self._row.name, error.message)
            return
        InboundKeys.objects.filter(pk=self._row.pk).update(keys=keys, fetched_at=DatabaseNow())

    def _fetch(self) -> dict[str, Any]:
        url = self._config.options["jwks_url"]
        where = host_of(url)
        client = HttpClient(AllowedHosts.parse(self._config.allowed_private_hosts), FETCH_SECONDS)
        try:
            with client.request("GET", url, {}) as reply:
                if not reply.is_success:
                    raise status_error(reply.status, reply.headers, where=where)
                keys = read_jwks(reply.read(JWKS_BYTES + 1))
        except NETWORK_ERRORS as exception:
            raise network_error(exception, where=where, seconds=FETCH_SECONDS) from None  # it holds the whole URL
        finally:
            client.close()
        if not keys:
            raise TransientError(f"{where} answered no JWKS with RSA keys.")
        return keys


def read_jwks(body: bytes) -> dict[str, Any]:
    """Return the RSA keys of a JWKS by their name, without what is no such key. A body that is too long has none."""
    value = read_json(body) if len(body) <= JWKS_BYTES else None
    listed = value.get("keys") if isinstance(value, dict) else None
    keys = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    needed = ("kid", "n", "e")
    usable = [one for one in keys if one.get("kty") == "RSA" and all(isinstance(one.get(name), str) for name in needed)]
    return {one["kid"]: {name: one[name] for name in ("kty", *needed)} for one in usable[:KEYS]}


def _key(kept: InboundKeys, name: str) -> Mapping[str, Any] | None:
    key: Mapping[str, Any] | None = kept.keys.get(name)
    return key


def _is_fresh(kept: InboundKeys) -> bool:
    """Tell whether the last request for the keys was answered."""
    return bool(kept.fetched_at and kept.tried_at and kept.fetched_at >= kept.tried_at)
