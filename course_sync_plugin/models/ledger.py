"""The tables of the ledger: links, what each linked system is known to hold, and what is under way there.

Identifiers of other systems are text, because they may be larger than 2^53. Exact keys have a digest: MySQL compares
text without regard to case.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from course_sync_plugin.data import LONGEST_KEY
from course_sync_plugin.models.courses import SHA256_LENGTH, Course
from course_sync_plugin.models.targets import Target
from course_sync_plugin.models.text import ForeignText

#: The most characters of an identifier of another system.
LONGEST_REMOTE_ID = 255


class Seed(models.TextChoices):
    """How a link begins. ``openedx``: everything is created. ``match``: what is there already is taken over."""

    OPENEDX = "openedx", _("create everything beside what is there")
    MATCH = "match", _("take over what has the same kind, title and place")


class Link(models.Model):
    """Joins a course to its counterpart at a two-way target: a Canvas course, or a Discourse category.

    ``places``: the tree that the site is known to have, as
    :class:`course_sync_plugin.replication.merge.places.KnownPlaces`; empty if its order does not count.

    ``poll_at``: when the counterpart is to be looked at next; NULL: not before it was filled. ``polled_at``: when that
    was done last. ``quiet_polls``: the number of looks in a row that found nothing.

    .. no_pii:
    """

    target = models.ForeignKey(Target, related_name="links", on_delete=models.CASCADE)
    course = models.ForeignKey(Course, related_name="links", on_delete=models.CASCADE)
    remote_id = models.CharField(max_length=LONGEST_REMOTE_ID)
    remote_digest = models.CharField(max_length=SHA256_LENGTH)
    remote_title = ForeignText(blank=True, default="")
    remote_url = models.TextField(blank=True, default="")
    seed = models.CharField(max_length=16, choices=Seed.choices)
    created_at = models.DateTimeField()
    poll_at = models.DateTimeField(null=True, blank=True, db_index=True)
    polled_at = models.DateTimeField(null=True, blank=True)
    quiet_polls = models.PositiveIntegerField(default=0)
    places: Any = models.JSONField(default=dict)

    class Meta:
        db_table = "course_sync_link"
        verbose_name = _("link")
        constraints = [
            models.UniqueConstraint(fields=["target", "course"], name="course_sync_link_once"),
            models.UniqueConstraint(fields=["target", "remote_digest"], name="course_sync_link_remote_once"),
        ]

    def __str__(self) -> str:
        return f"{self.target} ↔ {self.course}"

    @property
    def site(self) -> str:
        """Return the name of the target in version vectors. The number makes it unique for ever."""
        return f"{self.target.name}#{self.target_id}"


class RateBudget(models.Model):
    """The budget of requests of a target, which all its workers share. A later target may use it too: one of the same
    site, where the site counts both as one.

    ``remaining``: the units that were left at ``counted_at``. ``locks`` is written to lock the row.

    .. no_pii:
    """

    target = models.OneToOneField(Target, primary_key=True, related_name="budget", on_delete=models.CASCADE)
    remaining = models.FloatField()
    counted_at = models.DateTimeField()
    locks = models.BigIntegerField(default=0)

    class Meta:
        db_table = "course_sync_ratebudget"
        verbose_name = _("budget of requests")
        verbose_name_plural = _("budgets of requests")

    def __str__(self) -> str:
        return str(self.target)


class LedgerEntity(models.Model):
    """A linked entity as all sites should have it, and as Open edX is known to have it.

    ``vector``, ``sides``: what is wanted; ``openedx_vector``, ``openedx_sides``: what Open edX had when it was last
    looked at. A side is ``[value, milliseconds, site, kind]``. ``openedx_conflicts``: the fields that wait for a
    person. ``openedx_sent``, ``openedx_read_back``: what was written to Studio and is not published yet. ``locks`` is
    written to lock the row.

    .. no_pii:
    """

    id = models.BigAutoField(primary_key=True)
    course = models.ForeignKey(Course, related_name="+", on_delete=models.CASCADE)
    entity_id = models.CharField(max_length=LONGEST_KEY)
    id_digest = models.CharField(max_length=SHA256_LENGTH)
    entity_type = models.CharField(max_length=64)
    vector: Any = models.JSONField(default=dict)
    sides: Any = models.JSONField(default=dict)
    openedx_vector: Any = models.JSONField(default=dict)
    openedx_sides: Any = models.JSONField(default=dict)
    openedx_conflicts: Any = models.JSONField(default=dict)
    openedx_sent: Any = models.JSONField(default=dict)
    openedx_read_back: Any = models.JSONField(default=dict)
    locks = models.BigIntegerField(default=0)

    class Meta:
        db_table = "course_sync_ledgerentity"
        verbose_name = _("entity in the ledger")
        verbose_name_plural = _("entities in the ledger")
        constraints = [models.UniqueConstraint(fields=["course", "id_digest"], name="course_sync_ledgerentity_once")]

    def __str__(self) -> str:
        return self.entity_id


class LedgerTree(models.Model):
    """The tree of a linked course as all sites should have it, and as Open edX is known to have it.

    ``wanted``, ``openedx``: as :class:`course_sync_plugin.replication.merge.places.WantedPlaces` and ``KnownPlaces``.

    .. no_pii:
    """

    course = models.OneToOneField(Course, primary_key=True, related_name="ledger_tree", on_delete=models.CASCADE)
    wanted: Any = models.JSONField(default=dict)
    openedx: Any = models.JSONField(default=dict)
    locks = models.BigIntegerField(default=0)

    class Meta:
        db_table = "course_sync_ledgertree"
        verbose_name = _("tree in the ledger")
        verbose_name_plural = _("trees in the ledger")

    def __str__(self) -> str:
        return str(self.course)


class LedgerReplica(models.Model):
    """What a linked system is known to hold of an entity.

    ``objects``: the identifier of each object that the entity has there, by the name of its part, such as ``page``.
    ``vector``, ``base``, ``known``, ``conflicts``, ``sent``, ``read_back``: as in
    :class:`course_sync_plugin.replication.merge.replica.Replica`. ``replaced``: the values that the last writes
    replaced, and when (milliseconds), by field: a late read may still show them. ``deleted_at``: when somebody deleted
    it there. ``note``: why an object was left there although the entity is deleted in Open edX; it is not ours now.

    .. no_pii:
    """

    id = models.BigAutoField(primary_key=True)
    link = models.ForeignKey(Link, related_name="replicas", on_delete=models.CASCADE)
    entity_id = models.CharField(max_length=LONGEST_KEY)
    id_digest = models.CharField(max_length=SHA256_LENGTH)
    entity_type = models.CharField(max_length=64)
    objects_there: Any = models.JSONField(default=dict)
    vector: Any = models.JSONField(default=dict)
    base: Any = models.JSONField(default=dict)
    known: Any = models.JSONField(default=dict)
    conflicts: Any = models.JSONField(default=dict)
    sent: Any = models.JSONField(default=dict)
    read_back: Any = models.JSONField(default=dict)
    replaced: Any = models.JSONField(default=dict)
    deleted_at = models.DateTimeField(null=True, blank=True)
    note = ForeignText(blank=True, default="")

    class Meta:
        db_table = "course_sync_ledgerreplica"
        verbose_name = _("replica")
        constraints = [models.UniqueConstraint(fields=["link", "id_digest"], name="course_sync_replica_once")]

    def __str__(self) -> str:
        return f"{self.link}: {self.entity_id}"


class FormerReplica(models.Model):
    """What a linked system held of an entity when the link ended: the objects are ours, and nothing carries to them.

    ``remote_digest``: of the counterpart, as in the link. ``objects_there``, ``vector``, ``base``, ``known``, ``sent``:
    as in :class:`LedgerReplica`, a field with an open conflict as it was before. Of several rows of an entity the last
    one counts.

    .. no_pii:
    """

    id = models.BigAutoField(primary_key=True)
    target = models.ForeignKey(Target, related_name="+", on_delete=models.CASCADE)
    course = models.ForeignKey(Course, related_name="+", on_delete=models.CASCADE)
    remote_digest = models.CharField(max_length=SHA256_LENGTH)
    entity_id = models.CharField(max_length=LONGEST_KEY)
    objects_there: Any = models.JSONField(default=dict)
    vector: Any = models.JSONField(default=dict)
    base: Any = models.JSONField(default=dict)
    known: Any = models.JSONField(default=dict)
    sent: Any = models.JSONField(default=dict)

    class Meta:
        db_table = "course_sync_formerreplica"
        verbose_name = _("replica of a link that has ended")
        verbose_name_plural = _("replicas of links that have ended")
        indexes = [models.Index(fields=["target", "remote_digest"], name="course_sync_former_remote")]

    def __str__(self) -> str:
        return f"{self.target}: {self.entity_id}"


class Intent(models.Model):
    """A creation at a linked system that is under way: its answer may be lost.

    ``part``: the name of the object. ``token``: the identifier that the object gets, where the other system has room
    for one. ``entity``: the entity as it was sent. ``before``: the identifiers of the objects that looked the same
    before the creation.

    .. no_pii:
    """

    id = models.BigAutoField(primary_key=True)
    link = models.ForeignKey(Link, related_name="intents", on_delete=models.CASCADE)
    entity_id = models.CharField(max_length=LONGEST_KEY)
    id_digest = models.CharField(max_length=SHA256_LENGTH)
    part = models.CharField(max_length=32)
    token = models.CharField(max_length=50)
    entity: Any = models.JSONField(default=dict)
    before: Any = models.JSONField(default=list)
    began_at = models.DateTimeField()

    class Meta:
        db_table = "course_sync_intent"
        verbose_name = _("creation under way")
        verbose_name_plural = _("creations under way")
        constraints = [models.UniqueConstraint(fields=["link", "id_digest", "part"], name="course_sync_intent_once")]

    def __str__(self) -> str:
        return f"{self.link}: {self.entity_id} {self.part}"


class ConflictState(models.TextChoices):
    """What became of a conflict."""

    DECIDED = "decided", _("decided by the strategy")
    OPEN = "open", _("waits for a person")
    RESOLVED = "resolved", _("resolved by a person")
    ENDED = "ended", _("both sides have the same value again")
    GONE = "gone", _("the entity was deleted, or the link has ended")


class Conflict(models.Model):
    """A field that two sites changed without knowing of each other, with all three values, and what was decided.

    ``link``: None once it has ended; ``target_name`` remains. ``openedx``, ``remote``: the values of both sides.
    ``relation``: how the version vectors relate. ``taken``: ``openedx`` or ``remote``; empty while a person is asked.

    .. no_pii:
    """

    id = models.BigAutoField(primary_key=True)
    link = models.ForeignKey(Link, null=True, related_name="conflicts", on_delete=models.SET_NULL)
    target_name = models.CharField(max_length=64)
    course = models.ForeignKey(Course, related_name="conflicts", on_delete=models.CASCADE)
    entity_type = models.CharField(max_length=64)
    entity_id = models.CharField(max_length=LONGEST_KEY)
    id_digest = models.CharField(max_length=SHA256_LENGTH)
    field = models.CharField(max_length=64)
    base: Any = models.JSONField(null=True)
    openedx: Any = models.JSONField(null=True)
    remote: Any = models.JSONField(null=True)
    relation = models.CharField(max_length=16)
    strategy = models.CharField(max_length=64)
    reason = models.CharField(max_length=64)
    taken = models.CharField(max_length=16, blank=True, default="")
    state = models.CharField(max_length=16, choices=ConflictState.choices)
    since = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "course_sync_conflict"
        verbose_name = _("conflict")
        indexes = [
            models.Index(fields=["link", "state", "since"], name="course_sync_conflict_state"),
            models.Index(fields=["course", "id_digest"], name="course_sync_conflict_entity"),
        ]

    def __str__(self) -> str:
        return f"{self.course}: {self.entity_id} {self.field}"


class ProposalState(models.TextChoices):
    """What became of a change from a linked system that Open edX does not have yet."""

    OPEN = "open", _("waits for an author")
    WRITTEN = "written", _("written to Studio, not published yet")
    PUBLISHED = "published", _("published in Open edX")
    REJECTED = "rejected", _("rejected by an author")
    REPLACED = "replaced", _("replaced by a later change")
    GONE = "gone", _("the entity was deleted, or the link has ended")


class Proposal(models.Model):
    """A change that was accepted from a linked system and that Open edX does not have yet.

    ``link``: None once it has ended; ``target_name`` remains. ``base``: the value of Open edX when the proposal was
    made. ``value``: the proposed one. ``note``: why it was not written to Studio by itself, or
    that its link has ended.

    .. no_pii:
    """

    id = models.BigAutoField(primary_key=True)
    link = models.ForeignKey(Link, null=True, related_name="proposals", on_delete=models.SET_NULL)
    target_name = models.CharField(max_length=64, blank=True, default="")
    course = models.ForeignKey(Course, related_name="proposals", on_delete=models.CASCADE)
    entity_type = models.CharField(max_length=64)
    entity_id = models.CharField(max_length=LONGEST_KEY)
    id_digest = models.CharField(max_length=SHA256_LENGTH)
    field = models.CharField(max_length=64)
    base: Any = models.JSONField(null=True)
    value: Any = models.JSONField(null=True)
    state = models.CharField(max_length=16, choices=ProposalState.choices)
    note = ForeignText(blank=True, default="")
    since = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "course_sync_proposal"
        verbose_name = _("proposal")
        indexes = [
            models.Index(fields=["state", "since"], name="course_sync_proposal_state"),
            models.Index(fields=["course", "id_digest"], name="course_sync_proposal_entity"),
        ]

    def __str__(self) -> str:
        return f"{self.course}: {self.entity_id} {self.field}"
