"""Prints the report of a campaign."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.campaign import Report

#: The most lines of one finding.
SHOWN = 5


def table(report: Report) -> str:
    """Return the report as lines: what was done, then what was found."""
    return "\n".join([*_counted(report), "", *_found(report), "", _verdict(report)])


def _counted(report: Report) -> Iterator[str]:
    for what, count in sorted(report.counts.items()):
        yield f"{count:7}  {what}"


def _found(report: Report) -> Iterator[str]:
    for what, lines in report.findings.items():
        yield f"{len(lines):7}  {what}"
        yield from (f"           {line}" for line in lines[:SHOWN])


def _verdict(report: Report) -> str:
    missed = f"; not reached: {', '.join(report.missed)}" if report.missed else ""
    return f"{'passed' if report.passed else 'FAILED'} after {report.seconds:.0f} s{missed}"
