"""The page of a link leads to the counterpart in the other system."""

from __future__ import annotations

import pytest

from course_sync_plugin.models import Link
from tests.integration.admin.helpers import client_of, page

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("url", "is_link"), [("https://far.example.org/7", True), ("javascript:alert(1)", False), ("", False)]
)
def test_the_address_of_the_counterpart_can_be_clicked_on(site, url, is_link):
    Link.objects.update(remote_url=url)
    shown = client_of("viewer").get(page(Link, "changelist")).content.decode()
    assert (f'href="{url}"' in shown) is is_link
    assert "7 Bees" in shown
