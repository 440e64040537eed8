"""Tests which hosts a target may use. A host is checked when the target is saved, and again at each connection."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time

import pytest

from course_sync_plugin.exceptions import ConfigurationError, TransientError
from course_sync_plugin.targets.base import TargetConfig
from course_sync_plugin.targets.http.private_addresses import AllowedHosts, is_public, resolve
from course_sync_plugin.targets.signing import generate_secret
from course_sync_plugin.targets.webhook import WebhookTarget
from course_sync_plugin.testing.contract import envelope
from course_sync_plugin.testing.receiver import Receiver

SECRET = generate_secret()


def config(url: str, *allowed: str, seconds: float = 2) -> TargetConfig:
    return TargetConfig("crm", url, (SECRET,), deadline_seconds=seconds, allowed_private_hosts=allowed)


@pytest.fixture
def names(monkeypatch):
    """A fake name server: a dictionary of names and addresses. A name with None gets no answer until the test ends."""
    real, table, over = socket.getaddrinfo, {}, threading.Event()

    def getaddrinfo(host, port, *args, **options):
        if host not in table:
            return real(host, port, *args, **options)
        if table[host] is None:
            over.wait()
            raise socket.gaierror(socket.EAI_AGAIN, "no answer")
        return [entry for address in table[host] for entry in real(address, port, *args, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield table
    over.set()


@pytest.mark.parametrize(
    "address",
    """127.0.0.1 127.255.255.254 0.0.0.0 0.1.2.3 10.0.0.1 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 192.0.0.1
    192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1 192.88.99.1 224.0.0.1 240.0.0.1 255.255.255.255
    ::1 :: fe80::1 fc00::1 fd00:ec2::254 fec0::1 ff02::1 ::ffff:127.0.0.1 ::ffff:169.254.169.254 ::127.0.0.1
    64:ff9b::7f00:1 64:ff9b:1::1 2002:7f00:1:: 2001::1 2001:db8::1 100::1 5f00::1 3fff::1""".split(),
)
def test_addresses_that_are_not_public(address):
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "2a00:1450::1"])
def test_addresses_that_are(address):
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://127.0.0.1/", "not public"),
        ("https://localhost/", "not public"),
        ("https://0.0.0.0/", "not public"),
        ("https://169.254.169.254/latest/meta-data/", "not public"),
        ("https://[::1]/", "not public"),
        ("https://[::ffff:10.0.0.1]/", "not public"),
        ("https://[fe80::1%25eth0]/", "not public|not valid"),
        ("https://2130706433/", "four decimal numbers"),
        ("https://017700000001/", "four decimal numbers"),
        ("https://0x7f000001/", "four decimal numbers"),
        ("https://0177.0.0.1/", "four decimal numbers"),
        ("https://127.1/", "four decimal numbers"),
        ("https://0x7f.0.0.1/", "four decimal numbers"),
        ("https://127.0.0.1./", "four decimal numbers"),
        ("https://134744072/", "four decimal numbers"),
        ("https://①②⑦.⓪.⓪.①/", "not public|not valid"),
        ("https://user:password@crm.example.org/", "user name"),
        ("https://user@crm.example.org/", "user name"),
        ("https://crm.example.org\\@127.0.0.1/", "backslashes"),
        ("https://crm.example.org/a b", "spaces"),
        ("https://crm.example.org/\r\nX-Header: 1", "control"),
        ("http://8.8.8.8/", "https://"),
        ("http://crm.invalid/", "https://"),
        ("http://127.0.0.1:8000/", "https://"),
        ("ftp://crm.example.org/", "not valid"),
        ("file:///etc/passwd", "not valid"),
        ("crm.example.org/hook", "not valid"),
        ("https://", "not valid"),
        ("https://crm.example.org:99999/", "not valid"),
        ("https://a..b/", "is not a host"),
        ("", "not valid"),
    ],
)
def test_refused_when_saved(url, words):
    with pytest.raises(ConfigurationError, match=words):
        WebhookTarget.check(config(url))


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://8.8.8.8/hook", []),
        ("https://8.8.8.8:8443/hook?x=1", []),
        ("https://crm.invalid/not-up-yet", []),
        ("https://crm-7.invalid/", []),
        ("http://127.0.0.1:8000/", ["127.0.0.1"]),
        ("http://127.0.0.1:8000/", ["127.0.0.0/8"]),
        ("https://127.0.0.1:8000/", ["127.0.0.0/8"]),
        ("http://[::1]:8000/", ["::1"]),
        ("http://[::ffff:127.0.0.1]:8000/", ["127.0.0.1"]),
        ("http://localhost/", ["LOCALHOST"]),
        ("http://LOCALHOST./", ["localhost"]),
        ("http://crm.invalid/", ["crm.invalid"]),
    ],
)
def test_allowed_when_saved(url, allowed):
    WebhookTarget.check(config(url, *allowed))


def test_an_allowed_network_allows_no_other():
    with pytest.raises(ConfigurationError, match=r"10\.0\.0\.1"):
        WebhookTarget.check(config("https://10.0.0.1/", "127.0.0.0/8", "localhost"))


@pytest.mark.parametrize("entry", ["10.0.0.0/40", "", "crm.internal:8000", "http://crm", "*.internal", "[::1]"])
def test_an_entry_that_is_no_host_is_named(entry):
    with pytest.raises(ConfigurationError, match="COURSE_SYNC_ALLOWED_PRIVATE_HOSTS") as refused:
        AllowedHosts.parse([entry])
    assert f"'{entry}'" in refused.value.message


def test_a_name_with_one_private_address_among_public_ones_is_refused(names):
    names["crm.example.org"] = ["93.184.216.34", "10.0.0.7"]
    with pytest.raises(ConfigurationError, match=r"10\.0\.0\.7"):
        WebhookTarget.check(config("https://crm.example.org/"))


def test_a_name_that_turns_private_after_it_was_saved_is_not_connected_to(names):
    """DNS rebinding: public when saved, private when sent."""
    with Receiver() as receiver:
        names["crm.example.org"] = ["93.184.216.34"]
        saved = config(receiver.url.replace("http://127.0.0.1", "https://crm.example.org"))
        WebhookTarget.check(saved)
        names["crm.example.org"] = ["127.0.0.1"]
        with pytest.raises(ConfigurationError, match=r"127\.0\.0\.1, which is not public"):
            WebhookTarget(saved).send(envelope())
        assert receiver.requests == []


def test_a_name_that_leaves_the_allowed_network_is_not_connected_to(names):
    with Receiver() as receiver:
        names["crm.internal"] = ["127.0.0.1"]
        target = WebhookTarget(config(receiver.url.replace("127.0.0.1", "crm.internal"), "127.0.0.0/24"))
        assert target.test().status == 401  # reached, but the receiver has another secret
        target.close()
        names["crm.internal"] = ["127.0.1.1"]
        with pytest.raises(ConfigurationError, match="https://"):
            target.send(envelope())
        assert len(receiver.requests) == 1
        target.close()


def test_the_name_is_looked_up_once_per_connection(names):
    names["crm.internal"] = ["127.0.0.1"]
    with Receiver(secrets=[SECRET]) as receiver:
        target = WebhookTarget(config(receiver.url.replace("127.0.0.1", "crm.internal"), "crm.internal"))
        target.send(envelope())
        del names["crm.internal"]
        target.send(envelope())
        target.close()
    assert len(receiver.requests) == 2
    assert receiver.requests[0].headers["Host"].startswith("crm.internal:")


def test_the_second_address_is_tried_where_the_first_refuses(names):
    with Receiver(secrets=[SECRET]) as receiver:
        names["crm.internal"] = ["127.0.0.9", "127.0.0.1"]
        target = WebhookTarget(config(receiver.url.replace("127.0.0.1", "crm.internal"), "127.0.0.0/8"))
        target.send(envelope())
        target.close()
        assert len(receiver.requests) == 1


def test_a_name_server_that_does_not_answer_takes_no_longer_than_the_deadline(names):
    names["crm.example.org"] = None
    target = WebhookTarget(config("https://crm.example.org/", seconds=0.2))
    began = time.monotonic()
    with pytest.raises(TransientError, match=r"within 0\.2 s"):
        target.send(envelope())
    assert time.monotonic() - began < 15  # a busy machine may need this long; a lookup without a deadline never ends


def test_resolve_gives_each_address_once(names):
    names["crm.example.org"] = ["93.184.216.34", "93.184.216.34", "::ffff:93.184.216.34"]
    assert resolve("crm.example.org", 443, 1) == [ipaddress.ip_address("93.184.216.34")]
