"""Says what a decision about a conflict or a proposal has done: which value it is, and who gets it when."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _

from course_sync_plugin import api

#: The most characters of a value that is shown.
_LONGEST = 40


def shown(value: Any) -> str:
    """Return a value for a person, cut to one short text."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def told(plan: api.Decision, effects: api.Effects) -> Iterator[str]:
    """Yield sentences: what was done, and who gets the value."""
    text = {
        "accept": _("Proposal {id} is accepted: {field} of {entity} is now {value}."),
        "reject": _("Proposal {id} is rejected: {field} of {entity} stays {value}, the value of Open edX."),
        "openedx": _("Conflict {id} is resolved: {field} of {entity} is {value}, the value of Open edX."),
        "remote": _("Conflict {id} is resolved: {field} of {entity} is {value}, the value of {target}."),
        "base": _("Conflict {id} is resolved: {field} of {entity} is {value}, the last common value."),
    }[plan.take]
    value = shown(plan.value)
    yield text.format(id=plan.id, field=plan.field, entity=plan.entity_id, value=value, target=plan.target)
    if effects.is_gone:
        yield _("The course does not have the entity any more, so nothing is sent.")
    elif plan.take == "accept":
        yield from _accepted(effects)
    else:
        yield from _decided(effects)


def _accepted(effects: api.Effects) -> Iterator[str]:
    if effects.in_draft:
        yield _("It is in Studio's draft. Learners see it when an author publishes it.")
        yield from _sent(effects, _("After that, the next turn of 'run' sends it to {targets}."))
    else:
        yield _("It is in Studio and published: learners see it.")
        yield from _sent(effects, _("The next turn of 'run' sends it to {targets}."))


def _decided(effects: api.Effects) -> Iterator[str]:
    if effects.proposal:
        yield _("Open edX gets it as proposal {id}: 'accept {id}' writes it to Studio.").format(id=effects.proposal)
        yield from _sent(effects, _("When it is published, the next turn of 'run' sends it to {targets}."))
    elif effects.in_openedx:
        yield from _sent(effects, _("The next turn of 'run' sends it to {targets}."))
    else:
        yield _("Open edX keeps its own value: nothing comes back from this target (write_back=never).")


def _sent(effects: api.Effects, text: str) -> Iterator[str]:
    if effects.targets:
        yield text.format(targets=", ".join(effects.targets))
    else:
        yield _("No other system has another value, so nothing is sent.")
