"""The kinds of differences between the ledger, a linked system and the course: who likely made them, and the repair."""

from __future__ import annotations

from enum import StrEnum

import attrs
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from course_sync_plugin.upkeep.check.finding import MadeBy, Severity


class Action(StrEnum):
    """What a repair does. Each is something that the replication does anyway, or a correction of the ledger.

    ``look``: as ``poll`` does. ``bring``, ``place``, ``remove``: an operation for the lane of the link. ``take_over``:
    an object becomes ours, then ``place``. ``rewrite``: the ledger gets what is there, then ``bring``. ``disown``: the
    ledger forgets an object.
    """

    NOTHING = ""
    LOOK = "look"
    BRING = "bring"
    PLACE = "place"
    REMOVE = "remove"
    TAKE_OVER = "take_over"
    REWRITE = "rewrite"
    DISOWN = "disown"


@attrs.frozen
class Kind:
    """One kind of difference. ``what`` and ``repair`` are sentences; they may name the values of the difference."""

    name: str
    severity: Severity
    made_by: MadeBy
    action: Action
    what: str | Promise
    repair: str | Promise


_HERE, _THERE = MadeBy.HERE, MadeBy.THERE
_ERROR, _WARNING, _INFO = Severity.ERROR, Severity.WARNING, Severity.INFO

_KINDS = (
    Kind(
        "missing", _ERROR, _HERE, Action.BRING,
        _("The ledger has no {parts} of the entity, and nothing there looks like it."),
        _("It is brought again: what is missing is created."),
    ),
    Kind(
        "unlinked", _ERROR, _HERE, Action.TAKE_OVER,
        _("The ledger has no {parts} of the entity. An object that looks like it is there: {objects}."),
        _("The object is taken over, and the entity is brought again. Nothing is created a second time."),
    ),
    Kind(
        "ambiguous", _ERROR, _HERE, Action.NOTHING,
        _("The ledger has no {parts} of the entity. Several objects look like it: {objects}."),
        _("report only: rename or delete those that somebody else made, then check again"),
    ),
    Kind(
        "missing-below", _ERROR, _HERE, Action.NOTHING,
        _("The ledger has no {parts} of the entity, and what it is in is missing there too."),
        _("report only: decide about what it is in first"),
    ),
    Kind(
        "deleted", _WARNING, _THERE, Action.LOOK,
        _("Its object was deleted there: {parts}."),
        _("A look notes it. It is not created again, unless the target has on_remote_delete=recreate."),
    ),
    Kind(
        "deleted-noted", _INFO, _THERE, Action.NOTHING,
        _("Its object was deleted there. The ledger has noted it."),
        _("report only: on_remote_delete=recreate creates it again, on_remote_delete=respect accepts it"),
    ),
    Kind(
        "not-recreated", _WARNING, _THERE, Action.BRING,
        _("Its object was deleted there, and the target says that it is created again."),
        _("It is brought again: what is missing is created."),
    ),
    Kind(
        "not-removed", _ERROR, _HERE, Action.REMOVE,
        _("The course does not have the entity any more, and its objects are still in the ledger: {objects}."),
        _("They are deleted there. What holds the work of others is left."),
    ),
    Kind(
        "not-of-course", _ERROR, _HERE, Action.NOTHING,
        _("The ledger has objects of something that is no entity of this course: {objects}."),
        _("report only: look at these objects; unlink and link again makes the ledger anew"),
    ),
    Kind(
        "without-counterpart", _ERROR, _HERE, Action.BRING,
        _("The entity has objects there that it should not have: {objects}."),
        _("They are deleted there. What holds the work of others is left."),
    ),
    Kind(
        "edited", _WARNING, _THERE, Action.LOOK,
        _("The field {field} was edited there since the last look."),
        _("A look takes the edit up: it is merged, as the conflict strategy says."),
    ),
    Kind(
        "not-written", _ERROR, _HERE, Action.REWRITE,
        _("The field {field} has another value there than in Open edX, nobody has edited it, and nothing waits."),
        _("It is brought again. If it is an edit that was accepted before, its proposal is made again."),
    ),
    Kind(
        "ledger", _WARNING, _HERE, Action.REWRITE,
        _("The field {field} is equal there and in Open edX, and the ledger has another value."),
        _("The ledger gets the value that is there. No request is made."),
    ),
    Kind(
        "moved", _WARNING, _THERE, Action.LOOK,
        _("It was moved there since the last look."),
        _("A look takes the move up: it is merged, as the conflict strategy says."),
    ),
    Kind(
        "misplaced", _ERROR, _HERE, Action.PLACE,
        _("It is at another place there than in Open edX, nobody has moved it, and nothing waits."),
        _("It is brought to its place again."),
    ),
    Kind(
        "open-creation", _WARNING, _HERE, Action.BRING,
        _("A creation of its {parts} began long ago and was never answered."),
        _("A look finds what was made of it, and the entity is brought again."),
    ),
    Kind(
        "two-owners", _ERROR, _HERE, Action.DISOWN,
        _("Its objects {objects} belong to {other}, too, and look like that one."),
        _("The ledger forgets that this entity has them. They stay there."),
    ),
    Kind(
        "two-owners-unclear", _ERROR, _HERE, Action.NOTHING,
        _("Its objects {objects} belong to {other}, too, and it is not clear whose they are."),
        _("report only: give the object the title of its entity there, then check again"),
    ),
)  # fmt: skip

#: All kinds, by name.
KINDS = {kind.name: kind for kind in _KINDS}

#: The kinds after which it is not known which object an entity has. What is brought into it would create a second one.
UNDECIDED = ("ambiguous", "two-owners-unclear")
