"""A package of another author adds an entity type with a table of its own. It edits nothing of the plugin."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from course_sync_plugin.registry import Registry

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ROOT / "tests" / "packages"
PACKAGE = PACKAGES / "assessment"


def code_lines() -> list[str]:
    """Return the lines of the package that are code: no blank lines, comments or docstrings."""
    texts = [path.read_text("utf-8") for path in PACKAGE.glob("*.py")]
    lines = [line.strip() for text in texts for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith(("#", '"""'))]


def test_it_has_fewer_than_50_lines_of_code():
    points = (PACKAGES / "assessment-1.0.dist-info" / "entry_points.txt").read_text("utf-8").split()
    assert 20 < len(code_lines()) + len(points) < 50


def test_it_is_installed_here_only_for_the_test(monkeypatch):
    assert "assessment" not in Registry("course_sync_plugin.entity_type").names()
    monkeypatch.syspath_prepend(str(PACKAGES))
    assert "assessment" in Registry("course_sync_plugin.entity_type").names()
    assert "assessment" in Registry("course_sync_plugin.local_strategy").names()


def test_problems_become_assessments(tmp_path):
    """Created, changed, moved and deleted, on a real site in a process of its own."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(PACKAGES)]),
        "DJANGO_SETTINGS_MODULE": "site_with_assessment",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'site.sqlite3'}",
        "SANDBOX_VAR": str(tmp_path),
        "CELERY_BROKER_URL": "",
    }
    done = subprocess.run(
        [sys.executable, str(PACKAGES / "assessment_site.py")],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["steps"][0] == {"rows": [["A", 1.0, 0], ["B", 2.0, 0]], "components": 1, "entities": 7}
    assert sorted(row[:2] for row in said["steps"][1]["rows"]) == [["A", 5.0], ["B", 2.0]]
    assert sum(row[2] for row in said["steps"][1]["rows"]) == 1
    assert [row[0] for row in said["steps"][2]["rows"]] == ["B, renamed"]
    assert (said["steps"][2]["components"], said["steps"][2]["entities"], said["problems"]) == (1, 6, 0)
    assert "Strategies: assessment, component, course, section, subsection, unit." in said["test"]
