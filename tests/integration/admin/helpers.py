"""Helpers for tests of the pages in the admin: users, addresses, and a site on which each table has a row."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from course_sync_plugin import models

#: The tables that have pages.
TABLES = [model for model in admin.site._registry if model._meta.app_label == "course_sync_plugin"]

#: Those whose rows are edited in the admin.
EDITED = [models.CatalogSyncConfiguration, models.NotificationChannel, models.NotificationRule]


def client_of(kind: str) -> Client:
    """Return the client of a user: ``superuser``, ``operator``, ``viewer``, ``staff`` or ``learner``."""
    user = User.objects.create_user(kind, password="x", is_staff=kind != "learner", is_superuser=kind == "superuser")
    codename = {"operator": "operate_sync", "viewer": "view_sync"}.get(kind)
    if codename:
        user.user_permissions.add(Permission.objects.get(codename=codename))
    client = Client()
    client.force_login(user)
    return client


def page(model: type[Model], view: str, *args: Any) -> str:
    """Return the address of a page of a table: ``changelist``, ``change``, ``add`` or ``act``."""
    return reverse(f"admin:course_sync_plugin_{model._meta.model_name}_{view}", args=args)


def act(row: Model, action: str) -> str:
    """Return the address of an action on a row."""
    return f"{page(type(row), 'act', action)}?rows={row.pk}"


def tokens(response: Any) -> list[str]:
    """Return the tokens of the plans that a page shows."""
    return [token for token, _lines in response.context["plans"] if token]


def confirm(client: Client, row: Model, action: str, note: str = "") -> Any:
    """Carry out what the page of an action shows; return the page after it."""
    address = act(row, action)
    shown = client.get(address)
    assert shown.status_code == 200, shown.status_code
    assert tokens(shown), shown.content.decode()
    return client.post(address, {"token": tokens(shown), "note": note}, follow=True)


def told(response: Any) -> str:
    """Return the messages at the top of a page."""
    return " ".join(str(one) for one in response.context["messages"])


def pages_of(client: Client) -> dict[str, Any]:
    """Open the list of each table, the page of its first row, and each action on this row."""
    found = {}
    for model in TABLES:
        addresses = [page(model, "changelist")]
        row = model._default_manager.order_by("pk").first()
        if row is not None:
            addresses.append(page(model, "change", row.pk))
            found.update({act(row, one.name): None for one in getattr(admin.site._registry[model], "row_actions", ())})
        found.update(dict.fromkeys(addresses))
    return {address: client.get(address) for address in found}
