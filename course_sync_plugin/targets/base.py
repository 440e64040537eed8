"""What a target is: the contract of everything that operations can be sent to.

A new target is one module with a subclass of :class:`Target` and one entry point in the group
``course_sync_plugin.target``; it must pass :class:`course_sync_plugin.testing.contract.TargetContract`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import attrs

from course_sync_plugin.data import Answer, Message
from course_sync_plugin.targets import options
from course_sync_plugin.targets.options import Option

#: What the lanes read, whatever the target.
COMMON_OPTIONS: Mapping[str, Option] = MappingProxyType(
    {
        "retry_schedule": Option(
            "Seconds to wait between attempts when there is no answer; n waits are n + 1 attempts.",
            options.seconds_list,
        ),
        "requires_context": Option(
            "Names that must be set for a course (set-context) before anything of it is sent.", options.names
        ),
        "on_course_deleted": Option(
            "What happens when a whole course is deleted: 'delete' it there, or 'keep' what was sent.",
            options.one_of("delete", "keep"),
        ),
    }
)


@attrs.frozen
class TargetConfig:
    """One configured target. It does not show its secrets, nor the URL, which may hold a token.

    ``secrets`` are decrypted, the newest first; ``deadline_seconds`` is what one request may take at most, with
    everything. ``allowed_private_hosts`` are the names and networks of ``COURSE_SYNC_ALLOWED_PRIVATE_HOSTS``.
    """

    name: str
    url: str = attrs.field(repr=False)
    secrets: tuple[str, ...] = attrs.field(repr=False, converter=tuple)
    options: Mapping[str, Any] = attrs.field(factory=dict)
    deadline_seconds: float = 30
    allowed_private_hosts: tuple[str, ...] = attrs.field(default=(), converter=tuple)


@attrs.frozen
class TestReport:
    """What came back when a target was tried out. ``status`` is that of HTTP, where there was one."""

    __test__ = False  # no test of pytest, whatever its name

    ok: bool
    explanation: str
    status: int | None
    seconds: float


class Target(ABC):
    """A system that receives operations. An instance serves one thread at a time."""

    #: Options of this kind of target; those that all have are added.
    own_options: ClassVar[Mapping[str, Option]] = MappingProxyType({})

    def __init__(self, config: TargetConfig):
        self.config = config

    @classmethod
    def known_options(cls) -> dict[str, Option]:
        """Return the options by their names."""
        return {**COMMON_OPTIONS, **cls.own_options}

    @classmethod
    def check(cls, config: TargetConfig) -> None:
        """Raise ConfigurationError, which says what to correct, unless the target can be saved like this."""
        options.checked_options(cls.known_options(), config.options)

    @abstractmethod
    def send(self, message: Message) -> Answer:
        """Send one envelope, once, and return what failed of it.

        Raises TransientError (no answer), RateLimited (wait as told), PermanentError (refused for good),
        ConfigurationError (the operator must act), TargetGone (never send there again). The other side may have
        carried it out in every one of these cases.
        """

    @abstractmethod
    def test(self) -> TestReport:
        """Try the target out, without any effect there, and explain what came back. Raises nothing."""

    def close(self) -> None:
        """Give back what is held open. More than once is allowed."""


def parse_options(target_class: type[Target], assignments: Iterable[str]) -> dict[str, Any]:
    """Read ``NAME=VALUE`` texts for a kind of target into what is stored.

    Raises ConfigurationError for what it does not know, with the name that was probably meant, and for a wrong value.
    """
    return options.parse_options(target_class.known_options(), assignments)
