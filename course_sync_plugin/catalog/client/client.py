"""Asks the catalog for one page: signs in, sets timeouts, retries within a budget, and talks to one host only."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs
import requests
from urllib3.exceptions import HTTPError

from course_sync_plugin.catalog.client.answers import WHOLE_ANSWER, NoSuchPage, Unauthorized, read_object
from course_sync_plugin.catalog.client.auth import Access
from course_sync_plugin.exceptions import RateLimited, TransientError
from course_sync_plugin.log import get_logger
from course_sync_plugin.targets.http.adapter import deadline_session

log = get_logger(__name__)

#: Seconds to wait before each retry if the catalog gives no answer.
RETRIES = (1.0, 2.0, 4.0)
#: The shortest wait in seconds if the catalog throttles us: with a wait of 0 the client would ask for ever.
LEAST_WAIT = 1.0
SECONDS_OF_AN_HOUR = 3600.0


@attrs.frozen
class Limits:
    """The limits of a run.

    ``timeout``: seconds to connect, and seconds to wait for bytes; an answer may take WHOLE_ANSWER times the second
    number. ``budget``: the most seconds that the run may wait in total. ``requests``: how many requests it may still
    send in this hour; None: no limit. ``ends_at``: the run does not wait beyond this time (``time.monotonic()``).
    """

    timeout: tuple[float, float]
    budget: float
    requests: int | None = None
    ends_at: float = float("inf")


class TimeIsUp(TransientError):
    """The catalog should be asked again in ``seconds``, which is after the end of this run's time."""

    def __init__(self, message: str, *, seconds: float):
        super().__init__(message)
        self.seconds = seconds


class CatalogClient:
    """A session with one catalog. It sends credentials to the catalog's own URL only.

    It refuses redirects and never opens a link of an answer. ``pause`` sleeps for a number of seconds. ``failed`` is
    called with each failure to reach the catalog.
    """

    def __init__(self, access: Access, limits: Limits, pause: Callable[[float], None], failed: Callable[[str], None]):
        self.access = access
        self.url = f"{access.base_url}/course_runs/"
        self.requests = 0
        self.waited = 0.0
        self._limits = limits
        self._pause = pause
        self._failed = failed
        connect, read = limits.timeout
        self._session = deadline_session(connect + read * WHOLE_ANSWER, read)

    def __enter__(self) -> CatalogClient:
        return self

    def __exit__(self, *_error: object) -> None:
        self._session.close()

    def get(self, query: Mapping[str, Any], keys: Iterable[str] = ()) -> dict[str, Any]:
        """Return one answer: an object with a list of ``results``.

        Raises RateLimited or TransientError if no answer comes within the budget, TimeIsUp if the next attempt is due
        after the end of the run's time, ConfigurationError if the operator must act.
        """
        waits = iter(RETRIES)
        renewed = False
        while True:
            self._count()  # outside the ``try``: the client does not wait for our own hourly limit
            try:
                return self._ask({**query, **({"keys": ",".join(keys)} if keys else {}), "exclude_utm": 1})
            except Unauthorized as error:
                if renewed:
                    raise
                renewed = True
                self._note(error)
                self.access.renew()
            except NoSuchPage:
                raise
            except TransientError as error:
                self._note(error)
                told = max(error.retry_after, LEAST_WAIT) if isinstance(error, RateLimited) else next(waits, None)
                self._wait(error, told)

    def _ask(self, query: Mapping[str, Any]) -> dict[str, Any]:
        try:
            with self._session.get(
                self.url,
                params=query,
                auth=self.access.auth(),
                headers={"Accept": "application/json"},
                timeout=self._limits.timeout,
                allow_redirects=False,
                stream=True,
            ) as response:
                return read_object(response)
        except (requests.RequestException, HTTPError, OSError) as error:
            # Only the name of its class: its text may hold the URL and secrets in it.
            raise TransientError(f"The catalog could not be reached ({type(error).__name__})") from error

    def _count(self) -> None:
        if self._limits.requests is not None and self.requests >= self._limits.requests:
            raise RateLimited("All requests that are allowed in this hour were sent", retry_after=SECONDS_OF_AN_HOUR)
        self.requests += 1

    def _note(self, error: Exception) -> None:
        log.warning("course_sync: catalog: %s", error)
        self._failed(str(error))

    def _wait(self, error: TransientError, seconds: float | None) -> None:
        """Wait within the budget, or raise the error. Raise TimeIsUp if the wait ends after the run's time."""
        if seconds is None or self.waited + seconds > self._limits.budget:
            raise error
        self.waited += seconds
        if time.monotonic() + seconds > self._limits.ends_at:
            raise TimeIsUp(error.message, seconds=seconds) from error
        self._pause(seconds)
