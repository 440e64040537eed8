"""``inbound_site.py atomic|bare``: a site for ``inbound.py``: the sandbox, a target that takes notices, an empty view.

``atomic``: each view is in a transaction, as in the platform (``ATOMIC_REQUESTS``); ``bare``: an empty view does not
touch the database.

It prints its URL and the secret of the target, and serves until it is killed. It has a fixed number of threads, each
with a connection to the database that stays open, as workers of a real server have.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import host

#: Requests that are answered at the same time.
THREADS = 8


def empty(_request: Any) -> Any:
    """Answer as the address for notices does, without doing anything."""
    from django.http import JsonResponse

    return JsonResponse({"stored": True}, status=202)


def site() -> tuple[Any, str]:
    """Return the application, and the secret of its target ``forum``."""
    from django.core.wsgi import get_wsgi_application
    from django.db import connections
    from django.urls import path
    from django.views.decorators.csrf import csrf_exempt

    from course_sync_plugin import api
    from course_sync_plugin.targets.inbound import discourse
    from course_sync_plugin.targets.inbound.contract import Inbound
    from course_sync_plugin.targets.registry import targets
    from course_sync_plugin.targets.webhook import WebhookTarget
    from sandbox import urls

    class Forum(WebhookTarget):
        inbound = Inbound((discourse.verify,), discourse.read, discourse.NAME_HEADER, discourse.ID_HEADER)

    targets._loaded["forum"] = Forum
    urls.urlpatterns.append(path("empty", csrf_exempt(empty)))
    connections.settings["default"] |= {"CONN_MAX_AGE": None, "ATOMIC_REQUESTS": sys.argv[1] == "atomic"}
    return get_wsgi_application(), api.add_target("forum", backend="forum", url="http://127.0.0.1:9/").secret


def main() -> None:
    """Serve."""
    from django.core.servers.basehttp import WSGIRequestHandler, WSGIServer

    class Quiet(WSGIRequestHandler):
        def log_message(self, *_arguments: Any) -> None:
            """Log nothing."""

    application, secret = site()

    class Pooled(WSGIServer):
        request_queue_size = 64
        threads = ThreadPoolExecutor(THREADS)

        def process_request(self, request: Any, client_address: Any) -> None:
            self.threads.submit(self.process_request_here, request, client_address)

        def process_request_here(self, request: Any, client_address: Any) -> None:
            try:
                self.finish_request(request, client_address)
            finally:
                self.shutdown_request(request)

    server = Pooled(("127.0.0.1", 0), Quiet)
    server.set_app(application)
    print(json.dumps([f"http://127.0.0.1:{server.server_port}", secret]), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    host.start()
    main()
