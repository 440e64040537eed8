"""A target that is added without a secret gets the one for its notices by ``rotate-secret``, as the guides say."""

from __future__ import annotations

import pytest

from course_sync_plugin import api
from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.targets.inbound.path_secret import path_form
from course_sync_plugin.targets.signing import generate_secret
from tests.integration.inbound.senders import post
from tests.integration.inbound.test_address import BODY, bodies, signed

pytestmark = pytest.mark.django_db(transaction=True)

URL = "http://127.0.0.1:9"


@pytest.fixture(params=["canvas", "discourse"])
def target(request, settings, address):
    settings.COURSE_SYNC_ALLOWED_PRIVATE_HOSTS = ["127.0.0.1"]
    api.add_target("there", backend=request.param, url=URL, token="f" * 64)
    return request.param


def test_notices_with_the_first_secret_are_stored(target, address):
    rotated = api.rotate_secret("there")
    assert (rotated.until, rotated.lost) == (None, False)
    if target == "canvas":
        sent = post(f"{address('there')}/{path_form(rotated.secret)}", BODY)
    else:
        sent = post(address("there"), BODY, signed(rotated.secret))
    assert (sent[0], bodies()) == (202, [BODY])


def test_the_second_secret_does_not_end_the_first_at_once(target):
    first = generate_secret()
    api.rotate_secret("there", secret=first)
    assert api.rotate_secret("there").until


def test_a_kind_that_neither_signs_nor_takes_notices_has_none(db):
    api.add_target("here", backend="local")
    with pytest.raises(ConfigurationError, match="signs nothing and takes no notices"):
        api.rotate_secret("here")
