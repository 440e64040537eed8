"""Answers the form that confirms an action, for the admin and for the pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest

from course_sync_plugin.row_actions.action import MOST_ROWS, Done, RowAction, carry_out
from course_sync_plugin.sanitize.text import cleaned


def carry_out_form(request: HttpRequest, action: RowAction, rows: Sequence[Any]) -> list[Done]:
    """Carry out the plans whose tokens a form has, and tell the user what was done. Return that.

    The page that is sent as the answer must show the secrets: a message would wait in a cookie or in the session.
    """
    shown = request.POST.getlist("token")[: 10 * MOST_ROWS]
    note, entered = request.POST.get("note", ""), request.POST.get("entered", "").strip()
    results = carry_out(action, rows, shown, request.user.get_username(), note, entered)
    for one in results:
        messages.add_message(request, messages.ERROR if one.failed else messages.SUCCESS, cleaned(one.text))
    return results


def secrets_in(results: Sequence[Done]) -> list[str]:
    """Return the secrets that were made."""
    return [one.secret for one in results if one.secret]
