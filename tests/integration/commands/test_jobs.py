"""``jobs`` and ``stop-job``, and the process ``run``, which carries jobs on."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from django.core.management import CommandError

from course_sync_plugin import api
from course_sync_plugin.models import Job, OperatorAction
from tests.conftest import ROOT, SAMPLE
from tests.integration.commands.test_commands import run, value
from tests.integration.commands.test_run import COURSE as FAR
from tests.integration.commands.test_run import site  # noqa: F401 (a fixture)
from tests.integration.courses import COURSE

pytestmark = pytest.mark.django_db


def a_job() -> Job:
    with api.acting("somebody", "as agreed"):
        return api.start_job("backfill", [(COURSE, api.gap_token(COURSE))], org="Org")


def test_without_jobs():
    assert run("jobs")[1] == "There is no job.\n"
    assert value("jobs") == []


def test_jobs_are_listed(shelf):
    job = a_job()
    status, out, _err = run("jobs")
    assert status == 0
    assert f"{job.pk}  waiting  backfill  0 of 1 item: 0 done, 0 had changed, 0 failed" in out
    assert "somebody Org as agreed" in out
    api.run_job(job.pk)
    (shown,) = value("jobs")
    assert {name: shown[name] for name in ("id", "state", "org", "total", "position", "failed")} == {
        "id": job.pk, "state": "finished", "org": "Org", "total": 1, "position": 1, "failed": 1,
    }  # fmt: skip
    assert shown["ended_at"].endswith("Z")
    assert value("jobs", "--going") == []


def test_a_job_is_stopped_with_a_note():
    job = a_job()
    status, out, _err = run("stop-job", str(job.pk), "--note", "too early")
    assert (status, out) == (0, f"Job {job.pk} stops before its next item.\n")
    assert Job.objects.get().state == "stopped"
    assert OperatorAction.objects.get(action="stop-job").note == "too early"
    status, _out, err = run("stop-job", str(job.pk))
    assert status == 1
    assert "cannot be stopped: stopped" in err


def test_what_is_not_there():
    assert run("stop-job", "99")[0] == 1
    for job_id in ("0", "x", str(10**30)):
        with pytest.raises(CommandError, match="is not a whole number"):
            run("stop-job", job_id)


def test_run_carries_them_on(site):  # noqa: F811
    """The process does it, in a thread, and gives nothing back half done."""
    site.publish(SAMPLE / "old")
    code = (
        "import sys, django; django.setup(); from course_sync_plugin import api, models;"
        "models.Marker.objects.all().delete();"  # else the process syncs the course beside the job
        "api.start_job('backfill', [(sys.argv[1], api.gap_token(sys.argv[1]))])"
    )
    environment = {**site.environment, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, FAR], cwd=ROOT, env=environment, check=True, timeout=60)
    site("course_sync", "run", "--seconds", "5")
    (job,) = json.loads(site("course_sync", "jobs", "--json"))
    assert (job["state"], job["position"], job["failed"], job["errors"]) == ("finished", 1, 0, [])
