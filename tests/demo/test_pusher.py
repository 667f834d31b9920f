from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from apps.demo.client import ApiError, Client
from apps.demo.pusher import BatchFailed, Encoding, Pushed, Stored, push, split_batches, wait

Answer = tuple[int, dict[str, str], Any]


class FakeProduct(ThreadingHTTPServer):
    """Takes logs as the API does. ``moods`` are answers given instead, first come first served."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.lock = threading.Lock()
        self.moods: list[Answer] = []
        self.kept: dict[str, list[dict[str, Any]]] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.polls: dict[str, int] = {}
        self.polls_needed = 1
        self.batch_status = "analyzed"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def lines(self) -> list[dict[str, Any]]:
        return [line for batch in self.kept.values() for line in batch]


class _Handler(BaseHTTPRequestHandler):
    server: FakeProduct

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        unpack: dict[str, Callable[[bytes], bytes]] = {
            "gzip": gzip.decompress,
            "zstd": lambda packed: zstandard.ZstdDecompressor().decompress(packed, max_output_size=1 << 26),
        }
        records = [json.loads(line) for line in unpack[self.headers["Content-Encoding"]](body).split(b"\n")]
        with self.server.lock:
            self.server.requests.append((self.path, dict(self.headers)))
            if self.server.moods:
                return self._answer(*self.server.moods.pop(0))
            bad = [number for number, record in enumerate(records, 1) if record.get("bad")]
            if len(bad) == len(records):
                problem = {"code": "all_lines_rejected", "rejected": [{"line": number} for number in bad]}
                return self._answer(422, {}, problem)
            key = self.headers["Idempotency-Key"]
            self.server.kept[key] = [record for record in records if not record.get("bad")]
            answer = {"batch_id": key, "accepted": len(records) - len(bad), "rejected": [{"line": n} for n in bad]}
            return self._answer(202, {}, answer)

    def do_GET(self) -> None:
        batch_id = self.path.rpartition("/")[2]
        with self.server.lock:
            self.server.polls[batch_id] = polls = self.server.polls.get(batch_id, 0) + 1
            records = self.server.kept[batch_id]
        status = self.server.batch_status if polls > self.server.polls_needed else "pending"
        sessions = len({record["session_id"] for record in records})
        batch = {"status": status, "conversations": sessions, "messages": len(records), "duplicates": 0}
        self._answer(200, {}, batch)

    def _answer(self, status: int, headers: dict[str, str], body: Any) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        return


@pytest.fixture
def product() -> Iterator[FakeProduct]:
    server = FakeProduct()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def client(product: FakeProduct, pauses: list[float]) -> Client:
    return Client(product.url, "fw_key", pause=pauses.append)


def sessions(count: int, turns: int = 6, **more: Any) -> list[list[dict[str, Any]]]:
    return [
        [{"session_id": f"s{n}", "role": "user", "message": f"{n}.{turn} ü", **more} for turn in range(turns)]
        for n in range(count)
    ]


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
@pytest.mark.parametrize("clients", [1, 4])
def test_everything_arrives_once_and_sessions_stay_whole(
    product: FakeProduct, client: Client, encoding: Encoding, clients: int
) -> None:
    logged = sessions(101)

    pushed = push(client, iter(logged), application="shop", clients=clients, lines=60, encoding=encoding)

    assert (pushed.pushed, pushed.accepted, pushed.rejected, pushed.lost) == (606, 606, 0, 0)
    assert len(pushed.batches) == len(pushed.seconds) == 11
    assert sorted(map(str, product.lines())) == sorted(str(record) for session in logged for record in session)
    for session in logged:
        holders = {key for key, batch in product.kept.items() if session[0] in batch or session[-1] in batch}
        assert len(holders) == 1
    path, headers = product.requests[0]
    assert path == "/api/v1/logs?application=shop"
    assert headers["Authorization"] == "Bearer fw_key"
    assert headers["Content-Type"] == "application/x-ndjson"


def test_a_busy_product_is_asked_again_under_the_same_key_when_it_says(
    product: FakeProduct, client: Client, pauses: list[float]
) -> None:
    product.moods = [
        (429, {"Retry-After": "3"}, {}),
        (503, {"Retry-After": "0.5"}, {}),
        (409, {"Retry-After": "1"}, {}),
        (502, {}, {}),
    ]

    pushed = push(client, sessions(2), application="shop")

    assert (pushed.accepted, pushed.lost) == (12, 0)
    assert pauses == [3.0, 0.5, 1.0, 2.0]
    assert len({headers["Idempotency-Key"] for _, headers in product.requests}) == 1


def test_a_refused_call_is_not_repeated(product: FakeProduct, client: Client, pauses: list[float]) -> None:
    product.moods = [(403, {}, {"code": "missing_scope"})]

    with pytest.raises(ApiError, match="missing_scope") as refused:
        push(client, sessions(2), application="shop")

    assert refused.value.status == 403
    assert pauses == []


def test_after_a_refusal_no_further_batch_is_sent(product: FakeProduct, client: Client) -> None:
    product.moods = [(403, {}, {})]

    with pytest.raises(ApiError):
        push(client, sessions(100), application="shop", lines=6)

    assert len(product.requests) == 1


def test_patience_ends(product: FakeProduct, client: Client, pauses: list[float]) -> None:
    product.moods = [(503, {"Retry-After": "20"}, {"code": "down"})] * 50

    with pytest.raises(ApiError, match="503"):
        push(client, sessions(1), application="shop")

    assert sum(pauses) == 100


def test_a_product_that_does_not_answer_is_an_error_of_the_system(pauses: list[float]) -> None:
    with FakeProduct() as gone:
        url = gone.url
    client = Client(url, "fw_key", pause=pauses.append)

    with pytest.raises(OSError, match="no answer from"):
        client.call("GET", "/api/v1/batches/1")

    assert pauses[:4] == [0.25, 0.5, 1.0, 2.0]


def test_rejected_lines_are_counted_even_when_nothing_was_good(product: FakeProduct, client: Client) -> None:
    some_bad = [[{"session_id": "a", "message": "x"}, {"session_id": "a", "bad": True}]]

    pushed = push(client, some_bad + sessions(1, turns=2, bad=True), application="shop", lines=2)

    assert (pushed.pushed, pushed.accepted, pushed.rejected, pushed.lost) == (4, 1, 3, 0)
    assert len(pushed.batches) == 1


def test_what_vanished_is_called_lost(product: FakeProduct, client: Client) -> None:
    product.moods = [(202, {}, {"batch_id": "b", "accepted": 4, "rejected": []})]

    assert push(client, sessions(1), application="shop").lost == 2


def test_waiting_ends_when_every_batch_is_analyzed(product: FakeProduct, client: Client, pauses: list[float]) -> None:
    pushed = push(client, sessions(20), application="shop", lines=30)

    assert wait(client, pushed.batches) == Stored(conversations=20, messages=120, duplicates=0)
    assert pauses == [0.2] * 4


def test_stored_is_enough_if_one_asks_for_it(product: FakeProduct, client: Client) -> None:
    product.batch_status = "stored"
    pushed = push(client, sessions(2), application="shop")

    assert wait(client, pushed.batches, until="stored").messages == 12


def test_a_failed_batch_is_named(product: FakeProduct, client: Client) -> None:
    product.batch_status = "failed"
    pushed = push(client, sessions(2), application="shop")

    with pytest.raises(BatchFailed, match=pushed.batches[0]):
        wait(client, pushed.batches)


def test_waiting_has_an_end(product: FakeProduct, client: Client) -> None:
    product.polls_needed = 1_000_000
    pushed = push(client, sessions(2), application="shop")

    with pytest.raises(BatchFailed, match="still pending"):
        wait(client, pushed.batches, seconds=0)


def test_a_batch_of_impossible_size_is_refused(client: Client) -> None:
    with pytest.raises(ValueError, match="10,000"):
        push(client, [], application="shop", lines=10_001)


def test_nothing_to_push_is_nothing_pushed(client: Client) -> None:
    assert push(client, [], application="shop") == Pushed()


@given(st.lists(st.integers(1, 9), max_size=30), st.integers(1, 12))
def test_batches_are_full_lines_in_order_and_cut_between_sessions(sizes: list[int], lines: int) -> None:
    logged = [[{"s": n, "t": turn} for turn in range(size)] for n, size in enumerate(sizes)]

    batches = [[json.loads(line) for line in batch] for batch in split_batches(logged, lines=lines)]

    assert [record for batch in batches for record in batch] == [record for session in logged for record in session]
    assert all(1 <= len(batch) <= lines for batch in batches)
    holders = [
        {number for number, batch in enumerate(batches) if any(r["s"] == n for r in batch)} for n in range(len(sizes))
    ]
    assert all(len(held) == 1 or size > lines for held, size in zip(holders, sizes, strict=True))
