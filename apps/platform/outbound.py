"""Connections to addresses that customers name: webhooks and models. None of them reaches the inside of our network.

What decides is where a name leads at the moment of connecting: it is resolved once, every address it has must be
public, and the connection goes to the address that was checked, so an answer of DNS that changes in between changes
nothing. Redirects are not followed, and proxies of the environment are not used. An operator who runs a model of
their own next to Flywheel allows its ``host:port`` by name (FLYWHEEL_OUTBOUND_ALLOWED), for every organization.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from django.conf import settings

# Prefixes that carry an IPv4 address inside: NAT64 and 6to4. What they lead to is what is inside.
_NAT64 = IPv6Network("64:ff9b::/96")
_SIX_TO_FOUR = IPv6Network("2002::/16")
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
_COMPATIBLE = IPv6Network("::/96")
# A dozen addresses is a large answer for one name; what is beyond it is not looked at, nor connected to.
_MOST_ADDRESSES = 12
_PORTS = {"http": 80, "https": 443}


class Refused(ValueError):
    """This address is none we connect to; the message says why and may be shown to whoever named it."""


class Unreachable(OSError):
    """Nobody answers there, or not in the time or the size that was allowed."""


@dataclass(frozen=True)
class Target:
    """Where a URL leads, before its name is resolved. ``allowed``: an operator trusts it, wherever that is."""

    scheme: str
    host: str
    port: int
    path: str
    allowed: bool


@dataclass(frozen=True)
class Reply:
    """What a server answered. Headers have lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def check_url(url: str, *, allowed: Collection[str] | None = None) -> Target:
    """Return where a URL leads, by what is written in it alone. Raises Refused.

    Plain http is for hosts that the operator allowed; everybody else is spoken to over TLS.
    """
    if any(ord(sign) <= 0x20 or sign in "\\\x7f" for sign in url):
        raise Refused("the address holds spaces, control characters or backslashes")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Refused("the address cannot be read") from error
    if parts.scheme not in _PORTS:
        raise Refused("the address must begin with https://")
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise Refused("the address must not hold a user name or password")
    host = _host(parts.hostname)
    if port == 0:
        raise Refused("there is no port 0")
    port = port or _PORTS[parts.scheme]
    known = f"{host}:{port}" in (settings.OUTBOUND_ALLOWED if allowed is None else allowed)
    if parts.scheme == "http" and not known:
        raise Refused("the address must begin with https://")
    if not known and (literal := _literal(host)) is not None and not is_public(literal):
        raise Refused(_INSIDE)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port, path, known)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Say whether an address is one of the public internet, whatever notation it hides in."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address in _NAT64:
            return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
        if address in _SIX_TO_FOUR:
            return is_public(IPv4Address((int(address) >> 80) & 0xFFFFFFFF))
        if address in _LOCAL_NAT64 or address in _COMPATIBLE or address.is_site_local or address.scope_id:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def addresses_of(host: str, port: int, *, allowed: bool) -> list[str]:
    """Resolve a name, and return its addresses if every one may be connected to. Raises Refused and Unreachable."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unreachable(f"{host} cannot be resolved") from error
    addresses = list(dict.fromkeys(str(place[0]) for *_, place in found))[:_MOST_ADDRESSES]
    # One public address among private ones is how rebinding begins: the whole answer is refused.
    if not allowed and not all(is_public(ip_address(address)) for address in addresses):
        raise Refused(_INSIDE)
    if not addresses:
        raise Unreachable(f"{host} cannot be resolved")
    return addresses


def connect(host: str, port: int, *, timeout: float, allowed: bool) -> socket.socket:
    """Return a connection to an address of this host that was checked. Raises Refused and Unreachable."""
    failure: OSError | None = None
    deadline = time.monotonic() + timeout
    for address in addresses_of(host, port, allowed=allowed):
        left = deadline - time.monotonic()
        if left <= 0:
            break
        try:
            return socket.create_connection((address, port), timeout=left)
        except OSError as error:
            failure = error
    raise Unreachable(f"{host}:{port} does not answer") from failure


def post(
    url: str, body: bytes, *, headers: Mapping[str, str], timeout: float = 10.0, most_bytes: int = 64 * 1024
) -> Reply:
    """Send a body, and return the answer as it is, a redirect too. Raises Refused and Unreachable.

    ``timeout`` is for the whole exchange, so a server that dribbles holds nobody up; of the answer's body no more than
    ``most_bytes`` are read.
    """
    target = check_url(url)
    connection = _Connection(target, timeout)
    # Limits of a socket are for one wait each; a server that sends a byte now and then would never exceed one.
    end = threading.Timer(timeout, connection.abandon)
    end.daemon = True
    end.start()
    try:
        connection.request("POST", target.path, body=body, headers=dict(headers))
        answer = connection.getresponse()
        read = answer.read(most_bytes)
    except Unreachable:
        raise
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(f"{target.host}:{target.port} does not answer as a web server does") from error
    finally:
        end.cancel()
        connection.close()
    if connection.abandoned:
        raise Unreachable(f"{target.host}:{target.port} takes too long")
    return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, read)


class _Connection(http.client.HTTPConnection):
    """Connects where it was checked, and speaks TLS under the name that was asked for."""

    def __init__(self, target: Target, timeout: float) -> None:
        super().__init__(target.host, target.port, timeout=timeout)
        self._target, self._within, self.abandoned = target, timeout, False
        # The Host header leaves out the port that the scheme has by itself.
        self.default_port = _PORTS[target.scheme]

    def connect(self) -> None:
        target = self._target
        self.sock = connect(target.host, target.port, timeout=self._within, allowed=target.allowed)
        if self.abandoned:
            raise Unreachable(f"{target.host}:{target.port} takes too long")
        if target.scheme == "https":
            self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=target.host)

    def abandon(self) -> None:
        """End whatever waits for this server, from another thread."""
        self.abandoned = True
        with contextlib.suppress(OSError):
            if self.sock is not None:
                self.sock.shutdown(socket.SHUT_RDWR)


_INSIDE = "the address leads into a private network; an operator can allow a host by name"


def _host(written: str | None) -> str:
    """Return the host in lower case. Raises Refused for none, and for a number that only some programs read as one."""
    host = (written or "").rstrip(".")
    if not host or "%" in host:
        raise Refused("the address names no host")
    if _literal(host) is None and ":" not in host:
        try:
            socket.inet_aton(host)
        except (OSError, UnicodeError):
            return host
        raise Refused("the address of a host is written as four decimal numbers or as a name")
    return host


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
