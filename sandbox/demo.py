"""Runs the demo of ``make demo``: the whole way of a change on one machine, without services.

It publishes a course and then an edited revision, shows the recorded operations, delivers them to a receiver over HTTP,
and compares the receiver's replica with the course.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from course_sync_plugin.sanitize.text import cleaned

SAMPLE = Path(__file__).parent / "sample"
TARGET = "demo-receiver"


def main(arguments: list[str] | None = None) -> int:
    """Run the demo. Return 0 if the receiver's replica equals the course at the end, else 1."""
    options = _options(arguments)
    sys.stdout.reconfigure(errors="replace")  # for titles on a terminal without Unicode
    with tempfile.TemporaryDirectory(prefix="course-sync-demo-") as folder:
        set_up(folder)
        from course_sync_plugin.exceptions import CourseSyncError
        from course_sync_plugin.testing.receiver import Receiver

        try:
            with Receiver() as receiver:
                return 0 if Demo(receiver).run(options.old, options.new) else 1
        except CourseSyncError as error:
            print(f"The demo stopped: {error.message}", file=sys.stderr)
            return 1


class Demo:
    """Takes a course from a publish to the receiver."""

    def __init__(self, receiver):
        self.receiver = receiver

    def run(self, old: str, new: str) -> bool:
        """Publish both revisions and deliver each. Tell whether the receiver's replica equals the course at the end."""
        from course_sync_plugin import api
        from course_sync_plugin.diff.table import as_table
        from course_sync_plugin.management.subcommands.counts import entities
        from course_sync_plugin.structure.olx.reader import read_olx
        from course_sync_plugin.structure.retain import retain_unreadable

        _say(f"A receiver listens at {self.receiver.url} and is added as a target.")
        api.add_target(TARGET, url=self.receiver.url, secret=self.receiver.secret)
        course_key = read_olx(new).course_id

        before, result = self._publish(old, course_key)
        print(f"Recorded for the first time: {entities(len(result.operations))}.")
        self._deliver()

        after, result = self._publish(new, course_key)
        if result.incomplete:
            _say("A part could not be read. The entities known there stay, here and at the receiver.")
            after = retain_unreadable(before, after)
        print(f"\n{as_table(result.operations, before, after)}\n")
        self._deliver()
        return self._compare(after)

    def _publish(self, path: str, course_key: str):
        """Publish a revision and sync it; return the published structure and the result."""
        from course_sync_plugin import api
        from course_sync_plugin.management.subcommands.counts import entities
        from sandbox.published.publishing import publish
        from sandbox.published.source import PublishedSource

        publish(path, course_key)
        _say(f"{path} is published as {course_key}.")
        result = api.sync_course(course_key)
        if result.outcome is api.Outcome.HELD:
            deletes = entities(sum(operation.operation == "delete" for operation in result.operations))
            print(f"The run would delete {deletes}, so it is held. The demo approves it as an operator would.")
            (approved,) = api.approve([plan.token for plan in api.held_plans(course_key)])
            result = approved.result
        for warning in result.warnings:
            print(cleaned(f"  note: {warning}"))
        return PublishedSource().read(course_key), result

    def _deliver(self) -> None:
        from course_sync_plugin import api
        from course_sync_plugin.management.subcommands.counts import envelopes, operations

        done = api.deliver_until_empty()
        _say(f"Delivered: {operations(done.operations)} in {envelopes(done.envelopes)}, signed.")

    def _compare(self, structure) -> bool:
        from course_sync_plugin.management.subcommands.counts import entities

        differences = [*self.receiver.difference(structure), *self.receiver.violations]
        for line in differences:
            print(cleaned(f"  {line}"))
        if differences:
            print("NOT in step: the receiver's replica differs from the course.")
        else:
            print(f"In step: the receiver's replica equals the course ({entities(len(structure))}).")
        return not differences


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("old", nargs="?", help="an OLX export: .tar.gz or folder (default: the sample course)")
    parser.add_argument("new", nargs="?", help="its edited revision")
    options = parser.parse_args(arguments)
    if bool(options.old) != bool(options.new):
        parser.error("name two exports, or none")
    options.old, options.new = options.old or str(SAMPLE / "old"), options.new or str(SAMPLE / "new")
    return options


def set_up(folder: str, **environment: str) -> None:
    """Start the sandbox on a temporary database, with settings in ``environment``.

    Variables of the shell that would change its settings are removed.
    """
    for name in [name for name in os.environ if name.startswith("COURSE_SYNC_")]:
        del os.environ[name]
    for name in ("DATABASE_URL", "CELERY_BROKER_URL"):
        os.environ.pop(name, None)
    os.environ.update(
        DJANGO_SETTINGS_MODULE="sandbox.settings",
        SANDBOX_VAR=folder,
        COURSE_SYNC_ALLOWED_PRIVATE_HOSTS="127.0.0.1",
        **environment,
    )
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def _say(text: str) -> None:
    print(cleaned(f"• {text}"))


if __name__ == "__main__":
    sys.exit(main())
