"""Checks the host of a target: public hosts are allowed, private ones only if the operator allows them.

Without this check, a user who may set a URL could make the server send requests to its own network, or to the metadata
service of its cloud. The check is made when a target is saved, and again for each connection, with the address of that
connection: a name may have a public address today and a private one tomorrow (DNS rebinding).

``requests-hardened`` lists ranges that are not public although Python treats them as public. Its session also filters
addresses, but it has no list of allowed hosts, it checks only the first address of a name, and it asks the name server
for every request, without a time limit.
"""

from __future__ import annotations

import ipaddress
import queue
import re
import socket
import threading
from collections.abc import Iterable

import attrs
from requests_hardened.ip_filter import EXTRA_BLOCKED_NET_RANGES

from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.sanitize.text import short_repr

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

SETTING = "COURSE_SYNC_ALLOWED_PRIVATE_HOSTS"

#: A host whose last part C libraries read as a number: decimal, octal or hexadecimal (WHATWG URL, section 3.5).
_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9a-fA-F]*)\.?")
_NAME = re.compile(r"[\w-]{1,63}(?:\.[\w-]{1,63})*\.?")


@attrs.frozen
class AllowedHosts:
    """The private hosts that targets may use, by name or by network. Plain http is allowed there too.

    A host that is allowed by name is allowed with every address that it has: the operator is responsible for it.
    """

    names: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, entries: Iterable[str]) -> AllowedHosts:
        """Read names (``receiver.internal``), addresses and networks (``10.1.0.0/16``).

        Raises ConfigurationError for any other entry; the message names it.
        """
        names, networks = set(), []
        for entry in map(str.strip, entries):
            try:
                networks.append(ipaddress.ip_network(entry, strict=False))
            except ValueError:
                names.add(_checked_name(entry))
        return cls(frozenset(names), tuple(networks))

    def named(self, host: str) -> bool:
        """Tell whether the host is allowed by its name."""
        return host.lower().rstrip(".") in self.names

    def covers(self, address: Address) -> bool:
        """Tell whether the address is in an allowed network."""
        return any(address in network for network in self.networks)

    def check(self, host: str, addresses: Iterable[Address], *, encrypted: bool) -> None:
        """Raise ConfigurationError unless connections to every address of the host are allowed."""
        if self.named(host):
            return
        for address in addresses:
            if self.covers(address):
                continue
            if not encrypted:
                raise ConfigurationError(f"{host} must be reached by https://, or be allowed in {SETTING}.")
            if not is_public(address):
                raise ConfigurationError(
                    f"{host} has the address {address}, which is not public. If it is yours, allow it in {SETTING}."
                )


def is_public(address: Address) -> bool:
    """Tell whether an address belongs to the public internet.

    These do not: addresses that Python calls private, ranges that ``requests-hardened`` lists, and addresses that IPv6
    reserves or used in the past (``::127.0.0.1``, ``fec0::/10``).
    """
    special = address.is_private or address.is_multicast or address.is_reserved
    outdated = getattr(address, "is_site_local", False)
    return not (special or outdated or any(address in network for network in EXTRA_BLOCKED_NET_RANGES))


def check_form(host: str) -> None:
    """Raise ConfigurationError unless the host is an address or a name.

    Other forms of an address are refused: the system reads ``2130706433``, ``0x7f.1`` and ``0177.0.0.1`` as 127.0.0.1.
    """
    if _as_address(host):
        return
    if _NUMBER.fullmatch(host) or not _NAME.fullmatch(host):
        raise ConfigurationError(
            f"{short_repr(host)} is not a host; write a name, or an address as four decimal numbers."
        )


def resolve(host: str, port: int, seconds: float) -> list[Address]:
    """Return the addresses of a host, in the system's order of preference.

    The system's resolver has no timeout, so it runs in a thread. If it takes too long, the thread is left running.
    Raises OSError (``socket.gaierror``) if the host has no address, TimeoutError after ``seconds``.
    """
    literal = _as_address(host)
    if literal:
        return [literal]
    answers: queue.SimpleQueue[list[str] | OSError] = queue.SimpleQueue()
    threading.Thread(target=_look_up, args=(host, port, answers), daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"the name server does not answer for {host}") from None
    if isinstance(answer, OSError):
        raise answer
    return [address for address in dict.fromkeys(map(_as_address, answer)) if address]


def _look_up(host: str, port: int, answers: queue.SimpleQueue[list[str] | OSError]) -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        answers.put([str(entry[4][0]) for entry in found])
    except OSError as error:
        answers.put(error)
    except UnicodeError:
        answers.put(socket.gaierror(socket.EAI_NONAME, "not a host name"))


def _as_address(text: str) -> Address | None:
    """Return the address, or None for a name. An IPv4 address in IPv6 form (``::ffff:10.0.0.1``) becomes IPv4."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _checked_name(entry: str) -> str:
    if not _NAME.fullmatch(entry):
        raise ConfigurationError(
            f"{short_repr(entry)} in {SETTING} is neither a host's name nor a network such as 10.0.0.0/8."
        )
    return entry.lower().rstrip(".")
