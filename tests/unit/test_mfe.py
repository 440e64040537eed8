"""The widgets for the MFEs (``docs/mfe``) and the plugin agree. ``make mfe-test`` tests the widgets themselves."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from course_sync_plugin.host_pages.tab import TAB

ROOT = Path(__file__).resolve().parents[2]
MFE = ROOT / "docs" / "mfe"
SCHEMAS = yaml.safe_load((ROOT / "docs" / "schema" / "openapi-v1.yaml").read_text("utf-8"))
LINE = json.loads((MFE / "test" / "staff-line.json").read_text("utf-8"))


def test_the_answer_in_their_tests_is_one_that_the_api_gives():
    Draft202012Validator({"$ref": "#/components/schemas/StaffLine", **SCHEMAS}).validate(LINE)
    for name, shown in (
        ("StaffLine", LINE),
        ("StaffTarget", LINE["targets"][0]),
        ("NotTaken", LINE["targets"][1]["not_taken"][0]),
    ):
        assert shown.keys() == SCHEMAS["components"]["schemas"][name]["properties"].keys()


def test_they_ask_at_an_address_of_the_api():
    (written,) = re.findall(r"/api/course_sync/v1/\S+staff-line", (MFE / "src" / "useStaffLine.js").read_text("utf-8"))
    assert written.replace("${encodeURIComponent(courseId)}", "{course_id}") in SCHEMAS["paths"]


def test_the_widget_fills_the_tab_that_the_lms_adds():
    assert f"TAB_ID = '{TAB}'" in (MFE / "src" / "instructor-dashboard.jsx").read_text("utf-8")


def test_what_is_committed_names_no_registry_and_no_built_file():
    listed = subprocess.run(["git", "ls-files", "docs/mfe"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    names = listed.stdout.decode().split()
    assert "docs/mfe/package.json" in names
    assert [name for name in names if re.search("node_modules|/dist/|lock", name)] == []
    assert [name for name in names if re.search("registry.*//|//.*npm", (ROOT / name).read_text("utf-8"))] == []
