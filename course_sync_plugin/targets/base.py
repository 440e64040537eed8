"""Defines the contract of a target, which is a system that receives operations.

A new target is one module with a subclass of :class:`Target` and one entry point in the group
``course_sync_plugin.target``; it must pass :class:`course_sync_plugin.testing.contract.TargetContract`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import attrs

from course_sync_plugin.data import Answer, HeldCourse, Message
from course_sync_plugin.sanitize.limits import (
    BREAKER_FAILURES,
    ENVELOPE_OPERATIONS,
    PARALLEL_LANES,
    RETRY_ATTEMPTS,
    RETRY_HOURS,
)
from course_sync_plugin.targets import options
from course_sync_plugin.targets.inbound.contract import Inbound
from course_sync_plugin.targets.options import Option, number

#: The options of every kind of target. The lanes read them.
COMMON_OPTIONS: Mapping[str, Option] = MappingProxyType(
    {
        "retry_schedule": Option(
            "Seconds to wait between attempts when there is no answer; n waits are n + 1 attempts.",
            options.seconds_list,
        ),
        "retry_backoff": Option(
            "FIRST,MOST in seconds: exponential backoff with full jitter in place of the schedule.", options.backoff
        ),
        "retry_attempts": Option("How often an envelope is sent when there is no answer.", number(RETRY_ATTEMPTS)),
        "retry_hours": Option(
            "Hours after the first failed attempt from which no further attempt is planned.", number(RETRY_HOURS)
        ),
        "breaker_failures": Option(
            "Requests in a row without an answer after which the target gets one probe at a time only.",
            number(BREAKER_FAILURES),
        ),
        "parallel_lanes": Option(
            "How many courses are delivered at the same time, by all workers together.", number(PARALLEL_LANES)
        ),
        "envelope_operations": Option(
            "The most operations in one envelope (default: COURSE_SYNC_ENVELOPE_OPERATIONS).",
            number(ENVELOPE_OPERATIONS),
        ),
        "requires_context": Option(
            "Names that must be set for a course (set-context) before its operations are sent.", options.names
        ),
        "on_course_deleted": Option(
            "What happens when a whole course is deleted: 'delete' it there, or 'keep' what was sent.",
            options.one_of("delete", "keep"),
        ),
    }
)


def _texts(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(values)


@attrs.frozen
class TargetConfig:
    """One configured target. Its ``repr`` shows neither the secrets nor the URL, which may hold a token.

    ``secrets``: decrypted, the newest first. ``token``: the access token for the API of the other system, decrypted;
    empty if there is none. ``deadline_seconds``: the most seconds that one request may take in total.
    ``allowed_private_hosts``: the names and networks of ``COURSE_SYNC_ALLOWED_PRIVATE_HOSTS``.
    """

    name: str
    url: str = attrs.field(repr=False)
    secrets: tuple[str, ...] = attrs.field(repr=False, converter=_texts)
    options: Mapping[str, Any] = attrs.field(factory=dict)
    deadline_seconds: float = 30
    allowed_private_hosts: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    token: str = attrs.field(default="", repr=False)


@attrs.frozen
class TestReport:
    """The result of :meth:`Target.test`. ``status``: the HTTP status, if there was one."""

    __test__ = False  # the name begins with "Test", but pytest must not collect it

    ok: bool
    explanation: str
    status: int | None
    seconds: float


class Target(ABC):
    """A system that receives operations. Use an instance in one thread at a time."""

    #: The options of this kind of target, besides COMMON_OPTIONS.
    own_options: ClassVar[Mapping[str, Option]] = MappingProxyType({})

    #: True: the target writes to this site's own database. Then ``send`` and the move of the cursor are one
    #: transaction, so the effect of an envelope is exactly once.
    in_transaction: ClassVar[bool] = False

    #: False: nothing is signed, so ``add-target`` generates no secret. ``rotate-secret`` sets the one for notices.
    uses_secret: ClassVar[bool] = True

    #: True: a course is sent only when it is linked to a counterpart in the other system (``course_sync link``).
    needs_link: ClassVar[bool] = False

    #: True: the target signs in with an access token (``add-target --token-file``).
    uses_token: ClassVar[bool] = False

    #: Called by a target that makes several requests for one envelope, before each of them. It renews the lease of the
    #: lane. It raises Interrupted if the turn must end, and LeaseLost if another worker has taken over.
    progress: Callable[[], None] | None = None

    #: How notices of the other system are verified and read. None: the target has no address for notices.
    inbound: ClassVar[Inbound | None] = None

    #: Called by a target while it waits for the answer to an envelope, in the same thread, once at most. The lane uses
    #: the time to read what it sends next. A target need not call it.
    while_waiting: Callable[[], None] | None = None

    def __init__(self, config: TargetConfig):
        self.config = config

    @classmethod
    def known_options(cls) -> dict[str, Option]:
        """Return all options of this kind of target, by name."""
        return {**COMMON_OPTIONS, **cls.own_options}

    @classmethod
    def check(cls, config: TargetConfig) -> None:
        """Check that the target can be saved like this. Raises ConfigurationError, which says what to correct."""
        options.checked_options(cls.known_options(), config.options)

    @abstractmethod
    def send(self, message: Message) -> Answer:
        """Send one envelope once, and return which of its operations failed.

        Raises TransientError (no answer), RateLimited (wait as told), PermanentError (refused permanently),
        ConfigurationError (the operator must act), TargetGone (never send there again). After each of these errors, the
        other system may still have carried out the envelope.
        """

    def begin_transaction(self) -> None:
        """Prepare the transaction of an envelope. Only for ``in_transaction``; no statement has been executed before.

        Raises ConfigurationError if the operator must act.
        """

    @abstractmethod
    def test(self) -> TestReport:
        """Test the target without an effect on the other system, and explain the result. Raises nothing."""

    def digests(self, course_id: str) -> HeldCourse | None:
        """Return what the other system says that it holds of a course, or None if it does not offer to say it.

        Overriding this method is optional. It has no effect on the other system. Raises the errors of :meth:`send`.
        """
        return None

    def close(self) -> None:
        """Release open resources, such as connections. It may be called more than once."""


def parse_options(target_class: type[Target], assignments: Iterable[str]) -> dict[str, Any]:
    """Parse ``NAME=VALUE`` texts for a kind of target; return the values to store, by name.

    Raises ConfigurationError for an unknown name, with the name that was probably meant, and for a wrong value.
    """
    return options.parse_options(target_class.known_options(), assignments)
