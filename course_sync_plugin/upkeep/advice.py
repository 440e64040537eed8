"""Says what each class of error means and what to do. ``docs/references/errors.rst`` shows the same table."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import attrs
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from course_sync_plugin.exceptions import UnknownName
from course_sync_plugin.models import ProblemState
from course_sync_plugin.targets.registry import targets


@attrs.frozen
class Advice:
    """What an error means, and what an operator does about it: one or two sentences each."""

    meaning: str | Promise
    action: str | Promise


_TOKEN_REFUSED = Advice(
    _("The other system does not accept the access token, or a server before it does not let us in."),
    _(
        "Read the reason. For another token: 'set-token' stores it, and the lanes go on. Otherwise correct what the "
        "reason names, test it with 'test TARGET', then use 'resume'."
    ),
)
_NO_RIGHT = Advice(
    _("The user of the access token may not do this in the other system."),
    _(
        "Read the reason. Give the user the right there, or take the token of another user with 'set-token'; then "
        "'retry'."
    ),
)

#: Keys are a class of an error, with the HTTP status or its first digit where that says more. The most exact key holds.
ADVICE: Mapping[tuple[str, int | None], Advice] = MappingProxyType(
    {
        ("TransientError", None): Advice(
            _("The receiver gave no answer, or could not be reached. It may have processed the message."),
            _(
                "Nothing while the lane is retrying: the same message is sent again. If the lane is failing, mend the "
                "receiver or the network, then use 'resume'."
            ),
        ),
        ("TransientError", 2): Advice(
            _("The receiver asked to get the operation again, until no attempt was left, or its answer was cut off."),
            _("Ask the receiver's team why the operation cannot be processed yet, then use 'retry'."),
        ),
        ("TransientError", 5): Advice(
            _("The receiver has an internal error, or is overloaded."),
            _("Nothing while the lane is retrying. If the lane is failing, mend the receiver, then use 'resume'."),
        ),
        ("RateLimited", None): Advice(
            _("The receiver asks to wait. This does not count as an attempt."),
            _(
                "Nothing: it is tried again at the time that the receiver named, or after a minute. If it lasts, ask "
                "the receiver's team to send the header Retry-After."
            ),
        ),
        ("ConfigurationError", None): Advice(
            _("A setting, a secret, a certificate or an address is wrong."),
            _("Correct what the message names, test it with 'test TARGET', then use 'resume'."),
        ),
        ("ConfigurationError", 401): Advice(
            _("The receiver does not accept the signature of the message."),
            _("Compare the secret and the clock on both sides, use 'test TARGET', then 'resume'."),
        ),
        ("ConfigurationError", 403): Advice(
            _("The receiver, or a proxy before it, does not let us in."),
            _("Compare the secrets, and look for a list of allowed addresses at the receiver; then use 'resume'."),
        ),
        ("PermanentError", None): Advice(
            _("The receiver refused the operation permanently."),
            _(
                "Read the reason and the receiver's log. Correct the entity in Studio or the receiver, then use "
                "'retry'. Use 'skip' only if the receiver never needs the operation."
            ),
        ),
        ("PermanentError", 2): Advice(
            _("The receiver accepted the message and listed this operation as failed."),
            _(
                "Read the reason. Correct the entity in Studio or the receiver, then use 'retry', or else 'skip'. "
                "If the receiver has lost the entity, use 'reset' for its course: a retry of an update does not create "
                "it."
            ),
        ),
        ("PermanentError", 3): Advice(
            _("The URL of the target redirects, and redirects are not followed."),
            _("Give the final URL with 'set-url', then use 'retry'."),
        ),
        ("PermanentError", 404): Advice(
            _("The receiver has no such path."),
            _("Correct the URL with 'set-url', then use 'retry'."),
        ),
        ("PermanentError", 413): Advice(
            _("The receiver refuses the message as too large, even with one operation."),
            _("Let the receiver and its proxies accept larger messages, then use 'retry'."),
        ),
        ("TargetGone", None): Advice(
            _("The receiver says that it is gone for ever (HTTP 410). The target is disabled."),
            _("If that is right, use 'remove-target'. If not, mend the receiver, then use 'resume'."),
        ),
        ("unreachable", None): Advice(
            _("The target did not answer several times in a row. All its lanes wait, and one probe at a time is sent."),
            _(
                "Nothing: all lanes go on by themselves when a probe is answered. If it lasts, mend the receiver or "
                "the network; 'resume' sends the next probe at once."
            ),
        ),
        ("misplaced", None): Advice(
            _("The operation was carried out, but its entity stands beside one that is not in its place."),
            _("Nothing: it is placed again when the problem before it is solved."),
        ),
        ("parked", None): Advice(
            _("The operation waits behind one that failed."),
            _("Solve the problem before it: 'problems' shows it with its cause."),
        ),
        ("", None): Advice(
            _("The class of the error is not known: an older release of the plugin stored it."),
            _("Read the reason. Correct the cause, then use 'retry'."),
        ),
        ("CourseNotFound", None): Advice(
            _("The course is not published any more."),
            _("Nothing: its deletion is held until you use 'approve'."),
        ),
        ("InvalidCourse", None): Advice(
            _("The course holds something that cannot be read; the message names the file or the block."),
            _("Correct it in Studio and publish: the course is read again by itself."),
        ),
        ("SourceError", None): Advice(
            _("The course could not be read. Nothing was synced and nothing is lost."),
            _("Nothing: it is read again after a while. If it lasts, look at the modulestore and its database."),
        ),
    }
)


#: The same for targets that sign in with an access token and sign no messages. Where there is no key, ``ADVICE`` holds.
TOKEN_ADVICE: Mapping[tuple[str, int | None], Advice] = MappingProxyType(
    {
        ("ConfigurationError", 401): _TOKEN_REFUSED,
        ("ConfigurationError", 403): _TOKEN_REFUSED,
        ("PermanentError", 401): _NO_RIGHT,
        ("PermanentError", 403): _NO_RIGHT,
        ("PermanentError", 404): Advice(
            _("The other system does not have the object, or the user of the access token may not see it."),
            _(
                "Look there whether it was deleted, and whether the user may see it. Then use 'retry', or 'unlink' the "
                "course if its counterpart is gone."
            ),
        ),
    }
)


#: States that need no class of an error: they say themselves what is to be done.
_WITHOUT_CLASS = (ProblemState.PARKED.value, ProblemState.MISPLACED.value, "unreachable")


def advice_for(error_class: str | None, status: int | None = None, state: str = "", *, backend: str = "") -> Advice:
    """Return the advice for an error, by its class, its HTTP status and the state of its problem.

    ``backend``: that of the target. A target with an access token needs other advice than one that signs.
    """
    if state in _WITHOUT_CLASS and not error_class:
        return ADVICE[state, None]
    name = error_class or ""
    hundreds = status // 100 if status else None
    tables = (TOKEN_ADVICE, ADVICE) if _uses_token(backend) else (ADVICE,)
    found = (table.get((name, key)) for key in (status, hundreds, None) for table in tables)
    return next((advice for advice in found if advice), ADVICE["", None])


def _uses_token(backend: str) -> bool:
    """Tell whether targets of this kind sign in with an access token. A kind of another package may be gone."""
    try:
        return bool(backend) and targets.get(backend).uses_token
    except UnknownName:
        return False
