"""The target ``local``: writes the operations to tables of this site, with the strategies of their entity types."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from django.db import DatabaseError, Error, InterfaceError, OperationalError, transaction

from course_sync_plugin.data import Answer, Message
from course_sync_plugin.exceptions import ConfigurationError, CourseSyncError, PermanentError, TransientError
from course_sync_plugin.models import Target as TargetRow
from course_sync_plugin.targets.base import Target, TargetConfig, TestReport
from course_sync_plugin.targets.local.database_errors import is_unmigrated, name_of
from course_sync_plugin.targets.local.envelope import carry_out
from course_sync_plugin.targets.local.inspection import inspect
from course_sync_plugin.targets.local.isolation import LEVELS, check_isolation, set_isolation
from course_sync_plugin.targets.options import Option, one_of


class LocalTarget(Target):
    """This site's own database. A site can have one such target, because its tables hold each course once."""

    in_transaction = True
    uses_secret = False
    own_options = MappingProxyType(
        {
            "isolation": Option(
                "The isolation level of the transaction of each envelope: 'read committed', 'repeatable read' or "
                "'serializable'.",
                one_of(*LEVELS),
            )
        }
    )

    @classmethod
    def check(cls, config: TargetConfig) -> None:
        super().check(config)
        if config.url:
            raise ConfigurationError("The target 'local' is this site's own database: it has no URL. Leave out --url.")
        if config.secrets:
            raise ConfigurationError("The target 'local' signs nothing, so it takes no secret. Leave out the secret.")
        check_isolation(config.options.get("isolation"))
        _check_alone(config.name)

    def begin_transaction(self) -> None:
        set_isolation(self.config.options.get("isolation"))

    def send(self, message: Message) -> Answer:
        try:
            with transaction.atomic():
                return Answer(carry_out(_data_of(message)))
        except (OperationalError, InterfaceError) as error:
            raise TransientError(f"The database did not carry out the envelope: {name_of(error)}.") from None
        except DatabaseError as error:
            if is_unmigrated(error):  # no operation is at fault, and the next attempt may find it
                text = f"The database lacks a table or a column: {name_of(error)}. Run 'manage.py migrate'."
                raise TransientError(text) from None
            # of the tree's own tables: the operations are tried in smaller envelopes
            raise PermanentError(f"The database refused the envelope: {name_of(error)}.") from None

    def test(self) -> TestReport:
        """Look at the database without a change: the tables, the isolation levels, the strategies."""
        began = time.monotonic()
        try:
            type(self).check(self.config)
            ok, explanation = inspect(self.config.options.get("isolation"))
        except CourseSyncError as error:
            ok, explanation = False, error.message
        except Error as error:
            ok, explanation = False, f"The database did not answer: {name_of(error)}."
        return TestReport(ok, explanation, None, time.monotonic() - began)


def _data_of(message: Message) -> Mapping[str, Any]:
    data: Mapping[str, Any] = json.loads(message.body)["data"]
    return data


def _check_alone(name: str) -> None:
    """Raise ConfigurationError if there is another target of this kind. Compared in Python: MySQL ignores case."""
    rows = TargetRow.objects.values_list("name", "backend")
    other = next((there for there, backend in rows if backend == "local" and there != name), None)
    if other:
        raise ConfigurationError(
            f"There is already a target of this kind, '{other}'. Its tables hold each course once, so a second one "
            "would write to the same rows."
        )
