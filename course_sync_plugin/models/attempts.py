"""The table of attempts: each request that a lane made to its target, with the answer."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from course_sync_plugin.models.lanes import Lane
from course_sync_plugin.models.targets import Target
from course_sync_plugin.models.text import ForeignText


class Attempt(models.Model):
    """One attempt to send one envelope. It is written in the transaction that applies its verdict.

    * ``message_id``, ``sequence``: those of the envelope. ``operations``: the number of its operations.
    * ``first``, ``last``: the positions between which these are in the journal. NULL in rows of an older release.
    * ``began_at``: by the database's clock. ``seconds``: the duration of the request.
    * ``status``: the HTTP status, or NULL if there was no HTTP answer.
    * ``error_class``: the name of the class in ``exceptions.py``; empty if the target accepted the envelope.
    * ``failed``: the number of operations that the target refused in an envelope that it accepted.
    * ``request``: the method, the address and headers of the request; NULL in rows of an older release. ``head``,
      ``body``: the headers and the first 2 kB of the answer. None of them ever holds a secret of ours.

    The column of the target has no constraint: its check would lock the target's row until the transaction ends, and
    workers of two lanes that then update that row would wait for each other.

    .. no_pii:
    """

    id = models.BigAutoField(primary_key=True)
    target = models.ForeignKey(Target, related_name="+", on_delete=models.CASCADE, db_index=False, db_constraint=False)
    lane = models.ForeignKey(Lane, related_name="sent", on_delete=models.CASCADE)
    message_id = models.CharField(max_length=64)
    sequence = models.BigIntegerField()
    first = models.BigIntegerField(null=True)
    last = models.BigIntegerField(null=True)
    operations = models.PositiveIntegerField()
    began_at = models.DateTimeField(db_index=True)
    seconds = models.FloatField()
    status = models.PositiveIntegerField(null=True)
    failed = models.PositiveIntegerField(default=0)
    error_class = models.CharField(max_length=64, default="", blank=True)
    error = ForeignText(default="", blank=True)
    request = ForeignText(null=True, blank=True)
    head = ForeignText(default="", blank=True)
    body = ForeignText(default="", blank=True)

    class Meta:
        db_table = "course_sync_attempt"
        verbose_name = _("attempt")
        indexes = [models.Index(fields=["target", "began_at"], name="course_sync_attempt_of_target")]

    def __str__(self) -> str:
        return f"{self.message_id} {self.status or self.error_class}"
