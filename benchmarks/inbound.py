"""``inbound.py atomic|bare``: measures how many notices a process stores in a second, against an empty view.

The site runs in a process of its own; ``inbound_site.py`` says what ``atomic`` and ``bare`` are. Several senders at
once keep it busy; each sends a notice by a connection of its own, as Discourse does. No notice is like another. It
prints the seconds of each round as JSON.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from measuring import interleaved

#: Notices in a round, senders at once, rounds.
NOTICES, SENDERS, ROUNDS = 400, 8, 11

#: Bytes of a notice. The recorded webhooks of Discourse have 900 to 3,000.
BYTES = 1500


def request(url: str, body: bytes, secret: str) -> bytes:
    """Return a signed notice as the bytes of a request."""
    parts = urlsplit(url)
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    lines = (
        f"POST {parts.path} HTTP/1.1", f"Host: {parts.netloc}", "Accept: */*", "Connection: close",
        "Content-Type: application/json", f"Content-Length: {len(body)}", "User-Agent: Discourse/3.5.0",
        "X-Discourse-Event: topic_edited", "X-Discourse-Event-Id: 83629", "X-Discourse-Event-Type: topic",
        f"X-Discourse-Event-Signature: sha256={signature}",
    )  # fmt: skip
    return "\r\n".join((*lines, "", "")).encode() + body


def send(data: bytes, port: int) -> None:
    """Send one request by a connection of its own, and read the answer."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(data)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    assert answer.split(b" ", 2)[1] == b"202", answer


class Senders:
    """Sends rounds of notices that are all different."""

    def __init__(self, url: str, secret: str):
        self._url, self._secret = url, secret
        self._number = 0

    def prepared(self, path: str) -> list[bytes]:
        """Return the requests of a round."""
        found = []
        for _ in range(NOTICES):
            self._number += 1
            topic = {"id": self._number, "category_id": 3, "title": "x" * BYTES}
            found.append(request(self._url + path, json.dumps({"topic": topic}).encode(), self._secret))
        return found

    def send(self, requests: list[bytes]) -> None:
        """Send the requests of a round, several at once."""
        port = urlsplit(self._url).port
        with ThreadPoolExecutor(SENDERS) as pool:
            for _done in pool.map(lambda data: send(data, port), requests):
                pass


def main(kind: str) -> None:
    """Print the seconds of each round."""
    command = [sys.executable, str(Path(__file__).with_name("inbound_site.py")), kind]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            senders = Senders(*json.loads(process.stdout.readline()))
            seconds: dict[str, list[float]] = {"stored": [], "empty": []}
            paths = {"stored": "/api/course_sync/v1/inbound/forum", "empty": "/empty"}
            for at in range(ROUNDS + 1):
                rounds = {name: senders.prepared(path) for name, path in paths.items()}
                order = list(rounds.items())[:: -1 if at % 2 else 1]
                turn = interleaved(1, {name: lambda data=data: senders.send(data) for name, data in order})
                for name, values in turn.items() if at else ():  # the first round warms up
                    seconds[name] += values
        finally:
            process.terminate()
    print(json.dumps({**seconds, "notices": NOTICES}))


if __name__ == "__main__":
    main(sys.argv[1])
