"""The tables of what other systems send: their notices, and the public keys with which these are signed."""

from __future__ import annotations

import hashlib
from typing import Any

from django.db import connection, models
from django.utils.translation import gettext_lazy as _

from course_sync_plugin.models.clock import DatabaseNow
from course_sync_plugin.models.courses import SHA256_LENGTH
from course_sync_plugin.models.targets import Target

_INSERT = (
    "INSERT INTO course_sync_inboundevent"
    " (target_id, received_at, body, content_type, event_name, event_id, digest)"
    " VALUES (%s, {now}, {body}, %s, %s, %s, %s)"
)

#: The most characters of a header that are stored.
HEADER_CHARACTERS = 100


class InboundEvent(models.Model):
    """A notice of another system, as it came: something may have changed there.

    ``received_at``: the time of the database. ``body``: the raw bytes. ``content_type``, ``event_name``, ``event_id``:
    from headers, cleaned and cut; empty if there were none. ``taken_at``: when the notice was acted on; NULL: not yet.
    ``digest``: :meth:`digest_of` while the notice waits. The code that sets ``taken_at`` sets it to NULL, before it
    reads the other system. So the same notice is stored only once while it waits, and again after that.

    The constraint of the foreign key is left out, so that an INSERT does not lock the row of the target.

    .. pii: Names, user names and mail addresses of those who write in the other system, and what they wrote. Prune
        deletes each notice after COURSE_SYNC_INBOUND_DAYS, forget-person those with a name.
    .. pii_types: name, username, email_address, other
    .. pii_retirement: retained
    """

    id = models.BigAutoField(primary_key=True)
    target = models.ForeignKey(Target, related_name="+", on_delete=models.CASCADE, db_index=False, db_constraint=False)
    received_at = models.DateTimeField(db_index=True)
    body = models.BinaryField()
    content_type = models.CharField(max_length=HEADER_CHARACTERS, default="", blank=True)
    event_name = models.CharField(max_length=HEADER_CHARACTERS, default="", blank=True)
    event_id = models.CharField(max_length=HEADER_CHARACTERS, default="", blank=True)
    digest = models.CharField(max_length=SHA256_LENGTH, null=True, blank=True, unique=True)
    taken_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "course_sync_inboundevent"
        verbose_name = _("inbound event")
        indexes = [models.Index(fields=["target", "taken_at"], name="course_sync_inbound_waiting")]

    def __str__(self) -> str:
        return f"{self.pk} {self.event_name}".rstrip()

    @classmethod
    def put(
        cls, target_id: int, body: bytes, *, content_type: str = "", event_name: str = "", event_id: str = ""
    ) -> None:
        """Insert a notice that came now, with one INSERT. Raises IntegrityError if the same one waits already.

        The statement is written by hand: to build it with the ORM takes longer than all the rest of a request.
        """
        database: Any = connection  # the type stubs do not know what every database has
        now, seconds = getattr(DatabaseNow(), f"as_{database.vendor}")(None, database)
        statement = _INSERT.format(now=now, body=database.ops.binary_placeholder_sql(body))
        texts = (content_type, event_name, event_id, cls.digest_of(target_id, event_name, body))
        with database.cursor() as cursor:
            cursor.execute(statement, [target_id, *seconds, database.Database.Binary(body), *texts])

    @staticmethod
    def digest_of(target_id: int, event_name: str, body: bytes) -> str:
        """Return the SHA-256 by which the same notice is known. The id of the event is new for each attempt."""
        return hashlib.sha256(f"{target_id}\n{event_name}\n".encode() + body).hexdigest()


class InboundKeys(models.Model):
    """The public keys of the system of a target: a JWKS, kept so that no notice waits for it.

    ``keys``: JSON Web Keys by their name. ``tried_at``: when the JWKS was last asked for, ``fetched_at``: when it last
    came; NULL: never.

    .. no_pii:
    """

    target = models.OneToOneField(Target, primary_key=True, related_name="inbound_keys", on_delete=models.CASCADE)
    keys = models.JSONField(default=dict)
    tried_at = models.DateTimeField(null=True, blank=True)
    fetched_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "course_sync_inboundkeys"
        verbose_name = _("inbound keys")
        verbose_name_plural = _("inbound keys")

    def __str__(self) -> str:
        return str(self.target_id)
