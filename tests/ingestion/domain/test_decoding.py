from __future__ import annotations

import gzip
import tracemalloc

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from apps.ingestion.domain.decoding import BadEncoding, TooLarge, decode

MEGABYTE = 1024 * 1024
LIMITS = {"max_wire": 5 * MEGABYTE, "max_inflated": 20 * MEGABYTE}
PACK = {"gzip": gzip.compress, "zstd": zstandard.compress, "identity": bytes}


def chunks(body: bytes) -> list[bytes]:
    return [body[i : i + 65536] for i in range(0, len(body), 65536)]


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_bomb_is_stopped_while_it_inflates(encoding: str) -> None:
    bomb = PACK[encoding](b"\0" * (400 * MEGABYTE))

    tracemalloc.start()
    with pytest.raises(TooLarge):
        decode(chunks(bomb), encoding=encoding, **LIMITS)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 64 * MEGABYTE


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_truncated_or_foreign_body_is_refused(encoding: str) -> None:
    packed = PACK[encoding](b"hello world" * 100)

    with pytest.raises(BadEncoding):
        decode([packed[:-5]], encoding=encoding, **LIMITS)
    with pytest.raises(BadEncoding):
        decode([b"not compressed at all"], encoding=encoding, **LIMITS)


def test_too_many_bytes_on_the_wire_are_not_read_to_their_end() -> None:
    read = []

    def endless() -> object:
        while True:
            read.append(1)
            yield b"x" * MEGABYTE

    with pytest.raises(TooLarge):
        decode(endless(), encoding="identity", **LIMITS)  # type: ignore[arg-type]
    assert len(read) == 6


@given(st.binary(max_size=5000), st.sampled_from(sorted(PACK)))
def test_every_body_comes_back_as_it_was(body: bytes, encoding: str) -> None:
    assert decode([PACK[encoding](body)], encoding=encoding, **LIMITS) == body
