"""A window of the browser that notes what a page must not do."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

#: The strictest policy that a host may have: no inline script or style, and nothing of another site.
POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'"

#: The rules of WCAG 2.2 up to level AA, and good practice.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


class Window:
    """A window. ``faults``: errors of scripts and of the policy, and requests to other sites."""

    def __init__(self, context: Any):
        self.faults: list[str] = []
        self.context = context
        self.page = context.new_page()
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", self._check)
        self.page.route("**/course_sync/**", self._with_policy)

    def open(self, address: str) -> Any:
        """Open a page of the site, and return it when it is there. Raises AssertionError if its status is not 200."""
        answer = self.page.goto(address)
        assert answer.status == 200, f"{address}: {answer.status}"
        return self.page

    def violations(self) -> list[str]:
        """Return what keeps people with disabilities from using the page that is open."""
        found = Axe().run(self.page, options={"runOnly": {"type": "tag", "values": RULES}})
        return [f"{one['id']}: {[node['html'][:200] for node in one['nodes']]}" for one in found.response["violations"]]

    def is_too_wide(self) -> bool:
        """Tell whether the page that is open must be scrolled sideways."""
        script = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        return bool(self.page.evaluate(script))

    def close(self) -> None:
        """Close the window. A page that just asks for itself again is not waited for."""
        self.page.unroute_all(behavior="ignoreErrors")
        self.context.close()

    def _note(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(f"{message.text} ({self.page.url})")

    def _check(self, request: Any) -> None:
        if urlsplit(request.url).hostname != urlsplit(self.page.url).hostname and self.page.url != "about:blank":
            self.faults.append(f"another site: {request.url}")

    def _with_policy(self, route: Any) -> None:
        answer = route.fetch(max_redirects=0)
        route.fulfill(response=answer, headers={**answer.headers, "content-security-policy": POLICY})
