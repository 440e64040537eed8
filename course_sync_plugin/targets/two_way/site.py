"""Defines the contract of a site: another system in which the entities of a course have counterparts.

A site does single calls. :mod:`course_sync_plugin.replication.outbound` decides which calls are made, and keeps what
is known of the site in the ledger. A new kind of site is a subclass of :class:`Site` and a target that uses it.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Protocol

import attrs

from course_sync_plugin.data import Entity
from course_sync_plugin.exceptions import ConfigurationError, PermanentError
from course_sync_plugin.targets.base import TargetConfig
from course_sync_plugin.targets.two_way.budget import Budget

#: The identifiers of the objects of an entity at a site, by the names of their parts, such as ``{"page": "12"}``.
Objects = Mapping[str, str]


#: The field of a unit that holds the HTML which its object at a site shows, in the form in which it is sent.
CONTENT = "content"


class Gone(PermanentError):
    """Somebody deleted objects of the entity at the site. ``parts``: which ones.

    Empty: what the entity is in, or is to be created in, was deleted.
    """

    def __init__(self, message: str, *, parts: Collection[str], **context: Any):
        super().__init__(message, **context)
        self.parts = frozenset(parts)


class CourseTree(Protocol):
    """The course as it is recorded now."""

    course_id: str

    def entity(self, entity_id: str) -> Entity | None:
        """Return an entity; None if the course does not have it."""

    def children(self, entity_id: str) -> Sequence[str]:
        """Return the ids of the children of an entity, in their order."""


class KnownObjects(Protocol):
    """What is ours at the site."""

    def of(self, entity_id: str) -> Objects:
        """Return the objects of an entity; empty if it has none."""

    def owner(self, remote_id: str, part: str) -> str | None:
        """Return the entity that has this object as its ``part``; None if the object is not ours."""


@attrs.frozen
class Remote:
    """An object at a site. ``fields``: those of the entity that this object holds, as the site has them."""

    remote_id: str
    fields: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.frozen
class Counterpart:
    """What a link joins a course to. ``url``: the address that a person can open."""

    remote_id: str
    title: str
    url: str


@attrs.frozen
class Rate:
    """How many requests a site allows, in its own units.

    ``full``: the most units there can be. ``per_second``: how many come back each second. ``floor``: units that are
    left to other programs with the same access token. ``per_token``: each access token has units of its own; otherwise
    all of a site have them together.
    """

    full: float
    per_second: float
    floor: float
    per_token: bool = False


@attrs.define
class SiteContext:
    """What a site is made from. ``remote_id``: the counterpart of the course, as in the link.

    ``lms_url``: the root URL of the LMS, without a slash at the end; empty if it is not known. ``linked``: returns the
    counterparts of all courses that are linked at this target.
    """

    config: TargetConfig
    remote_id: str
    tree: CourseTree
    known: KnownObjects
    budget: Budget
    lms_url: str = ""
    linked: Callable[[], Collection[str]] = tuple


class Site(ABC):
    """One course at another system, for one turn. Use it in one thread.

    Each method makes as few requests as it can, and none if what it needs was read in this turn. Each raises the errors
    of :meth:`course_sync_plugin.targets.base.Target.send`, and :class:`Gone` for an object that is not there any more.
    """

    #: The kind of the site in conflict strategies: the name of the backend.
    kind: ClassVar[str]

    #: The fields that can be edited here and in Open edX, by the type of the entity. Options may add some.
    fields: Mapping[str, Collection[str]]

    #: The path of the page of a counterpart, with its id as the first group, and a sample of one. Only for sites whose
    #: counterparts have pages.
    address: ClassVar[re.Pattern[str] | None] = None
    sample_address: ClassVar[str] = ""

    #: True: people can move what is ours here, and the order counts (:meth:`places`).
    has_places: ClassVar[bool] = False

    #: The names of all parts, in the order in which the parts of an entity are created.
    part_order: ClassVar[Sequence[str]]

    #: The budget of requests that all courses of one target share, and all targets that the site counts as one.
    rate: ClassVar[Rate]

    #: Seconds after which an object that was created can be seen by every read.
    lag_seconds: ClassVar[float] = 0

    #: The parts whose objects hold their token. Another object is never taken for one of them, so it is not asked for
    #: candidates before their creation.
    tokened: ClassVar[Collection[str]] = ()

    #: The parts that are no objects of their own, but say what was done with another object of the entity.
    marks: ClassVar[Collection[str]] = ()

    #: The parts whose objects only show another object of the entity. People cannot recover them by themselves, so they
    #: are created again when the other object was recovered.
    pointers: ClassVar[Collection[str]] = ()

    def __init__(self, context: SiteContext):
        self.config = context.config
        self.remote_id = context.remote_id
        self.tree = context.tree
        self.known = context.known
        self.budget = context.budget
        self.lms_url = context.lms_url
        self.linked = context.linked

    def begin(self, moving: Collection[str] = ()) -> None:
        """Forget what was read of the site in this turn. It is called before each envelope.

        ``moving``: the entities that the envelope moves. :meth:`place` comes for each of them; a site may place others
        of them with the same request.
        """

    @abstractmethod
    def counterpart(self) -> Counterpart:
        """Return the counterpart of the course. Raises PermanentError if it is not there."""

    def planned_counterpart(self, course: Entity) -> Counterpart:
        """Return the counterpart that :meth:`create_counterpart` would create; it has no id and no address.

        Raises ConfigurationError: most kinds of sites do not offer it.
        """
        raise ConfigurationError(f"A counterpart is not created at {self.config.name}: give its number with --remote.")

    def create_counterpart(self, course: Entity) -> Counterpart:
        """Create the counterpart of the course. Raises the errors of :meth:`planned_counterpart`."""
        return self.planned_counterpart(course)

    def check_rights(self) -> None:
        """Raise ConfigurationError if the user of the token may not do in the counterpart what is needed."""

    @abstractmethod
    def parts(self, entity: Entity) -> Sequence[str]:
        """Return the names of the objects that an entity has here, in the order in which they are created.

        Empty: the entity has no counterpart here. It may depend on the fields of the entity and its ancestors, on the
        options of the target, on which objects of the entity are ours, and on nothing else.
        """

    def in_removal_order(self, parts: Iterable[str]) -> list[str]:
        """Sort the parts of an entity: the one that was created last comes first.

        The names come from a JSON column. MySQL and PostgreSQL do not keep the order of its keys.
        """
        return sorted(parts, key=self.part_order.index, reverse=True)

    def dependents(self, entity: Entity, fields: Collection[str]) -> Sequence[str]:
        """Return other entities whose parts change if these fields of an entity change, but none of their own."""
        return ()

    def shown_components(self, entity: Entity) -> Sequence[str]:
        """Return the html components whose HTML the object of an entity shows, in their order.

        They depend on what is recorded of the course. Only for entities that share the field ``CONTENT``.
        """
        return ()

    def content(self, entity: Entity, html: Sequence[str]) -> str | None:
        """Return the value of ``CONTENT``, made from the HTML of the components. None: nothing is shown."""
        return None

    def showing(self, operation: Mapping[str, Any]) -> Collection[str]:
        """Return other entities whose ``CONTENT`` may change with an operation of the journal.

        The operation has been carried out in what is recorded already.
        """
        return ()

    @abstractmethod
    def create(self, entity: Entity, part: str, token: str) -> Remote:
        """Create one object, in its place, with one request.

        ``token``: up to 50 letters and digits. The object gets it, where the system has room for it. RateLimited,
        Gone and an error with a ``status`` of 4xx say that nothing was created; another error says nothing about that.
        """

    @abstractmethod
    def candidates(self, entity: Entity, part: str, token: str, *, anew: bool) -> Sequence[Remote]:
        """Return the objects that may be this one and that are not ours: of the same kind, title and place.

        ``anew``: the site is read again; otherwise what was read in this turn will do. If an object has the token, only
        this object is returned. An empty token: no object has it.
        """

    @abstractmethod
    def former(self, entity: Entity, part: str, remote_id: str) -> Remote | None:
        """Return an object that was this part of the entity on an earlier link, with whatever title and place.

        None: it is not in the counterpart any more, or it is ours again. The parts before it are known already.
        """

    @abstractmethod
    def read(self, entity: Entity, base: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the fields of an entity as the site has them now, in the terms of the site: the names of ``base``.

        If two objects hold one field and one of them differs from ``base``, that value is returned. The entity may be
        one that Open edX has deleted, with the fields that the site was known to have and without a block type. Some of
        its objects may be deleted already, so that they are not known any more: their fields are left out.
        """

    def changed_at(self, entity: Entity, fields: Collection[str]) -> datetime | None:
        """Return when these fields of an entity were changed last, by the clock of the site; None: it does not say it.

        It may be the time of a later change of the same object. It must not be that of an earlier one.
        """
        return None

    def read_before_removal(self, entity: Entity, base: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the same of an entity that is deleted next. An object that was not read a moment ago
        (:mod:`.freshness`) is read by itself: what a person has written since would be deleted unseen.
        """
        return self.read(entity, base)

    @abstractmethod
    def write(self, entity: Entity, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Write fields of an entity, given in our terms. Return them as the site answered them, in its terms."""

    @abstractmethod
    def ours(self, entity: Entity, field: str, value: Any) -> Any:
        """Translate a value from the terms of the site to ours.

        If the value is what the site makes of the one that the entity has, that one is returned.
        """

    @abstractmethod
    def place(self, entity: Entity) -> None:
        """Bring an entity, and what is below it, to its place among what is ours. No request if it is there already.

        The entity may have no objects.
        """

    def places(self) -> Mapping[str, Sequence[str]]:
        """Return the children of each entity as the site has them now, of what is ours. Only for ``has_places``.

        What was read in this turn will do, with what this turn has placed since then. The keys are the course and the
        entities that have children; an entity that is there appears once.
        """
        return {}

    def is_recovered(self, part: str, remote_id: str, *, scan: bool) -> bool:
        """Tell whether an object that people had deleted is there again, and is not ours yet.

        What was read in this turn will do. Only with ``scan`` may lists be read that a look does not read anyway. Sites
        whose people cannot recover anything have no need for it.
        """
        return False

    def title_read(self) -> str | None:
        """Return the title of the counterpart, if it was read in this turn; else None. No request is made for it."""
        return None

    def foreign(self) -> int | None:
        """Return the number of objects in the counterpart that are not ours; None if they are not counted."""
        return None

    def is_hidden(self, entity: Entity) -> bool:
        """Tell whether learners must not see an entity. Then its objects are hidden and not deleted."""
        return False

    def hide(self, entity: Entity) -> None:
        """Hide the objects of an entity from learners. No request if they are hidden already."""

    @abstractmethod
    def remove(self, entity_type: str, part: str, remote_id: str) -> str:
        """Delete one object. Return an empty text, or a sentence that says why it was left there.

        An object that is gone already counts as deleted. One that holds what others made is never deleted.
        """

    def close(self) -> None:
        """Release open resources, such as connections."""
