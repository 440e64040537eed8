"""``check --remote`` finds what differs between the ledger, a linked system and the course, and its repair mends it."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from course_sync_plugin import api
from course_sync_plugin.exceptions import ConfigurationError, TransientError
from course_sync_plugin.models import (
    Conflict,
    DatabaseNow,
    Envelope,
    Exclusion,
    Intent,
    Lane,
    LedgerReplica,
    Link,
    OperatorAction,
    Proposal,
    Target,
    digest_of,
    leases,
)
from tests.integration.courses import COURSE, block, exit_status
from tests.integration.one_lane import publish, states
from tests.integration.replication.memory_site import MemorySite, Thing
from tests.integration.replication.studio import Studio

pytestmark = pytest.mark.django_db

REQUEST = api.CheckRequest(remote="crm")
SECTION, SUBSECTION, UNIT = (
    block("chapter", "section-0"), block("sequential", "subsection-0"), block("vertical", "unit-0-0"),
)  # fmt: skip


@pytest.fixture
def filled(linked, far) -> Link:
    api.deliver_until_empty()
    assert states() == []
    far.calls.clear()
    return linked


def found() -> list[tuple[str, str]]:
    """Return the kind and the last part of the entity's id of each finding."""
    return [(one.kind, one.entity_id.rpartition("@")[2]) for one in api.check(REQUEST).findings]


def repair() -> None:
    """Carry out what is shown, and deliver it."""
    results = api.repair_shown(REQUEST, api.check(REQUEST).tokens)
    assert [(one.error, one.of - one.repaired) for one in results] == [("", 0)] * len(results)
    api.deliver_until_empty()
    assert states() == []


def row_of(entity_id: str) -> LedgerReplica:
    return LedgerReplica.objects.get(entity_id=entity_id)


def change_row(entity_id: str, **columns) -> None:
    LedgerReplica.objects.filter(entity_id=entity_id).update(**columns)


def delete_there(far, entity_id: str) -> None:
    """A person deletes the objects of an entity."""
    for number in row_of(entity_id).objects_there.values():
        far.things.pop(number)
        far.order.remove(number)


def thing_of(far, entity_id: str, part: str) -> Thing:
    return far.things[row_of(entity_id).objects_there[part]]


def check_in_step(far) -> None:
    """Check that nothing is found any more, and that everything is there once."""
    assert found() == []
    assert far.titles("module") == ["section-0", "section-1"]
    assert far.titles("header") == ["subsection-0", "subsection-1"]
    units = [f"unit-{section}-{unit}" for section in range(2) for unit in range(3)]
    assert far.titles("item") == units
    assert sorted(far.titles("page")) == units


def test_a_course_in_step(filled, far):
    before = list(LedgerReplica.objects.values())
    report = api.check(REQUEST)
    assert (report.findings, report.notes) == ([], ())
    assert far.calls == []
    assert list(LedgerReplica.objects.values()) == before
    assert Lane.objects.get().lease_token == ""


def test_foreign_objects_are_counted(filled, far):
    far.add(Thing("module", "Foreign"))
    far.add(Thing("module", "Foreign"))
    report = api.check(REQUEST)
    assert report.findings == []
    assert report.notes == (f"{COURSE}: 2 objects there are not ours; they are left as they are",)


@pytest.mark.parametrize(
    ("entity_id", "calls"),
    [(UNIT, ["create page", "create item"]), (SECTION, ["create module"]), (SUBSECTION, ["create header"])],
)
def test_a_lost_row_and_lost_objects_are_brought_again(filled, far, entity_id, calls):
    delete_there(far, entity_id)
    change_row(entity_id, objects_there={})
    LedgerReplica.objects.filter(entity_id=entity_id).delete()
    (finding,) = [one for one in api.check(REQUEST).findings if one.entity_id == entity_id]
    assert (finding.kind, finding.severity, finding.made_by) == ("remote-missing", "error", "here")
    api.repair_shown(REQUEST, api.check(REQUEST).tokens)
    api.deliver_until_empty()
    assert [one for one in far.calls if one.startswith("create")] == calls


@pytest.mark.parametrize("entity_id", [UNIT, SECTION, SUBSECTION])
@pytest.mark.parametrize("looked", [False, True])
def test_an_object_that_lost_its_row_is_taken_over(filled, far, entity_id, looked):
    LedgerReplica.objects.filter(entity_id=entity_id).delete()
    if looked:
        api.poll_now()
    (finding,) = api.check(REQUEST).findings
    assert (finding.kind, finding.entity_id, finding.made_by) == ("remote-unlinked", entity_id, "here")
    assert "An object that looks like it is there: " in finding.what
    repair()
    check_in_step(far)
    assert far.calls == []
    assert not Proposal.objects.filter(state__in=["open", "written"]).exists()


def test_all_rows_are_lost(filled, far):
    LedgerReplica.objects.all().delete()
    assert {kind for kind, _entity in found()} == {"remote-unlinked"}
    repair()
    check_in_step(far)
    assert far.calls == []


def damage(far, entity_id: str, how: str) -> None:
    """Damage the ledger, or the ledger and what is there. Another damage may have deleted the row already."""
    objects = dict(row_of(entity_id).objects_there)
    if how == "lost":
        delete_there(far, entity_id)
    if how in ("lost", "row"):
        LedgerReplica.objects.filter(entity_id=entity_id).delete()
    elif how == "part":
        objects.popitem()
        change_row(entity_id, objects_there=objects)
    elif how == "base":
        change_row(entity_id, base={**row_of(entity_id).base, "display_name": "something else"})
    else:
        change_row(entity_id, known={name: ["else", 0, "openedx", "openedx"] for name in row_of(entity_id).known})


ENTITIES = [
    *(block("chapter", f"section-{at}") for at in range(2)),
    *(block("sequential", f"subsection-{at}") for at in range(2)),
    *(block("vertical", f"unit-{section}-{unit}") for section in range(2) for unit in range(3)),
]


@given(
    st.dictionaries(st.sampled_from(ENTITIES), st.sampled_from(("row", "part", "base", "known")), min_size=1),
    st.sets(st.sampled_from(ENTITIES[4:]), max_size=2),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_lost_is_mended_and_nothing_is_there_twice(filled, far, damaged, lost):
    for entity_id, how in {**damaged, **dict.fromkeys(lost, "lost")}.items():
        damage(far, entity_id, how)
    assert {entity_id for _kind, entity_id in found()} == {one.rpartition("@")[2] for one in {*damaged, *lost}}
    repair()
    check_in_step(far)
    assert not Proposal.objects.exists()


def test_a_row_that_lost_one_object(filled, far):
    objects = row_of(UNIT).objects_there
    change_row(UNIT, objects_there={"page": objects["page"]})
    assert found() == [("remote-unlinked", "unit-0-0")]
    repair()
    assert row_of(UNIT).objects_there == objects
    check_in_step(far)


def test_several_objects_that_look_like_it(filled, far):
    LedgerReplica.objects.filter(entity_id__in=[SECTION, UNIT]).delete()
    far.add(Thing("module", "section-0"))
    report = api.check(REQUEST)
    kinds = {one.entity_id: one.kind for one in report.findings}
    assert kinds == {SECTION: "remote-ambiguous", UNIT: "remote-missing-below"}
    assert all(one.repair.startswith("report only") for one in report.findings)
    assert report.tokens == []
    number = next(number for number in reversed(far.order) if far.things[number].title == "section-0")
    far.things[number].title = "Theirs"
    repair()
    assert far.titles("module") == ["section-0", "section-1", "Theirs"]
    assert found() == []
    assert far.calls == []


def test_what_is_below_an_undecided_entity_is_not_created(filled, far):
    delete_there(far, UNIT)
    LedgerReplica.objects.filter(entity_id__in=[SUBSECTION, UNIT]).delete()
    far.add(Thing("header", "subsection-0", parent=row_of(SECTION).objects_there["module"]))
    kinds = {one.entity_id: one.kind for one in api.check(REQUEST).findings}
    assert kinds == {SUBSECTION: "remote-ambiguous", UNIT: "remote-missing-below"}
    assert api.check(REQUEST).tokens == []


def test_an_open_creation_below_an_undecided_entity(filled, far):
    """To bring it would bring what it is in, and create that a second time."""
    LedgerReplica.objects.filter(entity_id__in=[SUBSECTION, UNIT]).delete()
    far.add(Thing("header", "subsection-0", parent=row_of(SECTION).objects_there["module"]))
    Intent.objects.create(
        link=filled, entity_id=UNIT, id_digest=digest_of(UNIT), part="page", token="t", began_at=DatabaseNow(-7200),
        entity={"entity_type": "unit", "block_type": "vertical", "parent_id": SUBSECTION, "fields": {}},
    )  # fmt: skip
    assert found() == [("remote-ambiguous", "subsection-0"), ("remote-open-creation", "unit-0-0")]
    repair()
    assert [one for one in far.calls if one.startswith("create")] == []
    assert found() == [("remote-ambiguous", "subsection-0"), ("remote-missing-below", "unit-0-0")]


@pytest.mark.parametrize("policy", ["manual", "respect"])
def test_nothing_is_created_in_what_was_deleted_there(filled, far, policy):
    Target.objects.update(options={"on_remote_delete": policy})
    delete_there(far, UNIT)
    delete_there(far, SUBSECTION)
    LedgerReplica.objects.filter(entity_id=UNIT).delete()
    api.poll_now()
    assert ("remote-missing-below", "unit-0-0") in found()
    assert api.check(REQUEST).tokens == []


@pytest.mark.parametrize("policy", ["manual", "respect", "recreate"])
def test_what_somebody_deleted_there(filled, far, policy):
    Target.objects.update(options={"on_remote_delete": policy})
    delete_there(far, UNIT)
    (finding,) = api.check(REQUEST).findings
    kind = "remote-not-recreated" if policy == "recreate" else "remote-deleted"
    assert (finding.kind, finding.entity_id, finding.made_by) == (kind, UNIT, "there")
    repair()
    created = [one for one in far.calls if one.startswith("create")]
    assert created == (["create page", "create item"] if policy == "recreate" else [])
    if policy == "recreate":
        check_in_step(far)
    else:
        assert row_of(UNIT).deleted_at
        assert found() == ([("remote-deleted-noted", "unit-0-0")] if policy == "manual" else [])


def test_a_noted_deletion_is_mended_once_the_option_says_so(filled, far):
    delete_there(far, UNIT)
    api.poll_now()
    Target.objects.update(options={"on_remote_delete": "recreate"})
    assert found() == [("remote-not-recreated", "unit-0-0")]
    repair()
    check_in_step(far)


def test_a_deletion_that_was_not_carried_out(filled, far, shelf):
    publish(shelf, "2", units=2)
    Lane.objects.update(cursor=Lane.objects.get().end, due_at=None)  # the delivery is lost
    assert sorted(found()) == [("remote-not-removed", "unit-0-2"), ("remote-not-removed", "unit-1-2")]
    repair()
    assert far.titles("item") == ["unit-0-0", "unit-0-1", "unit-1-0", "unit-1-1"]
    assert far.calls == ["delete"] * 4
    assert found() == []
    assert LedgerReplica.objects.count() == 2 + 2 + 4


def test_lost_deliveries_of_all_kinds(filled, far, shelf):
    publish(shelf, "2", units=4, titles={"unit-0-0": "Bees", "section-1": "Wasps"})
    Lane.objects.update(cursor=Lane.objects.get().end, due_at=None)
    assert sorted(found()) == [
        ("remote-missing", "unit-0-3"),
        ("remote-missing", "unit-1-3"),
        ("remote-not-written", "section-1"),
        ("remote-not-written", "unit-0-0"),
    ]
    repair()
    assert found() == []
    assert far.titles("item")[:4] == ["Bees", "unit-0-1", "unit-0-2", "unit-0-3"]
    assert sorted(set(far.calls)) == ["create item", "create page", "update"]
    assert len(far.calls) == 6


def test_an_edit_there_is_taken_up_by_a_look(filled, far):
    thing_of(far, SECTION, "module").title = "Renamed there"
    (finding,) = api.check(REQUEST).findings
    assert (finding.kind, finding.made_by) == ("remote-edited", "there")
    assert "display_name" in finding.what
    repair()
    assert Proposal.objects.get().value == "Renamed there"
    assert far.calls == []
    assert found() == []


def test_an_edit_that_does_not_come_back_is_no_finding(filled, far):
    Target.objects.update(options={"write_back": "never"})
    thing_of(far, SECTION, "module").title = "Renamed there"
    api.poll_now()
    assert not Proposal.objects.exists()
    assert found() == []


def test_a_conflict_that_waits_is_no_finding(filled, far, shelf, settings):
    settings.COURSE_SYNC_CONFLICT_STRATEGY = "manual"
    thing_of(far, SECTION, "module").title = "There"
    publish(shelf, "2", titles={"section-0": "Here"})
    api.deliver_until_empty()
    assert Conflict.objects.get().state == "open"
    assert found() == []
    Conflict.objects.all().delete()  # nobody would ever see it
    assert found() == [("remote-not-written", "section-0")]
    repair()
    assert far.titles("module")[0] == "Here"
    assert found() == []


def test_a_lost_proposal_is_made_again(filled, far):
    thing_of(far, SECTION, "module").title = "There"
    api.poll_now()
    Proposal.objects.all().delete()
    assert found() == [("remote-not-written", "section-0")]
    repair()
    assert Proposal.objects.get().value == "There"
    assert far.titles("module")[0] == "There"
    assert found() == []


def test_the_ledger_has_another_base(filled, far):
    change_row(UNIT, base={"display_name": "something else"})
    (finding,) = api.check(REQUEST).findings
    assert (finding.kind, finding.made_by) == ("remote-ledger", "here")
    repair()
    assert row_of(UNIT).base == {"display_name": "unit-0-0"}
    assert not Proposal.objects.exists()
    assert far.calls == []
    check_in_step(far)


def test_the_ledger_says_that_a_lost_write_was_answered(filled, far, shelf):
    publish(shelf, "2", titles={"unit-0-0": "Bees"})
    api.deliver_until_empty()
    thing_of(far, UNIT, "item").title = "unit-0-0"
    change_row(UNIT, base={"display_name": "unit-0-0"})
    assert found() == [("remote-not-written", "unit-0-0")]
    repair()
    assert far.titles("item")[0] == "Bees"
    assert found() == []


def test_a_value_that_studio_cleaned_is_brought_again(filled, far, settings):
    settings.COURSE_SYNC_WRITER = "tests.integration.replication.studio.Studio"
    settings.COURSE_SYNC_WRITE_BACK_USER = "sync"
    Studio.reset()
    Studio.cleans = True
    thing_of(far, UNIT, "item").title = "There "
    api.poll_now()
    Studio().publish(UNIT, "author")
    api.deliver_until_empty()
    assert found() == [("remote-not-written", "unit-0-0")]
    repair()
    assert far.titles("item")[0] == "There"
    assert found() == []


def move_first(far, entity_id: str) -> None:
    """Put the item of a unit in front of all items of its section."""
    number = row_of(entity_id).objects_there["item"]
    header = row_of(SUBSECTION).objects_there["header"]
    far.order.remove(number)
    far.order.insert(far.order.index(header) + 1, number)


def test_a_move_there_is_taken_up_by_a_look(filled, far):
    last = block("vertical", "unit-0-2")
    move_first(far, last)
    (finding,) = api.check(REQUEST).findings
    assert (finding.kind, finding.entity_id, finding.made_by) == ("remote-moved", last, "there")
    repair()
    assert Proposal.objects.get().field == "place"
    assert found() == []
    assert far.calls == []


def test_a_place_that_nothing_explains_is_put_right(filled, far):
    last = block("vertical", "unit-0-2")
    move_first(far, last)
    places = Link.objects.get().places
    order = places["children"][SUBSECTION]
    Link.objects.update(places={**places, "children": {**places["children"], SUBSECTION: [order[2], *order[:2]]}})
    (finding,) = api.check(REQUEST).findings
    assert (finding.kind, finding.entity_id, finding.made_by) == ("remote-misplaced", last, "here")
    repair()
    check_in_step(far)
    assert far.calls == ["place"]
    assert not Proposal.objects.exists()


@pytest.mark.parametrize("is_made", [False, True])
def test_a_creation_that_was_never_answered(filled, far, is_made):
    row = row_of(UNIT)
    values = {
        "entity_type": "unit",
        "block_type": "vertical",
        "parent_id": SUBSECTION,
        "fields": {"display_name": "unit-0-0"},
    }
    Intent.objects.create(
        link=filled, entity_id=UNIT, id_digest=digest_of(UNIT), part="item", token="t", entity=values,
        began_at=DatabaseNow(-7200),
    )  # fmt: skip
    if not is_made:
        number = row.objects_there["item"]
        far.things.pop(number)
        far.order.remove(number)
    change_row(UNIT, objects_there={"page": row.objects_there["page"]})
    (finding,) = api.check(REQUEST).findings
    assert (finding.kind, finding.entity_id, finding.made_by) == ("remote-open-creation", UNIT, "here")
    repair()
    check_in_step(far)
    assert [one for one in far.calls if one.startswith("create")] == ([] if is_made else ["create item"])
    assert not Intent.objects.exists()


def test_two_entities_that_own_one_object(filled, far):
    other = block("vertical", "unit-0-1")
    change_row(other, objects_there=row_of(UNIT).objects_there)
    assert found() == [("remote-two-owners", "unit-0-1"), ("remote-unlinked", "unit-0-1")]
    assert UNIT in api.check(REQUEST).findings[0].what
    repair()
    check_in_step(far)
    assert far.calls == []
    assert row_of(other).objects_there != row_of(UNIT).objects_there


def test_an_object_that_a_deleted_entity_owns_too(filled, far):
    gone = block("vertical", "gone")
    LedgerReplica.objects.create(
        link=filled, entity_id=gone, id_digest=digest_of(gone), entity_type="unit",
        objects_there=row_of(UNIT).objects_there,
    )  # fmt: skip
    assert found() == [("remote-two-owners", "gone")]
    repair()
    check_in_step(far)
    assert far.calls == []
    assert not LedgerReplica.objects.filter(entity_id=gone).exists()


def test_it_is_not_clear_whose_an_object_is(filled, far):
    other = block("vertical", "unit-0-1")
    change_row(other, objects_there=row_of(UNIT).objects_there)
    thing_of(far, UNIT, "item").title = "Renamed there"
    assert found() == [("remote-two-owners-unclear", "unit-0-0"), ("remote-two-owners-unclear", "unit-0-1")]
    assert api.check(REQUEST).tokens == []


def test_a_type_without_counterparts(filled, far, monkeypatch):
    monkeypatch.setattr(
        MemorySite,
        "parts",
        lambda site, entity: {"section": ("module",), "unit": ("page", "item")}.get(entity.entity_type, ()),
    )
    assert sorted(found()) == [
        ("remote-without-counterpart", "subsection-0"),
        ("remote-without-counterpart", "subsection-1"),
    ]
    repair()
    assert far.titles("header") == []
    assert [kind for kind, _entity in found() if kind == "remote-without-counterpart"] == []


def test_what_is_no_entity_of_the_course_is_left(filled, far):
    number = far.add(Thing("module", "Of others"))
    foreign = block("chapter", "other", "course-v1:Other+Course+Run")
    LedgerReplica.objects.create(
        link=filled, entity_id=foreign, id_digest="x", entity_type="section", objects_there={"module": number}
    )
    assert found() == [("remote-not-of-course", "other")]
    assert api.check(REQUEST).tokens == []


def test_what_is_excluded_or_failed_is_no_finding(filled, far, shelf):
    Exclusion.objects.create(
        target=Target.objects.get(), course=filled.course, entity_id=SUBSECTION, id_digest=digest_of(SUBSECTION),
        created_at=DatabaseNow(),
    )  # fmt: skip
    delete_there(far, UNIT)
    LedgerReplica.objects.filter(entity_id__in=[UNIT, SUBSECTION]).delete()
    assert found() == []


def test_a_busy_lane_is_said(filled, far):
    token = leases.claim(Lane.objects.all())
    report = api.check(REQUEST)
    assert report.findings == []
    assert "another worker works on it" in report.notes[0]
    assert Lane.objects.get().lease_token == token


def test_what_is_on_its_way_is_not_compared(filled, far, shelf):
    publish(shelf, "2", titles={"unit-0-0": "Bees"})
    report = api.check(REQUEST)
    assert report.findings == []
    assert "on their way" in report.notes[0]
    assert not Envelope.objects.exists()


def test_a_target_that_does_not_answer_is_a_note(filled, far, monkeypatch, capsys):
    def silent(site: MemorySite) -> None:
        raise TransientError("It is down.")

    monkeypatch.setattr(MemorySite, "begin", silent)
    assert api.check(REQUEST).notes == (f"{COURSE}: It is down.",)
    assert exit_status("check", "--remote", "crm") == 1
    shown = capsys.readouterr().out
    assert shown == f"{COURSE}: It is down.\n1 course could not be checked. Nothing is known about it.\n"


def test_a_repair_does_nothing_if_something_has_changed(filled, far):
    LedgerReplica.objects.filter(entity_id=UNIT).delete()
    (plan,) = api.check(REQUEST).plans
    far.add(Thing("page", "unit-0-0"))
    assert plan.carry_out() == 0
    (stale,) = api.repair_shown(REQUEST, [plan.token])
    assert "no longer valid" in stale.error
    assert not LedgerReplica.objects.filter(entity_id=UNIT).exists()


def test_a_repair_does_nothing_while_another_worker_holds_the_lane(filled, far):
    LedgerReplica.objects.filter(entity_id=UNIT).delete()
    (plan,) = api.check(REQUEST).plans
    leases.claim(Lane.objects.all())
    assert plan.carry_out() == 0


def test_an_error_of_a_repair_is_said(filled, far, monkeypatch):
    thing_of(far, SECTION, "module").title = "Renamed there"
    tokens = api.check(REQUEST).tokens

    def fails(carry, drifts):
        raise TransientError("It is down.")

    monkeypatch.setattr("course_sync_plugin.upkeep.check.remote.links.carry_out", fails)
    (done,) = api.repair_shown(REQUEST, tokens)
    assert (done.error, done.repaired, done.of) == ("It is down.", 0, 1)
    assert Lane.objects.get().lease_token == ""


def test_a_target_without_links(shelf, settings, db):
    settings.COURSE_SYNC_ALLOWED_PRIVATE_HOSTS = ["127.0.0.1"]
    api.add_target("hook", url="http://127.0.0.1:9/", secret="whsec_" + "A" * 32)
    with pytest.raises(ConfigurationError, match="use --receiver"):
        api.check(api.CheckRequest(remote="hook"))


def test_a_target_without_a_link(far, shelf, db):
    publish(shelf, "1")
    api.add_target("crm", backend="memory")
    with pytest.raises(ConfigurationError, match="use 'link'"):
        api.check(REQUEST)


def test_the_command_shows_and_then_does_exactly_that(filled, far, capsys):
    thing_of(far, SECTION, "module").title = "Renamed there"
    LedgerReplica.objects.filter(entity_id=UNIT).delete()
    assert exit_status("check", "--remote", "crm", "--course", COURSE, "--json") == 1
    shown = json.loads(capsys.readouterr().out)
    assert {(one["kind"], one["made_by"]) for one in shown["findings"]} == {
        ("remote-edited", "there"),
        ("remote-unlinked", "here"),
    }
    (token,) = [one["token"] for one in shown["plans"]]
    assert exit_status("check", "--remote", "crm") == 1
    text = capsys.readouterr().out
    assert f"check --remote crm --repair --yes --token {token}" in text
    assert "Likely made there: somebody works at the linked system" in text
    call_command("course_sync", "check", "--remote", "crm", "--repair", "--yes", "--token", token)
    assert "2 of 2 repaired" in capsys.readouterr().out
    action = OperatorAction.objects.filter(action="check").get()
    assert (action.arguments, action.changed) == ({"repair": COURSE}, {"of": 2, "repaired": 2})
    call_command("course_sync", "deliver", "--until-empty")
    capsys.readouterr()
    assert exit_status("check", "--remote", "crm") == 0
    assert capsys.readouterr().out == "Nothing was found.\n"


@pytest.mark.parametrize("others", [["--receiver", "crm"], ["--deep"], ["--target", "crm"]])
def test_wrong_usage(filled, capsys, others):
    assert exit_status("check", "--remote", "crm", *others) == 2
