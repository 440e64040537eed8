"""A secret in the path, and the choice among several verifiers."""

from __future__ import annotations

import pytest

from course_sync_plugin.exceptions import TransientError
from course_sync_plugin.targets.inbound import discourse, path_secret
from course_sync_plugin.targets.inbound.contract import Credentials, Inbound, NotVerified, Received

SECRET = "whsec_AB+/AB+/AB+/AB+/AB+/AB+/AB+/AB+/AB+/AB+/AB=="
OLDER = "whsec_" + "C" * 32


def accepts(given: str, *secrets: str) -> bool:
    try:
        path_secret.verify(Received(b"{}", {}, given), Credentials(secrets, lambda name: None))
    except NotVerified:
        return False
    return True


@pytest.mark.parametrize("given", [SECRET, SECRET[6:], SECRET[6:-2], path_secret.path_form(SECRET), OLDER])
def test_a_right_secret(given):
    assert accepts(given, SECRET, OLDER)
    assert not accepts(given, "whsec_" + "D" * 32)
    assert not accepts(given)


@pytest.mark.parametrize("given", ["", "whsec_", "=", SECRET + "x", SECRET[:-4], "é", "\udcff", SECRET.lower()])
def test_a_wrong_secret(given):
    assert not accepts(given, SECRET)


def test_an_empty_secret_of_the_target_accepts_nothing():
    assert not accepts("", "")
    assert not accepts("whsec_", "whsec_")


def test_the_form_for_a_path_needs_no_escapes():
    assert path_secret.path_form(SECRET) == "AB-_" * 10 + "AB"


def test_one_verifier_must_accept():
    both = Inbound((path_secret.verify, discourse.verify), discourse.read)
    both.verify(Received(b"{}", {}, SECRET), Credentials((SECRET,), lambda name: None))
    with pytest.raises(NotVerified, match="signature"):
        both.verify(Received(b"{}"), Credentials((SECRET,), lambda name: None))
    with pytest.raises(NotVerified):
        Inbound((), discourse.read).verify(Received(b"{}", {}, SECRET), Credentials((SECRET,), lambda name: None))


def test_an_error_that_is_no_refusal_is_told():
    def down(_received: Received, _credentials: Credentials) -> None:
        raise TransientError("down")

    with pytest.raises(TransientError):
        Inbound((path_secret.verify, down), discourse.read).verify(Received(b""), Credentials((), lambda name: None))


def test_no_repr_shows_a_secret_or_a_body():
    received = Received(b"a body", {"X": "a header"}, SECRET)
    shown = repr((received, Credentials((SECRET,), lambda name: None)))
    assert not any(text in shown for text in ("a body", "a header", "AB+/"))
