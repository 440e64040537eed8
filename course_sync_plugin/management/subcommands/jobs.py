"""The subcommands ``jobs`` and ``stop-job``: the background jobs of operators."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from course_sync_plugin import api
from course_sync_plugin.management.subcommands.base import DONE, FAILED, Output, Subcommand
from course_sync_plugin.models import GOING, Job
from course_sync_plugin.sanitize.limits import ROW_ID

#: The most jobs that are listed.
SHOWN = 50


def _jobs_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--going", action="store_true", help=_("only those that wait or run"))


def _jobs(options: dict[str, Any], out: Output) -> int:
    rows = api.all_jobs().order_by("-pk")
    jobs = list((rows.filter(state__in=GOING) if options["going"] else rows)[:SHOWN])
    for job in jobs:
        _show(job, out)
    if not jobs:
        out.line(_("There is no job."))
    out.value([api.job_as_dict(job) for job in jobs])
    return DONE


def _show(job: Job, out: Output) -> None:
    text = ngettext(
        "{id}  {state}  {action}  {position} of {total} item: {done} done, {skipped} had changed, {failed} failed",
        "{id}  {state}  {action}  {position} of {total} items: {done} done, {skipped} had changed, {failed} failed",
        job.total,
    )
    named = ("id", "state", "action", "position", "total", "done", "skipped", "failed")
    out.line(text.format(**{name: getattr(job, name) for name in named}))
    limits = " ".join(filter(None, (job.target_name, job.course_key or job.org)))
    out.line(f"    {job.created_at:%Y-%m-%d %H:%M:%S} {job.operator} {limits} {job.note}".rstrip())
    for error in job.errors:
        out.line(f"    {error}")


def _stop_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("id", type=ROW_ID.argument, metavar="ID", help=_("the number that 'jobs' shows"))


def _stop(options: dict[str, Any], out: Output) -> int:
    stopped = api.stop_job(api.stop_plan(options["id"]))
    text = _("Job {id} stops before its next item.") if stopped else _("Job {id} has ended just before.")
    out.line(text.format(id=options["id"]))
    out.value({"id": options["id"], "stopped": stopped})
    return DONE if stopped else FAILED


JOBS = Subcommand(
    "jobs", gettext_lazy("list the background jobs: what is carried out item by item, and how far it is"),
    "jobs --going", _jobs, _jobs_arguments, has_json=True,
)  # fmt: skip
STOP_JOB = Subcommand(
    "stop-job", gettext_lazy("stop a background job before its next item"), "stop-job 12", _stop, _stop_arguments,
    has_json=True, has_note=True,
)  # fmt: skip
