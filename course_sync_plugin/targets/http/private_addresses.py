"""Which hosts a target may be at: public ones, and the private ones that the operator allows.

Without this, whoever may name a URL could make the server talk to its own network, or to the metadata service of its
cloud. It is checked when a target is saved, and again for each connection, with the address that is then connected
to: a name may have a public address today and a private one tomorrow (DNS rebinding).

Which ranges are not public, though Python takes them for it, ``requests-hardened`` knows. Its session filters too, but
has no list of allowed hosts, looks at the first address of a name only, and asks the name server, without any limit of
time, for every request.
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

from course_sync_plugin.cleaning import shown
from course_sync_plugin.exceptions import ConfigurationError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

SETTING = "COURSE_SYNC_ALLOWED_PRIVATE_HOSTS"

#: The last part of a host that C libraries take for a number: decimal, octal or hexadecimal (WHATWG URL, section 3.5).
_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9a-fA-F]*)\.?")
_NAME = re.compile(r"[\w-]{1,63}(?:\.[\w-]{1,63})*\.?")


@attrs.frozen
class AllowedHosts:
    """The private hosts that targets may be at, by name or by network; plain http is allowed there too.

    A host that is allowed by name is allowed with whatever address it has: the operator answers for it.
    """

    names: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, entries: Iterable[str]) -> AllowedHosts:
        """Read names (``receiver.internal``), addresses and networks (``10.1.0.0/16``).

        Raises ConfigurationError that names an entry which is neither.
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
        """Tell whether the address lies in a network that is allowed."""
        return any(address in network for network in self.networks)

    def check(self, host: str, addresses: Iterable[Address], *, encrypted: bool) -> None:
        """Raise ConfigurationError unless every address of the host may be connected to."""
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
    """Tell whether an address is one of the public internet.

    Beside what Python calls private there are ranges that ``requests-hardened`` collects, and what IPv6 reserves or
    once used (``::127.0.0.1``, ``fec0::/10``).
    """
    special = address.is_private or address.is_multicast or address.is_reserved
    outdated = getattr(address, "is_site_local", False)
    return not (special or outdated or any(address in network for network in EXTRA_BLOCKED_NET_RANGES))


def check_form(host: str) -> None:
    """Raise ConfigurationError unless this is an address or a name.

    A number in disguise is neither: ``2130706433``, ``0x7f.1`` and ``0177.0.0.1`` are all 127.0.0.1 to the system.
    """
    if _as_address(host):
        return
    if _NUMBER.fullmatch(host) or not _NAME.fullmatch(host):
        raise ConfigurationError(f"{shown(host)} is no host; write a name, or an address as four decimal numbers.")


def resolve(host: str, port: int, seconds: float) -> list[Address]:
    """Return the addresses of a host, in the order the system prefers.

    The system's resolver knows no timeout, so it runs in a thread that is left behind where it takes too long.
    Raises OSError (``socket.gaierror``) where there is none, TimeoutError after ``seconds``.
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
    """The address, or None for a name. An IPv4 address written as an IPv6 one (``::ffff:10.0.0.1``) is the former."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _checked_name(entry: str) -> str:
    if not _NAME.fullmatch(entry):
        raise ConfigurationError(
            f"{shown(entry)} in {SETTING} is neither a host's name nor a network such as 10.0.0.0/8."
        )
    return entry.lower().rstrip(".")
