"""A catalog on 127.0.0.1 for tests and for trying the plugin. It signs in and pages as course-discovery does.

``python -m course_sync_plugin.testing.catalog_server --runs 250`` serves 250 made-up course runs; ``--file`` serves
the ``results`` of a recorded answer, or a list of course runs.
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, overload
from urllib.parse import parse_qsl, urlencode, urlsplit

import attrs

from course_sync_plugin.sanitize import limits
from course_sync_plugin.testing.server import port_number, port_refusal

RUNS = "/api/v1/course_runs/"
#: course-discovery's own page size.
PAGE_SIZE = 20

Query = Mapping[str, str]


@attrs.frozen
class Answer:
    """An answer to send. ``cut``: the server closes the connection after this many bytes of the body."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = attrs.field(factory=dict)
    cut: int | None = None


@attrs.frozen
class Asked:
    """A request that the server received."""

    path: str
    query: Query
    headers: Mapping[str, str] | Message


class MadeUpRuns(Sequence[dict[str, Any]]):
    """Course runs ``course-v1:Org+C000001+2026`` …, each made when it is read: 100,000 of them take no memory."""

    def __init__(self, number: int, url: str = "https://www.example.com/course/c{:06d}"):
        self._number = number
        self._url = url

    def __len__(self) -> int:
        return self._number

    @overload
    def __getitem__(self, at: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, at: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, at: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        if isinstance(at, slice):
            return [self._run(number) for number in range(*at.indices(self._number))]
        return self._run(range(self._number)[at])

    def _run(self, number: int) -> dict[str, Any]:
        return {
            "key": made_up_key(number),
            "title": f"Course {number}",
            "marketing_url": self._url.format(number),
            "eligible_for_financial_aid": True,
            "content_language": "en-us",
            "start": "2026-02-02T00:00:00Z",
            "end": None,
            "enrollment_start": None,
            "enrollment_end": None,
            "pacing_type": "instructor_paced",
        }


def made_up_key(number: int) -> str:
    """Return the key of a made-up course run."""
    return f"course-v1:Org+C{number:06d}+2026"


class CatalogServer:
    """The server. It runs inside the ``with`` block.

    ``runs``: its course runs in list order; a test may change them at any time. ``fault`` is called with every request
    for course runs and returns another answer, or None. ``latency``: seconds before each answer. ``asked``: every
    request so far.
    """

    client_id = "catalog-client"
    client_secret = "catalog-secret"  # noqa: S105  # not a real secret

    def __init__(self, runs: Sequence[Any] = (), port: int = 0, latency: float = 0.0):
        self.runs = runs
        self.latency = latency
        self.fault: Callable[[Asked], Answer | None] = lambda asked: None
        self.asked: list[Asked] = []
        self.tokens: set[str] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler_of(self))
        self._server.daemon_threads = True
        self.root = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> CatalogServer:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def settings(self) -> dict[str, str]:
        """The platform's settings that point to this server."""
        return {
            "COURSE_CATALOG_API_URL": f"{self.root}/api/v1",
            "BACKEND_SERVICE_EDX_OAUTH2_PROVIDER_URL": f"{self.root}/oauth2",
            "BACKEND_SERVICE_EDX_OAUTH2_KEY": self.client_id,
            "BACKEND_SERVICE_EDX_OAUTH2_SECRET": self.client_secret,
        }

    def pages_asked(self) -> list[Query]:
        """Return the parameters of every request for course runs."""
        return [asked.query for asked in self.asked if asked.path == RUNS]

    def answer(self, asked: Asked) -> Answer:
        """Answer a GET."""
        self.asked.append(asked)
        time.sleep(self.latency)
        if asked.path != RUNS:
            return _json({"detail": "Not found."}, 404)
        fault = self.fault(asked)
        if fault is not None:
            return fault
        scheme, _, token = asked.headers.get("Authorization", "").partition(" ")
        if scheme not in ("JWT", "Bearer") or token not in self.tokens:
            return _json({"detail": "Authentication credentials were not provided."}, 401)
        return self._page(asked.query)

    def sign_in(self, form: Query) -> Answer:
        """Answer a request for a token."""
        if (form.get("client_id"), form.get("client_secret")) != (self.client_id, self.client_secret):
            return _json({"error": "invalid_client"}, 401)
        token = secrets.token_hex(8)
        self.tokens.add(token)
        return _json({"access_token": token, "expires_in": 3600, "token_type": "JWT"})

    def _page(self, query: Query) -> Answer:
        """Page as course-discovery's ``ProxiedPagination``: with ``page`` by page_size, else by limit and offset."""
        runs = self.runs
        if "keys" in query:
            wanted = set(query["keys"].split(","))
            runs = [run for run in runs if run.get("key") in wanted]
        if query.get("page"):
            size = _positive(query.get("page_size")) or PAGE_SIZE
            number = _positive(query["page"]) or 0
            start = (number - 1) * size
            if not number or (start >= len(runs) and number > 1):
                return _json({"detail": "Invalid page."}, 404)
            following = {"page": str(number + 1)}
        else:
            size = _positive(query.get("limit")) or PAGE_SIZE
            start = _positive(query.get("offset")) or 0
            following = {"limit": str(size), "offset": str(start + size)}
        link = f"{self.root}{RUNS}?{urlencode(sorted({**query, **following}.items()))}"
        rows = [self._row(run, query) for run in runs[start : start + size]]
        return _json({
            "count": len(runs), "next": link if start + size < len(runs) else None, "previous": None, "results": rows,
        })  # fmt: skip

    @staticmethod
    def _row(run: Any, query: Query) -> Any:
        """Return a row. Without ``exclude_utm``, course-discovery adds the name of the user to every link."""
        if not isinstance(run, dict) or query.get("exclude_utm") or not run.get("marketing_url"):
            return run
        return {**run, "marketing_url": f"{run['marketing_url']}?utm_source=lms-catalog-service-user"}


def recorded_runs(*paths: Path) -> list[Any]:
    """Return the course runs of recorded answers, or of files with a list, one file after the other."""
    values = [json.loads(path.read_text("utf-8")) for path in paths]
    return [run for value in values for run in (value["results"] if isinstance(value, dict) else value)]


def _handler_of(server: CatalogServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            self._send(server.answer(Asked(parts.path, dict(parse_qsl(parts.query)), self.headers)))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            server.asked.append(Asked(self.path, {}, {}))
            self._send(server.sign_in(dict(parse_qsl(body.decode()))))

        def _send(self, answer: Answer) -> None:
            try:
                self.send_response(answer.status)
                for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body[: answer.cut])
                self.close_connection = self.close_connection or answer.cut is not None
            except OSError:
                self.close_connection = True  # the client has closed the connection

        def log_message(self, format: str, *args: Any) -> None:
            """Log nothing: ``asked`` has every request."""

    return Handler


def _json(value: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(value).encode())


def _positive(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and int(text) else None


def _runs_of(paths: Sequence[Path]) -> list[Any]:
    """Return the course runs of recorded answers, or end the process with an error message of one sentence."""
    runs = []
    for path in paths:
        try:
            runs += recorded_runs(path)
        except (OSError, ValueError, KeyError, TypeError) as error:
            sys.exit(f"{path} holds no recorded runs: {type(error).__name__}: {error}")
    return runs


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until interrupted, and print the settings that point the plugin to this server."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=port_number, default=18381, help="default: 18381")
    parser.add_argument(
        "--runs", type=limits.MADE_UP_RUNS.argument, default=250, help="number of made-up course runs (default: 250)"
    )
    parser.add_argument("--file", type=Path, nargs="+", help="recorded answers to serve instead")
    parser.add_argument("--latency", type=limits.ANSWER_DELAY.argument, default=0.0, help="seconds before each answer")
    options = parser.parse_args(arguments)
    runs = _runs_of(options.file) if options.file else MadeUpRuns(options.runs)
    with port_refusal(options.port):
        server = CatalogServer(runs, options.port, options.latency)
    with server:
        for name, value in server.settings.items():
            print(f"export {name}={value}")
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print("stopped", file=sys.stderr)


if __name__ == "__main__":
    main()
