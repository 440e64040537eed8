"""The console script ``course-sync``: it compares two exports of a course and needs no Django host."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from course_sync_plugin import __version__
from course_sync_plugin.data import Operation, Structure
from course_sync_plugin.diff.engine import diff
from course_sync_plugin.diff.table import as_table
from course_sync_plugin.exceptions import CourseSyncError
from course_sync_plugin.sanitize.text import as_json, cleaned
from course_sync_plugin.structure.olx.archive import open_export
from course_sync_plugin.structure.olx.reader import own_course_id, read_files, read_olx
from course_sync_plugin.structure.retain import retain_unreadable

_EXAMPLE = """example:
  course-sync diff course.2024.tar.gz course.2025.tar.gz
  course-sync diff --format json old/ new/ > operations.json

exit status: 0 the exports were compared, whether they differ or not; 1 they could not be compared; 2 wrong usage."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``course-sync``; return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        _diff(options)
    except CourseSyncError as error:
        _note(f"course-sync: {error.message}")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    style = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        "course-sync", description="Shows what changed in a course.", epilog=_EXAMPLE, formatter_class=style
    )
    parser.add_argument("--version", action="version", version=f"course-sync {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    command = commands.add_parser(
        "diff",
        help="show the operations that turn one export of a course into another",
        description="Show the operations that turn OLD into NEW. Both count as revisions of the course run of NEW.",
        epilog=_EXAMPLE,
        formatter_class=style,
    )
    command.add_argument("old", metavar="OLD", help="OLX export: a .tar.gz from Studio, or a folder")
    command.add_argument("new", metavar="NEW", help="the later export")
    command.add_argument("--format", choices=("text", "json"), default="text", help="text (the default) prints a table")
    return parser


def _diff(options: argparse.Namespace) -> None:
    new = read_olx(options.new)
    with open_export(options.old) as files:
        old = read_files(files, new.course_id)
        old_id = own_course_id(files)
    if old_id and old_id != new.course_id:
        same = "they are compared as one course"
        _note(f"{options.old} is {old_id}, {options.new} is {new.course_id}: {same}.")
    for path, structure in ((options.old, old), (options.new, new)):
        for warning in structure.warnings:
            _note(f"{path}: {warning}")
    new = retain_unreadable(old, new)
    print(_written(diff(old, new), old, new, options.format))


def _written(operations: Sequence[Operation], old: Structure, new: Structure, form: str) -> str:
    if form == "text":
        return as_table(operations, old, new)
    return as_json([operation.as_dict() for operation in operations])


def _note(text: str) -> None:
    """Write a message to standard error. It is cleaned: other people wrote the paths, names and titles in it."""
    print(cleaned(text), file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
