"""The event that carries operations, as a public signal of openedx-events. Consumers import it from here.

This module has no ``from __future__ import annotations``: openedx-events makes the Avro schema from the types of the
attributes, and they must not be texts.
"""

import attrs
from opaque_keys.edx.keys import CourseKey
from openedx_events.tooling import OpenEdxPublicSignal


@attrs.frozen
class CourseOperationsData:
    """One envelope of a course. docs/references/webhook_contract.rst describes these values, and the rules for them.

    The ``repr`` shows no content, because producers write the whole event to their log when they cannot send it.

    Attributes:
        schema_version (int): version of the operations.
        course_key (CourseKey): identifier of the course run.
        mode (str): ``changes`` or ``snapshot``.
        published_version (str): the version of the course that the run leads to; empty if the course was deleted.
        sequence (int): grows with each envelope of a course.
        previous_sequence (int): the last sequence that the bus took. A consumer that has not seen it has missed events.
        end_of_run (bool): True if the course is complete as of ``published_version``.
        context (str): JSON object, the values that operators set for the course.
        operations (str): JSON array of the operations. The ``id`` of each is its idempotency key.
    """

    schema_version: int
    course_key: CourseKey
    mode: str
    published_version: str
    sequence: int
    previous_sequence: int
    end_of_run: bool
    context: str = attrs.field(repr=False)
    operations: str = attrs.field(repr=False)


# .. event_type: org.openedx.course_sync.operations.recorded.v1
# .. event_name: COURSE_OPERATIONS_RECORDED
# .. event_key_field: course_operations.course_key
# .. event_description: Emitted when operations of a published course are delivered to the event bus. The producer is
#   called directly, so that its errors are noticed; EVENT_BUS_PRODUCER_CONFIG has no effect on it.
# .. event_data: CourseOperationsData
# .. event_trigger_repository: course-sync-plugin
COURSE_OPERATIONS_RECORDED = OpenEdxPublicSignal(
    event_type="org.openedx.course_sync.operations.recorded.v1",
    data={"course_operations": CourseOperationsData},
)

#: The part of the event by which a partitioned bus keeps the order: all events of a course have the same key.
EVENT_KEY_FIELD = "course_operations.course_key"
