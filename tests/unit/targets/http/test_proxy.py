"""Tests that ``deadline_session`` uses the proxy of the environment, for https with a tunnel."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from course_sync_plugin.targets.http.adapter import deadline_session
from tests.unit.targets.test_webhook_tls import LOCAL, certificate, receiver_with


@contextmanager
def a_proxy() -> Iterator[tuple[str, list[bytes]]]:
    """Yield the address of a proxy that makes one tunnel, and the request lines that it got."""
    asked: list[bytes] = []

    def serve() -> None:
        client, _ = listening.accept()
        with client:
            asked.append(client.recv(65536).split(b"\r\n")[0])
            host, port = asked[0].split()[1].split(b":")
            with socket.create_connection((host.decode(), int(port))) as server:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                there = threading.Thread(target=copy, args=(client, server), daemon=True)
                there.start()
                copy(server, client)
                there.join()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", asked
        thread.join()


def copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):  # one end may close while the other still sends
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


def test_a_tunnel(tmp_path, monkeypatch):
    path = certificate(tmp_path, LOCAL)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(path))
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with receiver_with(path) as receiver, a_proxy() as (url, asked):
        monkeypatch.setenv("HTTPS_PROXY", url)
        with deadline_session(30, 10) as session:
            assert session.get(receiver.url, headers={"Connection": "close"}).json()["courses"] == []
        (request,) = asked
        assert request.startswith(b"CONNECT " + receiver.url.split("/")[2].encode())
