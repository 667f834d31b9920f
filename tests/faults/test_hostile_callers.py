"""Bodies that are too large or lie about their size, keys that were taken back, and an organization that floods."""

from __future__ import annotations

import gzip
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import takewhile
from pathlib import Path

import pytest
import zstandard

from tests.faults.conftest import RATE, Application, calling
from tests.product import wait_for

pytestmark = pytest.mark.services
MEGABYTE = 1024 * 1024
FLOOD = """
import http.client, sys, threading, time
port, key, rate = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
def flood(place):
    connection, n = http.client.HTTPConnection("127.0.0.1", port, timeout=30), 0
    began = time.monotonic()
    while True:
        n += 1
        time.sleep(max(0, began + n * 4 / rate - time.monotonic()))
        line = '{"session_id": "flood-%d-%d", "role": "user", "message": "hi", "timestamp": "2026-11-02T10:00:00Z"}'
        headers = {"Authorization": "Bearer " + key, "Content-Type": "application/x-ndjson"}
        try:
            connection.request("POST", "/api/v1/logs?application=support", line % (place, n), headers)
            answer = connection.getresponse()
            answer.read()
            sys.stdout.write("%d\\n" % answer.status)  # in one piece: others write too
            sys.stdout.flush()
        except OSError:
            connection.close()
for place in range(4):
    threading.Thread(target=flood, args=(place,), daemon=True).start()
sys.stdin.read()  # until whoever started it ends
"""


def test_of_a_long_line_only_that_line_is_rejected(application: Application) -> None:
    line = {"session_id": "long", "role": "user", "message": "short", "timestamp": "2026-11-02T10:00:00Z"}
    body = "\n".join(json.dumps(line | {"message": message}) for message in ("short", "x" * 2 * MEGABYTE, "also short"))

    answer = application.post("logs?application=support", body)

    assert (answer.status, answer.json()["accepted"]) == (202, 2)
    assert [(each["line"], each["code"]) for each in answer.json()["rejected"]] == [(2, "line_too_long")]


@pytest.mark.parametrize("framing", ["Content-Length: 31457280", "Transfer-Encoding: chunked"])
def test_thirty_megabytes_are_refused_without_being_read(application: Application, framing: str) -> None:
    head = (
        f"POST /api/v1/logs?application=support HTTP/1.1\r\nHost: 127.0.0.1\r\n{framing}\r\n"
        f"Content-Type: application/x-ndjson\r\nAuthorization: Bearer {application.key}\r\n\r\n"
    )
    pieces = b""
    if "chunked" in framing:
        # The first byte beyond what a push may have on the wire is refused; the end of the body is never sent.
        pieces = (b"10000\r\n" + b"x" * 64 * 1024 + b"\r\n") * (5 * 16 + 1)

    with socket.create_connection(("127.0.0.1", application.product.port), timeout=30) as connection:
        connection.sendall(head.encode() + pieces)
        answer = b""
        while b'"code":"too_large"' not in answer and (more := connection.recv(65536)):
            answer += more

    assert answer.startswith(b"HTTP/1.1 413"), answer
    assert b'"code":"too_large"' in answer


def test_a_body_without_a_length_and_one_beyond_djangos_own_limit_are_read_whole(application: Application) -> None:
    line = {"session_id": "unmeasured", "role": "user", "message": "hello", "timestamp": "2026-11-02T10:00:00Z"}
    lines = [json.dumps(line | {"message": f"{number} " + "x" * 1000}) for number in range(3000)]

    # http.client sends what it cannot measure in chunks.
    chunked = application.post("logs?application=support", (each.encode() + b"\n" for each in lines[:10]))
    large = application.post("logs?application=support", "\n".join(lines))

    assert (chunked.status, chunked.json()["accepted"]) == (202, 10)
    assert (large.status, large.json()["accepted"]) == (202, 3000)


def test_the_same_push_three_times_at_once_is_stored_once(application: Application) -> None:
    sessions = [f"at once {number}" for number in range(200)]

    with ThreadPoolExecutor(3) as pool:
        pushed = list(pool.map(lambda _: application.push(*sessions), range(3)))

    assert [answer.status for answer in pushed] == [202, 202, 202]
    application.wait_until_analyzed(*pushed, seconds=60)
    batches = [application.get(f"batches/{answer.json()['batch_id']}").json() for answer in pushed]
    assert sum(batch["messages"] for batch in batches) == 200
    assert sum(batch["duplicates"] for batch in batches) == 400


def bombs() -> Iterator[tuple[str, bytes]]:
    """A gibibyte of nothing in a megabyte, twice."""
    yield "gzip", gzip.compress(b"\0" * 32 * MEGABYTE, 6) * 32
    packer = zstandard.ZstdCompressor(3).compressobj()
    yield "zstd", b"".join(packer.compress(b"\0" * 32 * MEGABYTE) for _ in range(32)) + packer.flush()


def test_bombs_are_refused_and_cost_no_memory(application: Application) -> None:
    web = application.product.pids("gunicorn")
    for pid in web:
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak is counted anew
    before = {pid: memory(pid, "VmRSS") for pid in web}

    for encoding, bomb in bombs():
        cut_off = gzip.compress(b"{}" * 1000)[:-5] if encoding == "gzip" else zstandard.compress(b"{}" * 1000)[:-5]
        for body, status in ((bomb, 413), (cut_off, 400)):
            answer = application.post("logs?application=support", body, **{"Content-Encoding": encoding})
            assert answer.status == status, answer.content

    grown = {pid: memory(pid, "VmHWM") - before[pid] for pid in web}
    assert len(grown) >= 2
    assert max(grown.values()) < 64 * MEGABYTE


def memory(pid: int, name: str) -> int:
    """Return a figure of the kernel's about a process, in bytes."""
    (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(name + ":"))
    return int(line.split()[1]) * 1024


def test_a_revoked_key_opens_nothing_a_second_later_neither_from_memory(application: Application) -> None:
    product = application.product
    revoked = Application(product, product.key("prompts", "ingest", organization="shop"))

    with calling(lambda number: revoked.get("prompts/support"), threads=2) as fetches:
        time.sleep(1)
        product.rows("UPDATE organizations_apikey SET revoked_at = now() WHERE prefix = %s", revoked.key.split("_")[2])
        time.sleep(1)
        # Where everything runs at once a second may be too short for a process to look.
        wait_for(lambda: {revoked.get("prompts/support").status for _ in range(10)} == {401}, 5)
        after = [revoked.get("prompts/support").status for _ in range(20)]

    assert 200 in fetches.statuses()
    assert set(after) == {401}
    assert revoked.push("s").status == 401
    assert application.get("prompts/support").status == 200


def test_an_organization_that_floods_is_held_back_and_no_other_is_refused(application: Application) -> None:
    product = application.product
    flooding = product.key("ingest", organization="flooding")
    command = [sys.executable, "-c", FLOOD, str(product.port), flooding, str(8 * RATE)]

    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as flood:
        assert flood.stdout is not None
        said = iter(flood.stdout)
        first = list(takewhile(lambda status: status != "429\n", said))  # what it may send at once is used up
        with calling(lambda number: application.push(f"quiet {number}"), pause=0.15) as pushes:
            time.sleep(4)
        flood.send_signal(signal.SIGKILL)
        statuses = {*first, *said}

    assert statuses == {"202\n", "429\n"}
    assert pushes.statuses() == {202}
    # What the flood could push is still worked off: this one takes its turn among it.
    application.wait_until_analyzed(application.push("after the flood"), seconds=30)
