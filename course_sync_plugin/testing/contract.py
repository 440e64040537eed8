# ruff: noqa: S101  tests use assert
"""The contract suite: the tests that every target must pass.

Subclass :class:`TargetContract` in a test module and write its hooks, which control the other system. pytest then runs
the tests of the suite together with yours::

    class TestMyTarget(TargetContract):
        target_class = MyTarget

        def config(self, **changes): ...
        ...

A hook that makes no sense for a target (a table of this database cannot be silent) raises ``unittest.SkipTest``.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import SkipTest

from course_sync_plugin.data import SCHEMA_VERSION, Answer, Message, Operation
from course_sync_plugin.exceptions import (
    ConfigurationError,
    CourseSyncError,
    PermanentError,
    RateLimited,
    TargetGone,
    TransientError,
)
from course_sync_plugin.structure.digest import entity_digest
from course_sync_plugin.targets.base import Target, TargetConfig, parse_options

COURSE_ID = "course-v1:Contract+Suite+1"

#: A title that must not appear in an error message.
TITLE = "title-that-stays-inside"


def envelope(*operations: Operation, **data: Any) -> Message:
    """Return a message with these operations. It is a complete run unless ``data`` says otherwise."""
    values = {
        "schema_version": SCHEMA_VERSION,
        "course_id": COURSE_ID,
        "mode": "changes",
        "published_version": "5f0000000000000000000001",
        "sequence": 1,
        "previous_sequence": 0,
        "end_of_run": True,
        "context": {},
        **data,
        "operations": [operation.as_dict() for operation in operations],
    }
    body = {"type": "course_sync.operations", "timestamp": "2026-01-01T00:00:00.000Z", "data": values}
    ids = tuple(operation.id for operation in operations)
    return Message(f"msg_{uuid.uuid4().hex}", json.dumps(body).encode(), values["course_id"], ids)


def course_creation() -> list[Operation]:
    """Return the operations that create a course with one section, in the order of the contract."""
    section_id = "block-v1:Contract+Suite+1+type@chapter+block@one"
    return [
        Operation("create", "course", COURSE_ID, "course", fields={"display_name": TITLE}),
        Operation("create", "section", section_id, "chapter", COURSE_ID, 0, None, {"display_name": TITLE}),
    ]


class TargetContract:
    """The suite. The methods before the tests are its hooks."""

    target_class: type[Target]

    def config(self, **changes: Any) -> TargetConfig:
        """Return a valid configuration of the target, with some values changed.

        ``options`` replaces all options, so add those that your target requires.
        """
        raise NotImplementedError

    def effect(self) -> Any:
        """Return the content of the other system, in a form that can be compared."""
        raise NotImplementedError

    def make_silent(self) -> None:
        """Make the other system accept messages and never answer."""
        raise NotImplementedError

    def make_unreachable(self) -> None:
        """Make the other system unreachable."""
        raise NotImplementedError

    def make_broken(self) -> None:
        """Make the other system answer that it has an internal error."""
        raise NotImplementedError

    def make_busy(self, seconds: int) -> None:
        """Make the other system ask the sender to wait for some seconds."""
        raise NotImplementedError

    def make_refuse(self) -> None:
        """Make the other system refuse every message permanently."""
        raise NotImplementedError

    def make_gone(self) -> None:
        """Make the other system answer that it is permanently gone."""
        raise NotImplementedError

    def make_garble(self) -> None:
        """Make the other system carry out messages, and report failures in a form that cannot be understood.

        Only for systems whose answers may have any form.
        """
        raise SkipTest("the other system reports in one form only")

    def make_fail(self, operation_id: str) -> None:
        """Make the other system fail this operation and carry out all others."""
        raise NotImplementedError

    @contextmanager
    def target(self, **changes: Any) -> Iterator[Target]:
        """Yield an open target, and close it afterwards."""
        target = self.target_class(self.config(**changes))
        try:
            yield target
        finally:
            target.close()

    def error_of(self, message: Message, **changes: Any) -> CourseSyncError:
        """Return the error that sending raises, and check that it shows neither secrets nor content."""
        with self.target(**changes) as target:
            try:
                answer = target.send(message)
            except CourseSyncError as error:
                self.check_discretion(error)
                return error
        raise AssertionError(f"no error, but {answer}")

    def refusal_of(self, options: dict[str, Any]) -> str:
        """Return why the target cannot be saved with these options."""
        try:
            self.target_class.check(self.config(options=options))
        except ConfigurationError as error:
            return error.message
        raise AssertionError(f"{options} were accepted")

    def check_discretion(self, error: CourseSyncError) -> None:
        """Check that an error shows neither secrets nor content."""
        shown = f"{error} {error.context}"
        assert error.message.strip(), "an error must have a message"
        assert TITLE not in shown, "an error must not show what was sent"
        assert not any(secret in shown for secret in self.config().secrets), "an error must not show a secret"

    # Configuration

    def test_a_good_configuration_passes(self) -> None:
        self.target_class.check(self.config())

    def test_the_configuration_does_not_show_its_secrets(self) -> None:
        config = self.config()
        assert not any(secret in repr(config) for secret in config.secrets)

    def test_every_option_is_described(self) -> None:
        known = self.target_class.known_options()
        assert {"retry_schedule", "requires_context", "on_course_deleted"} <= known.keys()
        assert all(option.description.endswith(".") for option in known.values())

    def test_options_are_read_into_json(self) -> None:
        options = parse_options(self.target_class, ["retry_schedule=1,1,5", "requires_context=level, class"])
        assert json.loads(json.dumps(options)) == {"retry_schedule": [1, 1, 5], "requires_context": ["level", "class"]}
        self.target_class.check(self.config(options=options))

    def test_an_unknown_option_is_refused_with_the_right_name(self) -> None:
        assert "'retry_schedule'" in self.refusal_of({"retry_shedule": [1]})

    def test_a_wrong_value_of_an_option_is_refused(self) -> None:
        assert "'retry_schedule'" in self.refusal_of({"retry_schedule": "soon"})

    # Sending

    def test_what_is_sent_has_an_effect(self) -> None:
        before = self.effect()
        with self.target() as target:
            assert target.send(envelope(*course_creation())) == Answer()
        assert self.effect() != before

    def test_the_same_message_again_has_no_further_effect(self) -> None:
        message = envelope(*course_creation())
        with self.target() as target:
            target.send(message)
            once = self.effect()
            assert target.send(message) == Answer()
        assert self.effect() == once

    def test_an_envelope_without_operations_is_accepted(self) -> None:
        with self.target() as target:
            assert target.send(envelope()) == Answer()

    def test_one_operation_fails_alone(self) -> None:
        course, section = course_creation()
        self.make_fail(section.id)
        with self.target() as target:
            answer = target.send(envelope(course, section))
        assert [failed.operation_id for failed in answer.failed] == [section.id]
        assert answer.failed[0].reason

    def test_a_report_that_cannot_be_understood_is_warned_of(self) -> None:
        self.make_garble()
        with self.target() as target:
            answer = target.send(envelope(*course_creation()))
            assert target.send(envelope()).warning == "", "a warning belongs to one answer"
        assert answer.failed == ()
        assert answer.warning, "it must not count as a success without a warning"
        assert TITLE not in answer.warning, "a warning must not show content"

    def test_silence_is_no_answer_and_ends_at_the_deadline(self) -> None:
        self.make_silent()
        began = time.monotonic()
        error = self.error_of(envelope(*course_creation()), deadline_seconds=0.5)
        assert type(error) is TransientError
        assert time.monotonic() - began < 3

    def test_an_unreachable_system_gives_no_answer(self) -> None:
        self.make_unreachable()
        assert type(self.error_of(envelope(*course_creation()))) is TransientError

    def test_an_internal_error_is_no_answer(self) -> None:
        self.make_broken()
        assert type(self.error_of(envelope(*course_creation()))) is TransientError

    def test_a_busy_system_says_how_long_to_wait(self) -> None:
        self.make_busy(7)
        error = self.error_of(envelope(*course_creation()))
        assert isinstance(error, RateLimited)
        assert error.retry_after == 7

    def test_a_final_refusal_is_permanent(self) -> None:
        self.make_refuse()
        assert type(self.error_of(envelope(*course_creation()))) is PermanentError

    def test_a_system_that_is_gone_raises_target_gone(self) -> None:
        self.make_gone()
        assert type(self.error_of(envelope(*course_creation()))) is TargetGone

    def test_closing_twice_is_allowed(self) -> None:
        with self.target() as target:
            target.close()

    # Digests, which a target may leave out

    def test_digests_are_those_of_what_was_sent(self) -> None:
        course, section = course_creation()
        with self.target() as target:
            target.send(envelope(course, section))
            held = target.digests(COURSE_ID)
        if held is None:
            raise SkipTest("the other system does not offer digests")
        assert {key: one.parent_id for key, one in held.entities.items()} == {
            COURSE_ID: None,
            section.entity_id: COURSE_ID,
        }
        assert {key: one.digest for key, one in held.entities.items()} == {
            one.entity_id: entity_digest(one.entity_type, one.block_type, one.fields) for one in (course, section)
        }
        assert held.sequence == 1

    # Testing the target

    def test_a_test_message_has_no_effect(self) -> None:
        before = self.effect()
        with self.target() as target:
            report = target.test()
        assert report.ok, report.explanation
        assert report.explanation
        assert self.effect() == before

    def test_a_test_message_explains_a_refusal(self) -> None:
        self.make_refuse()
        with self.target() as target:
            report = target.test()
        assert not report.ok
        assert report.explanation
