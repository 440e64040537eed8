"""One permission to see all pages, and one to act. No page shows a secret, and no address tells one."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from course_sync_plugin.models import (
    CatalogSyncConfiguration,
    JournalOperation,
    Lane,
    Notice,
    NotificationChannel,
    NotificationRule,
    OperatorAction,
    Problem,
    Target,
)
from tests.integration.admin.helpers import EDITED, TABLES, act, client_of, page, pages_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("kind", ["viewer", "operator", "superuser"])
def test_each_page_opens(site, kind):
    opened = pages_of(client_of(kind))
    refused = {address for address, response in opened.items() if response.status_code != 200}
    assert refused == ({address for address in opened if "/act/" in address} if kind == "viewer" else set())
    assert all(opened[address].status_code == 403 for address in refused)
    assert len(opened) > 2 * len(TABLES)


@pytest.mark.parametrize("kind", ["staff", "learner"])
def test_each_page_is_refused(site, kind):
    client = client_of(kind)
    assert {response.status_code for response in pages_of(client).values()} <= {302, 403}
    index = client.get(reverse("admin:index"))
    assert "course_sync_plugin" not in index.content.decode()
    assert client.get(reverse("admin:app_list", args=["course_sync_plugin"])).status_code in (302, 404)


def test_permissions_of_a_table_have_no_effect(site):
    client = client_of("staff")
    ours = Permission.objects.filter(content_type__app_label="course_sync_plugin")
    User.objects.get().user_permissions.set(ours.exclude(codename__in=["view_sync", "operate_sync"]))
    assert {response.status_code for response in pages_of(client).values()} == {403}


@pytest.mark.parametrize("kind", ["viewer", "operator", "superuser"])
@pytest.mark.parametrize("model", [one for one in TABLES if one not in EDITED], ids=lambda model: model.__name__)
def test_rows_that_the_plugin_writes_are_not_edited(site, model, kind):
    client, row = client_of(kind), model._default_manager.first()
    for address in (page(model, "add"), page(model, "change", row.pk), page(model, "delete", row.pk)):
        assert client.post(address, {"name": "x"}).status_code == 403
    client.post(page(model, "changelist"), {"action": "delete_selected", "_selected_action": row.pk, "post": "yes"})
    assert model._default_manager.filter(pk=row.pk).exists()


def test_a_viewer_sees_the_configuration_and_cannot_change_it(site):
    client = client_of("viewer")
    for model in EDITED:
        row = model._default_manager.first()
        for address in (page(model, "add"), page(model, "change", row.pk), page(model, "delete", row.pk)):
            assert client.post(address, {"name": "x"}).status_code == 403
    first = CatalogSyncConfiguration.objects.order_by("pk").first()
    client.post(page(CatalogSyncConfiguration, "changelist"), {"action": "revert", "_selected_action": first.pk})
    assert CatalogSyncConfiguration.objects.count() == 2


def test_an_operator_edits_the_configuration(site):
    client = client_of("operator")
    first = CatalogSyncConfiguration.objects.order_by("pk").first()
    client.post(page(CatalogSyncConfiguration, "changelist"), {"action": "revert", "_selected_action": first.pk})
    assert CatalogSyncConfiguration.objects.order_by("-pk").first().page_size == 7
    row = NotificationRule.objects.get()
    values = {"event": "first_problem", "channel": row.channel_id, "cooldown_seconds": 120, "enabled": "on"}
    assert client.post(page(NotificationRule, "change", row.pk), values).status_code == 302
    assert NotificationRule.objects.get().cooldown_seconds == 120


@pytest.mark.parametrize("model", [NotificationRule, NotificationChannel], ids=lambda model: model.__name__)
def test_a_rule_is_deleted_with_its_notices(site, model):
    row = model.objects.get()
    client_of("operator").post(page(model, "delete", row.pk), {"post": "yes"})
    assert (model.objects.count(), Notice.objects.count()) == (0, 0)


def test_no_page_shows_a_secret(site):
    target = Target.objects.get()
    Target.objects.update(
        url=f"{site.url}hidden/path?key=t0ken", previous_secret="gAAAA-previous", breaker_token="br3aker"
    )
    Lane.objects.update(lease_token="l3ase")
    words = [site.secret, site.secret.removeprefix("whsec_"), target.secret, "hidden/path", "t0ken"]
    words += ["gAAAA-previous", "br3aker", "l3ase"]
    for address, response in pages_of(client_of("superuser")).items():
        text = response.content.decode()
        assert [word for word in words if word in text] == [], address


@pytest.mark.parametrize(
    "query",
    [
        "secret__startswith=g",
        "url__contains=a",
        "url__exact=a",
        "previous_secret__isnull=1",
        "lanes__id__exact=1",
        "breaker_token__gt=a",
        "name__contains=c",
    ],
)
def test_no_address_tells_a_secret(site, query):
    assert client_of("viewer").get(f"{page(Target, 'changelist')}?{query}").status_code == 400


@pytest.mark.parametrize(
    ("model", "query"),
    [
        (JournalOperation, "entity_id__contains=a"),
        (JournalOperation, "entity_type__exact=unit"),
        (Problem, "lane__target__secret__startswith=g"),
        (OperatorAction, "note__contains=a"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_no_address_reads_a_whole_table(site, model, query):
    assert client_of("viewer").get(f"{page(model, 'changelist')}?{query}").status_code == 400


@pytest.mark.parametrize(
    "query",
    [
        "o=1.-2",
        "p=0",
        "p=x",
        "p=99999999999999999999",
        "p=2",
        "all=",
        "lane__exact=x",
        "lane__exact=99999999999999999999999",
        "began_at__gte=x",
        "_to_field=secret",
        "q=%00",
        "lane__exact=-99999999999999999999999",
    ],
)
def test_addresses_that_make_no_sense(site, query):
    client = client_of("viewer")
    for model in TABLES:
        with CaptureQueriesContext(connection) as queries:
            response = client.get(f"{page(model, 'changelist')}?{query}")
        assert response.status_code in (200, 302, 400), (model, response.status_code)
        assert not any("lease_token" in str(one["sql"]).partition("ORDER BY")[2] for one in queries)


@pytest.mark.parametrize("rows", ["", "x", "0", "99999999999999999999", "1" * 5000, "-1", "1;2"])
def test_an_action_on_no_row(site, rows):
    assert client_of("operator").get(f"{page(Lane, 'act', 'pause')}?rows={rows}").status_code == 404


def test_an_action_that_is_none(site, lane):
    client = client_of("operator")
    assert client.get(act(lane, "explode")).status_code == 404
    assert client.get(act(lane, "test")).status_code == 404


def test_who_may_not_act_is_offered_nothing(site, lane):
    viewer, operator = client_of("viewer"), client_of("operator")
    for name in [one.name for one in admin.site._registry[Lane].row_actions]:
        assert f"/act/{name}/" in operator.get(page(Lane, "change", lane.pk)).content.decode()
        assert f'value="{name}"' in operator.get(page(Lane, "changelist")).content.decode()
        assert f"/act/{name}/" not in viewer.get(page(Lane, "change", lane.pk)).content.decode()
        assert f'value="{name}"' not in viewer.get(page(Lane, "changelist")).content.decode()
