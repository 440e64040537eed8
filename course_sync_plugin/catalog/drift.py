"""Reports where the catalog and Studio have different values in a column that Studio owns. It writes neither."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import attrs
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.core.validators import validate_email
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from course_sync_plugin.catalog import course_overviews
from course_sync_plugin.catalog.configuration import newest_configuration
from course_sync_plugin.catalog.records.fields import Ownership, current_ownership
from course_sync_plugin.catalog.records.values import as_moment
from course_sync_plugin.exceptions import ConfigurationError, TransientError
from course_sync_plugin.models import CatalogRecord, bulk
from course_sync_plugin.sanitize.text import cleaned, short_repr


@attrs.frozen
class Drift:
    """One column of one course on which the two sides disagree.

    ``here``: the value in the course overview. ``since``: when the sync first saw the difference, as text in UTC.
    """

    course_id: str
    column: str
    catalog: Any
    here: Any
    since: str


def drift() -> Iterator[Drift]:
    """Yield every present disagreement with the catalog's last values. Three queries for each 500 courses."""
    ownership = current_ownership(newest_configuration())
    last = 0
    while records := list(
        CatalogRecord.objects.filter(pk__gt=last, refused="").order_by("pk")[: course_overviews.CHUNK]
    ):
        last = records[-1].pk
        yield from _drifts_of(records, ownership)


def _drifts_of(records: Sequence[CatalogRecord], ownership: Ownership) -> list[Drift]:
    """Return the disagreements of these records. It stores in the records which ones are new and which are gone."""
    now = as_moment(datetime.now(UTC))
    overviews = course_overviews.read(record.key for record in records)
    found, noted = [], []
    for record in (record for record in records if record.key in overviews):
        differing = ownership.differing(record.values, overviews[record.key])
        since = {column: record.drift.get(column, now) for column in differing}
        if since != record.drift:
            record.drift = since
            noted.append(record)
        found += [Drift(record.key, column, *sides, since[column]) for column, sides in differing.items()]
    bulk.update(noted, ["drift"])
    return found


def notify_of_drift(drifts: Sequence[Drift], addresses: Sequence[str]) -> int:
    """Send the disagreements by e-mail; return how many messages were sent. Without disagreements it sends none.

    Raises ConfigurationError if an address is not valid, TransientError if the mail server does not accept the message.
    """
    for address in addresses:
        _check_address(address)
    if not drifts:
        return 0
    lines = [
        _("{course}: {column} is {there} in the catalog and {here} in Studio, since {since}").format(
            course=one.course_id, column=one.column, there=one.catalog, here=one.here, since=one.since
        )
        for one in drifts
    ]
    subject = ngettext(
        "Catalog and Studio disagree on {n} value", "Catalog and Studio disagree on {n} values", len(drifts)
    )
    try:
        return send_mail(
            subject.format(n=len(drifts)), "\n".join(map(cleaned, lines)), settings.DEFAULT_FROM_EMAIL, list(addresses)
        )
    except OSError as error:  # the exceptions of smtplib are OSErrors too
        raise TransientError(f"The mail server did not accept the message ({type(error).__name__})") from error


def _check_address(address: str) -> None:
    try:
        validate_email(address)
    except ValidationError:
        raise ConfigurationError(_("{address} is not an e-mail address.").format(address=short_repr(address))) from None
