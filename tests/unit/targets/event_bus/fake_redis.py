"""A server that speaks enough of the protocol of Redis (RESP 2) to take events, and that fails as it is told."""

from __future__ import annotations

import socketserver
import threading
from typing import BinaryIO


class FakeRedis(socketserver.ThreadingTCPServer):
    """Keeps what XADD adds. ``answer``: the answer to every command; None: as Redis. ``silent``: no answer at all."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.answer: bytes | None = None
        self.silent = False
        self.added: list[dict[bytes, bytes]] = []
        self.commands: list[bytes] = []
        self.url = f"redis://:the-password@127.0.0.1:{self.server_address[1]}/0?protocol=2"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Refuse connections from now on."""
        self.shutdown()
        self.server_close()

    def reply(self, command: list[bytes]) -> bytes | None:
        """Carry out a command and return the answer; None: none."""
        name = command[0].upper()
        self.commands.append(name)
        if name in (b"AUTH", b"CLIENT", b"SELECT") and not self.silent:
            return b"+OK\r\n"
        if self.silent or self.answer:
            return self.answer
        if name == b"XADD":
            fields = command[command.index(b"*") + 1 :]
            self.added.append(dict(zip(fields[::2], fields[1::2])))
            return b"$3\r\n1-0\r\n"
        return b"+PONG\r\n"


class _Connection(socketserver.StreamRequestHandler):
    server: FakeRedis

    def handle(self) -> None:
        while line := self.rfile.readline():
            answer = self.server.reply([_bulk(self.rfile) for _ in range(int(line[1:]))])
            if answer:
                self.wfile.write(answer)


def _bulk(stream: BinaryIO) -> bytes:
    length = int(stream.readline()[1:])
    return stream.read(length + 2)[:-2]
