"""``accept``, ``reject`` and ``resolve`` say what was done: which value, whose it is, who gets it, and when."""

from __future__ import annotations

from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from course_sync_plugin import api
from course_sync_plugin.models import Conflict, Link, Proposal, Target
from tests.integration.courses import block
from tests.integration.one_lane import publish
from tests.integration.replication.studio import Studio

pytestmark = pytest.mark.django_db

SECTION, UNIT = block("chapter", "section-0"), block("vertical", "unit-0-0")
NOTHING = "No other system has another value, so nothing is sent."


@pytest.fixture
def filled(linked, settings) -> Link:
    settings.COURSE_SYNC_WRITER = "tests.integration.replication.studio.Studio"
    settings.COURSE_SYNC_WRITE_BACK_USER = User.objects.create_user("sync").username
    Studio.reset()
    api.deliver_until_empty()
    return linked


@pytest.fixture
def proposed(filled, far) -> str:
    """Return the number of the proposal for a section that was renamed there."""
    return str(rename_there(far, "module", "section-0"))


def rename_there(far, kind: str, title: str) -> int:
    next(one for one in far.things.values() if (one.kind, one.title) == (kind, title)).title = "There"
    api.poll_now()
    return Proposal.objects.get().pk


def said(*command: str) -> list[str]:
    """Return what a command says after its plan."""
    out = StringIO()
    call_command("course_sync", *command, "--yes", stdout=out)
    lines = out.getvalue().splitlines()
    return lines[next(number for number, line in enumerate(lines) if " is " in line) :]


def test_an_accepted_section(proposed):
    assert said("accept", proposed) == [
        f"Proposal {proposed} is accepted: display_name of {SECTION} is now There.",
        "It is in Studio and published: learners see it.",
        NOTHING,
    ]


def test_an_accepted_unit(filled, far):
    Target.objects.update(options={"write_back": "propose"})
    number = str(rename_there(far, "item", "unit-0-0"))
    assert said("accept", number) == [
        f"Proposal {number} is accepted: display_name of {UNIT} is now There.",
        "It is in Studio's draft. Learners see it when an author publishes it.",
        NOTHING,
    ]


def test_a_rejected_proposal(proposed, far):
    assert said("reject", proposed) == [
        f"Proposal {proposed} is rejected: display_name of {SECTION} stays section-0, the value of Open edX.",
        "The next turn of 'run' sends it to crm.",
    ]
    api.deliver_until_empty()
    assert "section-0" in far.titles("module")


def test_a_rejected_move(filled, far):
    number = next(one for one, thing in far.things.items() if (thing.kind, thing.title) == ("module", "section-0"))
    far.order.remove(number)
    far.order.append(number)
    api.poll_now()
    proposal = Proposal.objects.get()
    first, sent = said("reject", str(proposal.pk))
    assert f"place of {proposal.entity_id} stays [" in first
    assert sent == "The next turn of 'run' sends it to crm."


@pytest.fixture
def conflict(filled, far, shelf, settings) -> str:
    """Return the number of a conflict that waits for a person."""
    settings.COURSE_SYNC_CONFLICT_STRATEGY = "manual"
    publish(shelf, "2", titles={"section-0": "Here"})
    far.things["1"].title = "There"
    api.poll_now()
    api.deliver_until_empty()
    assert (Conflict.objects.get().openedx, Conflict.objects.get().remote) == ("Here", "There")
    return str(Conflict.objects.get().pk)


def shown(*command: str) -> str:
    out = StringIO()
    call_command("course_sync", *command, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("take", "value", "replaced"),
    [("openedx", "Here", "There"), ("remote", "There", "Here"), ("base", "section-0", "Here")],
)
def test_the_plan_shows_both_values(conflict, take, value, replaced):
    plan = shown("resolve", conflict, "--take", take).splitlines()
    assert plan[1:3] == [f"  would be: {value}", f"  instead of: {replaced}"]


def test_the_list_says_which_side_was_taken(conflict):
    assert shown("conflicts").split("There")[1].split() == ["open"]
    said("resolve", conflict, "--take", "openedx")
    assert shown("conflicts", "--all").split("There")[1].split() == ["Open", "edX", "resolved"]
    assert "taken" in shown("conflicts", "--all").splitlines()[0]


def test_the_side_of_open_edx(conflict):
    assert said("resolve", conflict, "--take", "openedx") == [
        f"Conflict {conflict} is resolved: display_name of {SECTION} is Here, the value of Open edX.",
        "The next turn of 'run' sends it to crm.",
    ]


def test_the_other_side(conflict):
    first, *more = said("resolve", conflict, "--take", "remote")
    number = Proposal.objects.get(state="open").pk
    assert first == f"Conflict {conflict} is resolved: display_name of {SECTION} is There, the value of crm."
    assert more == [f"Open edX gets it as proposal {number}: 'accept {number}' writes it to Studio.", NOTHING]


def test_the_last_common_value(conflict):
    first, *more = said("resolve", conflict, "--take", "base")
    number = Proposal.objects.get(state="open").pk
    assert first == f"Conflict {conflict} is resolved: display_name of {SECTION} is section-0, the last common value."
    assert more == [
        f"Open edX gets it as proposal {number}: 'accept {number}' writes it to Studio.",
        "When it is published, the next turn of 'run' sends it to crm.",
    ]


def test_the_other_side_where_nothing_comes_back(conflict):
    Target.objects.update(options={"write_back": "never"})
    _first, told = said("resolve", conflict, "--take", "remote")
    assert told == "Open edX keeps its own value: nothing comes back from this target (write_back=never)."


def test_an_entity_that_an_author_deleted(conflict, shelf):
    publish(shelf, "3", sections=1)
    Conflict.objects.update(entity_id=block("chapter", "gone"))
    _first, told = said("resolve", conflict, "--take", "openedx")
    assert told == "The course does not have the entity any more, so nothing is sent."
