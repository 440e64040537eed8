"""Serve a fake Discourse until interrupted: ``python -m course_sync_plugin.testing.discourse --port 18382``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from course_sync_plugin.testing.discourse.limits import ADDRESS_PER_10_SECONDS, ADDRESS_PER_MINUTE, ADMIN_PER_MINUTE
from course_sync_plugin.testing.discourse.server import DiscourseServer
from course_sync_plugin.testing.server import port_number, port_refusal, wait_for_interrupt


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve, and print the address and an API key."""
    parser = argparse.ArgumentParser(prog="python -m course_sync_plugin.testing.discourse", description=__doc__)
    parser.add_argument("--port", type=port_number, default=18382, help="default: 18382")
    parser.add_argument("--limits", action="store_true", help="with the rate limits of a real forum")
    options = parser.parse_args(arguments)
    with port_refusal(options.port):
        server = DiscourseServer(options.port)
    if options.limits:
        server.limits.admin.most = ADMIN_PER_MINUTE
        server.limits.address_10_seconds.most = ADDRESS_PER_10_SECONDS
        server.limits.address_minute.most = ADDRESS_PER_MINUTE
    with server:
        print(server.url, flush=True)
        print(f"Api-Key: {server.key}", flush=True)
        print("Api-Username: system, admin, moderator, teacher or student", flush=True)
        wait_for_interrupt()


if __name__ == "__main__":
    main()
