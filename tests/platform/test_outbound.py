"""What customers name is connected to only if it is public at that moment, or an operator allowed it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.platform import outbound


class Listener(BaseHTTPRequestHandler):
    """Answers what its path says, and remembers what it was sent."""

    heard: list[tuple[str, str | None, bytes]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.heard.append((self.path, self.headers["Host"], body))
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", "http://169.254.169.254/latest/meta-data/")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        try:
            for _ in range(1_000 if self.path == "/long" else 3):
                self.wfile.write(b"x" * 1_000)
                self.wfile.flush()
                if self.path == "/slow":
                    threading.Event().wait(0.2)
        except OSError:
            return

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def listener(settings: Any) -> Iterator[str]:
    Listener.heard = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.OUTBOUND_ALLOWED = [f"localhost:{server.server_port}"]
    yield f"localhost:{server.server_port}"
    server.shutdown()
    server.server_close()


def resolves_to(*addresses: str) -> Callable[..., list[Any]]:
    return lambda host, port, **_: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses]


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/",
        "https://0/", "https://0.0.0.0/", "https://10.1.2.3/", "https://172.16.0.1/", "https://192.168.1.1/",
        "https://169.254.169.254/latest/meta-data/", "https://100.64.0.1/", "https://192.0.2.1/", "https://224.0.0.1/",
        "https://255.255.255.255/", "https://[::1]/", "https://[::]/", "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/", "https://[::127.0.0.1]/", "https://[fe80::1]/", "https://[fe80::1%25eth0]/",
        "https://[fc00::1]/", "https://[ff02::1]/", "https://[64:ff9b::7f00:1]/", "https://[64:ff9b:1::7f00:1]/",
        "https://[2002:7f00:1::]/", "https://[2001:db8::1]/", "https://[fec0::1]/", "https://[::1%251]/",
    ],
)  # fmt: skip
def test_no_notation_of_a_private_address_is_accepted(url: str) -> None:
    with pytest.raises(outbound.Refused):
        outbound.check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/", "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "//example.com/",
        "https://", "https:///path", "https://user@example.com/", "https://user:secret@example.com/",
        "https://example.com@127.0.0.1/", "https://:@example.com/", "https://example.com\\@127.0.0.1/",
        "https://exam ple.com/", "https://example.com/\r\nHost: inside", "https://example.com:99999/",
        "https://example.com:0/", "https://example.com:x/", "https://[::1", "",
    ],
)  # fmt: skip
def test_what_is_not_a_plain_https_address_is_refused(url: str) -> None:
    with pytest.raises(outbound.Refused):
        outbound.check_url(url)


def test_a_public_address_is_taken_apart() -> None:
    found = outbound.check_url("https://Models.Example.com./v1?x=1")

    assert (found.host, found.port, found.path, found.allowed) == ("models.example.com", 443, "/v1?x=1", False)


def test_only_the_host_and_port_that_an_operator_allowed_are_let_through() -> None:
    allowed = ["127.0.0.1:11434"]

    assert outbound.check_url("http://127.0.0.1:11434/v1", allowed=allowed).allowed
    for url in ("http://127.0.0.1:11435/v1", "http://127.0.0.1/v1", "http://localhost:11434/v1"):
        with pytest.raises(outbound.Refused):
            outbound.check_url(url, allowed=allowed)


def test_a_public_name_that_leads_inside_is_refused_when_connecting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", resolves_to("93.184.216.34", "127.0.0.1"))

    with pytest.raises(outbound.Refused):
        outbound.post("https://innocent.example/", b"{}", headers={})


def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([resolves_to("93.184.216.34"), resolves_to("127.0.0.1")])
    asked: list[str] = []

    def rebinding(host: str, port: int, **rest: Any) -> list[Any]:
        asked.append(host)
        return next(answers)(host, port, **rest)

    reached: list[tuple[str, int]] = []

    def no_network(place: tuple[str, int], timeout: float) -> socket.socket:
        reached.append(place)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    monkeypatch.setattr(socket, "create_connection", no_network)

    with pytest.raises(outbound.Unreachable):
        outbound.post("https://rebinding.example/", b"{}", headers={})

    assert (asked, reached) == (["rebinding.example"], [("93.184.216.34", 443)])


def test_a_redirect_is_an_answer_and_is_not_followed(listener: str) -> None:
    reply = outbound.post(f"http://{listener}/away", b"{}", headers={})

    assert reply.status == 302
    assert len(Listener.heard) == 1


def test_a_body_arrives_and_the_answer_is_read_up_to_its_limit(listener: str) -> None:
    reply = outbound.post(f"http://{listener}/long", b'{"a": 1}', headers={"X-One": "1"}, most_bytes=5_000)

    assert (reply.status, len(reply.body)) == (200, 5_000)
    assert Listener.heard == [("/long", listener, b'{"a": 1}')]


def test_a_server_that_dribbles_is_left_when_the_time_is_over(listener: str) -> None:
    with pytest.raises(outbound.Unreachable):
        outbound.post(f"http://{listener}/slow", b"{}", headers={}, timeout=0.4)


def test_a_proxy_of_the_environment_is_not_asked(listener: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")

    assert outbound.post(f"http://{listener}/away", b"{}", headers={}).status == 302


@given(st.ip_addresses(v=4))
def test_an_address_is_as_public_inside_another_notation_as_by_itself(address: Any) -> None:
    plain = outbound.is_public(address)

    assert outbound.is_public(ip_address(f"::ffff:{address}")) == plain
    assert outbound.is_public(ip_address((0x64FF9B << 96) | int(address))) == plain
    assert outbound.is_public(ip_address((0x2002 << 112) | (int(address) << 80))) == plain
