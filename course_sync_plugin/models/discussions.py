"""The tables of mirrored discussions: which topic and which post has which copy, and the names that copies show.

The texts themselves are not kept. A row is there as long as its copy is, or its creation is under way.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from course_sync_plugin.models.courses import SHA256_LENGTH, Course
from course_sync_plugin.models.ledger import LONGEST_REMOTE_ID, Link
from course_sync_plugin.models.text import ForeignText

#: The most characters of a token: that of the ``external_id`` of a topic in Discourse.
TOKEN_LENGTH = 50


class DiscussionMirror(models.Model):
    """When the discussions of a course are compared next.

    ``done_at``: when that was done last. ``quiet``: the number of rounds in a row that wrote nothing. ``error``: why
    the last round failed; empty if it did not.

    .. no_pii:
    """

    course = models.OneToOneField(Course, primary_key=True, related_name="discussion_mirror", on_delete=models.CASCADE)
    due_at = models.DateTimeField(db_index=True)
    done_at = models.DateTimeField(null=True, blank=True)
    quiet = models.PositiveIntegerField(default=0)
    error = ForeignText(blank=True, default="")

    class Meta:
        db_table = "course_sync_discussionmirror"
        verbose_name = _("mirror of discussions")
        verbose_name_plural = _("mirrors of discussions")

    def __str__(self) -> str:
        return str(self.course)


class Mirrored(models.Model):
    """A topic or a post, and its copy at the other system.

    ``home``: the link of the system where it was begun; ``original_id`` there. ``away``: that of the other system;
    ``copy_id`` there, empty until it is known. ``token``: the mark of the copy. ``began_at``: when its creation began.
    ``sent``: the digest of what was sent last. ``refused``: the digest of what the other system refused; ``note``: why.
    ``author``: the name that the copy shows. ``is_forgotten``: the name is not shown and not kept any more.
    ``is_blanked``: the original is gone, and the copy, to which others have replied, has no text any more.
    """

    id = models.BigAutoField(primary_key=True)
    home = models.ForeignKey(Link, related_name="+", on_delete=models.CASCADE)
    away = models.ForeignKey(Link, related_name="+", on_delete=models.CASCADE)
    original_id = models.CharField(max_length=LONGEST_REMOTE_ID)
    copy_id = models.CharField(max_length=LONGEST_REMOTE_ID, blank=True, default="")
    token = models.CharField(max_length=TOKEN_LENGTH, unique=True)
    began_at = models.DateTimeField(null=True, blank=True)
    sent = models.CharField(max_length=SHA256_LENGTH, blank=True, default="")
    refused = models.CharField(max_length=SHA256_LENGTH, blank=True, default="")
    note = ForeignText(blank=True, default="")
    author = ForeignText(blank=True, default="")
    is_forgotten = models.BooleanField(default=False)
    is_blanked = models.BooleanField(default=False)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.home_id}: {self.original_id} → {self.copy_id}"


class MirroredTopic(Mirrored):
    """A topic and its copy. ``is_entity``: both belong to an entity of the course, so only their posts are mirrored.

    ``read_at``: when the whole of it was read last. ``summary``: the digest of what the lists showed of it then.

    .. pii: The name of the author as it was shown in the other system. ``forget-person`` removes it.
    .. pii_types: name
    .. pii_retirement: local_api
    """

    is_entity = models.BooleanField(default=False)
    read_at = models.DateTimeField(null=True, blank=True)
    summary = models.CharField(max_length=SHA256_LENGTH, blank=True, default="")

    class Meta:
        db_table = "course_sync_mirroredtopic"
        verbose_name = _("mirrored topic")
        constraints = [models.UniqueConstraint(fields=["home", "original_id"], name="course_sync_mirroredtopic_once")]


class MirroredPost(Mirrored):
    """A post and its copy.

    .. pii: The name of the author as it was shown in the other system. ``forget-person`` removes it.
    .. pii_types: name
    .. pii_retirement: local_api
    """

    topic = models.ForeignKey(MirroredTopic, related_name="posts", on_delete=models.CASCADE)

    class Meta:
        db_table = "course_sync_mirroredpost"
        verbose_name = _("mirrored post")
        constraints = [models.UniqueConstraint(fields=["home", "original_id"], name="course_sync_mirroredpost_once")]
