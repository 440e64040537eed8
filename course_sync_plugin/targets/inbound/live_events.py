"""Live Events of Canvas: their signature, and the objects that they name.

Source: Canvas data services documentation. With "Sign Payload" the body is a JWT, and the JWKS has the previous, the
current and the next key, which rotate each month. RS256, the claims and the content type are not documented: they are
assumed.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import jwt

from course_sync_plugin.targets.inbound.contract import Credentials, Notice, NotVerified, Received
from course_sync_plugin.targets.inbound.json_body import id_of, member, read_json
from course_sync_plugin.targets.options import Option

#: The only algorithm. With a choice, a forger could name ``none``, or use the public key as a shared secret.
ALGORITHM = "RS256"

#: Seconds that an event may come after its token has expired. Events are late, and only say what to read again.
LATE_SECONDS = 86400

#: The number of ids of a shard. A global id is the number of the shard times this, plus the local id.
IDS_OF_A_SHARD = 10**13

#: Only the signature and the times are checked. The other claims are not those of a login.
_CHECKED: Any = {
    **dict.fromkeys(("verify_signature", "verify_exp", "verify_nbf"), True),
    **dict.fromkeys(("verify_iat", "verify_aud", "verify_iss", "verify_sub", "verify_jti"), False),
}

#: The longest name of a key.
_NAME_CHARACTERS = 200

_EVENT = re.compile(
    r"(course|syllabus|module|module_item|assignment|discussion_topic|discussion_entry|wiki_page)"
    r"_(?:created|updated|deleted|submitted)"
)


def _https(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"https?://[^\s\\@]+", value):
        raise ValueError("a URL such as https://canvas.example.org/jwks")
    return value


#: The options of a kind of target that accepts Live Events.
OPTIONS: Mapping[str, Option] = MappingProxyType(
    {"jwks_url": Option("The URL of the public keys with which Live Events are signed (JWKS).", _https)}
)


def verify(received: Received, credentials: Credentials) -> None:
    """Check that the body is a JWT, or a JSON text with one, that a key of the site has signed. Raises NotVerified.

    Raises TransientError if the key is not known and cannot be known now. The token is checked for its form first, so
    that a body of another kind asks for no key.
    """
    try:
        token = _token(received.body)
        key = credentials.find_key(_key_name(token))
        if key is None:
            raise NotVerified("The Live Event is signed with a key that is not in the JWKS.")
        public = jwt.PyJWK(dict(key), ALGORITHM).key
        jwt.decode(token, public, algorithms=[ALGORITHM], leeway=LATE_SECONDS, options=_CHECKED)
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise NotVerified("The Live Event has no valid signature.") from None


def read(body: bytes, _event: str = "") -> tuple[Notice, ...]:
    """Return the object that a Live Event names, with local ids. The signature is not checked.

    There is no event for a deleted module, item or topic: they are updated, with ``workflow_state`` deleted.
    """
    value = _event_of(body)
    metadata, fields = member(value, "metadata"), member(value, "body")
    name = metadata.get("event_name")
    known = _EVENT.fullmatch(name) if isinstance(name, str) else None
    if not known:
        return ()
    kind = "course" if known[1] == "syllabus" else known[1]
    remote_id, course_id = _local(fields.get(f"{kind}_id")), _course(metadata, fields)
    return (Notice(kind, remote_id, course_id, known[0]),) if remote_id else ()


def _token(body: bytes) -> str:
    value = read_json(body) if body.lstrip().startswith(b'"') else body.decode("ascii").strip()
    if not isinstance(value, str) or value.count(".") != 2:
        raise NotVerified("The Live Event is not signed.")
    return value


def _key_name(token: str) -> str:
    header = jwt.get_unverified_header(token)
    name = header.get("kid")
    if header.get("alg") != ALGORITHM or not isinstance(name, str) or not 0 < len(name) <= _NAME_CHARACTERS:
        raise NotVerified(f"The Live Event is not signed with {ALGORITHM} and a named key.")
    return name


def _event_of(body: bytes) -> Any:
    """Return the event in a body that was verified: a JWT, a JSON text with one, or JSON."""
    if body.lstrip().startswith(b"{"):
        return read_json(body)
    try:
        payload = _token(body).split(".")[1]
        return read_json(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (NotVerified, ValueError):
        return None


def _course(metadata: Mapping[str, Any], fields: Mapping[str, Any]) -> str:
    """Return the course of an event, from its body or, as for a page, from its metadata. Some events do not say it."""
    for value in (fields, metadata):
        if value.get("context_type") == "Course" and _local(value.get("context_id")):
            return _local(value["context_id"])
    return _local(fields.get("course_id"))


def _local(value: Any) -> str:
    """Return a local id. Ids in Live Events are local or global, without a rule."""
    text = id_of(value)
    return str(int(text) % IDS_OF_A_SHARD) if text else ""
