"""Webhook secrets are stored encrypted; keys can be rotated."""

from __future__ import annotations

import base64

import pytest

from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.secrets import decrypt, encrypt

SECRET = "whsec_" + "A" * 43 + "="
OLD, NEW = (base64.urlsafe_b64encode(byte * 32).decode() for byte in (b"o", b"n"))


def test_there_and_back(settings):
    settings.COURSE_SYNC_SECRET_KEYS = [NEW]
    assert decrypt(encrypt(SECRET)) == SECRET


def test_what_is_stored_does_not_show_it(settings):
    settings.COURSE_SYNC_SECRET_KEYS = [NEW]
    assert SECRET not in encrypt(SECRET)
    assert SECRET[6:] not in encrypt(SECRET)
    assert encrypt(SECRET) != encrypt(SECRET)


def test_a_new_key_comes_first_and_the_old_one_still_decrypts(settings):
    settings.COURSE_SYNC_SECRET_KEYS = [OLD]
    before = encrypt(SECRET)
    settings.COURSE_SYNC_SECRET_KEYS = [NEW, OLD]
    assert decrypt(before) == SECRET
    after = encrypt(SECRET)
    settings.COURSE_SYNC_SECRET_KEYS = [NEW]
    assert decrypt(after) == SECRET


def test_a_key_that_is_lost_says_the_way_out(settings):
    settings.COURSE_SYNC_SECRET_KEYS = [OLD]
    stored = encrypt(SECRET)
    settings.COURSE_SYNC_SECRET_KEYS = [NEW]
    with pytest.raises(ConfigurationError, match="put the key that encrypted it back into COURSE_SYNC_SECRET_KEYS"):
        decrypt(stored)


@pytest.mark.parametrize("keys", [[], None, ()], ids=repr)
def test_no_key(settings, keys):
    settings.COURSE_SYNC_SECRET_KEYS = keys
    for call in (encrypt, decrypt):
        with pytest.raises(ConfigurationError, match="COURSE_SYNC_SECRET_KEYS is not set"):
            call(SECRET)


@pytest.mark.parametrize("keys", [["short"], [NEW, "x" * 44], [42], [None], NEW], ids=repr)
def test_what_is_no_key_is_told_and_not_shown(settings, keys):
    settings.COURSE_SYNC_SECRET_KEYS = keys
    with pytest.raises(ConfigurationError, match="not a Fernet key") as error:
        encrypt(SECRET)
    assert NEW not in error.value.message
    assert SECRET not in error.value.message
