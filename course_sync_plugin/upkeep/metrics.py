"""Writes the numbers of ``status`` as metrics, in the text format of Prometheus.

They are read from the database for each scrape: every process of the site shows the same, and none keeps a count. All
are gauges. Attempts are pruned, so no count of them could grow for ever, as a counter of Prometheus must.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import attrs
from django.conf import settings

from course_sync_plugin.upkeep.status.lanes import STATES
from course_sync_plugin.upkeep.status.report import overview
from course_sync_plugin.upkeep.status.traffic import OUTCOMES

if TYPE_CHECKING:
    from prometheus_client.metrics_core import GaugeMetricFamily

#: The version of the format. The names keep to the oldest one, which every version of Prometheus reads.
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Status = Mapping[str, Any]

#: The states of a circuit breaker, and those of a target: the states of lanes, and that of a target without a lane.
BREAKER_STATES, TARGET_STATES = ("closed", "half-open", "open"), (*STATES, "no courses")

#: The metrics of the site: name after the prefix, help, and the value in a status. None: the metric is left out.
_SITE: Sequence[tuple[str, str, Callable[[Status], float | None]]] = (
    ("courses", "Courses that were recorded, or could not be read.", lambda status: status["courses_total"]),
    ("courses_in_step", "Courses that are in step at all their targets.", lambda status: status["courses_in_step"]),
    (
        "courses_waiting_for_link",
        "Courses that are in step but for a target to which they are not linked.",
        lambda status: status["courses_waiting_for_link"],
    ),
    ("courses_unreadable", "Courses that cannot be read.", lambda status: status["courses_unreadable"]),
    (
        "courses_not_recorded",
        "Courses whose last publish is not recorded yet.",
        lambda status: status["courses_not_recorded"],
    ),
    (
        "courses_waiting",
        "Published courses that wait for their first sync.",
        lambda status: status["courses_waiting"],
    ),
    ("held_runs", "Runs that wait for an approval.", lambda status: len(status["held"])),
    (
        "open_problems",
        "Operations that failed, or wait behind one that failed.",
        lambda status: status["problems_total"],
    ),
    (
        "oldest_publish_waiting_seconds",
        "Age of the oldest publish that no sync has taken; 0 if there is none.",
        lambda status: _age(status["waiting_since"]),
    ),
    (
        "last_sweep_timestamp_seconds",
        "Time of the last sweep, in seconds since 1970; missing if there was none.",
        lambda status: _timestamp(status["last_sweep_at"]),
    ),
    (
        "last_run_timestamp_seconds",
        "Last time at which 'course_sync run' was at work, in seconds since 1970; missing if it never was.",
        lambda status: _timestamp(status["last_run_at"]),
    ),
    (
        "not_running",
        "1 if no process has swept or run for too long, or a publish has waited for too long.",
        lambda status: status["not_running"],
    ),
    ("stopped", "1 while the switch course_sync.stopped is on.", lambda status: status["stopped"]),
    (
        "objective_seconds",
        "Objective of the site: seconds within which an operation should be delivered.",
        lambda status: settings.COURSE_SYNC_OBJECTIVE_SECONDS,
    ),
)

#: The metrics of each target: name after the prefix, help, and the value in an entry of ``targets``.
_TARGET: Sequence[tuple[str, str, Callable[[Status], float | None]]] = (
    (
        "lag_seconds",
        "Age of the oldest operation that is not delivered; 0 if there is none.",
        lambda target: target["lag_seconds"],
    ),
    ("pending_operations", "Operations that are not delivered.", lambda target: target["pending"]),
    (
        "open_problems",
        "Operations that failed, or wait behind one that failed.",
        lambda target: target["problems"],
    ),
    (
        "excluded_operations",
        "Operations that are held back because of an exclusion.",
        lambda target: target["excluded"],
    ),
    (
        "recent_window_seconds",
        "Seconds before now that the other metrics named recent count: an hour, or less if there were many requests.",
        lambda target: target["recent"]["window_seconds"],
    ),
    (
        "recent_operations_per_second",
        "Operations that the target carried out, per second.",
        lambda target: target["recent"]["operations_per_minute"] / 60,
    ),
    (
        "recent_success_ratio",
        "Share of the requests that the target answered and accepted, 0 to 1; missing without a request.",
        lambda target: target["recent"]["success_rate"],
    ),
    (
        "recent_request_p50_seconds",
        "Duration that half of the requests did not exceed; missing without a request.",
        lambda target: target["recent"]["p50_seconds"],
    ),
    (
        "recent_request_p95_seconds",
        "Duration that 95 percent of the requests did not exceed; missing without a request.",
        lambda target: target["recent"]["p95_seconds"],
    ),
)


def metrics() -> bytes:
    """Return the metrics of now, in the text format of Prometheus. As many queries as :func:`overview` makes."""
    from prometheus_client import CollectorRegistry, generate_latest  # not at the start of each process of the host

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_StatusCollector(overview()))
    return generate_latest(registry)


@attrs.frozen(eq=False)
class _StatusCollector:
    """The metrics of one status. Their labels name targets and states, and never a course: there may be thousands."""

    status: Status

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield each metric with its samples."""
        for name, text, value_of in _SITE:
            gauge = _gauge(name, text)
            _add(gauge, (), value_of(self.status))
            yield gauge
        for name, text, value_of in _TARGET:
            gauge = _gauge(f"target_{name}", text, "target")
            for target in self.status["targets"]:
                _add(gauge, (target["name"],), value_of(target))
            yield gauge
        yield from self._with_states()

    def _with_states(self) -> Iterator[GaugeMetricFamily]:
        """Yield the metrics with a second label: the states, of which one has the value 1, and the outcomes."""
        state = self._by("state", "1 for the state of the target, 0 for the others.", "state")
        breaker = self._by("breaker_state", "1 for the state of the circuit breaker, 0 for the others.", "state")
        attempts = self._by("recent_requests", "Requests by what became of them.", "outcome")
        for target in self.status["targets"]:
            name, recent = target["name"], target["recent"]
            for one in TARGET_STATES:
                _add(state, (name, one), target["state"] == one)
            for one in BREAKER_STATES:
                _add(breaker, (name, one), target["breaker"]["state"] == one)
            for outcome in OUTCOMES:
                _add(attempts, (name, outcome), recent[outcome])
        yield from (state, breaker, attempts)

    @staticmethod
    def _by(name: str, text: str, label: str) -> GaugeMetricFamily:
        return _gauge(f"target_{name}", text, "target", label)


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    from prometheus_client.metrics_core import GaugeMetricFamily

    return GaugeMetricFamily(f"course_sync_{name}", text, labels=labels)


def _add(gauge: GaugeMetricFamily, labels: Sequence[str], value: float | None) -> None:
    if value is not None:
        gauge.add_metric(labels, float(value))


def _timestamp(text: str | None) -> float | None:
    return datetime.fromisoformat(text).timestamp() if text else None


def _age(text: str | None) -> float:
    return max(0.0, datetime.now(UTC).timestamp() - (_timestamp(text) or 0)) if text else 0.0
