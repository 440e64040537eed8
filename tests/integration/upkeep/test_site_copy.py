"""A document of ``export`` brings the targets of one site to another; a second import finds no difference."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command

from course_sync_plugin import api
from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.models import Lane, NotificationChannel, NotificationRule, Target
from tests.integration.courses import COURSE, a_course, block, exit_status

pytestmark = pytest.mark.django_db(transaction=True)

OTHER = "course-v1:Org+Other+Run"
UNIT = block("vertical", "unit-0-1")
URL = "https://93.184.216.34/hook"


@pytest.fixture
def site(shelf):
    """Two recorded courses, and a target with one of everything."""
    for course in (COURSE, OTHER):
        shelf.publish(a_course("1", course=course))
        api.sync_course(course)
    api.add_target("crm", url=URL, orgs=["Org"], entity_types=["unit", "section"], options=["retry_schedule=1,5"])
    api.set_context(COURSE, "crm", ["level=A2"])
    api.exclude("crm", UNIT)
    api.pause("crm")
    api.pause("crm", OTHER)


def copied() -> dict:
    """Return the exported document, as a file gives it back."""
    return json.loads(json.dumps(api.export_site()))


def apply(document: dict) -> api.Imported:
    return api.import_shown(document, api.import_plan(document).token)


def test_the_document(site, settings):
    settings.COURSE_SYNC_QUIET_SECONDS = 9
    settings.COURSE_SYNC_SECRET_KEYS = [*settings.COURSE_SYNC_SECRET_KEYS]
    settings.COURSE_SYNC_METRICS_TOKEN = "a-token-of-the-monitoring"
    document = copied()
    assert document["targets"]["crm"] == {
        "backend": "webhook",
        "url": URL,
        "orgs": ["Org"],
        "courses": [],
        "entity_types": ["section", "unit"],
        "options": {"retry_schedule": [1, 5]},
        "paused": True,
        "paused_courses": [OTHER],
        "contexts": {COURSE: {"level": "A2"}},
        "excluded": [UNIT],
    }
    assert document["settings"]["COURSE_SYNC_QUIET_SECONDS"] == {"value": 9}
    assert "COURSE_SYNC_SECRET_KEYS" not in document["settings"]
    written = json.dumps(document)
    assert Target.objects.get().secret not in written
    assert "whsec_" not in written
    assert "a-token-of-the-monitoring" not in written


def test_the_site_itself_does_not_differ(site):
    assert api.import_plan(copied()) == api.ImportPlan((), (), "")


def test_a_new_target_gets_everything_and_a_secret_of_its_own(site):
    document = copied()
    api.remove_target("crm")
    imported = apply(document)
    assert imported.changed == ("crm",)
    assert imported.secrets["crm"].startswith("whsec_")
    assert (api.import_plan(document), copied()) == (api.ImportPlan((), (), ""), document)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("url", "https://93.184.216.34/other"),
        ("options", {"retry_schedule": [7], "on_course_deleted": "keep"}),
        ("orgs", []),
        ("courses", [COURSE]),
        ("contexts", {OTHER: {"level": "B1"}}),
        ("excluded", []),
        ("excluded", [UNIT, block("vertical", "unit-1-1")]),
        ("paused", False),
        ("paused_courses", [COURSE]),
    ],
)
def test_each_field_is_changed(site, field, value):
    document = copied()
    document["targets"]["crm"][field] = value
    (difference,) = api.import_plan(document).differences
    assert (difference.name, difference.kind, list(difference.fields)) == ("crm", "change", [field])
    assert difference.fields[field][1] == value
    assert apply(document).secrets == {}
    assert (api.import_plan(document).differences, copied()) == ((), document)


def test_lanes_follow_the_subscriptions(site):
    document = copied()
    document["targets"]["crm"].update(orgs=[], courses=[COURSE], paused_courses=[])
    apply(document)
    assert list(Lane.objects.values_list("course__key", flat=True)) == [COURSE]
    document["targets"]["crm"].update(courses=[])
    apply(document)
    assert sorted(Lane.objects.values_list("course__key", flat=True)) == [COURSE, OTHER]


def test_what_is_only_here_stays(site):
    document = copied()
    del document["targets"]["crm"]
    plan = api.import_plan(document)
    assert ([one.kind for one in plan.differences], plan.token) == (["only here"], "")


def test_a_setting_is_only_advice(site, settings):
    document = copied()
    settings.COURSE_SYNC_QUIET_SECONDS = 9
    plan = api.import_plan(document)
    assert [(one.name, one.kind, dict(one.fields)) for one in plan.differences] == [
        ("COURSE_SYNC_QUIET_SECONDS", "advice", {"value": (9, 0)})
    ]
    assert plan.token == ""


def test_notification_rules_travel_without_the_addresses_of_their_channels(site):
    mail = NotificationChannel.objects.create(name="ops", kind="mail", address="", enabled=True)
    target = Target.objects.get(name="crm")
    NotificationRule.objects.create(event="breaker_open", channel=mail, target=target, cooldown_seconds=600)
    document = copied()
    NotificationRule.objects.all().delete()
    mail.delete()
    (difference,) = [one for one in api.import_plan(document).differences if one.section == "notification_rules"]
    assert (difference.name, difference.kind) == ("breaker_open, crm, ops", "add")
    apply(document)
    rule = NotificationRule.objects.select_related("channel", "target").get()
    assert (rule.target.name, rule.channel.name, rule.channel.enabled) == ("crm", "ops", False)
    assert not [one for one in api.import_plan(document).differences if one.kind != "advice"]


def test_what_this_site_does_not_have_is_left_out(site):
    document = copied()
    document["targets"]["crm"]["excluded"].append(UNIT.replace("Course", "Elsewhere"))
    document["targets"]["crm"]["paused_courses"].append("course-v1:Org+Elsewhere+Run")
    plan = api.import_plan(document)
    assert (plan.differences, len(plan.notes)) == ((), 2)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"url": "https://127.0.0.1/"}, "targets zoo: .*127.0.0.1"),
        ({"url": URL, "options": {"retry_shedule": [1]}}, "targets zoo: .*retry_schedule"),
        ({"url": URL, "backend": "webhok"}, "targets zoo: .*webhook"),
        ({"url": URL, "entity_types": ["units"]}, "targets zoo: .*unit"),
        ({"url": URL, "courses": ["Org"]}, "targets zoo: .*course key"),
        ({"url": 3}, "Target zoo: 'url'"),
        ({"url": URL, "secret": "x"}, "Target zoo: 'secret'"),
    ],
)
def test_an_error_names_the_target_and_nothing_is_written(site, values, text):
    document = copied()
    document["targets"]["crm"]["paused"] = False
    document["targets"]["zoo"] = values
    before = copied()
    with pytest.raises(ConfigurationError, match=text):
        apply(document)
    assert copied() == before


@pytest.mark.parametrize("field", ["backend", "entity_types"])
def test_what_cannot_be_changed(site, field):
    document = copied()
    document["targets"]["crm"][field] = ["unit"] if field == "entity_types" else "other"
    with pytest.raises(ConfigurationError, match=r"targets crm: .*remove-target"):
        apply(document)


@pytest.mark.parametrize("document", [[], {}, {"format_version": 2}, {"format_version": 1, "targets": {"crm": 1}}])
def test_another_document_is_refused(site, document):
    with pytest.raises(ConfigurationError):
        api.import_plan(document)


def test_the_commands(site, tmp_path, capsys):
    path = tmp_path / "prod.json"
    assert exit_status("export", str(path)) == 0
    assert path.stat().st_mode & 0o077 == 0
    call_command("course_sync", "export")
    assert capsys.readouterr().out == path.read_text("utf-8")
    assert exit_status("import", str(path), "--plan") == 0
    assert capsys.readouterr().out == "No difference.\n"
    api.resume("crm")
    assert exit_status("import", str(path), "--json") == 0
    token = json.loads(capsys.readouterr().out)["token"]
    assert exit_status("import", str(path), "--yes", "--token", token) == 0
    assert "crm is now as in the file." in capsys.readouterr().out
    assert exit_status("import", str(path), "--yes", "--token", token) == 1
    assert exit_status("import", str(path), "--plan", "--yes") == 2
    assert exit_status("import", str(tmp_path / "none"), "--plan") == 1
    assert "No such file" in capsys.readouterr().err


def test_a_plan_shows_only_the_host_of_a_url(site, tmp_path, capsys):
    document = copied()
    document["targets"]["crm"]["url"] = "https://93.184.216.34/token-of-somebody"
    (tmp_path / "prod.json").write_text(json.dumps(document), "utf-8")
    for options in ([], ["--json"]):
        assert exit_status("import", str(tmp_path / "prod.json"), *options) == 0
        shown = capsys.readouterr().out
        assert ("93.184.216.34/…" in shown, "token-of-somebody" in shown) == (True, False)


def test_a_url_that_cannot_be_parsed_is_shown_without_its_host(site):
    document = copied()
    document["targets"]["crm"]["url"] = "http://[x"
    (difference,) = [one for one in api.import_plan(document).differences if one.section == "targets"]
    assert difference.shown["url"] == ("93.184.216.34/…", "/…")


@pytest.mark.parametrize("values", ["x", {"level": 2}, ["level"]])
def test_a_context_that_is_none_is_refused(site, values):
    document = copied()
    document["targets"]["crm"]["contexts"] = {COURSE: values}
    with pytest.raises(ConfigurationError, match="Target crm: 'contexts' is not valid"):
        api.import_plan(document)


def test_values_of_a_context_that_the_document_lacks_are_removed(site):
    document = copied()
    api.set_context(COURSE, "crm", ["class=3", "level=B1"])
    apply(document)
    assert api.get_context(COURSE, "crm").values == {"level": "A2"}
