"""Tests the webhook target with TLS: it always checks certificates, and the handshake must keep the deadline too."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import time
from copy import copy
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from course_sync_plugin.data import Answer
from course_sync_plugin.exceptions import ConfigurationError, TransientError
from course_sync_plugin.targets.base import TargetConfig
from course_sync_plugin.targets.signing import generate_secret
from course_sync_plugin.targets.webhook import WebhookTarget
from course_sync_plugin.testing.contract import envelope
from course_sync_plugin.testing.faults import Drip, Hold
from course_sync_plugin.testing.receiver import Receiver


def certificate(folder: Path, host: x509.GeneralName, days: int = 1) -> Path:
    """Write a self-signed certificate and its key into a file, and return the file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "receiver")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=9))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([host]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "receiver.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path


LOCAL = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
#: Seconds that a deadline of half a second may take on a busy machine.
SOON = 15

ELSEWHERE = x509.DNSName("crm.example.org")


def receiver_with(path: Path) -> Receiver:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return Receiver(tls=context)


def target_for(url: str, secret: str, seconds: float = 5) -> WebhookTarget:
    return WebhookTarget(
        TargetConfig("crm", url, (secret,), deadline_seconds=seconds, allowed_private_hosts=("127.0.0.1",))
    )


@pytest.mark.parametrize(
    ("host", "days", "trusted", "words"),
    [
        (LOCAL, 1, False, "self-signed"),
        (LOCAL, -1, True, "expired"),
        (ELSEWHERE, 1, True, "not valid for"),
    ],
    ids=["self-signed", "expired", "of another host"],
)
def test_a_certificate_that_does_not_prove_who_it_is(tmp_path, monkeypatch, host, days, trusted, words):
    path = certificate(tmp_path, host, days)
    if trusted:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(path))
    with receiver_with(path) as receiver:
        target = target_for(receiver.url, receiver.secret)
        with pytest.raises(ConfigurationError, match=words) as refused:
            target.send(envelope())
        report = target.test()
        target.close()
        assert receiver.requests == []
    assert "REQUESTS_CA_BUNDLE" in refused.value.message
    assert not report.ok
    assert words in report.explanation


def test_an_authority_of_the_site_is_trusted(tmp_path, monkeypatch):
    path = certificate(tmp_path, LOCAL)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(path))
    with receiver_with(path) as receiver:
        target = target_for(receiver.url, receiver.secret)
        for _ in range(3):
            assert target.send(envelope()) == Answer()
        target.close()
    assert len(receiver.requests) == 3


@pytest.mark.parametrize("fault", [Hold(60), Drip(part="headers"), Drip(part="body")], ids=["silent", "head", "body"])
def test_the_deadline_is_absolute_behind_tls_too(tmp_path, monkeypatch, fault):
    path = certificate(tmp_path, LOCAL)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(path))
    with receiver_with(path) as receiver:
        target = target_for(receiver.url, receiver.secret, seconds=0.5)
        receiver.faults.append(copy(fault))
        began = time.monotonic()
        with pytest.raises(TransientError, match=r"within 0\.5 s"):
            target.send(envelope())
        assert time.monotonic() - began < SOON
        assert target.send(envelope()) == Answer()
        target.close()


def drip_a_handshake(server: socket.socket) -> None:
    """Send the beginning of a TLS record of 16 KB, one byte at a time."""
    connection, _ = server.accept()
    with connection:
        connection.recv(65536)
        try:
            for byte in b"\x16\x03\x03\x40\x00" + b"\x02" * 400:
                connection.sendall(bytes([byte]))
                time.sleep(0.02)
        except OSError:
            return  # the client has given up


def test_a_handshake_keeps_the_deadline():
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip_a_handshake, args=(server,))
        thread.start()
        target = target_for(f"https://127.0.0.1:{server.getsockname()[1]}/", generate_secret(), seconds=0.5)
        began = time.monotonic()
        with pytest.raises(TransientError):
            target.send(envelope())
        took = time.monotonic() - began
        thread.join()
    assert took < SOON


def test_a_server_that_does_not_speak_tls():
    with Receiver() as receiver:
        target = target_for(receiver.url.replace("http:", "https:"), receiver.secret)
        with pytest.raises(TransientError, match=r"Does it speak TLS\?"):
            target.send(envelope())
