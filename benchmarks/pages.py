"""``pages.py``: measures the pages and the lists of the API on the site that ``large_site.py`` has made.

For each line of its standard input it asks for each of them once more, as an operator who has signed in, and prints the
seconds and the number of queries. So several of these processes, each on a site of another size, can take turns.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import host
from large_site import TARGETS
from measuring import interleaved

#: In one turn each page is asked for so many times; the fastest one counts.
REPEAT = 3
API = "/api/course_sync/v1"
#: The queries of the host before a view begins: it reads the user of the session.
SIGN_IN = 1


def addresses() -> dict[str, str]:
    """Return the addresses by the names that the figures show. The course is the one with work ahead and problems."""
    from course_sync_plugin.models import Course

    key = Course.objects.order_by("-pk")[0].key
    pages = {
        "overview": "",
        "targets": "targets/",
        "target": f"targets/{TARGETS[0]}/",
        "courses": "courses/",
        "courses, filtered": "courses/?state=retrying",
        "course": f"courses/{key}/",
        "tree": f"courses/{key}/tree/",
        "staff": f"staff/{key}/",
        "errors": "errors/",
        "history": "history/",
        "history of a course": f"history/?course={key}",
        "performance": "performance/",
        "conflicts": "conflicts/",
        "proposals": "proposals/",
    }
    lists = "targets courses lanes runs operations envelopes attempts problems conflicts proposals links actions"
    return {
        **{f"page {name}": f"/course_sync/{path}" for name, path in pages.items()},
        **{f"API {name}": f"{API}/{name}" for name in lists.split()},
    }


def operator() -> Any:
    """Return a test client that is signed in as a superuser."""
    from django.contrib.auth import get_user_model
    from django.test import Client

    users = get_user_model().objects
    client = Client(SERVER_NAME="localhost")
    client.force_login(users.filter(username="operator").first() or users.create_superuser("operator"))
    return client


def main() -> None:
    """Measure once for each line of standard input."""
    client, found = operator(), addresses()

    def ask(address: str) -> None:
        answer = client.get(address)
        assert answer.status_code == 200, (address, answer.status_code)

    queries = {name: counted(ask, address) for name, address in found.items()}
    for _line in sys.stdin:
        seconds = {name: fastest(ask, address) for name, address in found.items()}
        print(json.dumps({"seconds": seconds, "queries": queries}), flush=True)


def counted(ask: Any, address: str) -> int:
    """Return the number of queries of a page, without that of the host, after a first request has filled the caches."""
    ask(address)
    with host.counted() as statements:
        ask(address)
    return len(host.queries(statements)) - SIGN_IN


def fastest(ask: Any, address: str) -> float:
    """Return the seconds of the fastest of some requests."""
    return min(interleaved(REPEAT, {"page": lambda: ask(address)})["page"])


if __name__ == "__main__":
    host.start()
    main()
